"""Reading rules as models write them: atoms in any order and either direction, relations misspelt."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from disputatio.memory.knowledge_graph import Step
from disputatio.memory.rules import Rule

CLOSE = 0.8
"""How alike, from 0 to 1, a misspelt relation and the known one must be: "brother" is not "mother" misspelt."""
_ATOM = re.compile(r"\s*(?:[&,\u2227]|\band\b)?\s*([^\s(),](?:[^(),]*[^\s(),])?)\s*\(([^()]*)\)")
_VARIABLE = re.compile(r"[A-Za-z]\d*'?")
_ARROW = re.compile(r"<-+|:-|\u2190|<=+")


def read_rules(text: str, head: str, relations: Iterable[str], *, max_length: int = 3) -> tuple[list[Rule], list[str]]:
    """The rules in the lines of a text, each once.

    Args:
        text: What a model wrote.
        head: See `read_rule`; so for the others.
        relations: All relations that there are.
        max_length: The most atoms of a body.

    Returns:
        The rules, and why the other lines with an arrow are none.
    """
    rules, refused, known = [], [], list(relations)
    for line in text.splitlines():
        if _ARROW.search(line):
            try:
                rules.append(read_rule(line, head, known, max_length=max_length))
            except ValueError as error:
                refused.append(f"{line.strip()[:120]}: {error}")
    return list(dict.fromkeys(rules)), refused


def read_rule(text: str, head: str, relations: Iterable[str], *, max_length: int = 3) -> Rule:
    """Read one rule as a model wrote it: its atoms in any order and either direction, its relations misspelt.

    Args:
        text: "uncle(X, Y) <- brother(X, Z) & father(Z, Y)".
        head: The relation that a rule is wanted for.
        relations: All relations that there are.
        max_length: The most atoms of a body.

    Raises:
        ValueError: If it is none; the message says why.
    """
    left, *right = _ARROW.split(text, maxsplit=1)
    heads, atoms, known = _atoms(left), _atoms(" ".join(right)), list(relations)
    if not right or len(heads) != 1:
        raise ValueError("it has no arrow behind one atom")
    if any(len(found) != 2 or not all(map(_VARIABLE.fullmatch, found)) for _, found in (*heads, *atoms)):
        raise ValueError("an atom has other than two variables")
    concluded, ends = _known(re.sub(r"^[\s*\u2022-]*(?:\d+[.):]\s*)?", "", heads[0][0]), known), heads[0][1]
    if concluded.relation != head:
        raise ValueError(f"it concludes {concluded.relation!r}")
    ends = ends[::-1] if concluded.inverse else ends
    if not 1 <= len(atoms) <= max_length:
        raise ValueError(f"its body has {len(atoms)} atoms")
    body = _chain([(_known(name, known), found[0], found[1]) for name, found in atoms], ends[0], ends[1])
    if _reduced(body) in ((), (Step(head),)):
        raise ValueError("it says nothing new")
    return Rule(head, body)


def _atoms(text: str) -> list[tuple[str, list[str]]]:
    return [(name, [one.strip() for one in inner.split(",")]) for name, inner in _ATOM.findall(text)]


def _known(name: str, relations: Sequence[str]) -> Step:
    """The step that a name means."""
    inverse = name.startswith("inv_") and name not in relations
    plain = name.removeprefix("inv_") if inverse else name
    near = [plain] if plain in relations else get_close_matches(plain, relations, n=1, cutoff=CLOSE)
    if not near:
        raise ValueError(f"there is no relation {plain[:60]!r}")
    return Step(near[0], inverse)


def _chain(atoms: Sequence[tuple[Step, str, str]], start: str, end: str) -> tuple[Step, ...]:
    """The steps from one variable to another along all atoms, each turned as the chain needs it."""
    left, at, body, passed = list(atoms), start, [], {start}
    while left:
        nexts = [atom for atom in left if at in atom[1:]]
        if len(nexts) != 1:
            break
        step, first, second = nexts[0]
        left.remove(nexts[0])
        at = second if first == at else first
        if at in passed:
            break
        passed.add(at)
        body.append(step if second == at else Step(step.relation, not step.inverse))
    if left or at != end or len(body) != len(atoms):
        raise ValueError(f"its body is no chain from {start} to {end}")
    return tuple(body)


def _reduced(body: Sequence[Step]) -> tuple[Step, ...]:
    """A body without steps that the next one takes back."""
    kept: list[Step] = []
    for step in body:
        if kept and kept[-1] == Step(step.relation, not step.inverse):
            kept.pop()
        else:
            kept.append(step)
    return tuple(kept)
