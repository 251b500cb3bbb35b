"""Confidence against truth: is it as high as it should be, and does it tell right from wrong?

Each function takes two sequences of one length, an answer's confidence from 0 to 1 and whether it was right.
"""

from collections.abc import Sequence

from disputatio.errors import ConfigurationError


def ece(confidences: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> float:
    """Expected calibration error: how far confidence is from accuracy, in equal bins of confidence, by their size.

    After Guo et al. 2017, arXiv:1706.04599, section 2; a bin holds its upper end.

    >>> round(ece([0.95, 0.95, 0.55], [True, False, True]), 4)
    0.45
    """
    _check(confidences, right)
    total = 0.0
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        held = [
            (one, hit)
            for one, hit in zip(confidences, right, strict=True)
            if low < one <= high or (one == 0 and not place)
        ]
        total += abs(sum(hit for _, hit in held) - sum(one for one, _ in held))
    return total / len(right)


def brier(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """The mean square of confidence less truth (Brier 1950, Monthly Weather Review 78), from 0, which is best, to 1."""
    _check(confidences, right)
    return sum((one - hit) ** 2 for one, hit in zip(confidences, right, strict=True)) / len(right)


def auroc(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """The chance that a right answer is surer than a wrong one, ties half; None unless there are both.

    The Mann-Whitney statistic: 0.5 says that confidence tells nothing.
    """
    _check(confidences, right)
    hits = sum(right)
    if hits in (0, len(right)):
        return None
    order = sorted(range(len(right)), key=confidences.__getitem__)
    ranks, start = 0.0, 0
    while start < len(order):
        end = start
        while end < len(order) and confidences[order[end]] == confidences[order[start]]:
            end += 1
        ranks += (start + 1 + end) / 2 * sum(right[place] for place in order[start:end])
        start = end
    return (ranks - hits * (hits + 1) / 2) / (hits * (len(right) - hits))


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """What share is wrong if only the surest are answered: (coverage, risk) at each threshold, from few to all.

    After Geifman and El-Yaniv 2017, arXiv:1705.08500. Answers of one confidence are answered together.
    """
    _check(confidences, right)
    found = []
    for threshold in sorted(set(confidences), reverse=True):
        kept = [hit for one, hit in zip(confidences, right, strict=True) if one >= threshold]
        found.append((len(kept) / len(right), 1 - sum(kept) / len(kept)))
    return found


def selective_accuracy(confidences: Sequence[float], right: Sequence[bool], *, coverage: float) -> float:
    """The accuracy of the surest answers, the fewest that make up at least this share of all.

    Raises:
        ConfigurationError: If the coverage is not above 0 and at most 1.
    """
    if not 0 < coverage <= 1:
        raise ConfigurationError(f"coverage must be above 0 and at most 1, got {coverage}")
    return next(1 - risk for share, risk in risk_coverage(confidences, right) if share >= coverage)


def _check(confidences: Sequence[float], right: Sequence[bool]) -> None:
    if not right or len(confidences) != len(right) or not all(0 <= one <= 1 for one in confidences):
        raise ConfigurationError("confidences from 0 to 1 are needed, one for each answer, and at least one answer")
