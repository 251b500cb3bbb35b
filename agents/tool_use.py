"""Tool use: an agent calls tools before it speaks.

A model with tool calls of its own is offered the tools and speaks when it has what it needs. All others choose one
tool, or none, by a form: constrained to a schema where the model can be, weak ones as well.
Either way the calls are carried out by `dispatch`, what comes back becomes thoughts, and a call that was wrong is
answered with what is wrong about it, so that the model may make another one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, create_model

from disputatio.agents.forms import Form
from disputatio.agents.speech import Speech, Turn, is_weak
from disputatio.agents.worked_examples import choosing, reading
from disputatio.agents.written_calls import written_calls
from disputatio.budget import Usage
from disputatio.errors import ModelError, UnsupportedError
from disputatio.memory.transcript import words
from disputatio.model import Message, ToolCall
from disputatio.strict_json import parse_object
from disputatio.thought import Thought
from disputatio.tools.dispatch import dispatch
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.step import at_step
from disputatio.tools.tool import Tool
from disputatio.tools.toolbox import Tools

CHOOSE = """\
First you may use one of these tools, where it settles something:
{tools}

Reply with JSON: {{"use": {{"tool": NAME, "arguments": {{...}}}}}}; to use none, {{"use": {{"tool": "none"}}}}."""
AGAIN = "That gave:\n{told}\n\nChoose again, in the same way."
MENDABLE = ("unknown_tool", "bad_arguments", "failed")
"""What another call may do better; see `ToolError.fault`."""


class Use(Form):
    """A tool and its arguments, which nobody has checked."""

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Consulted:
    """What came of it when an agent consulted its tools."""

    observed: Sequence[Thought] = ()
    """Observations, which may tell of errors; none if no tool was called, a choice could not be read, or the budget did
    not allow it."""
    speech: Speech | None = None
    """What it said, if it has already spoken."""
    idle: Usage = field(default_factory=Usage)
    """What it took where nothing came of it, such as to choose no tool."""
    worked: Sequence[Message] = ()
    """For a weak model: turns that show how what the tool gave is read, after which it hears the question."""


async def consult(
    tools: Tools,
    turn: Turn,
    prompt: Sequence[Message],
    form: type[Form] | None,
    *,
    heard: Sequence[Message],
    prose: bool,
    steps: int,
) -> Consulted:
    """Let the agent use tools.

    Args:
        tools: What it may call.
        turn: Who calls.
        prompt: The prompt of what it is about to do.
        form: The fields that its speech must give, if any.
        heard: The prompt without what it is about to do.
        prose: Whether that is prose; see `Turn.ask`.
        steps: The most model replies that this may take.

    Raises:
        ModelError: If the model cannot be reached or refuses.
    """
    consulting = _Consulting(tools, turn)
    try:
        try:
            speech = await consulting.talk(prompt, form, prose=prose, steps=steps)
        except UnsupportedError as error:
            if error.feature != "tools":
                raise
            speech = None
            if not consulting.observed:  # else it was a stand-in in the middle of it, which has something to go by
                await consulting.choose(prompt, heard, steps=steps)
    except ModelError as error:
        if error.fault != "context_too_long":
            raise
        speech = None
    observed = consulting.observed
    worked = await consulting.worked(form) if prose and speech is None else ()
    return Consulted(observed=observed, speech=speech, idle=consulting.idle, worked=worked)


@dataclass
class _Consulting:
    """One agent at its tools."""

    tools: Tools
    turn: Turn
    observed: list[Thought] = field(default_factory=list)
    present: list[Tool] = field(default_factory=list)
    """The tools of this step."""
    idle: Usage = field(default_factory=Usage)
    """What it took where nothing came of it."""

    async def talk(
        self, prompt: Sequence[Message], form: type[Form] | None, *, prose: bool, steps: int
    ) -> Speech | None:
        """Offer the tools to the model, and give back what it said when it called none."""
        messages = [*prompt]
        for _ in range(steps):
            await self._look()
            offered = {tool.name: tool for tool in self.present}
            specs = [tool.spec for tool in offered.values()]
            speech = await self.turn.ask(messages, form, prose=prose, tools=specs)
            if speech is None:
                return None
            calls = speech.calls or written_calls(speech.text, offered)
            if not calls:  # one that is no prose and cannot be read is held to its form by the next request
                if prose or form is None or speech.form:
                    return speech
                self.idle += speech.usage
                return None
            made = await self._carried_out(calls, speech)
            messages += _told(speech, made) if speech.calls else _told_in_words(speech, made)
        return None

    async def choose(self, prompt: Sequence[Message], heard: Sequence[Message], *, steps: int) -> None:
        """Let the model choose one tool by a form, and choose again where that went wrong."""
        await self._look()
        messages = self._asked_to_choose(prompt, heard)
        form, tried = _choice(self.present), None
        turn = replace(self.turn, temperature=0.0) if is_weak(self.turn) else self.turn
        for _ in range(steps):
            speech = await turn.ask(messages, form, prose=False, direct=True)
            use: Any = getattr(speech.form, "use", None) if speech else None
            if speech is None:
                return
            call = ToolCall(id="", name=use.tool, arguments=json.dumps(use.arguments)) if use else None
            if call is None or call.name == "none" or call == tried:  # as it was: it does not know better
                self.idle += speech.usage
                return
            tried = call
            [made] = await self._carried_out([call], speech)
            if made.data["error"] not in MENDABLE:
                return
            chosen = json.dumps({"use": use.model_dump()}, ensure_ascii=False)
            messages += [
                Message(role="assistant", content=chosen),
                Message(role="user", content=AGAIN.format(told=words(made))),
            ]

    def _asked_to_choose(self, prompt: Sequence[Message], heard: Sequence[Message]) -> list[Message]:
        """The prompt of a choice: for a weak model the tools' worked examples as turns before the question."""
        asked = CHOOSE.format(tools="\n".join(_listed(tool) for tool in self.present))
        worked = choosing(self.present)
        if not worked or not is_weak(self.turn):
            *before, last = prompt
            return [*before, Message(role=last["role"], content=f"{last['content']}\n\n{asked}")]
        rules, *rest = heard
        return [Message(role=rules["role"], content=f"{rules['content']}\n\n{asked}"), *worked, *rest]

    async def worked(self, form: type[Form] | None) -> Sequence[Message]:
        """How a weak model reads what its tool gave, where that can be the answer and is all that it is to say."""
        last = self.observed[-1] if self.observed and is_weak(self.turn) else None
        if form is None or last is None or last.data["failed"] or self.turn.question.canonical(last.text) is None:
            return ()
        if {name for name, one in form.model_fields.items() if one.is_required()} != {"answer"}:
            return ()
        tool = next((one for one in self.present if one.name == last.author), None)
        return await reading(tool) if tool else ()

    async def _look(self) -> None:
        """See which tools there are now."""
        turn, seen = self.turn, self._seen()
        self.present = await at_step(self.tools, turn.context, author=turn.author, round=turn.round, seen=seen)

    def _seen(self) -> tuple[str, ...]:
        return (*self.turn.seen, *(one.id for one in self.observed))

    async def _carried_out(self, calls: Sequence[ToolCall], speech: Speech) -> list[Thought]:
        """What came of the calls of one reply; the first observation bears what the reply cost."""
        turn = self.turn
        runtime = ToolRuntime(
            question=turn.question,
            author=turn.author,
            role=turn.role,
            round=turn.round,
            seen=self._seen(),
            context=turn.context,
        )
        first, *others = await dispatch(calls, self.present, runtime)
        made = [first.model_copy(update={"usage": speech.usage, "model": speech.model}), *others]
        self.observed += made
        return made


