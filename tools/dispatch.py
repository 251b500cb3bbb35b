"""Dispatch: the one place where the calls that a model asks for are carried out.

    call -> known tool? -> strict JSON -> schema -> permission -> kept result, or: run within its limits -> thought

Whatever the model wrote and whatever the tool does, each call becomes one thought, and the run goes on. What may be
done is decided here and not by the model (see `disputatio.permission`): an instruction that was planted in a page
can make a model ask for anything, and get nothing that the run does not allow.
"""

import asyncio
import inspect
import json
import re
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from disputatio.errors import ToolError, unknown
from disputatio.model import ToolCall
from disputatio.permission import Approval
from disputatio.strict_json import parse_object
from disputatio.thought import Thought
from disputatio.tools.arguments import Checked
from disputatio.tools.rendering import Rendered
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.threads import in_thread
from disputatio.tools.tool import ATTEMPTS, Tool
from disputatio.writing import visible

MAX_CALLS = 32
"""The most calls of one reply that are carried out."""
MAX_NAMED = 20
"""The most tools that an error names."""
_ID = re.compile(r"[\x21-\x7e]{1,100}")


async def dispatch(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool] | Iterable[Tool], runtime: ToolRuntime
) -> list[Thought]:
    """Carry out the calls of one reply, all at once.

    Args:
        calls: What the model asked for. A call without a usable id, or with that of another, gets one of its own;
            one that is there twice with its id is made once.
        tools: What it was offered, by name or as a list.
        runtime: On whose behalf, in which run.

    Returns:
        One observation for each call, in their order, not yet recorded. Its text is the result or begins with
        "error: "; its data are `call` (the id), `arguments`, `failed`, `error` (see `ToolError.fault`; None if there
        is none), `seconds`, `source`, `trusted` (false for text from outside), `asked_by`, and where there are any,
        `attachments` and `approved`.
    """
    offered = tools if isinstance(tools, Mapping) else {tool.name: tool for tool in tools}
    if len(calls) == 1:  # the usual case, without the cost of a task
        return [await _Call(_named_apart(calls)[0], offered, runtime).make()]
    first: dict[ToolCall, asyncio.Future[Thought]] = {}
    made = []
    for number, call in enumerate(_named_apart(calls)):
        if call not in first:
            first[call] = asyncio.ensure_future(_Call(call, offered, runtime, number >= MAX_CALLS).make())
        made.append(first[call])
    observed = await asyncio.gather(*made)
    repeated: set[str] = set()
    return [_once(thought, repeated) for thought in observed]


def _named_apart(calls: Sequence[ToolCall]) -> list[ToolCall]:
    """The calls with an id for each; equal calls stay equal."""
    owners: dict[str, ToolCall] = {}
    named = []
    for call in calls:
        if not _ID.fullmatch(call.id) or owners.get(call.id, call) != call:
            call = replace(call, id=f"call_{uuid4().hex[:12]}")
        owners[call.id] = call
        named.append(call)
    return named


def _once(thought: Thought, seen: set[str]) -> Thought:
    """The thought, under an id of its own if it is there for the second time."""
    if thought.id in seen:
        thought = thought.model_copy(update={"id": uuid4().hex[:12]})
    seen.add(thought.id)
    return thought


