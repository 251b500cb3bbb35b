"""Refinement and critique in the loop: what critic and reviser see, when it ends, and what it gains."""

import asyncio
import re
from random import Random

import pytest

from disputatio.agents.step_critic import by_steps, first_error, steps_of
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.evals import forecast
from disputatio.graphs import chain_of_thought, critique_in_the_loop, debate, refine
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.critique_in_the_loop import numbers
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.thought import Thought

HOW_MANY = Question(text="What is (4 + 4) * 3?", answer_type="number")


class Loop:
    """An actor with these replies, one after the other, and a critic with these critiques."""

    def __init__(self, replies: list[str], critiques: list[str]) -> None:
        self.replies, self.critiques = iter(replies), iter(critiques)
        self.acted: list[str] = []
        self.criticised: list[str] = []

    def __call__(self, prompt: str) -> str:
        if "Verdict: <" in prompt:
            self.criticised.append(prompt)
            return next(self.critiques)
        self.acted.append(prompt)
        return next(self.replies)


async def looped(strategy: Strategy[...], said: Loop) -> Result:
    return await run(HOW_MANY, strategy, prepare(model=ScriptedModel(said)))


FIRST = "4 + 4 = 8\n8 * 3 = 25\nAnswer: 25"
SECOND = "4 + 4 = 8\n8 * 3 = 24\nAnswer: 24"
THIRD = "Twice 4 is 8.\nThrice 8 is 23.\nAnswer: 23"
FOUND = "Steps:\n1. correct, 8\n2. wrong, it is 24\nVerdict: refuted\nScore: 5"
FINE = "Steps:\n1. correct\n2. correct\nVerdict: supported\nScore: 90"


async def test_the_reviser_sees_the_draft_and_its_critique_and_none_before() -> None:
    said = Loop([FIRST, SECOND, THIRD], [FOUND, FOUND, FINE])
    result = await looped(critique_in_the_loop(rounds=2, gate="always"), said)
    assert (result.answer.value, result.usage.calls) == ("23", 5)
    first, second, third = said.acted
    assert "8 * 3 = 25" not in first
    assert "8 * 3 = 25" in second
    assert "2. wrong, it is 24" in second
    assert "8 * 3 = 24" in third
    assert "8 * 3 = 25" not in third
    assert third.count("Verdict: refuted") == 1
    assert all("Step 2: 8 * 3 =" in prompt and "Step 3" not in prompt for prompt in said.criticised)
    kinds = [(link.kind, link.source, link.target) for link in result.links]
    ids = {one.id: one.author for one in result.thoughts}
    assert [(kind, ids[source], ids[target]) for kind, source, target in kinds][:3] == [
        ("attacks", "critic", "actor"),
        ("refines", "actor", "actor"),
        ("uses", "actor", "critic"),
    ]


@pytest.mark.parametrize(
    ("gate", "critiques", "value", "calls"),
    [
        ("critic", [FINE], "25", 2),
        ("critic", [FOUND], "24", 3),
        ("critic", ["Steps:\n1. correct\n2. wrong\nVerdict: supported"], "24", 3),
        ("critic", ["Steps:\n1. correct\n2. correct\nVerdict: refuted"], "24", 3),
        ("critic", ["It cannot be read."], "25", 2),
        ("always", [FINE], "24", 3),
    ],
)
async def test_the_gate(gate: str, critiques: list[str], value: str, calls: int) -> None:
    result = await looped(critique_in_the_loop(gate=gate), Loop([FIRST, SECOND], critiques))  # type: ignore[arg-type]
    assert (result.answer.value, result.usage.calls) == (value, calls)
    assert result.answer.data["revisions"] == calls - 2 if gate == "critic" else 1


async def test_an_answer_without_its_working_does_not_replace_a_solution() -> None:
    # Seven numbers before, one after, and 1 < 7 - 2.
    result = await looped(critique_in_the_loop, Loop(["4+4=8\n8*3=25\nAnswer: 25", "Answer: 24"], [FOUND]))
    assert (result.answer.value, result.usage.calls) == ("25", 3)
    result = await looped(critique_in_the_loop, Loop([FIRST, "I give up."], [FOUND]))
    assert result.answer.value == "25"
    result = await looped(refine(chain_of_thought, rounds=1), Loop([FIRST, "Answer: 24"], [FOUND]))
    assert result.answer.value == "24"  # the plain loop has no such check


def thought(text: str = "", **data: object) -> Thought:
    return Thought(author="a", role="r", kind="claim", text=text, answer="25", data=data)  # type: ignore[arg-type]


def test_the_numbers_of_a_solution() -> None:
    assert numbers(thought("4+4=8\n8*3=25\nAnswer: 25\nConfidence: 90")) == 7
    assert numbers(thought("Answer: 25")) == 1