def _told(speech: Speech, made: Sequence[Thought]) -> list[Message]:
    """The calls and what came of each, as messages of their own kind; one that was there twice is told once."""
    by_id = {str(one.data["call"]): (call, one) for call, one in zip(speech.calls, made, strict=True)}
    calls = [_sendable(replace(call, id=id)) for id, (call, _) in by_id.items()]
    answers = [Message(role="tool", content=words(one), tool_call_id=id) for id, (_, one) in by_id.items()]
    return [Message(role="assistant", content=speech.text, tool_calls=calls), *answers]


def _told_in_words(speech: Speech, made: Sequence[Thought]) -> list[Message]:
    """The same where the calls were written: a server that does not see them would not know what is answered."""
    told = "\n\n".join(f"[{one.author}] {words(one)}" for one in made)
    return [Message(role="assistant", content=speech.text), Message(role="user", content=told)]


def _sendable(call: ToolCall) -> ToolCall:
    """The call as all servers take it back: some refuse a whole request for a name or for arguments that are odd."""
    try:
        parse_object(call.arguments or "{}")
        arguments = call.arguments or "{}"
    except ValueError:
        arguments = json.dumps({"unreadable": call.arguments[:1000]})
    return replace(call, name=re.sub(r"[^A-Za-z0-9_-]", "_", call.name)[:64] or "_", arguments=arguments)


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
