"""Calling: one call of a tool from what the model wrote to the thought that comes of it; see `dispatch`."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from disputatio.errors import ToolError, ToolFault, unknown
from disputatio.ledger import Ledger, Spender
from disputatio.model import ToolCall
from disputatio.recording import Underway
from disputatio.strict_json import parse_object
from disputatio.thought import Thought
from disputatio.tools.arguments import Checked
from disputatio.tools.asking import permitted
from disputatio.tools.rendering import Rendered
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.tool import ATTEMPTS, Tool
from disputatio.writing import visible

MAX_NAMED = 20
"""The most tools that an error names."""


class Outcome(BaseModel):
    """What came of a call, as the journal of a run keeps it."""

    text: str
    error: ToolFault | None = None
    is_text: bool = True
    """Whether it holds words, in which something could be planted."""
    is_outside: bool = False
    """Whether it was written by others than the program and its model."""
    is_private: bool = False
    """Whether it may be private."""
    approved: bool | None = None
    """Whether it was approved; None if nobody had to be asked."""
    seconds: float = 0.0
    attachments: tuple[dict[str, str], ...] = ()


@dataclass
class Calling:
    """One call on its way."""

    call: ToolCall
    offered: Mapping[str, Tool]
    runtime: ToolRuntime
    arguments: Any = None

    async def make(self) -> Thought:
        """Carry the call out, or say why not."""
        try:
            tool = self._tool()
            outcome = await self._watched(tool, self._checked(tool))
        except ToolError as error:
            outcome = Outcome(text=f"error: {error}", error=error.fault)
        return self.thought(outcome)

    def thought(self, outcome: Outcome) -> Thought:
        """What came of the call as an observation; the run is marked by what it has read."""
        context, source = self.runtime.context, f"tool:{visible(self.call.name)[:64]}"
        trusted = not (outcome.is_outside and outcome.is_text)
        if not trusted:
            context.taint.untrusted.add(source)
        if outcome.is_private:
            context.taint.private.add(source)
        data: dict[str, Any] = {
            "call": self.call.id,
            "arguments": visible(self.call.arguments[:1000]) if self.arguments is None else self.arguments,
            "failed": outcome.error is not None,
            "error": outcome.error,
            "seconds": outcome.seconds,
            "source": source,
            "trusted": trusted,
            "asked_by": self.runtime.author,
        }
        if outcome.attachments:
            data["attachments"] = list(outcome.attachments)
        if outcome.approved is not None:
            data["approved"] = outcome.approved
        author, round_ = visible(self.call.name)[:64] or "tool", self.runtime.round
        return Thought(
            id=context.identify(author, round_, outcome.text, self.runtime.author, self.call.id, *self.runtime.seen),
            author=author,
            role="tool",
            kind="observation",
            text=outcome.text,
            round=round_,
            scope=context.scope,
            data=data,
        )

    def _tool(self) -> Tool:
        if tool := self.offered.get(self.call.name):
            return tool
        if len(self.offered) > MAX_NAMED:
            name = visible(self.call.name)[:64]
            near = get_close_matches(name, self.offered, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            message = f"there is no tool {name!r} among the {len(self.offered)} tools{hint}"
        else:
            message = str(unknown("tool", visible(self.call.name)[:64], self.offered))
        raise ToolError(message, fault="unknown_tool")

    def _checked(self, tool: Tool) -> Checked:
        try:
            self.arguments = parse_object(self.call.arguments or "{}")
        except ValueError as error:
            wanted = json.dumps(tool.schema, ensure_ascii=False)[:2000]
            message = f"the arguments of {tool.name} cannot be read: {error}; write a JSON object that meets {wanted}"
            raise ToolError(message, fault="bad_arguments") from error
        checked = tool.check(self.arguments)
        self.arguments = checked.shown
        return checked

    async def _watched(self, tool: Tool, checked: Checked) -> Outcome:
        """What comes of the call, with the run's tracer looking on."""
        tracer, outcome = self.runtime.context.tracer, None
        if tracer is None:
            return await self._recorded(tool, checked)
        try:
            with tracer.tool(tool.name, tool.description, self.arguments) as tell:
                outcome = await self._recorded(tool, checked)
                if outcome.error:  # a step fails for a tracer by an error that passes through it
                    raise ToolError(outcome.text.removeprefix("error: "), fault=outcome.error)
                tell(outcome.text)
        except ToolError:
            if outcome is None:
                raise
        return outcome

    async def _recorded(self, tool: Tool, checked: Checked) -> Outcome:
        """What came of the call when it was made in an earlier life of the run, or else what comes of it now."""
        context, runtime = self.runtime.context, self.runtime
        if context.journal is None:
            return await self._outcome(tool, checked, Underway())

        async def make(underway: Underway) -> str:
            return (await self._outcome(tool, checked, underway)).model_dump_json(exclude_defaults=True)

        spender = Spender(runtime.author, runtime.role, runtime.round, tool.name)
        asked = {"given": self.arguments, "seen": list(runtime.seen)}  # agents of one name may ask the same at once
        kept = await context.journal.tool_call(make, asked, scope=context.scope, spender=spender)
        return Outcome.model_validate_json(kept)

    async def _outcome(self, tool: Tool, checked: Checked, underway: Underway) -> Outcome:
        context = self.runtime.context
        approved: bool | str | None = None
        if underway.key:
            self.runtime = replace(self.runtime, call=underway.key)
        ledger, began = context.ledger_of(self.runtime.author, self.runtime.role), time.perf_counter()
        called = False
        try:
            _go_on(ledger)
            async with ledger.clock():
                approved = await permitted(
                    tool,
                    self.arguments,
                    offered=self.offered.values(),
                    author=self.runtime.author,
                    context=context,
                    underway=underway,
                )
                if tool.is_effectful and not isinstance(approved, str):
                    underway.begin()
                called, began = True, time.perf_counter()
                error = None
                # A person may know what came of it, where the run does not.
                result = Rendered(visible(approved)) if isinstance(approved, str) else await self._kept(tool, checked)
        except TimeoutError:
            error = ToolError(f"{tool.name} was cut off: the run is ending", fault="stopped")
        except ToolError as refused:
            error = refused
            approved = False if refused.fault == "refused" and not called else approved
        if error:
            result = Rendered(f"error: {error}")
        return Outcome(
            text=result.text,
            error=error.fault if error else None,
            is_text=result.is_text,
            is_outside=called and not tool.access.isdisjoint(("read", "network")),
            is_private=called and "read" in tool.access,
            approved=None if approved is None else bool(approved),
            seconds=round(time.perf_counter() - began, 6),
            attachments=tuple(
                {"media_type": one.media_type, "base64": b64encode(one.content).decode()} for one in result.attachments
            ),
        )

    async def _kept(self, tool: Tool, checked: Checked) -> Rendered:
        """The result of a pure tool, made once for each arguments."""
        if tool.access != {"pure"}:
            return await self._limited(tool, checked)
        kept = self.runtime.context.kept
        key = (tool, repr(checked.shown))
        if key not in kept:
            kept[key] = await self._limited(tool, checked)
        result: Rendered = kept[key]
        return result

    async def _limited(self, tool: Tool, checked: Checked) -> Rendered:
        if tool.concurrency is None:
            return await self._persist(tool, checked)
        places = self.runtime.context.kept.setdefault((tool, "places"), asyncio.Semaphore(tool.concurrency))
        async with places:
            return await self._persist(tool, checked)

    async def _persist(self, tool: Tool, checked: Checked) -> Rendered:
        """Call the tool, and once more where that does no harm and the failure may pass."""
        for left in reversed(range(ATTEMPTS if tool.idempotent else 1)):
            try:
                return await tool.run(checked.values, self.runtime)
            except ToolError as error:
                if not left or not isinstance(error.__cause__, Exception) or isinstance(error.__cause__, ToolError):
                    raise
                checked = tool.check(self.arguments)  # the first attempt may have changed what it was given
        raise AssertionError("unreachable")


def _go_on(ledger: Ledger) -> None:
    if ledger.stopped:
        raise ToolError("no tool is called any more: the run is ending", fault="stopped")
