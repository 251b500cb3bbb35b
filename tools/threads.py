"""Threads: blocking functions called from async code without holding it up, even if they never return."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

from disputatio.errors import ToolError

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread of its own.

    Unlike the threads of `asyncio.to_thread` it is a daemon: one that hangs is left behind, and neither the end of
    the event loop nor that of the program waits for it.

    Raises:
        ToolError: If the function tries to end the program.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()
    context = copy_context()

    def settle(result: T | None, error: BaseException | None) -> None:
        if not future.done():
            future.set_result((result, error))

    def work() -> None:
        result, failure = None, None
        try:
            result = context.run(function)
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            failure = error
        with suppress(RuntimeError):  # the loop was closed in the meantime
            loop.call_soon_threadsafe(settle, result, failure)

    Thread(target=work, name="disputatio-tool", daemon=True).start()
    done, failure = await future
    if failure is None:
        return done  # type: ignore[return-value]
    if isinstance(failure, Exception) and not isinstance(failure, StopIteration | asyncio.CancelledError):
        raise failure
    raise ToolError(f"the function failed: {type(failure).__name__}: {failure}") from failure
