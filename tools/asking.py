"""Asking: whether a call may be made, by the rules of the run or by the yes of a person."""

import asyncio
import inspect
import json
from collections.abc import Iterable
from typing import Any

from disputatio.context import Context
from disputatio.errors import ToolError
from disputatio.permission import Approval
from disputatio.tools.threads import in_thread
from disputatio.tools.tool import Tool


async def permitted(
    tool: Tool, arguments: dict[str, Any], *, offered: Iterable[Tool], author: str, context: Context
) -> bool | None:
    """Find out whether a call may be made.

    Args:
        tool: What is to be called.
        arguments: With what, as validated.
        offered: All tools that the model was told of.
        author: Who wants the call.
        context: The run.

    Returns:
        None if the run allows it by itself; True if it was asked for and approved.

    Raises:
        ToolError: If it may not be made.
    """
    described = (f"description of {one.name}" for one in offered if not one.trusted)
    objection = context.permission.objection(tool.access, context.taint, described)
    if objection is None:
        return None
    copied = json.loads(json.dumps(arguments))  # what is asked for is what is called, whatever becomes of this
    approval = Approval(tool=tool.name, access=tool.access, arguments=copied, reason=objection, author=author)
    if not await _approved(approval, context):
        raise ToolError(f"{tool.name} was not called: {objection}, and nobody approved it", fault="refused")
    return True


async def _approved(approval: Approval, context: Context) -> bool:
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
            message = f"{approval.tool} was not called: asking failed: {type(error).__name__}"
            raise ToolError(message, fault="refused") from error
    return answer is True
