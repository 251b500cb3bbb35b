"""pass@k and PassUntil: numbers worked by hand, brute force, and the law that the estimate is right on average."""

import itertools
import random
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals.metrics import pass_at_k, pass_until


@pytest.mark.parametrize(
    ("samples", "right", "k", "expected"),
    [
        (10, 3, 1, 0.3),
        (10, 3, 2, 0.53333),
        (10, 3, 5, 0.91667),
        (10, 1, 5, 0.5),
        (5, 2, 3, 0.9),
        (10, 8, 3, 1.0),
        (200, 10, 10, 0.40855),
        (4, 0, 4, 0.0),
        (4, 4, 1, 1.0),
        (4, 2, 0, 0.0),
    ],
)
def test_pass_at_k(samples: int, right: int, k: int, expected: float) -> None:
    assert pass_at_k(samples, right, k) == pytest.approx(expected, abs=5e-6)


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))))
def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_one(numbers: tuple[int, int, int]) -> None:
    samples, right, k = numbers
    draws = list(itertools.combinations([place < right for place in range(samples)], k))
    assert pass_at_k(samples, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert pass_at_k(samples, right, k) == pytest.approx(1 - comb(samples - right, k) / comb(samples, k), abs=1e-12)


@pytest.mark.parametrize(("samples", "right", "k"), [(3, 1, 4), (3, 4, 1), (3, -1, 1), (3, 1, -1)])
def test_pass_at_k_is_not_extrapolated(samples: int, right: int, k: int) -> None:
    with pytest.raises(ConfigurationError):
        pass_at_k(samples, right, k)


def test_pass_until_counts_in_order_and_stops() -> None:
    until = pass_until([False, False, True, False, True, True], passes=2)
    assert (until.trials, until.passes, until.rate, until.unbiased) == (5, 2, 0.4, 0.25)
    single = pass_until([False, True])
    assert (single.rate, single.unbiased, single.censored) == (0.5, None, False)
    # A batch of four whose third sample is the second pass: the fourth is not counted.
    assert pass_until(iter([False, True, True, False]), passes=2).trials == 3
    assert pass_until([True, True], passes=2).unbiased == 1


def test_pass_until_draws_no_more_than_it_needs() -> None:
    drawn = iter([True, False, True])
    pass_until(drawn)
    assert list(drawn) == [False, True]


def test_failures_to_the_cap_leave_a_bound() -> None:
    until = pass_until(itertools.repeat(False), cap=20)
    assert until.censored
    assert until.rate == 0
    assert until.unbiased is None
    assert until.bound() == pytest.approx(1 - 0.05 ** (1 / 20))
    assert until.bound() == pytest.approx(0.139, abs=5e-4)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_estimate_of_two_passes_is_right_on_average_and_that_of_the_paper_is_not(rate: float) -> None:
    rng, items = random.Random(7), 4000
    found = [pass_until((rng.random() < rate for _ in itertools.count()), passes=2, cap=10_000) for _ in range(items)]
    estimates = [one.unbiased for one in found if one.unbiased is not None]
    mean = sum(estimates) / items
    error = sqrt(sum((one - mean) ** 2 for one in estimates) / items / items)
    assert len(estimates) == items
    assert abs(mean - rate) < 3 * error
    assert sum(one.rate for one in found) / items > rate + 0.05


def test_nothing_to_count_is_an_error() -> None:
    for wrong in ({"passes": 0}, {"cap": 0}, {}):
        with pytest.raises(ConfigurationError):
            pass_until([], **wrong)
