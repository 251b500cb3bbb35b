"""Ledger: the book of what a run has spent, which is asked before each call.

It reserves what the call may cost at most and settles with what it did cost, so that agents which speak at once cannot
spend the same token twice. Calls seldom cost what they may: one that finds too little room waits for those that hold
it, and is shortened or refused only when none is under way.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from disputatio.budget import NOTHING, Budget, Price, Usage
from disputatio.errors import BudgetExceededError, ConfigurationError
from disputatio.line import Line


class Spender(NamedTuple):
    """Who spent: one line of the report."""

    author: str
    role: str
    round: int
    model: str


@dataclass
class Sequel:
    """The call that has to follow another: the same prompt, the reply to it, and a last word.

    Room for it is set aside together with the first, whose reply is shortened so that both can be paid.
    """

    prompt_tokens: int
    """The longest that the last word can be."""
    max_tokens: int
    """How long its own reply may become at least."""
    held: Usage = NOTHING
    """What is set aside for it."""


class RoomHeldError(Exception):
    """Calls under way hold the room that a call needs; see `Ledger.turn`."""


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
    _held: Usage = NOTHING
    """What is reserved for calls under way."""
    _ahead: Usage = NOTHING
    """What will be booked without a call; see `hold`."""
    _line: Line = field(default_factory=Line, repr=False)
    """Calls that wait for room."""
    _lock: Lock = field(default_factory=Lock)
    _clocks: set[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]] = field(default_factory=set)

    def part(self, budget: Budget, spent: Usage = NOTHING) -> "Ledger":
        """A ledger for a part of the run, which may spend this budget and no more than the whole has left.

        Args:
            budget: What it may spend.
            spent: What it has spent of that already, and the whole has booked.
        """
        return Ledger(budget, spent, whole=self, prices=self.prices, _line=self._line, _lock=self._lock)

    @property
    def _chain(self) -> "tuple[Ledger, ...]":
        """This ledger and those that it is a part of."""
        return (self,) if self.whole is None else (self, *self.whole._chain)

    @property
    def begun(self) -> int:
        """Calls that were made or are under way."""
        return self.total.calls + self._held.calls + self._ahead.calls

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

    def reserve(
        self,
        prompt_tokens: int,
        max_tokens: int,
        price: Price | None = None,
        *,
        calls: int = 1,
        sequel: Sequel | None = None,
        aside: Sequel | None = None,
        patient: bool = False,
    ) -> Usage:
        """Set aside one call of at most these tokens; the completion is shortened to what is left.

        Args:
            prompt_tokens: The longest that its prompt can be.
            max_tokens: The longest that its reply can be.
            price: What its tokens cost; None is not known.
            calls: 0 for a further attempt at a call that is booked already.
            sequel: The call that has to follow; room for it is set aside, too.
            aside: What this call is, if it is a sequel. It takes the room that was set aside for it, also where the
                budget allows no other call, and does not wait.
            patient: Whether to wait, rather than be shortened or refused, while calls under way hold the room.

        Raises:
            BudgetExceededError: If the call cannot be afforded, or the run was told to stop.
            RoomHeldError: If it is patient and has to wait.
            ConfigurationError: If money is limited, and the model has no known price.
        """
        chain = self._chain
        with self._lock:
            is_paid = aside is not None and aside.held is not NOTHING
            if aside:
                self._drop(aside)
            try:
                for ledger in chain:
                    ledger._check_open(is_paid=is_paid)
                    room, refusal = ledger._room(prompt_tokens, price, calls, sequel)
                    if patient and not is_paid and room < max_tokens and (ledger._held.calls or ledger._held.tokens):
                        raise RoomHeldError
                    if room < 1:
                        ledger.stop_reason = ledger.stop_reason or "budget"
                        raise BudgetExceededError("budget", refusal)
                    max_tokens = min(max_tokens, room)
            except BudgetExceededError:
                self._line.call()  # who waits is refused, too
                raise
            held = _costing(calls, prompt_tokens, max_tokens, price)
            for ledger in chain:
                ledger._held += held
            if sequel:
                again = prompt_tokens + sequel.prompt_tokens + max_tokens
                sequel.held = _costing(1, again, sequel.max_tokens, price)
                for ledger in chain:
                    ledger._held += sequel.held
            self._line.call()  # there may be room for the next, too
            return held

    def _check_open(self, *, is_paid: bool) -> None:
        self._check_time()
        if self.stop_reason and not (is_paid and self.stop_reason == "budget"):
            raise BudgetExceededError(self.stop_reason, f"the run was stopped: {self.stop_reason}")

    def _room(self, prompt_tokens: int, price: Price | None, calls: int, sequel: Sequel | None) -> tuple[int, str]:
        """How long the reply may get by the tightest limit, and the words in which it is refused if that is nothing."""
        calls += 1 if sequel else 0
        if self.budget.calls is not None and self.begun + calls > self.budget.calls:
            rest = self.budget.calls - self.begun
            used = f"{rest} of {self.budget.calls} model calls are left, the next turn needs {calls}"
            return 0, used if rest else f"the budget of {self.budget.calls} model calls is used up"
        held = self._held if self._ahead is NOTHING else self._held + self._ahead
        rooms = _rooms(self.budget, self.total, held, prompt_tokens, price, sequel)
        room, left = min(rooms, default=(sys.maxsize, ""))
        if room > 0:
            return room, ""
        needed = 2 * prompt_tokens + sequel.prompt_tokens if sequel else prompt_tokens
        return room, f"{left} are left, the next prompt needs {needed} tokens"

    async def turn(self, *, first: bool = False) -> None:
        """Wait until a call ends that holds room: at the end of the line, or at its head if it was called before."""
        root = self._chain[-1]
        with self._lock:
            if not (root._held.calls or root._held.tokens):
                return
            place = self._line.join(first=first)
        try:
            await place
        except asyncio.CancelledError:
            with self._lock:
                if not self._line.leave(place):
                    self._line.call()
            raise

    def hold(self, spent: Usage) -> None:
        """Set aside what was spent before and will be booked again, whether there is room for it or not."""
        with self._lock:
            for ledger in self._chain:
                ledger._ahead += spent

    def let_go(self, spent: Usage) -> None:
        """Set no longer aside what is about to be booked."""
        with self._lock:
            for ledger in self._chain:
                ledger._ahead -= spent

    def settle(self, held: Usage, spent: Usage, spender: Spender) -> None:
        """Replace a reservation by what was really spent."""
        with self._lock:
            for ledger in self._chain:
                ledger._held -= held
                ledger.total += spent
                ledger.lines[spender] = ledger.lines.get(spender, NOTHING) + spent
            self._line.call()

    def cut_short(self, held: Usage, price: Price | None = None, sequel: Sequel | None = None) -> None:
        """Note which budget had no more room for a reply that was cut off; to be called before it is settled."""
        with self._lock:
            for ledger in self._chain:
                others = ledger._held + ledger._ahead - held - (sequel.held if sequel else NOTHING)
                rooms = _rooms(ledger.budget, ledger.total, others, held.prompt_tokens, price, sequel)
                if any(room <= held.completion_tokens for room, _ in rooms):
                    ledger.stop_reason = ledger.stop_reason or "budget"

    def release(self, held: Usage) -> None:
        """Give a reservation back: the call failed before anything was spent."""
        with self._lock:
            for ledger in self._chain:
                ledger._held -= held
            self._line.call()

    def drop(self, sequel: Sequel) -> None:
        """Give back what is set aside for a call that will not follow."""
        with self._lock:
            self._drop(sequel)
            self._line.call()

    def _drop(self, sequel: Sequel) -> None:
        for ledger in self._chain:
            ledger._held -= sequel.held
        sequel.held = NOTHING

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


def _costing(calls: int, prompt_tokens: int, completion_tokens: int, price: Price | None) -> Usage:
    cost = prompt_tokens * price.prompt + completion_tokens * price.completion if price else 0.0
    return Usage(calls=calls, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost=cost)


def _rooms(
    budget: Budget, spent: Usage, held: Usage, prompt_tokens: int, price: Price | None, sequel: Sequel | None
) -> Iterator[tuple[int, str]]:
    """How many tokens a reply may have by each limit, and what is left of that limit, in words.

    With a sequel, the prompt is paid twice, and the reply as part of the second prompt, too.
    """
    again = 1 if sequel else 0
    prompts = 2 * prompt_tokens + sequel.prompt_tokens if sequel else prompt_tokens
    extracts = sequel.max_tokens if sequel else 0
    if budget.tokens is not None:
        left = budget.tokens - spent.tokens - held.tokens
        yield (left - prompts - extracts) // (1 + again), f"{left} of {budget.tokens} tokens"
    if budget.prompt_tokens is not None:
        left = budget.prompt_tokens - spent.prompt_tokens - held.prompt_tokens
        room = left - prompts if again else sys.maxsize if prompts <= left else 0
        yield room, f"{left} of {budget.prompt_tokens} prompt tokens"
    if budget.completion_tokens is not None:
        left = budget.completion_tokens - spent.completion_tokens - held.completion_tokens
        yield left - extracts, f"{left} of {budget.completion_tokens} completion tokens"
    if budget.cost is not None:
        if price is None:
            raise ConfigurationError("money is limited, but a model has no known price: add it to the price table")
        rest = budget.cost - spent.cost - held.cost
        after = rest - prompts * price.prompt - extracts * price.completion
        each = price.completion + again * price.prompt
        yield (
            int(after / each) if each else sys.maxsize if after >= 0 else 0,
            f"{rest:.4g} of {budget.cost:.4g} in money",
        )


def _run_out(clock: asyncio.Timeout) -> None:
    """Let a clock that is still running end now."""
    if clock.when() is None or not clock.expired():
        try:
            clock.reschedule(asyncio.get_running_loop().time())
        except RuntimeError:  # the call ended in between
            return
