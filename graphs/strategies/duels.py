"""Duels: from comparisons two by two to a ranking. Plain functions, no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from disputatio.thought import Thought


@dataclass(frozen=True)
class Duel:
    """What two candidates came to: points from 0 to 1, half each for a tie, and how clear it was, from 0 to 3."""

    first: float
    strength: float
    consistent: bool


def duel(forward: Any, backward: Any) -> Duel:
    """One comparison in both orders.

    >>> duel(-1, 3), duel(-1, -1), duel(None, -2)
    (Duel(first=1.0, strength=2.0, consistent=True), Duel(first=0.5, strength=0.0, consistent=False), \
Duel(first=0.0, strength=1.0, consistent=True))

    Args:
        forward: The preference where the first candidate is A; anything else than a whole number cannot be read.
        backward: The preference where the first candidate is B. If only one can be read, it counts at half strength.
    """
    given = [-score for score in (forward,) if score is not None] + [
        score for score in (backward,) if score is not None
    ]
    if not given or (len(given) == 2 and (given[0] > 0) != (given[1] > 0)):
        return Duel(0.5, 0.0, consistent=False)
    return Duel(float(given[0] > 0), sum(map(abs, given)) / 2, consistent=True)


def ranking(candidates: int, duels: Mapping[tuple[int, int], Duel], shares: Sequence[float]) -> list[int]:
    """The candidates from best to worst: by points (Copeland), strength, how often the answer was given, and order.

    >>> cycle = {(0, 1): Duel(1.0, 3, True), (1, 2): Duel(1.0, 1, True), (0, 2): Duel(0.0, 1, True)}
    >>> ranking(3, cycle, [1 / 3] * 3)
    [0, 1, 2]
    """
    points, strength = [0.0] * candidates, [0.0] * candidates
    for (one, other), result in duels.items():
        points[one] += result.first
        points[other] += 1 - result.first
        if result.consistent:
            strength[one if result.first else other] += result.strength
    return sorted(range(candidates), key=lambda place: (-points[place], -strength[place], -shares[place], place))


def orders(candidates: Sequence[Thought]) -> list[tuple[int, int]]:
    """All pairs of places in both orders, but for candidates with the same words."""
    return [
        order
        for one, other in combinations(range(len(candidates)), 2)
        if candidates[one].text.strip() != candidates[other].text.strip()
        for order in ((one, other), (other, one))
    ]
