"""Worked examples: how a weak model is shown which tool to choose, and how to read what it gave."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import Field

from disputatio.agents import Form, Solver
from disputatio.agents.agent import RULES
from disputatio.agents.forms import Answered, answered
from disputatio.errors import ConfigurationError
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import prepare, run
from disputatio.model import Message, Profile
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.tools import tool

ASKED = Question(text="How much is it?", answer_type="number")


class Doubted(Answered):
    doubt: str = Field(description="what speaks against it")


@tool(access="pure", quick=True, examples={"What do two cakes cost?": {"item": "cake", "confidence": 2}})
def worked(item: str, confidence: int) -> int:
    """Price of so many."""
    return {"cake": 5}[item] * confidence


async def test_a_weak_model_chooses_in_one_call_after_worked_examples() -> None:
    use = json.dumps({"use": {"tool": "worked", "arguments": {"item": "cake", "confidence": 3}}})
    said = iter([use, "It is 15.", '{"answer": "15"}'])
    model = ScriptedModel(lambda _: next(said), profile=Profile(structure="two_step"))
    strategy = chain_of_thought(solver=Solver(tools=[worked]))
    result = await run(ASKED, strategy, prepare(model=model))
    assert ([one.text for one in result.thoughts if one.role == "tool"], result.answer.value, result.usage.calls) == (
        ["15"],
        "15",
        3,
    )
    rules, *turns = model.requests[0].messages
    assert rules["content"].endswith('to use none, {"use": {"tool": "none"}}.')
    assert "- worked(" in rules["content"]
    assert [one["content"] for one in turns] == [
        "Question: What colour is grass?",
        '{"use": {"tool": "none"}}',
        "Question: What do two cakes cost?",
        '{"use": {"tool": "worked", "arguments": {"item": "cake", "confidence": 2}}}',
        "Question: How much is it?",
    ]
    schema: Any = model.requests[0].schema
    arguments = schema["properties"]["use"]["anyOf"][0]["properties"]["arguments"]
    assert arguments["required"] == ["item", "confidence"]  # a tool's own, whatever forms leave out under that name
    assert arguments["properties"]["item"]["maxLength"] == 200  # a weak model does not find its end
    assert [request.schema is None for request in model.requests] == [False, True, False]


async def test_a_weak_model_reads_what_a_tool_gave_after_worked_examples() -> None:
    use = json.dumps({"use": {"tool": "worked", "arguments": {"item": "cake", "confidence": 3}}})
    said = iter([use, "Answer: 15"])
    model = ScriptedModel(lambda _: next(said), profile=Profile(structure="two_step"))
    result = await run(ASKED, chain_of_thought(solver=Solver(tools=[worked])), prepare(model=model))
    assert (result.answer.value, result.usage.calls) == ("15", 2)
    assert [request.temperature for request in model.requests] == [0, 0]  # neither is to be made up
    rules, *turns = model.requests[1].messages
    assert rules == Message(role="system", content=RULES)
    assert [one["content"] for one in turns] == [
        'Question: What do two cakes cost?\n\n[worked(item="cake", confidence=2)] 10',  # the tool was called for it
        "Answer: 10",
        'Question: How much is it?\n\n[worked(item="cake", confidence=3)] 15',
    ]
    assert [thought.role for thought in result.thoughts] == ["tool", "solver"]  # the example is no part of the run


SLOW = {"quick": False}
CAKES = {"item": "cake", "confidence": 3}


@pytest.mark.parametrize(
    ("changed", "form", "arguments", "question"),
    [
        pytest.param(SLOW, answered, CAKES, ASKED, id="an example must not take time"),
        pytest.param({}, answered, {"item": "tea", "confidence": 3}, ASKED, id="it failed"),
        pytest.param({}, Doubted, CAKES, ASKED, id="more is asked than the answer"),
        pytest.param({}, answered, CAKES, Question(text="Should we?", answer_type="boolean"), id="15 is no answer"),
    ],
)
async def test_a_weak_model_is_told_what_to_do_where_worked_examples_do_not_show_it(
    changed: dict[str, Any], form: type[Form], arguments: dict[str, Any], question: Question
) -> None:
    use = json.dumps({"use": {"tool": "worked", "arguments": arguments}})
    model = ScriptedModel(
        lambda prompt: (
            use if "Reply with JSON" in prompt else "Answer: 15\nDoubt: none" if question is ASKED else "Answer: yes"
        ),
        profile=Profile(structure="two_step"),
    )
    solver = replace(Solver(tools=[replace(worked, **changed)]), form=form)
    result = await run(question, chain_of_thought(solver=solver), prepare(model=model, temperature=0.9))
    assert result.answer.value == ("15" if question is ASKED else "yes")
    assert (model.requests[0].temperature, model.requests[-1].temperature) == (0, 0.9)
    assert "two cakes" not in model.prompts[-1]
    assert "step by step" in model.prompts[-1]


async def test_a_model_that_goes_by_descriptions_is_shown_no_examples() -> None:
    model = ScriptedModel(lambda prompt: '{"use": {"tool": "none"}}' if "Use: <" in prompt else "Answer: 3")
    await run(ASKED, chain_of_thought(solver=Solver(tools=[worked])), prepare(model=model))
    assert "two cakes" not in model.prompts[0]
    assert "step by step" in model.prompts[0]


def test_an_example_with_wrong_arguments_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"example 'Two cakes\?' of tool 'worked': worked: confidence: .*integer"
    ):
        replace(worked, examples={"Two cakes?": {"item": "cake", "confidence": "two"}})
