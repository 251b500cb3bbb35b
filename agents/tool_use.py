"""Tool use: an agent chooses one tool, or none, before it speaks.

The choice is a form, so it works on every model: constrained to a schema where the model can be, extracted in a
second step where it is weak. It is carried out by `dispatch`; what comes back becomes a thought of its own.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, create_model

from disputatio.agents.forms import Form
from disputatio.agents.speech import Turn
from disputatio.model import Message, ToolCall
from disputatio.thought import Thought
from disputatio.tools.dispatch import dispatch
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.tool import Tool

CHOOSE = """\
Before you do this you may use one of these tools, where it settles something:
{tools}

Reply with JSON: {{"use": {{"tool": NAME, "arguments": {{...}}}}}}; to use none, {{"use": {{"tool": "none"}}}}."""


class Use(Form):
    """A tool and its arguments, which nobody has checked."""

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)


async def consult(tools: Sequence[Tool], turn: Turn, prompt: Sequence[Message]) -> list[Thought]:
    """Let the agent use one tool.

    Args:
        tools: What it may choose from.
        turn: Who chooses.
        prompt: The prompt of what it is about to do.

    Returns:
        One observation, which may tell of an error; none if no tool was chosen, the choice could not be read, or the
        budget did not allow it.
    """
    listed = "\n".join(_listed(tool) for tool in tools)
    asked = Message(role="user", content=f"{prompt[-1]['content']}\n\n{CHOOSE.format(tools=listed)}")
    speech = await turn.ask([*prompt[:-1], asked], _choice(tools), prose=False)
    use: Any = getattr(speech.form, "use", None) if speech else None
    if speech is None or use is None or use.tool == "none":
        return []
    runtime = ToolRuntime(
        question=turn.question,
        author=turn.author,
        role=turn.role,
        round=turn.round,
        seen=turn.seen,
        context=turn.context,
    )
    call = ToolCall(id="", name=use.tool, arguments=json.dumps(use.arguments))
    [observed] = await dispatch([call], tools, runtime)
    return [observed.model_copy(update={"usage": speech.usage, "model": speech.model})]


def _listed(tool: Tool) -> str:
    """A tool in the list of the prompt, with what there is to say of its arguments."""
    described = {name: one.get("description") for name, one in tool.schema.get("properties", {}).items()}
    arguments = "".join(f"\n  {name}: {text}" for name, text in described.items() if text)
    return f"- {tool.signature}: {tool.description}{arguments}"


def _choice(tools: Sequence[Tool]) -> type[Form]:
    """The form of the choice: its schema names the tools and their arguments, but any choice can be read."""

    def use_of(name: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        fields = {"tool": {"type": "string", "const": name}, **({"arguments": arguments} if arguments else {})}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

    uses = {"anyOf": [*(use_of(tool.name, tool.schema) for tool in tools), use_of("none")]}
    use: Any = Annotated[Use, WithJsonSchema(uses)]
    return create_model("Choice", __base__=Form, use=(use, Field(description="the tool and its arguments")))
