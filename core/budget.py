"""Usage, Budget and Ledger: what a run has spent, what it may spend, and the book that keeps the two apart.

The ledger is asked before each call. It reserves what the call may cost at most and settles with what it did cost,
so that agents which speak at once cannot spend the same token twice.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
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
    hits: int = Field(default=0, ge=0)
    """Calls that a response cache answered: nothing was paid for them, and they are not among `calls`."""
    estimated: bool = False
    """Whether some of it is an estimate, because a server did not report it."""
    cost: float = Field(default=0.0, ge=0)
    """What the calls with a known price cost, in the currency of the price table."""
    unpriced: int = Field(default=0, ge=0)
    """How many of the calls have no known price, and are not in `cost`."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        # A copy is the fastest way to a new one: sums of valid numbers need no validation.
        return self.model_copy(
            update={
                "calls": self.calls + other.calls,
                "prompt_tokens": self.prompt_tokens + other.prompt_tokens,
                "completion_tokens": self.completion_tokens + other.completion_tokens,
                "cached_tokens": self.cached_tokens + other.cached_tokens,
                "hits": self.hits + other.hits,
                "estimated": self.estimated or other.estimated,
                "cost": self.cost + other.cost,
                "unpriced": self.unpriced + other.unpriced,
            }
        )

    def __sub__(self, other: "Usage") -> "Usage":
        return self.model_copy(
            update={
                "calls": self.calls - other.calls,
                "prompt_tokens": self.prompt_tokens - other.prompt_tokens,
                "completion_tokens": self.completion_tokens - other.completion_tokens,
                "cached_tokens": self.cached_tokens - other.cached_tokens,
                "hits": self.hits - other.hits,
                "cost": max(self.cost - other.cost, 0.0) if self.calls > other.calls else 0.0,
                "unpriced": self.unpriced - other.unpriced,
            }
        )


class Price(NamedTuple):
    """What tokens of a model cost, each."""

    prompt: float = 0.0
    completion: float = 0.0
    cached: float | None = None
    """A prompt token that the server found in its cache; None if it costs as much as any other."""

    def of(self, usage: Usage) -> float:
        """What was spent, in money."""
        cached = self.prompt if self.cached is None else self.cached
        new = usage.prompt_tokens - usage.cached_tokens
        return new * self.prompt + usage.cached_tokens * cached + usage.completion_tokens * self.completion


