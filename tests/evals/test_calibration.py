"""Calibration: numbers worked by hand, and brute force over all pairs and thresholds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals.metrics import auroc, brier, ece, risk_coverage, selective_accuracy

ANSWERS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.55, 0.9, 1.0]), st.booleans()), min_size=1, max_size=12)


def test_worked_by_hand() -> None:
    confidences, right = [0.9, 0.9, 0.6, 0.3], [True, False, True, False]
    # Bins (0.8, 0.9], (0.5, 0.6] and (0.2, 0.3]: |1 - 1.8| + |1 - 0.6| + |0 - 0.3| = 1.5, of 4.
    assert ece(confidences, right) == pytest.approx(0.375)
    assert brier(confidences, right) == pytest.approx((0.01 + 0.81 + 0.16 + 0.09) / 4)
    # Pairs of right and wrong: (0.9, 0.9) tie, (0.9, 0.3) won, (0.6, 0.9) lost, (0.6, 0.3) won.
    assert auroc(confidences, right) == pytest.approx(2.5 / 4)
    assert sum(risk_coverage(confidences, right), ()) == pytest.approx((0.5, 0.5, 0.75, 1 / 3, 1.0, 0.5))
    assert selective_accuracy(confidences, right, coverage=0.75) == pytest.approx(2 / 3)
    assert selective_accuracy(confidences, right, coverage=0.1) == pytest.approx(0.5)  # those of 0.9 come together


def test_ends_of_the_scale_are_in_a_bin() -> None:
    assert ece([0.0, 1.0], [False, True]) == 0
    assert ece([0.0, 1.0], [True, False]) == 1


@given(ANSWERS)
def test_against_brute_force(answers: list[tuple[float, bool]]) -> None:
    confidences, right = [one for one, _ in answers], [hit for _, hit in answers]
    good, bad = [one for one, hit in answers if hit], [one for one, hit in answers if not hit]
    wins = [1.0 if one > other else 0.5 if one == other else 0.0 for one in good for other in bad]
    assert auroc(confidences, right) == (pytest.approx(sum(wins) / len(wins)) if wins else None)
    assert 0 <= ece(confidences, right) <= 1
    assert ece(confidences, right, bins=1) == pytest.approx(abs(sum(right) - sum(confidences)) / len(right))
    for coverage, risk in risk_coverage(confidences, right):
        kept = sorted(answers, key=lambda one: -one[0])[: round(coverage * len(answers))]
        assert risk == pytest.approx(sum(not hit for _, hit in kept) / len(kept))
    assert risk_coverage(confidences, right)[-1][0] == 1
    assert selective_accuracy(confidences, right, coverage=1) == pytest.approx(sum(right) / len(right))


@pytest.mark.parametrize(("confidences", "right"), [([], []), ([0.5], []), ([1.5], [True]), ([float("nan")], [True])])
def test_what_cannot_be_measured_is_refused(confidences: list[float], right: list[bool]) -> None:
    for metric in (ece, brier, auroc, risk_coverage):
        with pytest.raises(ConfigurationError):
            metric(confidences, right)
