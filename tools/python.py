"""Python: run model-written code in the `pydantic-monty` interpreter.

It is an interpreter of its own, in a worker process: the code sees no files, no network, no processes and no
environment, and its time, memory and output are limited.
"""

from disputatio.errors import ToolError
from disputatio.tools.rendering import MAX_OUTPUT
from disputatio.tools.tool import tool

SECONDS = 5.0
MEMORY = 256 * 2**20
"""Bytes that the code may use."""


@tool(access="code", concurrency=4)
def python(code: str) -> str:
    """Run Python code and see what it prints and the value of its last line; no files, no network, no packages."""
    from pydantic_monty import CollectString, Monty, MontyError

    printed = CollectString()
    try:
        with (
            Monty(min_processes=1, max_processes=1, request_timeout=2 * SECONDS) as pool,
            pool.checkout(limits={"max_feed_duration_secs": SECONDS, "max_memory": MEMORY}) as session,
        ):
            value = session.feed_run(code, print_callback=printed)
    except MontyError as error:
        raise ToolError(f"the code failed: {str(error)[:MAX_OUTPUT]}") from error
    output = str(printed.output)[:MAX_OUTPUT].strip()
    try:
        shown = "" if value is None else repr(value)[:MAX_OUTPUT]
    except (ValueError, RecursionError) as error:  # the value is the code's: a huge integer, for example
        raise ToolError(f"the value cannot be shown: {error}") from error
    return "\n".join(part for part in (output, shown) if part) or "(no output)"
