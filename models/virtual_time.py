"""Virtual time: an event loop in which waiting takes no time, and only waiting counts.

A run of models that answer after a set time then ends at once, and the loop's clock shows how long it would have
taken: the waits on its critical path.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    """Counts the time that it should wait, and does not wait."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:  # None: only another thread or the network can end the wait
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.skipped += timeout
        return ready


class _Inline(ThreadPoolExecutor):
    """Runs at once what is given to it: time must not be skipped while a thread works."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is handed on, as by any executor
            future.set_exception(error)
        return future


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop for `asyncio.Runner(loop_factory=VirtualTimeLoop)`; its `time()` starts at 0 seconds."""

    is_virtual = True
    """Tells tools that no thread may work beside it; see `disputatio.tools.threads`."""

    def __init__(self) -> None:
        self._clock = _Skipping()
        super().__init__(self._clock)
        self.set_default_executor(_Inline(1))

    def time(self) -> float:
        """The seconds that were skipped so far; work that is done in between counts nothing."""
        return self._clock.skipped
