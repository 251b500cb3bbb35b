"""Scorer of sets: names in any order."""

import json
import re
from collections.abc import Iterator

from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, scored
from disputatio.evals.scorers.words import targets, words
from disputatio.thought import Answer

LONGEST = 100_000
"""Characters of an answer that are read."""


def members(item: Item, answer: Answer, *, partial: bool = False) -> Score:
    """A set of texts, in any order, each as often as it likes.

    The answer is a JSON list, or separated by lines, semicolons, or commas and "and".

    Args:
        item: Its target is a list of texts.
        answer: The list.
        partial: Whether a part of them counts, by the harmonic mean of precision and recall of the members.
    """
    right = {" ".join(words(one)) for one in targets(item)}
    text = (answer.text or answer.value or "")[:LONGEST]
    value, said = max(((_overlap(one, right), sorted(one)) for one in _readings(text)), key=lambda found: found[0])
    return scored(value if partial else value == 1, f"{', '.join(said)} against {', '.join(sorted(right))}")


def _readings(text: str) -> Iterator[set[str]]:
    """The ways to take a text as a list: a name may hold a comma."""
    listed = json_list(text)
    if listed is not None:
        yield _named([str(one) for one in listed])
        return
    lines = [re.sub(r"^\s*(?:[-*\u2022]|\d+[.)])\s+", "", line) for line in re.split(r"[\n;]", text)]
    yield _named(lines)
    yield _named([part for line in lines for part in re.split(r",|\band\b|&", line)])
    yield _named([part for line in lines for part in line.split(",")])


def _named(parts: list[str]) -> set[str]:
    return {" ".join(words(part)) for part in parts if words(part)}


def _overlap(said: set[str], right: set[str]) -> float:
    return 2 * len(said & right) / (len(said) + len(right))


def json_list(text: str) -> list[object] | None:
    """The JSON list that a text is; None if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None
