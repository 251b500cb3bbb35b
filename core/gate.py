"""Gate: how many calls may be under way at one time, and when none may begin.

A fixed gate holds its number exactly. An adaptive one finds out what a server takes: it opens wider while all goes
well, as TCP does (doubling until the first refusal, by a twentieth after it), narrows when the server says that it
is asked too often (at first to what the server did not refuse, then by a fifth), and stays closed for as long as the
server wants. All runs of a process that use a server share its
gate; it is safe under threads and event loops.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any

from disputatio.errors import ConfigurationError, ModelError, ModelUnavailableError
from disputatio.line import Line

FAILURES, OPEN_SECONDS = 8, 10.0
"""Failures in a row after which a server is left alone, and for how long."""
CAUTION = 8
"""How many times as long a gate waits before it opens as wide again as it was when the server last refused."""
PAUSE = 0.5
"""Seconds for which the gate closes where the server does not say how long."""


@dataclass(eq=False)
class Gate:
    """Limits the calls under way: `async with gate: ...`.

    Raises:
        ConfigurationError: If a limit is not above 0.
    """

    most: float = float("inf")
    """Never more than this at one time."""
    start: float | None = None
    """Where an adaptive gate begins; None begins at `most` and only narrows if the server refuses."""
    per_minute: float | None = None
    """Most calls that begin within a minute, spread evenly."""
    tokens_per_minute: float | None = None
    """Most tokens, of prompts and replies, that are spent within a minute, spread evenly; see `afford`."""
    in_flight: int = 0
    _limit: float = field(init=False)
    _passed: int = 0
    _peak: int = 0
    _failed: int = 0
    """Failures in a row."""
    _together: int = 0
    """Calls that were under way at the first of them."""
    _closed_until: float = 0.0
    _open_again: float = 0.0
    _next_start: float = 0.0
    _paid_until: float = 0.0
    """When the tokens of all calls so far are paid for, at so many a minute."""
    _narrowed: int = 0
    """How often it has."""
    _refused_at: float = float("inf")
    """How wide it was then."""
    _began: dict[asyncio.Task[Any] | None, int] = field(default_factory=dict)
    """How often it had when a call under way began."""
    _first: int = 0
    """Calls that were under way when it narrowed first, and are not back."""
    _half: float = 1.0
    """Half of those."""
    _line: Line = field(default_factory=Line)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        for number in (self.most, self.start, self.per_minute, self.tokens_per_minute):
            if number is not None and not number > 0:
                raise ConfigurationError(f"limits of a gate are above 0, not {number}")
        self._limit = min(self.start or self.most, self.most)

    def allow(self, *, most: float | None, per_minute: float | None, tokens_per_minute: float | None) -> None:
        """Set what a server is known to allow; None sets no limit."""
        self.most, self.per_minute, self.tokens_per_minute = most or float("inf"), per_minute, tokens_per_minute
        self.__post_init__()

    @property
    def limit(self) -> float:
        """How many calls may be under way now."""
        return self._limit

    async def __aenter__(self) -> None:
        while (pause := self._enter()) is not None:
            if not pause:
                await self._wait()
                break
            await asyncio.sleep(pause)
        self._began[asyncio.current_task()] = self._narrowed

    async def afford(self, tokens: float) -> None:
        """Wait until the calls before are paid for, and set aside what one can spend at most.

        Args:
            tokens: What the call can spend; a negative number gives back what it did not.
        """
        while pause := self._pay(tokens):  # noqa: ASYNC110 - it may be less by then, if a call gave something back
            await asyncio.sleep(min(pause, 0.5))

    def _pay(self, tokens: float) -> float:
        """The seconds after which it may be asked again; 0 if the tokens are paid for."""
        if self.tokens_per_minute is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            if tokens > 0 and now < self._paid_until:
                return self._paid_until - now
            self._paid_until = max(self._paid_until, now) + tokens * 60.0 / self.tokens_per_minute
            return 0.0

    def _enter(self) -> float | None:
        """None if the call may begin, 0 if it has to queue, else the seconds after which it may ask again."""
        now = time.monotonic()
        with self._lock:
            if now < self._open_again:
                left = self._open_again - now
                message = f"the server failed {self._failed} times in a row; it is left alone for {left:.0f} s"
                raise ModelUnavailableError(message, fault="overloaded", retry_after=left)
            if now < self._closed_until:
                return (self._closed_until - now) * random.uniform(1.0, 1.2)  # not all at the same moment
            if self.per_minute:
                if now < self._next_start:
                    return self._next_start - now
                self._next_start = max(self._next_start, now - 1.0) + 60.0 / self.per_minute
            if self._line or self.in_flight >= self._limit:
                return 0.0
            self._begin()
            return None

    def _begin(self) -> None:
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight) if self.in_flight > 1 else 1

    async def _wait(self) -> None:
        """Queue for a place, which is handed over by who leaves."""
        with self._lock:
            place = self._line.join()
            self._hand_over()
        try:
            await place
            await asyncio.sleep(max(self._closed_until - time.monotonic(), 0.0))
        except asyncio.CancelledError:
            with self._lock:
                if not self._line.leave(place):  # it had been handed over already
                    self.in_flight -= 1
                    self._hand_over()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self.in_flight -= 1
            began = self._began.pop(asyncio.current_task(), self._narrowed)
            if error is None:
                self._went_well()
            elif isinstance(error, ModelError):
                self._went_wrong(error, began)
            if self._first and not began:
                self._first -= 1
            self._hand_over()

    def _hand_over(self) -> None:
        while self.in_flight < self._limit and self._line.call():
            self._begin()

    def _went_well(self) -> None:
        self._failed, self._open_again = 0, 0.0
        self._passed += 1
        wider = max(self._limit * 1.05, self._limit + 1) if self._narrowed else self._limit * 2
        caution = CAUTION if wider >= self._refused_at else 1
        if self._limit >= self.most or self._passed < self._limit * caution:
            return
        if self._peak >= 0.8 * self._limit:
            self._limit = min(wider, self.most)
            if caution > 1:
                self._refused_at = float("inf")
        self._passed = self._peak = 0

    def _went_wrong(self, error: ModelError, began: int) -> None:
        now = time.monotonic()
        if error.fault == "rate_limited":
            pause = error.retry_after or PAUSE
            self._closed_until = max(self._closed_until, now + pause)
            if not self._narrowed:
                self._first = self.in_flight + 1
                self._limit = min(self._limit, self._peak)
                self._half = self._limit / 2
            if self._first:  # what is left in the end was not refused; if nothing is, calls are counted by time
                self._limit = self._limit - 1 if self._limit >= 2 else max(self._half, 1.0)
                self._narrowed = 1
            elif began == self._narrowed:  # once for all calls that were under way together
                self._refused_at = self._limit
                self._limit = max(min(self._limit, self._peak) * 0.8, 1.0)
                self._narrowed += 1
            self._passed = 0
        elif error.fault in ("overloaded", "transport", "timeout"):
            if not self._failed:
                self._together = self.in_flight + 1
            self._failed += 1
            if self._failed >= FAILURES and self._failed > self._together:  # not one mishap of all that are under way
                self._open_again = now + OPEN_SECONDS


# Gates belong to servers, not to runs: all runs of a process that ask one server share what it takes.
_GATES: dict[str, Gate] = {}


def gate_of(server: str, start: float | None = None) -> Gate:
    """The gate of a server, by its address; made the first time."""
    return _GATES.setdefault(server, Gate(start=start))
