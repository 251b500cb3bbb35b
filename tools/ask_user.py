"""Ask the user: a tool that puts a question to a person, now or, in a run that waits, later."""

from disputatio.errors import ToolError
from disputatio.tools.asking import asked
from disputatio.tools.runtime import ToolRuntime
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
    if not question.strip() or len(question) > MAX_QUESTION:
        raise ToolError(f"a question of 1 to {MAX_QUESTION} characters is needed")
    shown = f"{visible(runtime.author)} asks: {visible(question)}"
    return await asked(shown, runtime, runtime.context.permission.reply)
