"""Comparison: which of several strategies is better on the same items, and whether that can be told at all.

All tests are paired, and the unit is the item: several epochs of one item are not independent of one another, so an
item counts with the mean of its epochs.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from statistics import fmean

from disputatio.errors import ConfigurationError

RESAMPLES = 5_000
LEVEL = 0.05
"""An interval holds 1 - LEVEL of its distribution, and a corrected p below LEVEL counts as a difference."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two strategies on the same items."""

    first: str
    second: str
    difference: float
    """Accuracy of the first less that of the second."""
    interval: tuple[float, float]
    """The 95 % interval of the difference, by the paired bootstrap."""
    only_first: int
    """Items on which the first was better."""
    only_second: int
    p: float
    """McNemar's exact test."""
    corrected: float
    """The same after Holm's correction for all pairs."""

    @property
    def better(self) -> str | None:
        """The better one; None where the interval covers zero or the corrected test does not tell them apart."""
        low, high = self.interval
        if low <= 0 <= high or self.corrected >= LEVEL:
            return None
        return self.first if self.difference > 0 else self.second


def compare(values: Mapping[str, Sequence[float]], *, seed: int = 0) -> list[Comparison]:
    """Compare all pairs of strategies.

    Args:
        values: For each strategy the mean score of each item, from 0 to 1, in one order of the items for all.
        seed: Of the bootstrap.

    Raises:
        ConfigurationError: If the strategies have not the same number of items, or none.
    """
    sizes = {len(scores) for scores in values.values()}
    if len(sizes) > 1 or 0 in sizes:
        raise ConfigurationError(f"paired tests need the same items for all, at least 1; got {sorted(sizes)} of them")
    pairs = list(combinations(values, 2))
    tests = [discordant(values[first], values[second]) for first, second in pairs]
    ps = [mcnemar(*counts) for counts in tests]
    return [
        Comparison(
            first=first,
            second=second,
            difference=fmean(values[first]) - fmean(values[second]),
            interval=paired_bootstrap(values[first], values[second], seed=seed),
            only_first=counts[0],
            only_second=counts[1],
            p=p,
            corrected=corrected,
        )
        for (first, second), counts, p, corrected in zip(pairs, tests, ps, holm(ps), strict=True)
    ]


def winner(names: Sequence[str], comparisons: Sequence[Comparison]) -> str | None:
    """The strategy that is better than every other one by `Comparison.better`; None if there is none or no other."""
    wins = [one.better for one in comparisons]
    return next((name for name in names if len(names) > 1 and wins.count(name) == len(names) - 1), None)


def discordant(first: Sequence[float], second: Sequence[float]) -> tuple[int, int]:
    """On how many items the first is better, and on how many the second."""
    pairs = list(zip(first, second, strict=True))
    return sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p of McNemar's exact test (McNemar 1947, Psychometrika 12, 153-157).

    It is the sign test on the items that tell the two apart; with scores that are not only right or wrong, or the
    means of several epochs, it is that sign test.

    >>> mcnemar(10, 2)
    0.03857421875
    """
    trials = only_first + only_second
    tail = term = 1
    for hits in range(1, min(only_first, only_second) + 1):
        term = term * (trials - hits + 1) // hits  # the binomial coefficient, from the one before it
        tail += term
    return min(1.0, float(Fraction(2 * tail, 2**trials)))


def paired_bootstrap(
    first: Sequence[float], second: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of the difference of two means, over items drawn anew with replacement, pairs kept together.

    It is the percentile interval (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13).
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    draw, size = random.Random(seed).choices, len(differences)
    means = sorted(sum(draw(differences, k=size)) / size for _ in range(resamples))
    cut = int(resamples * LEVEL / 2)
    return means[cut], means[-1 - cut]


def holm(ps: Sequence[float]) -> list[float]:
    """The p of several tests, corrected so that none is below the level by chance alone more often than the level says.

    Holm 1979 (Scandinavian Journal of Statistics 6, 65-70): the smallest p is multiplied by the number of tests, the
    next by one less, and so on; none becomes smaller than the one before it.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, ps[place] * (len(ps) - rank)))
        corrected[place] = largest
    return corrected


def front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names of the points that no other one dominates, the cheapest first.

    Args:
        points: Cost and accuracy by name. One dominates another if it costs no more and is at least as accurate, and
            better in one of the two.
    """

    def dominated(cost: float, accuracy: float) -> bool:
        return any(c <= cost and a >= accuracy and (c, a) != (cost, accuracy) for c, a in points.values())

    return sorted((name for name, point in points.items() if not dominated(*point)), key=lambda name: points[name])