class Budget(BaseModel):
    """What a run, or a part of one, may spend; None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    """Prompt and completion tokens together."""
    prompt_tokens: int | None = Field(default=None, ge=1)
    completion_tokens: int | None = Field(default=None, ge=1)
    cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Money, in the currency of the price table; models without a known price cannot be asked then."""
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Wall time from the start of the run; a reply that is being written when it is over is cut off."""

    @property
    def counts_prompts(self) -> bool:
        """Whether the length of a prompt decides if it can be paid for."""
        return self.tokens is not None or self.prompt_tokens is not None or self.cost is not None


NOTHING = Usage()


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
    whole: "Ledger | None" = None
    """The ledger that this one is a part of."""
    retries: int = 0
    """Calls that were made once more because they had failed."""
    prices: dict[str, Price | None] = field(default_factory=dict, repr=False)
    """The prices of the models that were asked; None is not known."""
    _held: Usage = field(default_factory=Usage)
    _lock: Lock = field(default_factory=Lock)
    _clocks: set[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]] = field(default_factory=set)

    def part(self, budget: Budget, spent: Usage = NOTHING) -> "Ledger":
        """A ledger for a part of the run, which may spend this budget and no more than the whole has left.

        Args:
            budget: What it may spend.
            spent: What it has spent of that already, and the whole has booked.
        """
        return Ledger(budget, spent, whole=self, prices=self.prices, _lock=self._lock)

    @property
    def _chain(self) -> "tuple[Ledger, ...]":
        """This ledger and those that it is a part of."""
        return (self,) if self.whole is None else (self, *self.whole._chain)

    @property
    def begun(self) -> int:
        """Calls that were made or are under way."""
        return self.total.calls + self._held.calls

    @property
    def stopped(self) -> bool:
        """Whether no further call is made."""
        left = self.seconds_left
        return any(ledger.stop_reason for ledger in self._chain) or (left is not None and left < 1e-3)

    @property
    def reason(self) -> str | None:
        """Why no further call is made, by this ledger or by one that it is a part of."""
        return next((ledger.stop_reason for ledger in self._chain if ledger.stop_reason), None)

    @property
    def counts_prompts(self) -> bool:
        """Whether the length of a prompt decides if it can be paid for."""
        return any(ledger.budget.counts_prompts for ledger in self._chain)

    def reserve(self, prompt_tokens: int, max_tokens: int, price: Price | None = None, *, calls: int = 1) -> Usage:
        """Set aside one call of at most these tokens; the completion is shortened to what is left.

        Args:
            prompt_tokens: The longest that its prompt can be.
            max_tokens: The longest that its reply can be.
            price: What its tokens cost; None is not known.
            calls: 0 for a further attempt at a call that is booked already.

        Raises:
            BudgetExceededError: If the call cannot be afforded, or the run was told to stop.
            ConfigurationError: If money is limited, and the model has no known price.
        """
        chain = self._chain
        with self._lock:
            for ledger in chain:
                max_tokens = ledger._affordable(prompt_tokens, max_tokens, price, calls)
            cost = prompt_tokens * price.prompt + max_tokens * price.completion if price else 0.0
            held = Usage(calls=calls, prompt_tokens=prompt_tokens, completion_tokens=max_tokens, cost=cost)
            for ledger in chain:
                ledger._held += held
            return held

    def _affordable(self, prompt_tokens: int, max_tokens: int, price: Price | None, calls: int) -> int:
        """How long the reply may get."""
        self._check_time()
        if self.stop_reason:
            raise BudgetExceededError(self.stop_reason, f"the run was stopped: {self.stop_reason}")
        if self.budget.calls is not None and self.begun + calls > self.budget.calls:
            raise self._refuse(f"the budget of {self.budget.calls} model calls is used up")
        for room, left in _rooms(self.budget, self.total, self._held, prompt_tokens, price):
            if room < 1:
                raise self._refuse(f"{left} are left, the next prompt needs {prompt_tokens} tokens")
            max_tokens = min(max_tokens, room)
        return max_tokens

    def _refuse(self, message: str) -> BudgetExceededError:
        self.stop_reason = "budget"
        return BudgetExceededError("budget", message)

    def hold(self, spent: Usage) -> None:
        """Set aside what was spent before and will be booked again, whether there is room for it or not."""
        with self._lock:
            for ledger in self._chain:
                ledger._held += spent

    def settle(self, held: Usage, spent: Usage, spender: Spender) -> None:
        """Replace a reservation by what was really spent."""
        with self._lock:
            for ledger in self._chain:
                ledger._held -= held
                ledger.total += spent
                ledger.lines[spender] = ledger.lines.get(spender, NOTHING) + spent

    def cut_short(self, held: Usage, price: Price | None = None) -> None:
        """Note which budget had no more room for a reply that was cut off; to be called before it is settled."""
        with self._lock:
            for ledger in self._chain:
                rooms = _rooms(ledger.budget, ledger.total, ledger._held - held, held.prompt_tokens, price)
                if any(room <= held.completion_tokens for room, _ in rooms):
                    ledger.stop_reason = ledger.stop_reason or "budget"

    def release(self, held: Usage) -> None:
        """Give a reservation back: the call failed before anything was spent."""
        with self._lock:
            for ledger in self._chain:
                ledger._held -= held

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
            clocks = list(self._clocks)  # those of its parts are among them
        for loop, clock in clocks:
            loop.call_soon_threadsafe(_run_out, clock)

    @asynccontextmanager
    async def clock(self) -> AsyncIterator[asyncio.Timeout]:
        """Cut the enclosed call off, with TimeoutError, at the deadline or when the run is stopped.

        A TimeoutError of the call's own is told from that by `expired()` of what is yielded.
        """
        loop, chain = asyncio.get_running_loop(), self._chain
        async with asyncio.timeout(self.seconds_left) as timeout:
            entry = (loop, timeout)
            with self._lock:
                for ledger in chain:
                    ledger._clocks.add(entry)
            try:
                yield timeout
            finally:
                with self._lock:
                    for ledger in chain:
                        ledger._clocks.discard(entry)
                        ledger._check_time()

    @property
    def seconds_left(self) -> float | None:
        """Wall time until the first deadline, of this ledger or of one that it is a part of; None if there is none."""
        limits = [one.budget.seconds - one.seconds for one in self._chain if one.budget.seconds is not None]
        return min(limits, default=None)


def _rooms(
    budget: Budget, spent: Usage, held: Usage, prompt_tokens: int, price: Price | None
) -> Iterator[tuple[int, str]]:
    """How many tokens a reply may have by each limit, and what is left of that limit, in words."""
    if budget.tokens is not None:
        left = budget.tokens - spent.tokens - held.tokens
        yield left - prompt_tokens, f"{left} of {budget.tokens} tokens"
    if budget.prompt_tokens is not None:
        left = budget.prompt_tokens - spent.prompt_tokens - held.prompt_tokens
        yield sys.maxsize if prompt_tokens <= left else 0, f"{left} of {budget.prompt_tokens} prompt tokens"
    if budget.completion_tokens is not None:
        left = budget.completion_tokens - spent.completion_tokens - held.completion_tokens
        yield left, f"{left} of {budget.completion_tokens} completion tokens"
    if budget.cost is not None:
        if price is None:
            raise ConfigurationError("money is limited, but a model has no known price: add it to the price table")
        rest = budget.cost - spent.cost - held.cost
        after = rest - prompt_tokens * price.prompt
        room = int(after / price.completion) if price.completion else sys.maxsize if after >= 0 else 0
        yield room, f"{rest:.4g} of {budget.cost:.4g} in money"


def _run_out(clock: asyncio.Timeout) -> None:
    """Let a clock that is still running end now."""
    if clock.when() is None or not clock.expired():
        try:
            clock.reschedule(asyncio.get_running_loop().time())
        except RuntimeError:  # the call ended in between
            return
