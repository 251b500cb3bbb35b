"""InftyThink: bounded segments, a summary that replaces them, and the ways in which the loop ends."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from random import Random

import pytest

from disputatio.agents import Planner
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelError
from disputatio.graphs import inftythink, sequence
from disputatio.graphs.run import prepare, run
from disputatio.model import Profile
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

ASKED = Question(text="How many?", answer_type="number")


def turn(prompt: str) -> str:
    return "summary" if "You keep the notes" in prompt else "segment"


def script(segments: list[str], summaries: list[str]) -> ScriptedModel:
    said = {"segment": iter(segments), "summary": iter(summaries)}
    return ScriptedModel(lambda prompt: next(said[turn(prompt)]))


async def worked(model: ScriptedModel, strategy: Strategy[...] = inftythink) -> Result:
    return await run(ASKED, strategy, prepare(model=model))


async def test_three_segments_cost_five_calls_and_the_last_sees_the_last_summary_only() -> None:
    model = script(
        ["alpha work\nAnswer: none", "beta work\nAnswer: none", "gamma work\nAnswer: 42"],
        ["1. first note", "1. second note"],
    )
    result = await worked(model)
    assert (result.answer.value, result.usage.calls, result.answer.data["segments"]) == ("42", 5, 3)
    assert [turn(prompt) for prompt in model.prompts] == ["segment", "summary", "segment", "summary", "segment"]
    first, summed, second, again, third = model.prompts
    assert "Progress so far" not in first
    assert "alpha work" in summed
    assert "first note" in second
    assert "alpha" not in second
    assert "first note" in again
    assert "beta work" in again
    assert "alpha" not in again
    assert "second note" in third
    assert not re.search("alpha|beta|first", third)
    assert result.answer.data["ended"] == "answered"


async def test_the_state_does_not_grow_and_the_record_holds_everything() -> None:
    model = script([f"part {n}\nAnswer: none" for n in range(5)] + ["Answer: 5"], [f"1. note {n}" for n in range(5)])
    context = prepare(model=model)
    graph = inftythink.compiled
    output = [one async for one in graph.astream({"question": ASKED}, context=context, stream_mode="values")]
    assert all(not one.get("thoughts") for one in output)
    assert len(context.thoughts) == 11
    result = await worked(script(["one\nAnswer: none", "Answer: 2"], ["1. note"]))
    one, note, two = result.thoughts
    assert {(link.source, link.target, link.kind) for link in result.links} == {
        (note.id, one.id, "aggregates"),
        (two.id, note.id, "uses"),
    }


async def test_prompts_stay_as_long_as_the_summary_makes_them() -> None:
    # With s words in a summary and eta in a segment, prompts are p, then p + s + heading for ever.
    eta, s = 40, 20
    model = ScriptedModel(
        lambda p: f"1. {'note ' * (s - 1)}" if turn(p) == "summary" else "word " * (eta - 2) + "\nAnswer: none"
    )
    counts = iter(range(100))
    changing = replace(model, reply=lambda p: model.reply(p).replace("note", f"note{next(counts)}", 1))
    result = await worked(changing, inftythink(segments=6))
    prompts = [len(prompt.split()) for prompt in changing.prompts if turn(prompt) == "segment"]
    summing = [len(prompt.split()) for prompt in changing.prompts if turn(prompt) == "summary"]
    assert len(set(prompts[1:])) == len(set(summing[1:])) == 1
    # The summary and its mark have s words, its heading 3, and what is said of it to who goes on 9.
    assert (prompts[1] - prompts[0], summing[1] - summing[0]) == (s + 3 + 9, s + 3)
    assert result.answer.data["peak_tokens"] == max(thought.usage.tokens for thought in result.thoughts)
    assert (result.usage.calls, result.answer.data["ended"], result.stop_reason) == (11, "segments", "undecided")


async def test_lengths_and_temperatures_are_those_asked_for() -> None:
    model = script(["a\nAnswer: none", "Answer: 2"], ["1. note"])
    await worked(model, inftythink(segment_tokens=77, summary_tokens=33, temperature=0.4))
    assert [(one.max_tokens, one.temperature) for one in model.requests] == [(77, 0.4), (33, 0.0), (77, 0.4)]
    assert inftythink.arguments["segment_tokens"] == 4096
    assert inftythink.calls == 2 * 50 - 1


@pytest.mark.parametrize("summary", ["Progress:", "Progress: none"])
async def test_a_summary_that_is_missing_leaves_the_one_before_in_force(summary: str) -> None:
    model = script(["a\nAnswer: none", "b\nAnswer: none", "Answer: 2"], ["1. the first note", summary])
    result = await worked(model)
    assert "the first note" in model.prompts[-1]
    assert result.answer.value == "2"


async def test_a_summary_in_prose_is_taken_as_it_is() -> None:
    model = script(["a\nAnswer: none", "Answer: 2"], ["So far it is even."])
    await worked(model)
    assert "Progress so far:\nSo far it is even." in model.prompts[-1]


async def test_a_summary_that_was_cut_off_loses_its_last_item() -> None:
    model = script(["a\nAnswer: none", "Answer: 2"], ["1. It is even.\n2. It is small.\n3. It is not the"])
    await worked(model, inftythink(summary_tokens=8))
    assert "- It is even.\n" in model.prompts[-1]
    assert "not the" not in model.prompts[-1]


async def test_work_that_stands_still_is_warned_once_then_ended() -> None:
    model = script(["a\nAnswer: none"] * 9, ["1. note", "1. Note ", "1.  note"] + ["1. other"] * 6)
    result = await worked(model)
    warned = ["brought no progress" in prompt for prompt in model.prompts if turn(prompt) == "segment"]
    assert warned == [False, False, True]
    assert (result.answer.data["ended"], result.answer.value, result.stop_reason) == ("stalled", None, "undecided")
    assert result.answer.rationale == "- note"


async def test_a_warning_that_helps_is_forgotten() -> None:
    model = script(["a\nAnswer: none"] * 4 + ["Answer: 8"], ["1. a", "1. a", "1. b", "1. b"])
    assert (await worked(model)).answer.value == "8"


async def test_an_answer_that_is_only_named_in_passing_does_not_end_the_work() -> None:
    model = script(
        ["The final answer may be 41.\nAnswer: none", "The answer is 42, finally.", "Answer: 42"], ["1. a", "1. b"]
    )
    result = await worked(model)
    assert (result.answer.value, result.answer.data["segments"]) == ("42", 3)


async def test_a_question_that_does_not_fit_is_undecided_and_said_to_be_too_long() -> None:
    def refuse(prompt: str) -> str:
        raise ModelError("too long", fault="context_too_long")

    result = await worked(ScriptedModel(refuse))
    assert (result.answer.data["ended"], result.answer.value) == ("too long", None)


async def test_a_weak_model_is_asked_for_its_answer_in_a_second_step() -> None:
    def weak(prompt: str) -> str:
        if "as a JSON object" in prompt:
            return '{"answer": "7"}' if turn(prompt) == "segment" else '{"progress": ["it is odd"]}'
        return "I think that it is seven."

    result = await worked(ScriptedModel(weak, profile=Profile(structure="two_step")))
    assert (result.answer.value, result.usage.calls) == ("7", 2)


async def test_a_plan_from_before_is_seen_in_every_segment() -> None:
    model = script(["a\nAnswer: none", "Answer: 2"], ["1. note"])
    reply = model.reply
    planned = ScriptedModel(lambda p: "Points: 1. Is it even?" if "You are the planner" in p else reply(p))
    await worked(planned, sequence(Planner(), inftythink))
    assert ["Is it even?" in prompt for prompt in planned.prompts] == [False, True, False, True]


def test_settings_without_meaning_are_refused() -> None:
    for wrong in ({"segments": 0}, {"segment_tokens": 0}, {"summary_tokens": 0}, {"temperature": -1}):
        with pytest.raises(ConfigurationError, match="at least 1"):
            inftythink(**wrong)  # type: ignore[arg-type]


def counting(keep: Callable[[], bool], upto: int) -> ScriptedModel:
    """A solver that adds one in each segment, and a summariser that may forget how far it was."""

    def reply(prompt: str) -> str:
        counted = [int(number) for number in re.findall(r"count is (\d+)", prompt)]
        if turn(prompt) == "summary":
            return f"1. the count is {counted[-1]}" if keep() else f"1. something was done {next(number)}"
        now = 1 + (counted[-1] if counted else 0)
        return f"Now the count is {now}.\nAnswer: {now if now == upto else 'none'}"

    number = iter(range(1000))
    return ScriptedModel(reply)


@pytest.mark.parametrize(("kept", "found"), [(True, "20"), (False, None)])
async def test_a_summariser_that_drops_everything_fails_the_counter(kept: bool, found: str | None) -> None:
    result = await worked(counting(lambda: kept, 20), inftythink(segments=25))
    assert result.answer.value == found
    assert result.answer.data["segments"] == (20 if kept else 25)


def chain(keeps: float, unnoticed: float, length: int, dice: Random) -> ScriptedModel:
    """A chain of steps. A summary keeps each with a probability; who goes on may not notice that it was lost."""

    def reply(prompt: str) -> str:
        counted = re.findall(r"step (\d+) (right|wrong|lost)", prompt)
        number, state = (int(counted[-1][0]), counted[-1][1]) if counted else (0, "right")
        if turn(prompt) == "summary":
            return f"1. step {number} {'lost' if state == 'right' and dice.random() >= keeps else state}"
        if state == "lost":
            state = "wrong" if dice.random() < unnoticed else "right"
        done = number + 1 > length
        return f"step {number + 1} {state}\nAnswer: {('1' if state == 'right' else '0') if done else 'none'}"

    return ScriptedModel(reply)


@pytest.mark.parametrize(("keeps", "unnoticed", "length"), [(0.7, 0.5, 8), (0.9, 0.2, 8), (1.0, 1.0, 8)])
def test_accuracy_falls_with_what_summaries_lose_unnoticed(keeps: float, unnoticed: float, length: int) -> None:
    law, runs = (1 - (1 - keeps) * unnoticed) ** length, 150
    dice = Random(f"{keeps}/{unnoticed}")

    async def right() -> float:
        graph, hits = inftythink(segments=length + 1).compile(), 0
        for _ in range(runs):
            context = Context(models={"default": chain(keeps, unnoticed, length, dice)})
            hits += (await graph.ainvoke({"question": ASKED}, context=context))["answer"].value == "1"
        return hits / runs

    assert abs(asyncio.run(right()) - law) <= 4 * sqrt(law * (1 - law) / runs)
