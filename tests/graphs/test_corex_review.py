"""Corex review: the chain of reviewers, what each one sees, and the law of repairs."""

import asyncio
import re
from random import Random

import pytest

from disputatio.agents import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import corex_review
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question

PRICE = Question(text="7x = 700. What is x?", answer_type="number")


async def test_each_reviewer_works_on_what_the_one_before_left() -> None:
    replies = iter(
        [
            "7x = 700 so x = 90.\nAnswer: 90",
            "Nothing is wrong.\nSolution:\n7x = 700, hence x = 90.\nAnswer: 90",
            "**Solution:** 7x = 700, so x must be 90.\nAnswer: 90",
            "The division is wrong.\n\nSolution:\nx = 700 / 7 = 100.\nAnswer: 100",
            "Sound.\nSolution:\n700 / 7 = 100.\nAnswer: 100",
        ]
    )
    model = ScriptedModel(lambda prompt: next(replies))
    result = await run(PRICE, corex_review, prepare(model=model, seed=4))
    assert (result.answer.value, result.usage.calls, corex_review.calls) == ("100", 5, 5)
    first, second, third, fourth, fifth = model.prompts
    assert "so x = 90." not in first
    assert "so x = 90." in second
    assert "so x = 90." not in third
    assert "hence x = 90." in third
    assert "Review: Nothing is wrong." in third
    assert "so x must be 90." in fourth
    assert "hence x = 90" not in fourth
    assert "x = 700 / 7 = 100." in fifth
    assert ["The division is wrong." in prompt for prompt in model.prompts] == [False] * 4 + [True]
    authors = [one.author for one in result.thoughts]
    assert sorted(authors) == [f"agent {seat}" for seat in range(1, 6)]
    assert authors[0] == result.answer.data["primary"]
    assert authors[1:] == sorted(authors[1:])


async def test_the_primary_is_drawn_by_seed_and_the_draw_repeats() -> None:
    model = ScriptedModel(lambda prompt: "Answer: 1")
    drawn = [
        (await run(PRICE, corex_review, prepare(model=model, seed=seed))).answer.data["primary"]
        for seed in (*range(12), *range(12))
    ]
    assert drawn[:12] == drawn[12:]
    assert len(set(drawn)) > 2


async def test_a_review_that_cannot_be_read_changes_nothing_and_leaves_its_words_as_feedback() -> None:
    said = {"agent 1": "So.\nAnswer: 5", "agent 2": "I cannot tell.", "agent 3": "Sound.\nSolution:\nSo.\nAnswer: 5"}
    panel = [Solver(name, model=ScriptedModel(lambda prompt, text=text: text)) for name, text in said.items()]  # type: ignore[misc]
    for seed in range(4):
        result = await run(PRICE, corex_review(panel), prepare(model=ScriptedModel(str), seed=seed))
        assert (result.answer.value, result.usage.calls) == ("5", 3)
    silent = ScriptedModel(lambda prompt: "I do not know.")
    nobody = await run(PRICE, corex_review(3), prepare(model=silent))
    assert (nobody.answer.value, nobody.stop_reason, nobody.usage.calls) == (None, "undecided", 3)


@pytest.mark.parametrize("agents", [1, 0, [Solver()], [Solver(), Solver()]])
def test_a_review_needs_two_agents_with_names(agents: object) -> None:
    with pytest.raises(ConfigurationError, match="at least 2 agents"):
        corex_review(agents)  # type: ignore[arg-type]


@pytest.mark.parametrize(("repair", "spoil", "expected"), [(0.3, 0.05, 0.8112), (0.05, 0.3, 0.224)])
def test_four_reviews_follow_the_law_of_a_two_state_chain(repair: float, spoil: float, expected: float) -> None:
    # a_t = pi + (a_0 - pi)(1 - f - b)^t with pi = f / (f + b) and a_0 = 0.6; reviews that spoil more make it worse.
    limit = repair / (repair + spoil)
    assert limit + (0.6 - limit) * (1 - repair - spoil) ** 4 == pytest.approx(expected, abs=2e-3)
    dice, runs = Random(f"{repair}"), 250

    def reply(prompt: str) -> str:
        held = re.findall(r"^Answer: (\d)", prompt, re.MULTILINE)
        chance = 0.6 if not held else 1 - spoil if held[-1] == "1" else repair
        return f"Checked.\nSolution:\nSo.\nAnswer: {int(dice.random() < chance)}"

    async def measured() -> float:
        graph, model, hits = corex_review.compile(), ScriptedModel(reply), 0
        for seed in range(runs):
            output = await graph.ainvoke({"question": PRICE}, context=Context(models={"default": model}, seed=seed))
            hits += output["answer"].value == "1"
        return hits / runs

    assert abs(asyncio.run(measured()) - expected) < 3.5 * (expected * (1 - expected) / runs) ** 0.5
