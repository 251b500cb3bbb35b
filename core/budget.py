"""Usage, Budget and Ledger: what a run has spent, what it may spend, and the book that keeps the two apart.

The ledger is asked before each call. It reserves what the call may cost at most and settles with what it did cost,
so that agents which speak at once cannot spend the same token twice.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from disputatio.errors import BudgetExceededError, ConfigurationError


class Usage(BaseModel):
    """What was spent, as the backend reported it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int = Field(default=0, ge=0)
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    """How many of the prompt tokens the server found in its cache."""
    estimated: bool = False
    """Whether some of it is an estimate, because a server did not report it."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage.model_construct(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            estimated=self.estimated or other.estimated,
        )


class Budget(BaseModel):
    """What a run may spend; None is no limit.

    Tokens count prompt and completion. `seconds` is wall time from the start of the run; a reply that is being
    written when they are over is cut off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class Spender(NamedTuple):
    """Who spent: one line of the report."""

    author: str
    role: str
    round: int
    model: str


@dataclass
class Ledger:
    """The book of one run, shared by all its agents and nested strategies. Safe under threads and event loops."""

    budget: Budget = field(default_factory=Budget)
    total: Usage = field(default_factory=Usage)
    lines: dict[Spender, Usage] = field(default_factory=dict)
    stop_reason: str | None = None
    """Why no further call is made: budget, deadline or cancelled; None while calls are allowed."""
    started: float = field(default_factory=time.monotonic)
    _held: Usage = field(default_factory=Usage)
    _lock: Lock = field(default_factory=Lock)
    _clocks: set[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]] = field(default_factory=set)

    def reserve(self, prompt_tokens: int, max_tokens: int) -> Usage:
        """Set aside one call of at most these tokens; the completion is shortened to what is left.

        Raises:
            BudgetExceededError: If the call cannot be afforded, or the run was told to stop.
        """
        with self._lock:
            self._check_time()
            if self.stop_reason:
                raise BudgetExceededError(self.stop_reason, f"the run was stopped: {self.stop_reason}")
            spent = self.total + self._held
            calls, tokens = self.budget.calls, self.budget.tokens
            if calls is not None and spent.calls >= calls:
                raise self._refuse(f"the budget of {calls} model calls is used up")
            if tokens is not None:
                max_tokens = min(max_tokens, tokens - spent.tokens - prompt_tokens)
                if max_tokens < 1:
                    raise self._refuse(
                        f"{tokens - spent.tokens} of {tokens} tokens are left, the next prompt needs {prompt_tokens}"
                    )
            held = Usage(calls=1, prompt_tokens=prompt_tokens, completion_tokens=max_tokens)
            self._held += held
            return held

    def _refuse(self, message: str) -> BudgetExceededError:
        self.stop_reason = "budget"
        return BudgetExceededError("budget", message)

    def settle(self, held: Usage, spent: Usage, spender: Spender) -> None:
        """Replace a reservation by what was really spent."""
        with self._lock:
            self._release(held)
            self.total += spent
            self.lines[spender] = self.lines.get(spender, Usage()) + spent

    def release(self, held: Usage) -> None:
        """Give a reservation back: the call failed before anything was spent."""
        with self._lock:
            self._release(held)

    def _release(self, held: Usage) -> None:
        self._held = Usage.model_construct(
            calls=self._held.calls - held.calls,
            prompt_tokens=self._held.prompt_tokens - held.prompt_tokens,
            completion_tokens=self._held.completion_tokens - held.completion_tokens,
            cached_tokens=0,
            estimated=False,
        )

    @property
    def seconds(self) -> float:
        """Wall time since the run began."""
        return time.monotonic() - self.started

    def _check_time(self) -> None:
        limit = self.budget.seconds
        if limit is not None and self.seconds >= limit and not self.stop_reason:
            self.stop_reason = "deadline"

    def stop(self, reason: str) -> None:
        """Allow no further call and cut off the ones in flight. Can be called from any thread."""
        if reason not in ("budget", "deadline", "cancelled"):
            raise ConfigurationError(f"a run stops for budget, deadline or cancelled, not {reason!r}")
        with self._lock:
            self.stop_reason = self.stop_reason or reason
            clocks = list(self._clocks)
        for loop, clock in clocks:
            loop.call_soon_threadsafe(_run_out, clock)

    @asynccontextmanager
    async def clock(self) -> AsyncIterator[asyncio.Timeout]:
        """Cut the enclosed call off, with TimeoutError, at the deadline or when the run is stopped.

        A TimeoutError of the call's own is told from that by `expired()` of what is yielded.
        """
        loop = asyncio.get_running_loop()
        limit = self.budget.seconds
        left = None if limit is None else limit - self.seconds
        async with asyncio.timeout(left) as timeout:
            entry = (loop, timeout)
            with self._lock:
                self._clocks.add(entry)
            try:
                yield timeout
            finally:
                with self._lock:
                    self._clocks.discard(entry)
                self._check_time()


def _run_out(clock: asyncio.Timeout) -> None:
    """Let a clock that is still running end now."""
    if clock.when() is None or not clock.expired():
        try:
            clock.reschedule(asyncio.get_running_loop().time())
        except RuntimeError:  # the call ended in between
            return
