"""Recording: what a journal holds of a run, with calls that are taken from it one by one."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from disputatio.budget import Usage
from disputatio.differences import asked_differently
from disputatio.errors import ConfigurationError, StoreError
from disputatio.failures import CANCELLED
from disputatio.journal_file import CallLine, EndLine, IntentLine, Line, RunLine
from disputatio.ledger import Ledger, Spender
from disputatio.model import Profile, Reply, Request
from disputatio.thought import in_order

if TYPE_CHECKING:
    from disputatio.result import Result, Spent

PATIENCE_S = 2.0
"""Longest time for which an error is held back, so that what was said before it is said first."""
_FIXED = ("temperature", "seed")
"""Settings that a run must share with what it resumes; a replay takes all settings from the recording."""


@dataclass
class Trace:
    """What the gateway tells of one call."""

    attempts: int = 0
    usage: Usage = field(default_factory=Usage)
    """What was booked for it."""
    retries: list[tuple[str, float]] = field(default_factory=list)
    """What went wrong before it was made again, and the seconds that were waited."""


@dataclass(frozen=True)
class Underway:
    """A call of a tool that is about to be made."""

    key: str = ""
    """Stands for this very call, in all lives of the run; empty where no journal is kept."""
    times: int = 0
    """How often earlier lives of the run began it without living to see what came of it."""
    begin: Callable[[], None] = lambda: None
    """Writes down that it begins; for a tool that changes something."""


@dataclass
class Recorded:
    """Stands for a model in a replay; it is never asked."""

    name: str
    profile: Profile

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Refuse, since a replay asks no model."""
        raise ConfigurationError(f"{self.name} stands for a recorded model and cannot be asked")


