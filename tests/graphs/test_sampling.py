"""Samples that stop early or are chosen by a model: the worked numbers, the laws, the bad cases."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import permutations
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.agents import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import (
    adaptive_consistency,
    early_stopping_self_consistency,
    self_consistency,
    universal_self_consistency,
)
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.early_stopping import lead
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

HOW_MANY = Question(text="How many?", answer_type="number")


def drawing(answers: Iterator[str]) -> ScriptedModel:
    return ScriptedModel(lambda prompt: f"So.\nAnswer: {next(answers)}\nConfidence: 50")


async def drawn(strategy: Strategy[...], answers: str) -> Result:
    """The result where the samples give these answers, one word each, in this order."""
    return await run(HOW_MANY, strategy, prepare(model=drawing(iter(answers.split()))))


@pytest.mark.parametrize(
    ("a", "b", "certainty"),
    [
        *((3, 0, 0.9375), (4, 0, 0.9688), (5, 1, 0.9375), (6, 1, 0.9648), (7, 2, 0.9453)),
        *((8, 2, 0.9673), (9, 3, 0.9539), (10, 4, 0.9408), (0, 0, 0.5), (2, 2, 0.5)),
    ],
)
def test_the_lead_is_the_tail_of_a_beta_distribution(a: int, b: int, certainty: float) -> None:
    assert lead(["x"] * a + [None] + ["y"] * b) == pytest.approx(certainty, abs=5e-5)


@given(votes=st.lists(st.sampled_from(["x", "y", "z", None]), max_size=9), data=st.data())
def test_the_lead_depends_on_counts_alone(votes: list[str | None], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(votes))
    assert lead(votes) == lead(shuffled) >= 0.5


@pytest.mark.parametrize(
    ("answers", "value", "samples"),
    [
        ("4 4 4 4 9", "4", 4),
        ("4 7 4 4 4 4 4 9", "4", 7),
        ("4 ? 4 4 ? 4 9", "4", 6),
        ("4 7 4 7 4 7", "tie", 6),
        ("? ? ? ? ? ?", None, 6),
    ],
)
async def test_adaptive_sampling_stops_when_the_first_is_ahead(answers: str, value: str | None, samples: int) -> None:
    result = await drawn(adaptive_consistency(samples=max(samples, 6)), answers)
    assert result.answer.data["samples"] == result.usage.calls == samples
    assert result.answer.value in {"4", "7"} if value == "tie" else result.answer.value == value


async def test_all_of_a_batch_count() -> None:
    result = await drawn(adaptive_consistency(samples=7, batch=3), "4 4 7 4 4 4 4")
    assert (result.answer.data["samples"], result.usage.calls, result.answer.confidence) == (7, 7, 6 / 7)


@pytest.mark.parametrize(
    ("answers", "value", "samples", "reason"),
    [
        ("4 4 4 4 4", "4", 5, "agreed"),
        ("4 4 4 4 7 7 7 7 7 7", "7", 10, "agreed"),
        ("4 4 4 4 7 4 4 4 4 7 7 7 7 7 7", "7", 15, "agreed"),  # 8 votes for 4 and 7 for 7: the window decides
        ("4 4 4 4 ? 4 4 4 4 7 4 4 4 4 7", "4", 15, "finished"),
        ("? ? ? ? ? ? ? ? ? ? ? ? ? ? ?", None, 15, "undecided"),
    ],
)
async def test_a_unanimous_window_stops_the_sampling(answers: str, value: str, samples: int, reason: str) -> None:
    result = await drawn(early_stopping_self_consistency(samples=15), answers)
    assert (result.answer.value, result.usage.calls, result.stop_reason) == (value, samples, reason)


async def test_a_last_window_that_is_shorter_does_not_stop_it() -> None:
    result = await drawn(early_stopping_self_consistency(samples=7), "4 4 4 9 9 9 9")
    assert (result.answer.value, result.usage.calls, result.stop_reason) == ("9", 7, "finished")


async def test_within_a_window_the_order_does_not_matter() -> None:
    for order in permutations(["4", "4", "7", "9"]):
        result = await drawn(early_stopping_self_consistency(samples=4, window=4), " ".join(order))
        assert (result.answer.value, result.usage.calls) == ("4", 4)


def law(strategy: Strategy[...], right: float, runs: int) -> tuple[float, float, float]:
    """Mean samples, their standard error and accuracy where a sample is right with this chance and else gives 1."""
    dice = Random(f"{strategy!r}/{right}")
    model = ScriptedModel(lambda prompt: f"Answer: {0 if dice.random() < right else 1}")

    async def measured() -> list[tuple[int, bool]]:
        graph, found = strategy.compile(), []
        for seed in range(runs):
            context = Context(models={"default": model}, seed=seed)
            answer = (await graph.ainvoke({"question": HOW_MANY}, context=context))["answer"]
            found.append((context.ledger.total.calls, answer.value == "0"))
        return found

    found = asyncio.run(measured())
    mean = sum(calls for calls, _ in found) / runs
    spread = sqrt(sum((calls - mean) ** 2 for calls, _ in found) / runs / runs)
    return mean, spread, sum(hit for _, hit in found) / runs


@pytest.mark.parametrize(
    ("strategy", "right", "samples", "accuracy"),
    [
        (adaptive_consistency, 0.9, 5.62, 0.9999),
        (adaptive_consistency, 0.7, 15.1, 0.985),
        (early_stopping_self_consistency, 0.9, 8.46, 1.0),
        (early_stopping_self_consistency, 0.7, 22.7, 0.986),
    ],
)
def test_samples_and_accuracy_follow_their_law(
    strategy: Strategy[...], right: float, samples: float, accuracy: float
) -> None:
    runs = 60
    mean, error, hits = law(strategy, right, runs)
    assert abs(mean - samples) < 3.5 * error
    assert abs(hits - accuracy) <= 3.5 * sqrt(accuracy * (1 - accuracy) / runs) + 1 / runs


async def test_confidences_add_up_and_the_most_confident_alone_does_not_win() -> None:
    said = iter(["x\nConfidence: 90", "y\nConfidence: 50", "y\nConfidence: 45"])
    model = ScriptedModel(lambda prompt: f"Answer: {next(said)}")
    strategy = self_consistency(samples=3, decision="confidence_weighted")
    result = await run(Question(text="Which?"), strategy, prepare(model=model))
    assert result.answer.value == "y"
    with pytest.raises(ConfigurationError, match="unknown decision rule"):
        self_consistency(decision="judge")


def choosing(choice: str | Callable[[str], str], *replies: str) -> ScriptedModel:
    said = iter(replies)

    def reply(prompt: str) -> str:
        if "Response: <" not in prompt:
            return next(said)
        return f"Response: {choice(prompt) if callable(choice) else choice}"

    return ScriptedModel(reply)


REPLIES = ("By sea.\nAnswer: a port town", "By rail.\nAnswer: a harbour town", "By air.\nAnswer: a mountain village")


@pytest.mark.parametrize(
    ("choice", "chosen", "text"),
    [
        ("2", "sample 2", "a harbour town"),
        ("reply 3", "sample 3", "a mountain village"),
        ("9", None, "a port town"),
        ("none of them", None, "a port town"),
    ],
)
async def test_the_selector_chooses_one_of_the_replies_as_it_is(choice: str, chosen: str | None, text: str) -> None:
    model = choosing(choice, *REPLIES)
    result = await run(Question(text="Which?"), universal_self_consistency(samples=3), prepare(model=model))
    assert (result.answer.data["chosen"], result.usage.calls) == (chosen, 4)
    if chosen:
        assert (result.answer.text, result.answer.rationale) == (text, REPLIES[int(chosen[-1]) - 1])
    else:
        assert result.answer.text in {reply.partition("Answer: ")[2] for reply in REPLIES}  # a draw among the tied
    last = model.requests[-1]
    assert (last.temperature, all(reply in last.messages[-1]["content"] for reply in REPLIES)) == (0.0, True)


async def test_replies_that_cannot_be_read_are_not_shown_and_one_needs_no_choice() -> None:
    model = choosing("2", "I do not know.", *REPLIES[:2])
    result = await run(Question(text="Which?"), universal_self_consistency(samples=3), prepare(model=model))
    assert (result.answer.text, result.answer.data["chosen"]) == ("a harbour town", "sample 3")
    assert "I do not know" not in model.prompts[-1]
    single = choosing("2", "I do not know.", REPLIES[0])
    result = await run(Question(text="Which?"), universal_self_consistency(samples=2), prepare(model=single))
    assert (result.answer.text, result.usage.calls) == ("a port town", 2)


@pytest.mark.parametrize(
    ("strategy", "wrong"),
    [
        (adaptive_consistency, {"samples": 0}),
        (adaptive_consistency, {"batch": 0}),
        (adaptive_consistency, {"certainty": 1.0}),
        (adaptive_consistency, {"certainty": 0.5}),
        (early_stopping_self_consistency, {"window": 1}),
        (early_stopping_self_consistency, {"temperature": 0.0}),
        (universal_self_consistency, {"samples": 0}),
    ],
)
def test_sampling_that_makes_no_sense_is_refused(strategy: Strategy[...], wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        strategy(**wrong)
    assert strategy(solver=Solver()).calls in (40, 9)
