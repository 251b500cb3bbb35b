"""Forecasts: what they count, and their interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.agents import Solver
from disputatio.budget import Usage
from disputatio.errors import ConfigurationError
from disputatio.evals import Forecast, forecast, simulated_questions, wilson
from disputatio.graphs import chain_of_thought, self_consistency
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(hits=st.integers(0, 500), misses=st.integers(0, 500))
def test_the_interval_holds_the_share_and_mirrors(hits: int, misses: int) -> None:
    trials = hits + misses
    if trials:
        low, high = wilson(hits, trials)
        assert 0 <= low <= hits / trials + 1e-12
        assert hits / trials - 1e-12 <= high <= 1
        assert wilson(misses, trials) == pytest.approx((1 - high, 1 - low))


def test_every_question_is_counted_once_and_abstentions_are_not_right() -> None:
    found = forecast(chain_of_thought, SimulatedModel(accuracy=1, unreadable=0.5), questions=60)
    assert found.right + found.abstained == found.questions == 60
    assert 15 <= found.abstained <= 45
    assert found.accuracy == found.right / 60
    assert found.usage.calls == 60


def test_questions_can_be_given_and_their_truth_is_the_models() -> None:
    question = Question(text="Which?", choices=("tea", "coffee"))
    model = SimulatedModel(accuracy=1, answers={"Which?": ["B", "A"]})
    liar = ScriptedModel(lambda prompt: "Answer: A")
    done: list[int] = []
    assert forecast(chain_of_thought, model, questions=[question] * 3, on_question=lambda: done.append(1)).right == 3
    assert len(done) == 3
    assert forecast(chain_of_thought(solver=Solver(model=liar)), model, questions=[question]).wrong == 1


def test_seeds_are_other_draws() -> None:
    model = SimulatedModel(accuracy=0.5)
    outcomes = {forecast(self_consistency(samples=3), model, questions=30, seed=seed).right for seed in range(4)}
    assert len(outcomes) > 1


def test_money_is_counted_by_the_million() -> None:
    spent = Forecast(strategy="s", right=1, usage=Usage(calls=1, prompt_tokens=2_000_000, completion_tokens=500_000))
    assert spent.cost(0.25, 2) == pytest.approx(0.5 + 1.0)


def test_no_questions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 1 question, got 0"):
        simulated_questions(0)
    with pytest.raises(ConfigurationError, match="at least 1 question"):
        forecast(chain_of_thought, SimulatedModel(), questions=[])