@dataclass
class Recording:
    """The calls of one run. Those that failed before it was resumed are not among them, but were paid for."""

    name: str
    """The file, for messages."""
    run: RunLine | None = None
    end: EndLine | None = None
    profiles: dict[str, Profile] = field(default_factory=dict)
    """Of the models by the strings that they were loaded from."""
    spelt: dict[str, str] = field(default_factory=dict)
    """The name that a model gives itself, by each string that it was loaded from."""
    lost: list[CallLine] = field(default_factory=list)
    """Calls that an interrupted run made without getting a reply."""
    taken: int = 0
    """How many replies were taken."""
    _charged: set[tuple[str, str]] = field(default_factory=set)
    """Parts of the run that were charged with what was lost in them."""
    _begun: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """How often calls of tools that change something were begun without an outcome."""
    used: set[str] = field(default_factory=set)
    """Keys of calls that were made or begun: what was decided about them holds for no other call."""
    _calls: list[CallLine] = field(default_factory=list)
    _due: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    """By place, the calls that are still to be taken."""
    _fresh: int = 0
    """The first call since the run was resumed last."""

    @classmethod
    def of(cls, lines: Sequence[Line], name: str, *, resumed: bool) -> "Recording":
        """Sort the lines of a journal.

        Args:
            lines: All of them.
            name: The file, for messages.
            resumed: Whether the run goes on from here, so that what failed is made again.

        Raises:
            StoreError: If they belong to no run.
        """
        recording = cls(name)
        for line in lines:
            match line:
                case RunLine():
                    recording._lose_failures()
                    recording.run, recording.end, recording._fresh = line, None, len(recording._calls)
                case EndLine():
                    recording.end = line
                case IntentLine(call=call):
                    recording._begun[*call.place, call.digest] += 1
                    recording.used.add(call.key)
                case CallLine():
                    recording._due.setdefault(line.place, []).append(len(recording._calls))
                    recording._calls.append(line)
                    if line.failure is None:
                        recording.used.add(line.key)
                    recording._begun[*line.place, line.digest] -= line.failure is None
                case _:
                    recording.profiles |= dict.fromkeys(line.names, line.profile)
                    recording.spelt |= dict.fromkeys(line.names, line.names[0])
        if lines and not recording.run:
            raise StoreError(f"{name!r} holds no run")
        if resumed:
            recording._lose_failures()
        return recording

    def _lose_failures(self) -> None:
        for places in self._due.values():
            self.lost += [self._calls[place] for place in places if self._calls[place].failure]
            places[:] = [place for place in places if not self._calls[place].failure]

    def lost_in(self, scope: str, name: str = "") -> Usage:
        """What the lost calls of a part of the run cost, for a ledger of its own; nothing when it is asked for again.

        Args:
            scope: The part's place; empty is the whole run.
            name: The agent or the role that the ledger is for; empty is all of them.
        """
        known, self._charged = self._charged, {*self._charged, (scope, name)}
        calls = [] if (scope, name) in known else self.lost
        inside = [one for one in calls if not scope or f"{one.scope}/".startswith(f"{scope}/")]
        return sum((one.usage for one in inside if name in ("", one.author, one.role)), Usage())

    def left(self, since: int = 0) -> list[CallLine]:
        """Calls that were not taken, in their order."""
        due = sorted(place for places in self._due.values() for place in places if place >= since)
        return [self._calls[place] for place in due]

    def check(self, asked: dict[str, Any], *, resumed: bool) -> None:
        """Make sure that a run is the one that was recorded.

        Raises:
            ConfigurationError: If it is another.
        """
        assert self.run
        was: dict[str, Any] = {"question": self.run.question, "strategy": self.run.strategy}
        was |= {name: self.run.settings.get(name) for name in _FIXED if resumed}
        for name, value in was.items():
            if _lasting(value) != _lasting(asked[name]):
                shown = f"{_shown(value)}, not {_shown(asked[name])}"
                raise ConfigurationError(f"{self.name!r} holds a run with another {name}: {shown}")

    async def take(self, call: CallLine) -> CallLine | None:
        """The recorded call that is this one, once; None if there is none."""
        due = self._due.get(call.place, [])
        step = {place for place in due if self._calls[place].step == call.step}
        pinned = [place for place in step if not self._calls[place].digest]  # by a branch, whatever is asked there
        same = pinned or [place for place in due if self._calls[place].digest == call.digest]
        if not same:
            return None
        # Agents of one name that speak at once share a place; those that ask the same are told apart by their order.
        taken = next((place for place in same if place in step), same[0])
        due.remove(taken)
        known = self._calls[taken]
        self.taken += known.failure is None
        if known.failure and known.failure.type == CANCELLED:
            await asyncio.Event().wait()  # until the run does without it, as it did when it was recorded
        if known.failure and not known.stop:
            await self._others_before(taken)
        return known

    def begun(self, call: CallLine) -> int:
        """How often an earlier life of the run began this call without living to see what came of it."""
        return max(self._begun[*call.place, call.digest], 0)

    async def _others_before(self, taken: int) -> None:
        """Wait for the replies that came before an error, because an error cancels what goes on beside it."""
        for _ in range(int(PATIENCE_S / 0.01)):
            due = (place for places in self._due.values() for place in places)
            if all(place > taken or self._calls[place].failure for place in due):
                return
            await asyncio.sleep(0.01)

    def missing(self, call: CallLine) -> ConfigurationError:
        """The error for a call that a replay makes and the recorded run did not make."""
        there = [self._calls[place] for place in self._due.get(call.place, [])]
        found = next((one for one in there if one.step == call.step), there[0] if there else None)
        if found is None:
            return ConfigurationError(f"{self.name!r} has no such call: {call.who}")
        changes = [] if found.name == call.name else [f"{found.name} became {call.name}"]
        changes += asked_differently(found.request, call.request)
        telling = [line for line in changes if line[:1] not in (" ", "@") and line[:3] not in ("---", "+++")]
        return ConfigurationError(f"{self.name!r} has another call there: {call.who}: {'; '.join(telling[:3])}")

    def restored(self, result: "Result") -> "Result":
        """The result of a replay with what only the recorded run knew: its times, and the order of what it did at once.

        Raises:
            ConfigurationError: If the replay did not make all recorded calls.
        """
        assert self.run
        assert self.end
        failed = result.answer.stop_reason == "error"
        left = self.left(since=self._fresh)
        if left and not failed:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            raise ConfigurationError(f"a call in {self.name!r} was not made again: {left[0].who}{more}")
        said = {one: place for place, one in enumerate(self.end.thoughts)}
        paid = {one: place for place, one in enumerate(self.end.spent)}
        thoughts = tuple(sorted(result.thoughts, key=lambda one: said.get(one.id, len(said))))
        spent = sorted(result.spent, key=lambda one: paid.get(_spender(one), len(paid)))
        if [_spender(one) for one in spent] == list(self.end.spent):
            *costs, whole = self.end.costs
            usages = [_costing(one.usage, cost) for one, cost in zip(spent, costs, strict=True)]
            spent = [one.model_copy(update={"usage": usage}) for one, usage in zip(spent, usages, strict=True)]
            result = result.model_copy(update={"usage": _costing(result.usage, whole)})
        update = {"thoughts": thoughts, "links": in_order(result.links, thoughts), "spent": tuple(spent)}
        known: dict[str, Any] = {"settings": self.run.settings}
        if not failed or self.end.stop_reason == "error":
            known |= {"seconds": self.end.seconds, "stop_reason": self.end.stop_reason}
        return result.model_copy(update={**update, **known})


def book(call: CallLine, ledger: Ledger) -> None:
    """Book what a recorded call cost."""
    if call.usage != Usage():
        ledger.settle(Usage(), call.usage, call.spender)


def _spender(spent: "Spent") -> Spender:
    return Spender(spent.author, spent.role, spent.round, spent.model)


def _costing(usage: Usage, cost: float) -> Usage:
    return usage.model_copy(update={"cost": cost})


def _lasting(value: Any) -> Any:
    """A setting without the places in memory at which Python shows functions: they are others in each process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", value) if isinstance(value, str) else value


def _shown(value: Any) -> str:
    shown = repr(value.get("text") if isinstance(value, dict) else value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