@pytest.mark.parametrize(
    ("steps", "verdict", "error"),
    [
        (["ok: correct", "wrong: no", "correct"], "refuted", 2),
        (["correct"], "refuted", 0),
        (["correct", "not correct"], "supported", 2),
        (["this is correct, though one could go wrong here"], "supported", None),
        (["incorrect"], "undecided", 1),
        (["perhaps"], "undecided", None),
        ("no list", "supported", None),
    ],
)
def test_the_first_error(steps: object, verdict: str, error: int | None) -> None:
    assert first_error(thought(steps=steps, verdict=verdict)) == error


def test_the_steps_of_a_solution() -> None:
    assert steps_of("1. Add.\n\n2. Multiply.\n**Answer:** 24\nConfidence: 9") == ["1. Add.", "2. Multiply."]
    assert steps_of("Add 3.5 and 4. Then halve it; done") == ["Add 3.5 and 4.", "Then halve it;", "done"]
    assert by_steps(thought("1. Add.\nStep 2: halve.")).text == "Step 1: Add.\nStep 2: halve.\nAnswer: 25"


async def test_a_draft_can_come_from_any_strategy_and_a_schedule_of_feedback_is_followed() -> None:
    said = Loop([FIRST, FIRST, SECOND, THIRD, FIRST], [FOUND] * 3)
    strategy = refine(debate(2, rounds=1), rounds=3, feedback=("Look at step 2.", "Start anew."))
    result = await looped(strategy, said)
    assert (strategy.calls, result.usage.calls, result.answer.value) == (8, 8, "25")
    told = [[text for text in strategy.params["feedback"] if text in prompt] for prompt in said.acted]
    assert told == [[], [], ["Look at step 2."], ["Start anew."], ["Look at step 2."]]


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"samples": 0}, {"samples": 2, "temperature": 0.0}])
def test_loops_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        critique_in_the_loop(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="feedback"):
        refine(chain_of_thought, feedback=())


async def test_samples_vote_and_the_formula_of_the_calls_is_exact() -> None:
    said = ScriptedModel(lambda prompt: FOUND if "Verdict: <" in prompt else SECOND)
    strategy = critique_in_the_loop(samples=3, rounds=2, gate="always")
    result = await run(HOW_MANY, strategy, prepare(model=said, seed=1))
    assert strategy.calls == result.usage.calls == 3 * (1 + 2 * 2)
    assert (result.answer.value, result.answer.confidence) == ("24", 1.0)


def law(gate: str, sensitivity: float, alarm: float, rounds: int, runs: int) -> float:
    """Accuracy where a wrong draft is repaired with 0.5, and a right one broken with 0.3."""
    dice = Random(f"{gate}/{sensitivity}/{alarm}/{rounds}")

    def reply(prompt: str) -> str:
        held = re.findall(r"^Answer: (\d)", prompt, re.MULTILINE)
        if "Verdict: <" in prompt:
            return (
                f"Verdict: {'refuted' if dice.random() < (alarm if held[-1] == '1' else sensitivity) else 'supported'}"
            )
        right = dice.random() < (0.5 if not held else 0.7 if held[-1] == "1" else 0.5)
        return f"So.\nAnswer: {int(right)}"

    async def measured() -> float:
        graph = critique_in_the_loop(rounds=rounds, gate=gate).compile()  # type: ignore[arg-type]
        model, hits = ScriptedModel(reply), 0
        for _ in range(runs):
            output = await graph.ainvoke({"question": HOW_MANY}, context=Context(models={"default": model}))
            hits += output["answer"].value == "1"
        return hits / runs

    return asyncio.run(measured())


@pytest.mark.parametrize(
    ("gate", "sensitivity", "alarm", "rounds", "expected"),
    [
        ("critic", 0.8, 0.1, 1, 0.685),
        ("critic", 0.8, 0.1, 3, 0.851),
        ("always", 0.8, 0.1, 1, 0.600),
        ("critic", 0.5, 0.5, 1, 0.550),
    ],
)
def test_what_a_critic_is_worth(gate: str, sensitivity: float, alarm: float, rounds: int, expected: float) -> None:
    runs = 300
    found = law(gate, sensitivity, alarm, rounds, runs)
    assert abs(found - expected) < 3.5 * (expected * (1 - expected) / runs) ** 0.5


def test_the_simulated_critic_follows_the_same_law() -> None:
    # Who revises draws anew: a wrong answer is repaired with p and a right one broken with 1 - p.
    p, hit, alarm, trials = 0.5, 0.8, 0.1, 300
    expected = p * (1 - alarm * (1 - p)) + (1 - p) * hit * p
    model = SimulatedModel(accuracy=p, verifier_hit=hit, verifier_alarm=alarm)
    found = forecast(critique_in_the_loop, model, questions=trials)
    assert abs(found.accuracy - expected) < 4 * (expected * (1 - expected) / trials) ** 0.5
