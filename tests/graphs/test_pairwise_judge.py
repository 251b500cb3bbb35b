"""Pairwise judge: the scale, both orders, the ranking, and what position bias does to it."""

import asyncio
import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.agents.comparison import Preference
from disputatio.agents.forms import read
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import chain_of_thought, debate, pairwise_judge
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.duels import Duel, duel, ranking
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question

WHICH = Question(text="Which town?")


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("So.\nPreference: -2", -2),
        ("Preference: 3\nOr rather:\nPreference: -1", -1),
        ("Preference: +2", 2),
        ("Preference: 2 (B)", 2),
        ('{"preference": -3}', -3),
        ("Preference: 0", None),
        ("Preference: tie", None),
        ("Preference: 4", None),
        ("I prefer A, by -2.", None),
        ("Preference: \u00b2", None),
    ],
)
def test_the_scale_has_no_tie_and_nothing_outside_the_line_is_read(text: str, score: int | None) -> None:
    found = read(text, Preference)
    assert (found.preference if found else None) == score


def test_both_orders_of_one_pair() -> None:
    assert duel(-1, 3) == Duel(1.0, 2.0, consistent=True)
    assert duel(-1, -1) == Duel(0.5, 0.0, consistent=False)
    assert duel(-2, None) == Duel(1.0, 1.0, consistent=True)
    assert duel(None, None) == Duel(0.5, 0.0, consistent=False)


scores = st.sampled_from([-3, -2, -1, 1, 2, 3, None])


@given(forward=scores, backward=scores)
def test_swapping_the_responses_turns_the_result_round(forward: int | None, backward: int | None) -> None:
    one, other = duel(forward, backward), duel(backward, forward)
    assert (one.first + other.first, one.strength, one.consistent) == (1.0, other.strength, other.consistent)


def test_a_cycle_is_settled_by_strength() -> None:
    cycle = {(0, 1): Duel(1.0, 3, True), (1, 2): Duel(1.0, 1, True), (0, 2): Duel(0.0, 1, True)}
    assert ranking(3, cycle, [1 / 3] * 3) == [0, 1, 2]
    ties = {pair: Duel(0.5, 0.0, False) for pair in cycle}
    assert ranking(3, ties, [1 / 3, 2 / 3, 2 / 3]) == [1, 2, 0]


def judged(towns: list[str], prefers: str) -> ScriptedModel:
    """Candidates that name these towns, and a judge who prefers one of them, or whatever stands first ("first")."""
    said = iter(towns)

    def reply(prompt: str) -> str:
        if "Preference: <" not in prompt:
            return "Because of {0}.\nAnswer: {0}".format(next(said))
        first, second = re.findall(r"Answer: (\w+)", prompt)
        return f"Preference: {-2 if prefers in ('first', first) else 2 if prefers == second else 1}"

    return ScriptedModel(reply)


async def test_the_one_that_wins_most_is_the_answer_and_the_judge_sees_two_at_a_time() -> None:
    model = judged(["Hull", "Leith", "Dover", "Hull too"], "Leith")
    result = await run(WHICH, pairwise_judge, prepare(model=model, seed=1))
    assert (result.answer.value, result.usage.calls, pairwise_judge.calls) == ("leith", 4 + 12, 16)
    bouts = [prompt for prompt in model.prompts if "Preference: <" in prompt]
    assert all(len(re.findall(r"^\[[AB]\] ", prompt, re.MULTILINE)) == 2 for prompt in bouts)
    assert all("chain_of_thought" not in prompt for prompt in bouts)  # nothing of who wrote what
    assert {request.temperature for request in model.requests[4:]} == {0.0}
    assert result.answer.data["ranking"][0] == "chain_of_thought 2"  # type: ignore[index]


async def test_a_judge_who_always_says_a_yields_only_ties_and_then_the_vote_decides() -> None:
    model = judged(["Hull", "Leith", "Hull"], "first")
    result = await run(WHICH, pairwise_judge(n=3), prepare(model=model))
    assert (result.answer.value, result.answer.data["ties"], result.answer.data["duels"]) == ("hull", 3, 3)


async def test_equal_texts_and_single_candidates_are_not_compared() -> None:
    model = judged(["Hull", "Hull"], "Hull")
    result = await run(WHICH, pairwise_judge(n=2), prepare(model=model))
    assert (result.answer.value, result.usage.calls) == ("hull", 2)
    said = iter(["I do not know.", "Answer: Hull"])
    model = ScriptedModel(lambda prompt: next(said))
    result = await run(WHICH, pairwise_judge(n=2), prepare(model=model))
    assert (result.answer.value, result.usage.calls) == ("hull", 2)
    nobody = await run(WHICH, pairwise_judge(n=2), prepare(model=ScriptedModel(lambda prompt: "?")))
    assert (nobody.answer.value, nobody.stop_reason, nobody.usage.calls) == (None, "undecided", 2)


def test_its_cost_and_its_bounds() -> None:
    assert pairwise_judge(debate(2), n=3).calls == 3 * 4 + 6
    assert pairwise_judge(n=1).calls == 1
    with pytest.raises(ConfigurationError, match="at least 1"):
        pairwise_judge(n=0)


def test_with_both_orders_a_position_bias_makes_ties_and_never_errors() -> None:
    # On merit with probability a = 0.6, else "first": both orders on merit 0.36, one of each 0.48, both first 0.16.
    merit, runs, dice = 0.6, 300, Random("bias")

    def reply(prompt: str) -> str:
        if "Preference: <" not in prompt:
            return f"So.\nAnswer: {next(said)}"
        first = re.findall(r"Answer: (\w+)", prompt)[0]
        return f"Preference: {-1 if first == 'right' or dice.random() >= merit else 1}"

    async def measured() -> tuple[int, int]:
        nonlocal said
        graph, right, ties = pairwise_judge(n=2).compile(), 0, 0
        for seed in range(runs):
            said = iter(dice.sample(["right", "wrong"], 2))
            context = Context(models={"default": ScriptedModel(reply)}, seed=seed)
            answer = (await graph.ainvoke({"question": WHICH}, context=context))["answer"]
            ties += answer.data["ties"]
            right += answer.value == "right" and not answer.data["ties"]
        return right, ties

    said = iter(("",))
    right, ties = asyncio.run(measured())
    assert right + ties == runs  # where it decides it is never wrong
    assert abs(right / runs - merit) < 3.5 * (merit * (1 - merit) / runs) ** 0.5


def test_the_simulated_judge_can_tell_right_from_wrong() -> None:
    model = SimulatedModel(accuracy=0.9, wrong_answers=1)
    result = asyncio.run(run(Question(text="How far?", answer_type="number"), pairwise_judge, prepare(model=model)))
    assert [one.data["preference"] in (-3, -2, -1, 1, 2, 3) for one in result.thoughts if one.kind == "vote"] == [
        True
    ] * 12
    assert chain_of_thought.calls == 1
