"""Threads: blocking functions called from async code without holding it up, even if they never return."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from disputatio.errors import ToolError

T = TypeVar("T")

MAX_IDLE = 8
"""Threads that are kept for further calls; starting one takes longer than most calls."""


async def in_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread that calls nothing else meanwhile.

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

    def work() -> Callable[[], object]:
        result, failure = None, None
        try:
            result = context.run(function)
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            failure = error
        return partial(settle, result, failure)

    if getattr(loop, "is_virtual", False):  # it would skip the time in which a thread works
        work()()
    else:
        _worker().put(lambda: partial(loop.call_soon_threadsafe, work()))
    done, failure = await future
    if failure is None:
        return done  # type: ignore[return-value]
    if isinstance(failure, Exception) and not isinstance(failure, StopIteration | asyncio.CancelledError):
        raise failure
    raise ToolError(f"the function failed: {type(failure).__name__}: {failure}") from failure


_Jobs = SimpleQueue[Callable[[], Callable[[], object]]]
"""Each gives what is to be called when the thread is free again."""
_idle: deque[_Jobs] = deque()
"""The threads that wait for a job, by the queues at which they do. They belong to the process and hold nothing."""
os.register_at_fork(after_in_child=_idle.clear)  # threads do not follow into a child


def _worker() -> _Jobs:
    """A thread that is idle, or a new one."""
    try:
        return _idle.pop()
    except IndexError:
        jobs: _Jobs = SimpleQueue()
        Thread(target=_serve, args=(jobs,), name="disputatio-tool", daemon=True).start()
        return jobs


def _serve(jobs: _Jobs) -> None:
    is_wanted = True
    while is_wanted:
        tell = jobs.get()()
        is_wanted = len(_idle) < MAX_IDLE
        if is_wanted:
            _idle.append(jobs)  # before the result is told, so that the next call finds this thread
        with suppress(RuntimeError):  # the loop was closed in the meantime
            tell()
        del tell  # and with it the result
