"""Paired statistics: worked numbers, brute force, laws."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals.compare import Comparison, compare, front, holm, mcnemar, paired_bootstrap, winner

shares = st.floats(0, 1, allow_nan=False)


@given(only_first=st.integers(0, 7), only_second=st.integers(0, 7))
def test_mcnemar_is_the_share_of_sign_patterns_as_extreme(only_first: int, only_second: int) -> None:
    trials = only_first + only_second
    signs = list(product((0, 1), repeat=trials))
    extreme = [one for one in signs if abs(sum(one) - trials / 2) >= abs(only_first - trials / 2)]
    assert mcnemar(only_first, only_second) == pytest.approx(len(extreme) / len(signs))
    assert mcnemar(only_first, only_second) == mcnemar(only_second, only_first)


def test_mcnemar_takes_many_items() -> None:
    assert mcnemar(2_000, 2_000) == 1
    assert 0 < mcnemar(2_200, 2_000) < 0.05
    assert mcnemar(0, 2_000) == 0.0  # below the smallest float, and no error


def test_holm_by_hand() -> None:
    assert holm([0.02, 0.01, 0.9, 0.03]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm([]) == []


@given(ps=st.lists(shares, max_size=8))
def test_holm_is_at_most_bonferroni_and_keeps_the_order(ps: list[float]) -> None:
    corrected = holm(ps)
    for p, one in zip(ps, corrected, strict=True):
        assert p <= one <= min(1, p * len(ps)) + 1e-12
    for a, b in combinations(range(len(ps)), 2):
        assert (ps[a] <= ps[b]) == (corrected[a] <= corrected[b]) or corrected[a] == corrected[b]


def test_the_bootstrap_of_two_items_by_hand() -> None:
    # Of items with the differences 1 and 0, a sample has the mean 0, 0.5 or 1 with the odds 1 : 2 : 1.
    assert paired_bootstrap([1, 0], [0, 0]) == (0, 1)
    assert paired_bootstrap([1, 1, 1], [0, 0, 0]) == (1, 1)


def test_the_bootstrap_is_near_the_normal_interval_of_many_items() -> None:
    first, second = [1.0] * 60 + [0.0] * 40, [0.0] * 30 + [1.0] * 50 + [0.0] * 20
    differences = [a - b for a, b in zip(first, second, strict=True)]
    mean = sum(differences) / 100
    error = (sum((one - mean) ** 2 for one in differences) / 100 / 100) ** 0.5
    low, high = paired_bootstrap(first, second)
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.25 * error)
    assert paired_bootstrap(first, second) == (low, high), "the seed makes it repeatable"


@settings(max_examples=10)
@given(data=st.data(), size=st.integers(1, 12))
def test_a_comparison_mirrors(data: st.DataObject, size: int) -> None:
    one, other = (data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=size, max_size=size)) for _ in "ab")
    (there,), (back,) = compare({"a": one, "b": other}), compare({"b": other, "a": one})
    assert there.difference == pytest.approx(-back.difference)
    assert there.p == there.corrected == back.p
    assert (there.only_first, there.only_second) == (back.only_second, back.only_first)
    assert there.better == back.better


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="same items"):
        compare({"a": [1.0], "b": [1.0, 0.0]})
    with pytest.raises(ConfigurationError, match="at least 1"):
        compare({"a": [], "b": []})


def told(interval: tuple[float, float], corrected: float) -> Comparison:
    difference = sum(interval) / 2
    return Comparison(
        first="a",
        second="b",
        difference=difference,
        interval=interval,
        only_first=1,
        only_second=1,
        p=corrected,
        corrected=corrected,
    )


@pytest.mark.parametrize(
    ("interval", "corrected", "better"),
    [
        ((0.1, 0.3), 0.01, "a"),
        ((-0.3, -0.1), 0.01, "b"),
        ((-0.01, 0.3), 0.01, None),
        ((0.0, 0.3), 0.01, None),
        ((0.1, 0.3), 0.06, None),
    ],
)
def test_nothing_is_better_where_the_interval_covers_zero(
    interval: tuple[float, float], corrected: float, better: str | None
) -> None:
    assert told(interval, corrected).better == better
    assert winner(["a", "b"], [told(interval, corrected)]) == better


def test_a_winner_beats_every_other_one() -> None:
    good, middle, bad = [1.0] * 60, [1.0] * 30 + [0.0] * 30, [0.0] * 60
    assert winner(["good", "middle", "bad"], compare({"good": good, "middle": middle, "bad": bad})) == "good"
    assert winner(["good", "same", "bad"], compare({"good": good, "same": good, "bad": bad})) is None
    assert winner(["alone"], []) is None


@given(points=st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8))
def test_the_front_by_its_definition(points: dict[str, tuple[float, float]]) -> None:
    found = front(points)
    costs = [points[name] for name in found]
    assert costs == sorted(costs)
    for name, (cost, accuracy) in points.items():
        beaten = [c <= cost and a >= accuracy and (c < cost or a > accuracy) for c, a in points.values()]
        assert (name in found) == (not any(beaten))
