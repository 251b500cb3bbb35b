"""Worked examples: turns of a conversation that show a model which is too small to go by a description what to do.

A tool brings its own (`Tool.examples`). They come before the question: where the model chooses a tool, where it reads
what a tool gave, and where it does both in turns.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from disputatio.errors import ToolError
from disputatio.memory.transcript import render
from disputatio.model import Message
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools.tool import Tool

NEEDS_NONE = "What colour is grass?"
"""The example that comes before those of the tools: a small model does what the last examples do."""


def choosing(tools: Sequence[Tool]) -> list[Message]:
    """Questions, and the choice of a tool for each; nothing if no tool has examples."""
    worked = [(asked, _use(tool.name, given)) for tool in tools for asked, given in tool.examples.items()]
    return _turns((_asked(asked), use) for asked, use in [(NEEDS_NONE, _use("none")), *worked]) if worked else []


async def reading(tool: Tool) -> list[Message]:
    """Questions with what the tool gives, and the answer to each, which is that; nothing if it is not quick."""
    made = await _made(tool)
    asked = (f"{_asked(question)}\n\n{render([_observed(tool, given, told)])}" for question, given, told in made)
    return _turns(zip(asked, (f"Answer: {told}" for _, _, told in made), strict=True))


async def courses(tools: Sequence[Tool]) -> list[Message]:
    """Questions, an action and what it gives for each, and the answer, which is that; nothing if no tool is quick."""
    worked: list[tuple[str, str]] = []
    for tool in tools:
        for asked, given, told in await _made(tool):
            acts = f"Thought: The {tool.name} settles this.\nAction: {tool.name}[{_input(given)}]\nAnswer: none"
            answers = f"Thought: That is the answer.\nAnswer: {told}"
            worked += [(_asked(asked), acts), (f"Observation: {told}", answers)]
    return _turns([(_asked(NEEDS_NONE), "Thought: I know that.\nAnswer: green"), *worked]) if worked else []


async def _made(tool: Tool) -> list[tuple[str, Mapping[str, Any], str]]:
    """What is asked, the arguments and the result.

    None if it is not quick: an example must touch nothing, take no time, and be the same in every prompt and replay.
    """
    made = []
    for asked, given in tool.examples.items() if tool.quick else ():
        try:
            made.append((asked, given, await tool.call(dict(given))))
        except ToolError:
            continue
    return made


def _input(given: Mapping[str, Any]) -> str:
    """Arguments as an action has them."""
    [*values] = given.values()
    return values[0] if len(values) == 1 and isinstance(values[0], str) else json.dumps(given)


def _turns(worked: Iterable[tuple[str, str]]) -> list[Message]:
    pairs = ((Message(role="user", content=asked), Message(role="assistant", content=said)) for asked, said in worked)
    return [turn for pair in pairs for turn in pair]


def _asked(question: str) -> str:
    return str(Question(text=question))


def _use(tool: str, arguments: Mapping[str, Any] | None = None) -> str:
    """A choice as a model writes it."""
    return json.dumps({"use": {"tool": tool} | ({} if arguments is None else {"arguments": arguments})})


def _observed(tool: Tool, given: Mapping[str, Any], told: str) -> Thought:
    """What would be recorded of the call; it is only shown."""
    return Thought(
        id="", author=tool.name, role="tool", kind="observation", text=told, round=0, data={"arguments": dict(given)}
    )
