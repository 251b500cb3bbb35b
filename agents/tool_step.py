"""One tool step: a tool, called by name with what a model wrote as its input, and the observation that comes of it.

This is the only place at which the patterns of `graphs` call tools.
"""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from disputatio.context import Context
from disputatio.errors import ToolError
from disputatio.thought import Thought
from disputatio.tools.tool import Tool


async def observe(
    tools: Sequence[Tool], name: str, text: str, context: Context, *, asked_by: str, round: int, origin: str = ""
) -> Thought:
    """Call a tool; whatever goes wrong becomes the text of the observation, for the model to read.

    Args:
        tools: What may be called.
        name: Which of them, whatever the case.
        text: Its input as written: a JSON object of arguments, or the bare value of the first one.
        context: The run.
        asked_by: Who wanted it.
        round: The round in which it was wanted.
        origin: What tells it from other calls at the same time: the step of a plan.

    Returns:
        The observation; its data says whether the call failed. It is not recorded yet.
    """
    tool = next((one for one in tools if one.name.casefold() == name.strip().casefold()), None)
    if tool is None:
        said, failed = f"error: there is no tool {name!r}; there are: {', '.join(one.name for one in tools)}", True
    else:
        try:
            said, failed = await tool.call(_arguments(tool, text)), False
        except ToolError as error:
            said, failed = f"error: {error}", True
    author = tool.name if tool else "tools"
    data: dict[str, JsonValue] = {"input": text, "failed": failed, "asked_by": asked_by}
    return observation(author, said, context, round=round, data=data, origin=origin)


def observation(
    author: str, text: str, context: Context, *, round: int, data: dict[str, JsonValue], origin: str = ""
) -> Thought:
    """What came of a step that no model spoke in; see `observe` for the parameters. It is not recorded yet."""
    said = text if text.strip() else "(nothing came back)"
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


def listed(tools: Sequence[Tool]) -> str:
    """The tools with their inputs and purposes, one a line, for a prompt."""
    return "\n".join(f"- {tool.signature}: {tool.description}" for tool in tools)


def _arguments(tool: Tool, text: str) -> dict[str, object]:
    names = list(tool.parameters.model_json_schema().get("properties", {}))
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = text.strip()
    if isinstance(given, dict) and (set(given) <= set(names) or not names):
        return given
    # A bare number may be meant for a text, and a text in quotes for what it says.
    bare = given if isinstance(given, str) else text.strip()
    return {names[0]: bare} if names else {}
