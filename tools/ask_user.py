"""Ask the user: a tool that puts a question to a person, where there is one."""

import asyncio
import inspect

from disputatio.errors import ToolError
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.threads import in_thread
from disputatio.tools.tool import tool
from disputatio.writing import visible

MAX_QUESTION = 1000
"""Characters."""
SECONDS = 600.0
"""How long a person may take."""


# What the user says is no text from outside, and the same question is not asked twice: that is what `pure` means here.
@tool(access="pure", timeout_s=SECONDS)
async def ask_user(question: str, runtime: ToolRuntime) -> str:
    """Ask the user what only they can know, such as what they want or prefer; not what you could find out yourself.

    Args:
        question: One question, with all that is needed to understand it.
        runtime: The run.
    """
    reply = runtime.context.permission.reply
    if reply is None:
        raise ToolError("nobody is there to be asked; assume what is reasonable, and say so", fault="refused")
    if not question.strip() or len(question) > MAX_QUESTION:
        raise ToolError(f"a question of 1 to {MAX_QUESTION} characters is needed")
    shown = f"{visible(runtime.author)} asks: {visible(question)}"
    async with runtime.context.kept.setdefault("asking", asyncio.Lock()):  # a person reads one question at a time
        answer = await reply(shown) if inspect.iscoroutinefunction(reply) else await in_thread(lambda: reply(shown))
        answer = await answer if inspect.isawaitable(answer) else answer
    if not answer or not str(answer).strip():
        raise ToolError("the user gave no answer; go on without it", fault="refused")
    return str(answer)
