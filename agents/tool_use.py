"""Tool use: an agent chooses one tool, or none, before it speaks.

The choice is a form, so it works on every model: constrained to a schema where the model can be, extracted in a
second step where it is weak. What a tool returns becomes a thought of its own.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial, reduce
from operator import or_
from typing import Any, Literal

from pydantic import Field, create_model

from disputatio.agents.forms import Form
from disputatio.agents.speech import Turn
from disputatio.budget import Spender
from disputatio.errors import ToolError
from disputatio.model import Message
from disputatio.thought import Thought
from disputatio.tools.tool import Tool
from disputatio.tracing import Tracer

CHOOSE = """\
Before you do this you may use one of these tools, where it settles something:
{tools}

Reply with JSON: {{"use": {{"tool": NAME, "arguments": {{...}}}}}}; to use none, {{"use": {{"tool": "none"}}}}."""


async def consult(tools: Sequence[Tool], turn: Turn, prompt: Sequence[Message]) -> list[Thought]:
    """Let the agent use one tool.

    Args:
        tools: What it may choose from.
        turn: Who chooses.
        prompt: The prompt of what it is about to do.

    Returns:
        One observation; none if no tool was chosen, the choice could not be read, or the budget did not allow it.
    """
    listed = "\n".join(f"- {tool.signature}: {tool.description}" for tool in tools)
    asked = Message(role="user", content=f"{prompt[-1]['content']}\n\n{CHOOSE.format(tools=listed)}")
    speech = await turn.ask([*prompt[:-1], asked], _choice(tools), prose=False)
    use: Any = getattr(speech.form, "use", None) if speech else None
    by_name = {tool.name: tool for tool in tools}
    if speech is None or use is None or use.tool not in by_name:
        return []
    arguments = use.arguments.model_dump(mode="json")
    context, used = turn.context, by_name[use.tool]
    use_it = partial(used.call, arguments)
    if context.journal:
        spender = Spender(turn.author, turn.role, turn.round, use.tool)
        use_it = partial(context.journal.tool_call, use_it, arguments, scope=context.scope, spender=spender)
    try:
        text, failed = await _watched(use_it, used, arguments, context.tracer), False
    except ToolError as error:
        text, failed = f"error: {error}", True
    return [
        Thought(
            id=context.identify(use.tool, turn.round, text, turn.author, speech.usage.completion_tokens, *turn.seen),
            author=use.tool,
            role="tool",
            kind="observation",
            text=text,
            round=turn.round,
            scope=context.scope,
            data={"arguments": arguments, "failed": failed, "asked_by": turn.author},
            usage=speech.usage,
            model=speech.model,
        )
    ]


async def _watched(
    use_it: Callable[[], Awaitable[str]], tool: Tool, arguments: dict[str, Any], tracer: Tracer | None
) -> str:
    if tracer is None:
        return await use_it()
    with tracer.tool(tool.name, tool.description, arguments) as tell:
        text = await use_it()
        tell(text)
        return text


def _choice(tools: Sequence[Tool]) -> type[Form]:
    def use_of(name: str, **fields: Any) -> Any:
        tool: Any = Literal[name]
        return create_model(f"Use_{name}", __base__=Form, tool=(tool, ...), **fields)

    uses = [use_of(tool.name, arguments=(tool.parameters, ...)) for tool in tools]
    use: Any = Field(description="the tool and its arguments")
    return create_model("Choice", __base__=Form, use=(reduce(or_, [*uses, use_of("none")]), use))
