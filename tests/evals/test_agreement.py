"""Agreement of judges and position bias, against worked examples and brute force."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals.metrics import cohen_kappa, krippendorff_alpha, position_bias


def test_kappa_worked_by_hand() -> None:
    # 50 items: 20 yes of both, 15 no of both, 5 and 10 apart. Agreed 0.7, by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    one = "y" * 20 + "y" * 5 + "n" * 10 + "n" * 15
    other = "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15
    assert cohen_kappa(one, other) == pytest.approx(0.4)
    assert cohen_kappa("aaa", "aaa") is None
    with pytest.raises(ConfigurationError):
        cohen_kappa("ab", "a")


def test_alpha_of_the_published_example() -> None:
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, nominal data, 0.743.
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    assert krippendorff_alpha(list(zip(*observers, strict=True))) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None
    assert krippendorff_alpha([["a", None]]) is None


@given(st.lists(st.lists(st.sampled_from([0, 1, 2, None]), min_size=2, max_size=4), min_size=1, max_size=6))
def test_alpha_by_counting_pairs(units: list[list[int | None]]) -> None:
    kept = [[one for one in unit if one is not None] for unit in units]
    kept = [unit for unit in kept if len(unit) > 1]
    values = [one for unit in kept for one in unit]
    apart = [left != right for left, right in itertools.permutations(values, 2)]
    found = krippendorff_alpha(units)
    if not any(apart):
        assert found is None
        return
    observed = sum(
        sum(left != right for left, right in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in kept
    )
    assert found == pytest.approx(1 - (observed / len(values)) / (sum(apart) / len(apart)))


def test_position_bias() -> None:
    bias = position_bias([(1, 2), (2, 1), (1, 1), (1, 1), (2, 2), (None, 1), (1, 2), (2, None)])
    assert (bias.pairs, bias.consistent, bias.first, bias.second, bias.unread) == (8, 3 / 8, 2 / 8, 1 / 8, 2 / 8)
    with pytest.raises(ConfigurationError):
        position_bias([(0, 1)])
