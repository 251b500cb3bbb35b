"""Agreement of judges, and whether a judge prefers a place to an answer."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from disputatio.errors import ConfigurationError


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Agreement of two judges on the same items, less what chance gives (Cohen 1960, EPM 20, 37-46).

    1 is full agreement, 0 that of chance; None where both always say the same one thing.

    >>> round(cohen_kappa("aabb", "abbb"), 2)
    0.5
    """
    if len(one) != len(other) or not one:
        raise ConfigurationError(f"two judges rule on the same items, got {len(one)} and {len(other)} rulings")
    total = len(one)
    agreed = sum(left == right for left, right in zip(one, other, strict=True)) / total
    left, right = Counter(one), Counter(other)
    chance = sum(left[label] * right[label] for label in left) / total**2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def krippendorff_alpha(units: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Agreement of any number of judges, for labels without order (Krippendorff 2011, computing alpha-reliability).

    1 is full agreement, 0 that of chance; None where no two labels differ, or no item has two.

    Args:
        units: One entry an item: the labels that judges gave, None where one gave none.
    """
    weights: dict[tuple[Hashable, Hashable], float] = {}
    for unit in units:
        labels = [label for label in unit if label is not None]
        if len(labels) < 2:
            continue
        for place, left in enumerate(labels):
            for right in labels[:place] + labels[place + 1 :]:
                weights[left, right] = weights.get((left, right), 0.0) + 1 / (len(labels) - 1)
    totals: dict[Hashable, float] = {}
    for (left, _), weight in weights.items():
        totals[left] = totals.get(left, 0.0) + weight
    total = sum(totals.values())
    expected = total**2 - sum(one**2 for one in totals.values())
    if not expected:
        return None
    observed = sum(weight for (left, right), weight in weights.items() if left != right)
    return 1 - (total - 1) * observed / expected


@dataclass(frozen=True, kw_only=True)
class PositionBias:
    """What a judge does when the two answers change places."""

    pairs: int
    consistent: float
    """Share of pairs in which the same answer was preferred both times."""
    first: float
    """Share in which whatever came first was preferred both times."""
    second: float
    """Share in which whatever came second was preferred both times."""
    unread: float
    """Share in which a ruling could not be read."""


def position_bias(rulings: Sequence[tuple[int | None, int | None]]) -> PositionBias:
    """Compare what a judge prefers with what it prefers when the answers have changed places.

    After Wang et al. 2023, arXiv:2305.17926, and Zheng et al. 2023, arXiv:2306.05685, section 3.4.

    Args:
        rulings: For each pair the place that was preferred, 1 or 2, in the first order and in the other; None where
            it could not be read.

    Raises:
        ConfigurationError: If there is no pair, or a place other than 1 and 2.
    """
    if not rulings or not {place for pair in rulings for place in pair} <= {1, 2, None}:
        raise ConfigurationError("places are 1, 2 or None, of at least one pair")
    counts, total = Counter(rulings), len(rulings)
    return PositionBias(
        pairs=total,
        consistent=(counts[1, 2] + counts[2, 1]) / total,
        first=counts[1, 1] / total,
        second=counts[2, 2] / total,
        unread=sum(None in pair for pair in rulings) / total,
    )