@dataclass
class _Call:
    """One call on its way."""

    call: ToolCall
    offered: Mapping[str, Tool]
    runtime: ToolRuntime
    is_surplus: bool = False
    arguments: Any = None
    approved: bool | None = None
    source: str = ""
    is_outside: bool = False
    """Whether what comes back was written by others than the program and its model."""

    async def make(self) -> Thought:
        started = time.perf_counter()
        fault, result = None, Rendered("")
        try:
            result = await self._result()
        except ToolError as error:
            fault, result = error.fault, Rendered(f"error: {error}")
        trusted = not (self.is_outside and result.is_text)
        if not trusted:
            self.runtime.context.taint.untrusted.add(self.source)
        return self._thought(result, fault, trusted, time.perf_counter() - started)

    async def _result(self) -> Rendered:
        if self.is_surplus:
            raise ToolError(f"at most {MAX_CALLS} tools can be called at once; call this one again", fault="refused")
        tool = self._tool()
        try:
            self.arguments = parse_object(self.call.arguments or "{}")
        except ValueError as error:
            wanted = json.dumps(tool.schema, ensure_ascii=False)[:2000]
            message = f"the arguments of {tool.name} cannot be read: {error}; write a JSON object that meets {wanted}"
            raise ToolError(message, fault="bad_arguments") from error
        checked = tool.check(self.arguments)
        self.arguments = checked.shown
        ledger = self.runtime.context.ledger_of(self.runtime.author, self.runtime.role)
        if ledger.stopped:
            raise ToolError("no tool is called any more: the run is ending", fault="stopped")
        try:
            async with ledger.clock():
                await self._permit(tool)
                return await self._kept(tool, checked)
        except TimeoutError as error:
            raise ToolError(f"{tool.name} was cut off: the run is ending", fault="stopped") from error

    def _tool(self) -> Tool:
        if tool := self.offered.get(self.call.name):
            self.source = f"tool:{tool.name}"
            return tool
        if len(self.offered) > MAX_NAMED:
            message = f"there is no tool {visible(self.call.name)[:64]!r} among the {len(self.offered)} tools"
        else:
            message = str(unknown("tool", visible(self.call.name)[:64], self.offered))
        raise ToolError(message, fault="unknown_tool")

    async def _permit(self, tool: Tool) -> None:
        """Ask for what the run does not allow by itself."""
        context = self.runtime.context
        described = (f"description of {one.name}" for one in self.offered.values() if not one.trusted)
        objection = context.permission.objection(tool.access, context.taint, described)
        if objection is None:
            return
        self.approved = await self._ask(
            Approval(
                tool=tool.name,
                access=tool.access,
                arguments=json.loads(json.dumps(self.arguments)),  # a copy: what is asked for is what is called
                reason=objection,
                author=self.runtime.author,
            )
        )
        if not self.approved:
            raise ToolError(f"{tool.name} was not called: {objection}, and nobody approved it", fault="refused")

    async def _ask(self, approval: Approval) -> bool:
        context = self.runtime.context
        approve = context.permission.approve
        if approve is None:
            return False
        async with context.kept.setdefault("asking", asyncio.Lock()):  # a person reads one question at a time
            try:
                if inspect.iscoroutinefunction(approve):
                    answer = await approve(approval)
                else:
                    answer = await in_thread(lambda: approve(approval))
                    answer = await answer if inspect.isawaitable(answer) else answer
            except Exception as error:
                raise ToolError(
                    f"{approval.tool} was not called: asking failed: {type(error).__name__}", fault="refused"
                ) from error
        return answer is True

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
        self.is_outside = not tool.access.isdisjoint(("read", "network"))
        if "read" in tool.access:
            self.runtime.context.taint.private.add(self.source)
        for left in reversed(range(ATTEMPTS if tool.idempotent else 1)):
            try:
                return await tool.run(checked.values, self.runtime)
            except ToolError as error:
                if not left or not isinstance(error.__cause__, Exception) or isinstance(error.__cause__, ToolError):
                    raise
                checked = tool.check(self.arguments)  # the first attempt may have changed what it was given
        raise AssertionError("unreachable")

    def _thought(self, result: Rendered, fault: str | None, trusted: bool, seconds: float) -> Thought:
        data: dict[str, Any] = {
            "call": self.call.id,
            "arguments": visible(self.call.arguments[:1000]) if self.arguments is None else self.arguments,
            "failed": fault is not None,
            "error": fault,
            "seconds": round(seconds, 6),
            "source": self.source,
            "trusted": trusted,
            "asked_by": self.runtime.author,
        }
        if result.attachments:
            data["attachments"] = [
                {"media_type": one.media_type, "base64": b64encode(one.content).decode()} for one in result.attachments
            ]
        if self.approved is not None:
            data["approved"] = self.approved
        return Thought(
            author=visible(self.call.name)[:64] or "tool",
            role="tool",
            kind="observation",
            text=result.text,
            round=self.runtime.round,
            scope=self.runtime.context.scope,
            data=data,
        )
