"""Scorer of first errors: which step of a solution is the first wrong one."""

import re

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored
from disputatio.thought import Answer

_COUNTED = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
}
_NONE = re.compile(
    r"(?:none|no|null|n/?a|not applicable|all (?:steps|lines) are (?:correct|right)"
    r"|no (?:wrong |first )?(?:error|mistake|step|line)s?(?: is wrong)?)",
    re.IGNORECASE,
)


def first_error(item: Item, answer: Answer) -> Score:
    """The number of the first wrong step or line, from 1, or "none"; "Step 3" and "three" are 3.

    Where several are named, the smallest counts.
    """
    right = read_step(str(item.target))
    if right is None:
        raise ConfigurationError(f"item {item.id!r}: the target {item.target!r} is no step and not 'none'")
    said = read_step(answer.text or answer.value or "")
    return (
        abstained("no step") if said is None else scored(said == right, f"{said or 'none'} against {right or 'none'}")
    )


def read_step(text: str) -> int | None:
    """The first wrong step that a text names, from 1; 0 for "none"; None if it names neither, or a step 0."""
    text = text.strip().strip("*_`$\"'[](). ")
    if _NONE.fullmatch(text):
        return 0
    found = [int(one) for one in re.findall(r"(?<![\w.,-])\d{1,6}(?![\w]|[.,]\d)", text)]
    found += [_COUNTED[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _COUNTED]
    return min(found) or None if found else None
