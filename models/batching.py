"""A thread that answers requests in batches: those that wait are answered together."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from disputatio.errors import ModelError
from disputatio.model import Reply, Request
from disputatio.models.engine import Channel

GATHER_SECONDS = 0.02
"""How long a batch waits for company: agents that speak at once do not ask in the same instant."""


class Waiting(Protocol):
    """What a batch is made of."""

    @property
    def request(self) -> Request:
        """What is asked."""
        ...

    @property
    def channel(self) -> Channel[str | Reply]:
        """Where the reply goes."""
        ...


J = TypeVar("J", bound=Waiting)


class Batcher(Generic[J]):
    """Hands batches of at most `rows` replies to `run`, in a thread of its own that starts with the first request."""

    def __init__(self, run: Callable[[Sequence[J]], None], *, rows: int) -> None:
        self._run, self._rows = run, rows
        self._changed = threading.Condition()
        self._waiting: deque[J] = deque()
        self._under_way: list[J] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: J) -> None:
        """Let a request wait for the next batch.

        Raises:
            ModelError: If the batcher is closed.
        """
        with self._changed:
            if self._closed:
                raise ModelError("the model was closed")
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="disputatio-batches", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Refuse all that waits and is under way, and end the thread."""
        with self._changed:
            self._closed = True
            for job in (*self._waiting, *self._under_way):
                job.channel.put(ModelError("the model was closed"))
                job.channel.closed = True  # `run` notices
            self._waiting.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            try:
                self._run(batch)
            except Exception as error:  # noqa: BLE001 - the thread serves other requests after this one
                for job in batch:
                    job.channel.put(error)

    def _next(self) -> list[J]:
        """The next batch; empty when the batcher is closed."""
        while True:
            with self._changed:
                self._under_way = []
                self._changed.wait_for(lambda: self._waiting or self._closed)
            time.sleep(GATHER_SECONDS)
            with self._changed:
                self._under_way = self._take()
                if self._under_way or self._closed:
                    return self._under_way

    def _take(self) -> list[J]:
        batch: list[J] = []
        left = self._rows
        while self._waiting and (self._waiting[0].request.n <= left or not batch):
            job = self._waiting.popleft()
            if not job.channel.closed:  # else its caller was cancelled
                batch.append(job)
                left -= job.request.n
        return batch
