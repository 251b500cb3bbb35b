"""Accuracy with its interval, and abstentions in a column of their own."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from disputatio.errors import ConfigurationError
from disputatio.evals.scorers.score import Score

Z95 = 1.959964
"""The standard normal distribution has 95 % of its mass within this distance of 0."""


def wilson(hits: float, trials: int, *, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share, which also holds near 0 and 1 (Wilson 1927, JASA 22, 209-212).

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]

    Args:
        hits: How often it happened.
        trials: How often it could have, at least 1.
        z: Half the width of the interval, in standard deviations.
    """
    share, weight = hits / trials, z * z / trials
    centre = (share + weight / 2) / (1 + weight)
    half = z * sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """What many scores come to."""

    items: int
    """All that could be compared, abstentions among them."""
    right: float
    """The sum of their values."""
    abstained: int
    unscorable: int
    """Answers that could not be compared here; they are in no share."""
    is_binary: bool
    """Whether each value is 0 or 1."""

    @property
    def value(self) -> float:
        """The mean value of all items, where an abstention counts 0."""
        return self.right / self.items

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the share of right answers; None for scores between right and wrong."""
        return wilson(round(self.right), self.items) if self.is_binary else None

    @property
    def coverage(self) -> float:
        """The share of items that were answered."""
        return 1 - self.abstained / self.items


def accuracy(scores: Iterable[Score]) -> Accuracy:
    """Sum up the scores of many answers.

    Raises:
        ConfigurationError: If nothing could be compared.
    """
    found = list(scores)
    counts = Counter(score.status for score in found)
    if not counts["scored"] + counts["abstained"]:
        raise ConfigurationError("there is no score to sum up")
    values = [score.value for score in found if score.value is not None]
    return Accuracy(
        items=counts["scored"] + counts["abstained"],
        right=sum(values),
        abstained=counts["abstained"],
        unscorable=counts["unscorable"],
        is_binary=set(values) <= {0.0, 1.0},
    )
