"""SaySelf: the confidence is the share that agrees, and the rationale is written without knowing it."""

import asyncio

import pytest

from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import sayself
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question
from disputatio.result import Result

YEAR = Question(text="In which year?", answer_type="number")


def sampled(answers: str, reflection: str = "I am not sure whether it was before the war.") -> ScriptedModel:
    said = iter(answers.split())

    def reply(prompt: str) -> str:
        if "Reflection: <" in prompt:
            return f"Reflection: {reflection}"
        return "By count {0}.\nAnswer: {0}\nConfidence: 35".format(next(said))

    return ScriptedModel(reply)


async def told(answers: str, **settings: object) -> tuple[Result, ScriptedModel]:
    model = sampled(answers)
    strategy = sayself(samples=len(answers.split()), **settings)  # type: ignore[arg-type]
    return await run(YEAR, strategy, prepare(model=model, seed=1)), model


async def test_six_of_ten_are_a_confidence_of_six() -> None:
    result, model = await told("1910 1912 1910 1910 1914 1910 1912 1910 1912 1910")
    answer = result.answer
    assert (answer.value, answer.confidence, answer.data["confidence_of_10"]) == ("1910", 0.6, 6)
    assert answer.rationale == "I am not sure whether it was before the war."
    assert [(one["answer"], one["size"]) for one in answer.data["clusters"]] == [  # type: ignore[union-attr, index, call-overload]
        ("1910", 6),
        ("1912", 3),
        ("1914", 1),
    ]
    assert (result.usage.calls, sayself.calls) == (11, 11)
    last = model.prompts[-1]
    assert [last.count(f"Answer: {year}") for year in (1910, 1912, 1914)] == [1, 1, 1]  # one of each, no counts
    assert "sample" not in last.partition("Question:")[2]
    assert "Do not say which" in last


async def test_samples_that_cannot_be_read_lower_the_confidence() -> None:
    result, _ = await told("7 7 ? 7 ?")
    assert (result.answer.value, result.answer.confidence) == ("7", 0.6)


async def test_one_answer_only_is_held_firmly_and_one_sample_only_says_its_own() -> None:
    result, model = await told("7 7.0 7")
    assert result.answer.confidence == 1.0
    assert "firm" in model.prompts[-1]
    single, _ = await told("7")
    assert (single.answer.confidence, single.answer.data["confidence_from"]) == (0.35, "verbal")
    nothing, _ = await told("? ? ?")
    assert (nothing.answer.value, nothing.answer.confidence, nothing.stop_reason) == (None, 0.0, "undecided")
    assert nothing.usage.calls == 3


def test_it_needs_samples_that_differ() -> None:
    for wrong in ({"samples": 0}, {"temperature": 0.0}):
        with pytest.raises(ConfigurationError):
            sayself(**wrong)  # type: ignore[arg-type]


def test_the_share_of_the_mode_is_above_its_accuracy_by_a_known_amount() -> None:
    # Three samples over two answers at p = 0.6: the mode holds 0.760 of them on average, and is right with 0.648.
    runs, shares, hits = 400, 0.0, 0
    model, graph = SimulatedModel(accuracy=0.6, wrong_answers=1), sayself(samples=3).compile()

    async def measured() -> None:
        nonlocal shares, hits
        for number in range(runs):
            question = Question(text=f"How many are {number}?", answer_type="number")
            output = await graph.ainvoke({"question": question}, context=Context(models={"default": model}))
            shares += output["answer"].confidence
            hits += output["answer"].value == next(iter(model.known(question)))

    asyncio.run(measured())
    assert abs(shares / runs - 0.760) < 3.5 * 0.15 / runs**0.5
    assert abs(hits / runs - 0.648) < 3.5 * (0.648 * 0.352 / runs) ** 0.5
