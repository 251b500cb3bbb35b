"""One tool step: a tool, called by name with what a model wrote as its input, and the observation that comes of it.

This is the only place at which the patterns of `graphs` call tools.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.model import ToolCall
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools.dispatch import dispatch
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.step import at_step
from disputatio.tools.tool import Tool
from disputatio.tools.toolbox import Tools

NOTHING = "(nothing came back)"
LIST = "{tools}"
"""Stands for the list of tools in an instruction."""
_JSON = {"integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,)}
"""What a bare input is taken for, if it is that: a schema that somebody else checks takes no text for a number."""


async def observe(
    tools: Sequence[Tool],
    name: str,
    text: str,
    question: Question,
    context: Context,
    *,
    asked_by: str,
    round: int,
    origin: str = "",
    fill: Callable[[str], str] | None = None,
) -> Thought:
    """Call a tool through dispatch; whatever goes wrong becomes the observation's text, for the model to read.

    Args:
        tools: What may be called.
        name: Which of them, whatever the case.
        text: Its input as written: a JSON object of arguments, or the bare value of the first one.
        question: What the run is about.
        context: The run.
        asked_by: Who wanted it.
        round: The round in which it was wanted.
        origin: What tells it from other calls at the same time: the step of a plan.
        fill: Puts results in the place of variables. The input is read first and then filled: a result becomes a
            value, or a part of one, and says nothing of which arguments there are.

    Returns:
        The observation, with its input and those of `dispatch` as data. It is not recorded yet.
    """
    tool = next((one for one in tools if one.name.casefold() == name.strip().casefold()), None)
    call = ToolCall(id="", name=tool.name if tool else name, arguments=_arguments(tool, text, fill) if tool else "{}")
    seen = (origin,) if origin else ()
    runtime = ToolRuntime(question=question, author=asked_by, round=round, seen=seen, context=context)
    [made] = await dispatch([call], tools, runtime)
    said = made.text if made.text.strip() else NOTHING
    given = fill(text) if fill else text
    return made.model_copy(update={"text": said, "data": {**made.data, "input": given}})


def observation(
    author: str, text: str, context: Context, *, round: int, data: dict[str, JsonValue], origin: str = ""
) -> Thought:
    """What came of a step that no model spoke in; see `observe` for the parameters. It is not recorded yet."""
    said = text if text.strip() else NOTHING
    return Thought(
        id=context.identify(author, round, said, origin, repr(data)),
        author=author,
        role="tool",
        kind="observation",
        text=said,
        round=round,
        scope=context.scope,
        data=data,
    )


async def shown_tools(agent: Agent, tools: Tools, context: Context, *, round: int) -> Agent:
    """The agent with the tools that there are in this step where its instruction says `{tools}`."""
    if not isinstance(agent.instruction, str) or LIST not in agent.instruction:
        return agent
    present = await at_step(tools, context, author=agent.name, round=round)
    return replace(agent, instruction=agent.instruction.replace(LIST, listed(present)))


def listed(tools: Sequence[Tool]) -> str:
    """The tools with their inputs and purposes, one a line, for a prompt."""
    return "\n".join(f"- {tool.signature}: {tool.description}" for tool in tools)


def _arguments(tool: Tool, text: str, fill: Callable[[str], str] | None) -> str:
    """The arguments as JSON: as they were written if they are an object of this tool's, else as the first of them."""
    names = list(tool.schema.get("properties", {}))
    given = _parsed(text)
    if isinstance(given, dict) and (set(given) <= set(names) or not names):
        return json.dumps(_filled(given, fill)) if fill else text
    if not names:
        return "{}"
    # A bare number may be meant for a text, and a text in quotes for what it says.
    bare = given if isinstance(given, str) else text.strip()
    bare = fill(bare) if fill else bare
    value = _parsed(bare)
    is_meant = type(value) in _JSON.get(str(tool.schema["properties"][names[0]].get("type")), ())
    return json.dumps({names[0]: value if is_meant else bare})


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    """JSON with every text in it filled; the names in it stay as they are."""
    match value:
        case str():
            return fill(value)
        case dict():
            return {name: _filled(one, fill) for name, one in value.items()}
        case list():
            return [_filled(one, fill) for one in value]
    return value
