"""Asking: whether a call may be made, by the rules of the run or by the yes of a person, and other questions to one.

A run that is kept in a store need not have the person at hand: it stops, and goes on when somebody has decided, be it
days later and in another process. What was decided once holds.
"""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable
from getpass import getuser
from typing import Any

from langgraph.types import interrupt

from disputatio.context import Context
from disputatio.errors import ToolError
from disputatio.permission import Approval
from disputatio.recording import Underway
from disputatio.redaction import redactor
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.threads import in_thread
from disputatio.tools.tool import Tool

UNKNOWN = "it was begun before the run was interrupted, and what came of it is not known: it may have been done"


async def permitted(
    tool: Tool,
    arguments: dict[str, Any],
    *,
    offered: Iterable[Tool],
    author: str,
    context: Context,
    underway: Underway = Underway(),  # noqa: B008 - it cannot change
) -> bool | str | None:
    """Find out whether a call may be made.

    Args:
        tool: What is to be called.
        arguments: With what, as validated.
        offered: All tools that the model was told of.
        author: Who wants the call.
        context: The run.
        underway: The call, as the journal of the run knows it.

    Returns:
        None if the run allows it by itself; True if it was asked for and approved; what came of it, where only a person
        could know that.

    Raises:
        ToolError: If it may not be made.
        GraphInterrupt: If the run is to stop until a person decides.
    """
    described = (f"description of {one.name}" for one in offered if not one.trusted)
    objection = UNKNOWN if underway.times else context.permission.objection(tool.access, context.taint, described)
    if tool.changed and objection is None:
        objection = "its server changed it after its tools were taken"
    if objection is None:
        return None
    copied = json.loads(json.dumps(arguments))  # what is asked for is what is called, whatever becomes of this
    approval = Approval(tool=tool.name, access=tool.access, arguments=copied, reason=objection, author=author)
    decision = await _decided(approval, context, underway)
    if decision == "approve":
        return True
    if underway.times and decision not in ("", "deny"):
        return decision
    raise ToolError(f"{tool.name} was not called: {objection}, and nobody approved it", fault="refused")


async def asked(
    question: str, runtime: ToolRuntime, now: Callable[[str], str | Awaitable[str | None] | None] | None = None
) -> str:
    """Ask a person a question that any text may answer; for tools.

    Args:
        question: What is asked, in words.
        runtime: The call that asks. A call that is made again after an interruption gets the answer given meanwhile.
        now: Asks a person who is at hand, async or in a thread of its own; None, or its None, is that nobody is.

    Returns:
        The answer.

    Raises:
        ToolError: If there is nobody at hand and the run's permission is not to wait, or if there is no answer.
        GraphInterrupt: If the run is to stop until somebody answers.
    """
    context, waits = runtime.context, runtime.context.permission.approve == "wait"
    if now is None and not waits:
        raise ToolError("nobody is there to be asked; assume what is reasonable, and say so", fault="refused")
    run = context.journal.run if context.journal else None
    details = {"question": question, "author": runtime.author, "free": True}
    async with context.kept.setdefault("asking", asyncio.Lock()):  # a person reads one question at a time
        known = run.ask(runtime.call, redactor()(details)) if run else None
        if known is None and now is not None:
            said = str(await _called(now, question) or "")
            known = said if said.strip() else None
            if known is not None and run:
                known = run.decide(runtime.call, known, _user())
        if known is None and waits:
            known = str(interrupt({**details, "key": runtime.call}))
    if known is None:
        raise ToolError("the user gave no answer; go on without it", fault="refused")
    return known


async def _decided(approval: Approval, context: Context, underway: Underway) -> str:
    """What a person decided: "approve", "deny", or the outcome of a call that may have been made; "" without one."""
    approve = context.permission.approve
    run = context.journal.run if context.journal else None
    if approve is None and not (run and underway.times):
        return ""
    details = {
        "question": f"May {approval.author} call {approval.tool}? {approval.reason[:1].upper()}{approval.reason[1:]}.",
        "tool": approval.tool,
        "arguments": approval.arguments,
        "author": approval.author,
        "access": sorted(approval.access),
        "free": underway.times > 0,
    }
    async with context.kept.setdefault("asking", asyncio.Lock()):
        decision = run.ask(underway.key, redactor()(details)) if run else None
        if decision is None and callable(approve):
            try:
                answer = await _called(approve, approval)
            except Exception as error:
                message = f"{approval.tool} was not called: asking failed: {type(error).__name__}"
                raise ToolError(message, fault="refused") from error
            decision = "approve" if answer is True else "deny"
            decision = run.decide(underway.key, decision, _user()) if run else decision
        if decision is not None:
            return decision
        answer = interrupt({**details, "key": underway.key})
        return "approve" if answer is True else "deny" if answer is False else str(answer)


async def _called(function: Callable[[Any], Any], given: Any) -> Any:
    """What a function says, which may be async or not, or return something to wait for."""
    if inspect.iscoroutinefunction(function):
        return await function(given)
    answer = await in_thread(lambda: function(given))
    return await answer if inspect.isawaitable(answer) else answer


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError, ImportError):
        return ""
