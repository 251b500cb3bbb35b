"""Calls equal their formula, and nothing waits that need not: calls and seconds where each call takes one second."""

import pytest

from disputatio.budget import Budget
from disputatio.evals import forecast
from disputatio.graphs import (
    aidsafe_deliberation,
    best_of,
    chain_of_thought,
    corex_debate,
    corex_review,
    critique_in_the_loop,
    debate,
    heart,
    limited,
    pairwise_judge,
    refine,
    sayself,
    self_consistency,
    universal_self_consistency,
    vote,
)
from disputatio.models import SimulatedModel
from disputatio.strategies import Strategy

PATHS: list[tuple[Strategy[...], int, int]] = [
    (best_of(n=5), 10, 2),
    (self_consistency(samples=9), 9, 1),
    (universal_self_consistency, 9, 2),
    (sayself, 11, 2),
    (critique_in_the_loop(gate="always", rounds=2), 5, 5),
    (critique_in_the_loop(gate="always", rounds=2, samples=4), 20, 5),
    (refine(debate(3, rounds=2), gate="always", rounds=1), 8, 4),
    (corex_review, 5, 5),
    (corex_debate(agents=9, rounds=0, split="random"), 9, 2),
    (heart(rounds=3), 5, 5),
    (pairwise_judge(n=3), 9, 2),
    (aidsafe_deliberation(rounds=3), 6, 6),
    (vote(debate(2, rounds=3), chain_of_thought, heart(rounds=1), decision="judge"), 11, 4),
    (limited(pairwise_judge(n=3), Budget(calls=20)), 9, 2),
]


@pytest.mark.parametrize(("strategy", "calls", "seconds"), PATHS, ids=lambda one: getattr(one, "name", str(one)))
def test_calls_are_those_of_the_formula_and_seconds_those_of_the_critical_path(
    strategy: Strategy[...], calls: int, seconds: int
) -> None:
    found = forecast(strategy, SimulatedModel(accuracy=0.5, latency=1), questions=1)
    assert strategy.calls == calls
    if strategy.name == "corex_debate":  # the judge is asked only where the teams differ
        assert (found.usage.calls, round(found.seconds, 6)) in ((8, 1), (9, 2))
    else:
        assert (found.usage.calls, found.seconds) == (calls, pytest.approx(seconds))
