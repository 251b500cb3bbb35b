"""A vote over strategies: each answers alone, and a rule decides."""

import pytest

from disputatio.agents import Judge, Planner, Solver
from disputatio.errors import ConfigurationError
from disputatio.evals import forecast
from disputatio.graphs import chain_of_thought, debate, self_consistency, sequence, vote
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question
from disputatio.strategies import Strategy

TOWN = Question(text="Which town is it?", context=("The town lies at the sea.",))


def alone(town: str, sure: int = 50) -> Strategy[...]:
    """A strategy that always gives this answer."""
    said = f"By {town.lower()} harbour.\nAnswer: {town}\nConfidence: {sure}"
    return chain_of_thought(solver=Solver(model=ScriptedModel(lambda prompt: said)))


@pytest.mark.parametrize(
    ("decision", "winner"),
    [("plurality", "hull"), ("majority", "hull"), ("supermajority", "hull"), ("unanimity", None)],
)
async def test_rules_decide_between_strategies(decision: str, winner: str | None) -> None:
    strategy = vote(alone("Hull"), alone("Leith", 99), alone("hull."), decision=decision)
    result = await run(TOWN, strategy, prepare(model=ScriptedModel(lambda prompt: "unused")))
    assert (result.answer.value, result.usage.calls, strategy.calls) == (winner, 3, 3)
    assert "Leith (2. chain_of_thought)" in result.answer.dissent


async def test_confidence_verifier_and_judge_can_turn_a_vote_round() -> None:
    parts = (alone("Hull", 20), alone("Hull", 20), alone("Leith", 90))
    scores = {"Leith": 95, "Hull": 10}

    def other(prompt: str) -> str:
        if "Score: <" in prompt:
            return f"Verdict: undecided\nScore: {next(score for town, score in scores.items() if town in prompt)}"
        return "Answer: Leith" if all(name in prompt for name in ("[1. chain", "[2. chain", "[3. chain")) else "?"

    for decision, calls in (("confidence_weighted", 3), ("verifier_weighted", 5), ("judge", 4)):
        model = ScriptedModel(other)
        result = await run(TOWN, vote(*parts, decision=decision), prepare(model=model))
        assert (result.answer.value, result.usage.calls) == ("leith", calls), decision
        assert all("Which town is it?" in prompt and "lies at the sea" in prompt for prompt in model.prompts)


async def test_parts_do_not_see_each_other_but_what_was_said_before() -> None:
    def reply(prompt: str) -> str:
        return "Points: Is there a harbour?" if "Points: <" in prompt else "By the harbour.\nAnswer: Hull"

    model = ScriptedModel(reply)
    strategy = Planner() >> vote(debate(2, rounds=1), chain_of_thought, Solver("third"))
    result = await run(TOWN, strategy, prepare(model=model, seed=1))
    assert all("By the harbour" not in prompt for prompt in model.prompts)
    assert all("Is there a harbour?" in prompt for prompt in model.prompts[1:])
    assert result.usage.calls == strategy.calls == 5
    assert len({request.seed for request in model.requests}) == 5
    scopes = {one.scope for one in result.thoughts}
    assert scopes == {"", "2. vote", "2. vote/1. debate", "2. vote/2. chain_of_thought", "2. vote/3. third"}


async def test_an_abstention_has_no_vote_and_nothing_wins_over_nothing() -> None:
    silent = chain_of_thought(solver=Solver(model=ScriptedModel(lambda prompt: "I do not know.")))
    result = await run(TOWN, vote(silent, silent, alone("Hull")), prepare(model=ScriptedModel(str)))
    assert (result.answer.value, result.answer.confidence) == ("hull", 1.0)
    nothing = await run(TOWN, vote(silent, silent), prepare(model=ScriptedModel(str)))
    assert (nothing.answer.value, nothing.stop_reason) == (None, "undecided")


def test_a_vote_needs_parts_and_a_rule_that_reads_answers() -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        vote()
    with pytest.raises(ConfigurationError, match="unknown decision rule"):
        vote(chain_of_thought, decision="borda")


def test_a_vote_of_equal_parts_is_self_consistency() -> None:
    # Three independent answers of accuracy 0.6 and one wrong answer: 0.6^3 + 3 * 0.6^2 * 0.4 = 0.648.
    model = SimulatedModel(accuracy=0.6, wrong_answers=1)
    found = forecast(vote(*[chain_of_thought] * 3), model, questions=500)
    assert abs(found.accuracy - 0.648) < 4 * (0.648 * 0.352 / 500) ** 0.5
    path = forecast(vote(debate(2, rounds=3), self_consistency(samples=9)), SimulatedModel(latency=1), questions=2)
    assert path.seconds / 2 == pytest.approx(3)  # all at once: the longest part alone counts


async def test_the_operator_makes_one_flat_sequence() -> None:
    strategy = Planner() >> debate(2) >> Judge() >> chain_of_thought
    assert strategy.name == "sequence"
    assert [part.name for part in strategy.args] == ["planner", "debate", "judge", "chain_of_thought"]
    assert repr(debate >> chain_of_thought) == repr(sequence(debate, chain_of_thought))
