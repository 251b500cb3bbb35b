"""Escalation and limits: dear strategies are asked only where they are needed, and parts have budgets."""

import pytest

from disputatio.agents import Solver, Verifier
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError
from disputatio.evals import forecast
from disputatio.graphs import chain_of_thought, debate, escalate, limited, self_consistency, sequence, vote
from disputatio.graphs.escalate import Acceptance
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question
from disputatio.strategies import Strategy

TOWN = Question(text="Which town is it?")


def alone(reply: str, calls: list[str] | None = None) -> Strategy[...]:
    def said(prompt: str) -> str:
        if calls is not None:
            calls.append(prompt)
        return reply

    return chain_of_thought(solver=Solver(model=ScriptedModel(said)))


UNSURE, SURE, SILENT = "Answer: Hull\nConfidence: 30", "Answer: Leith\nConfidence: 80", "I do not know."


@pytest.mark.parametrize(
    ("accept", "replies", "winner", "stages"),
    [
        (0.8, [SURE, UNSURE], "leith", 1),
        (0.81, [SURE, UNSURE], "hull", 2),
        (0.8, [UNSURE, SURE, UNSURE], "leith", 2),
        (0.0, [SILENT, UNSURE, SURE], "hull", 2),
        (0.8, [UNSURE, SILENT], "hull", 2),
        (0.8, ["Answer: Hull", SURE], "leith", 2),
        (lambda answer: answer.text == "Leith", [UNSURE, SURE, UNSURE], "leith", 2),
        (lambda answer: False, [UNSURE, SURE], "leith", 2),
        (0.8, [SILENT, SILENT], None, 2),
    ],
)
async def test_the_first_accepted_answer_is_given(
    accept: Acceptance, replies: list[str], winner: str | None, stages: int
) -> None:
    strategy = escalate(*map(alone, replies), accept=accept)
    result = await run(TOWN, strategy, prepare(model=ScriptedModel(str)))
    assert (result.answer.value, result.answer.data["stages"], result.usage.calls) == (winner, stages, stages)
    assert strategy.calls == len(replies)
    assert (result.stop_reason == "undecided") == (winner is None)


@pytest.mark.parametrize(("verdict", "stages", "calls"), [("supported", 1, 2), ("refuted", 2, 3), ("?", 2, 3)])
async def test_a_verifier_can_be_the_gate(verdict: str, stages: int, calls: int) -> None:
    verifier = Verifier(model=ScriptedModel(lambda prompt: f"Verdict: {verdict}\nScore: 60"))
    strategy = escalate(alone(UNSURE), alone(SURE), accept=verifier)
    result = await run(TOWN, strategy, prepare(model=ScriptedModel(str)))
    assert (result.answer.data["stages"], result.usage.calls, strategy.calls) == (stages, calls, 3)
    assert result.answer.data["accepted"] == (stages == 1)


async def test_a_dearer_strategy_does_not_see_what_failed() -> None:
    seen: list[str] = []
    strategy = escalate(
        alone("By the mill.\n" + UNSURE), debate(2, rounds=1), alone(SURE, seen), accept=lambda answer: False
    )
    model = ScriptedModel(lambda prompt: seen.append(prompt) or UNSURE)  # type: ignore[func-returns-value]
    await run(TOWN, strategy, prepare(model=model))
    assert len(seen) == 3
    assert all("mill" not in prompt for prompt in seen)


def test_what_cannot_escalate_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        escalate()
    for accept in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigurationError, match="from 0 to 1"):
            escalate(chain_of_thought, accept=accept)


def test_a_gate_by_agreement_saves_calls_at_its_law() -> None:
    # Two samples agree with probability p^2 + (1-p)^2 = 0.58 at p = 0.7; then two calls are enough, else seven.
    model, trials = SimulatedModel(accuracy=0.7, wrong_answers=1), 300
    found = forecast(
        escalate(self_consistency(samples=2), self_consistency(samples=5), accept=1.0), model, questions=300
    )
    escalated = (found.usage.calls / trials - 2) / 5
    assert abs(escalated - 0.42) < 4 * (0.42 * 0.58 / trials) ** 0.5


async def test_a_part_with_a_budget_ends_in_order_and_leaves_the_rest_to_others() -> None:
    model = ScriptedModel(lambda prompt: SURE)
    strategy = sequence(limited(debate(2, rounds=3), Budget(calls=3)), debate(2, rounds=1))
    result = await run(TOWN, strategy, prepare(model=model))
    assert (result.usage.calls, strategy.calls, result.stop_reason) == (5, 5, "finished")
    assert len([one for one in result.thoughts if one.scope == "1. limited/debate"]) == 3


async def test_a_limited_part_says_what_stopped_it_and_budgets_nest() -> None:
    model = ScriptedModel(lambda prompt: SURE)
    inner = limited(debate(2, rounds=3), Budget(calls=4))
    result = await run(TOWN, limited(inner, Budget(calls=3)), prepare(model=model))
    assert (result.usage.calls, result.answer.data["stopped_by"], result.answer.value) == (3, "budget", "leith")
    tight = await run(TOWN, inner, prepare(model=ScriptedModel(lambda prompt: SURE), budget=Budget(calls=2)))
    assert (tight.usage.calls, tight.stop_reason) == (2, "budget")
    ample = await run(TOWN, limited(chain_of_thought, Budget(calls=4)), prepare(model=model))
    assert "stopped_by" not in ample.answer.data


async def test_every_pattern_takes_every_other() -> None:
    model = ScriptedModel(lambda prompt: "Verdict: supported\nScore: 90" if "Verdict: <" in prompt else SURE)
    cascade = escalate(chain_of_thought, vote(chain_of_thought, debate(2)), accept=0.9)
    strategy = vote(cascade, limited(cascade, Budget(calls=2)), cascade >> chain_of_thought)
    result = await run(TOWN, strategy, prepare(model=model))
    assert (result.answer.value, result.usage.calls) == ("leith", 6 + 2 + 7)
