"""Journal: every call of a run in one file, to look at, to go on from, and to replay the run from.

    record     a call that has ended is written down before its reply is used
    resume     a run whose process died goes on: replies in the journal are taken from it, other calls are made
    replay     the run is repeated offline: every reply is taken from the journal, no model is loaded or asked

A call is known by its place (scope, author, round, which call there) and by what it asked. Thoughts get the same ids
in a replay (`Context.identify`). What a replay cannot work out again stands in the journal: the run's id, its times,
and the order of what happened at once.
"""

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

from disputatio.budget import Usage
from disputatio.errors import StoreError
from disputatio.failures import failure_of, raised
from disputatio.journal_file import CallLine, EndLine, IntentLine, JournalFile, Line, ModelLine, RunLine
from disputatio.ledger import Ledger, Spender
from disputatio.model import Model, Profile, Reply, Request, alternatives
from disputatio.recording import Recorded, Recording, Trace, Underway, book
from disputatio.redaction import redactor
from disputatio.stored_run import StoredRun

if TYPE_CHECKING:
    from disputatio.context import Context
    from disputatio.question import Question
    from disputatio.result import Result


_REQUEST = TypeAdapter(Request)
_SORTED = json.JSONEncoder(sort_keys=True).encode


@dataclass(eq=False)
class Journal:
    """The journal of a run, for one run at a time.

    Its file can be read by its owner only. Secrets are taken out of what is written, and so out of a replay, too.
    """

    path: Path | str | StoredRun
    """A file of its own, or a run of a `RunStore`."""
    replay: bool = False
    """Repeat the run that is in the file instead of making its calls."""
    fsync: bool = False
    """Force every line to the disk, so that it outlives a power cut and not only the process."""
    secrets: Sequence[str] = ()
    """Secrets besides the values of environment variables named *_KEY, *_TOKEN, *_SECRET and *_PASSWORD, and
    the keys of the models."""
    _file: JournalFile | StoredRun | None = field(default=None, repr=False)
    _recording: Recording = field(default_factory=lambda: Recording(""), repr=False)
    _steps: Counter[tuple[str, ...]] = field(default_factory=Counter, repr=False)
    _failed: StoreError | None = field(default=None, repr=False)
    """Why nothing more can be written down."""
    _keys: set[str] = field(default_factory=set, repr=False)
    _profiles: dict[str, Profile] = field(default_factory=dict, repr=False)
    _loaded: dict[str, Model] = field(default_factory=dict, repr=False)
    _redact: Callable[[Any], Any] = field(default=lambda value: value, repr=False)

    @contextmanager
    def of(
        self, question: "Question", strategy: str, settings: dict[str, Any], context: "Context"
    ) -> Iterator["Journal"]:
        """Open the journal for a run; a replay takes models, settings and the run's id from it.

        Raises:
            ConfigurationError: If it holds another run.
            StoreError: If it cannot be read or written, is damaged, did not end though it is to be replayed, or is
                being written by another run.
        """
        self._redact = redactor({*self.secrets, *self._keys})
        self._steps, self._profiles, self._loaded, self._failed = Counter(), {}, context.loaded, None
        asked = question.model_dump(mode="json")
        try:
            self._recording = Recording.of(self._lines(), str(self.path), resumed=not self.replay)
            if run := self._recording.run:
                given = {"question": self._redact(asked), "strategy": self._redact(strategy)}
                self._recording.check({**settings, **given}, resumed=not self.replay)
                context.run_id, context.origin = run.run_id, run.origin
            if self.replay:
                self._stand_in(context)
            else:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                about: Any = {"question": asked, "strategy": strategy, "settings": settings}
                self._append(RunLine(run_id=context.run_id, origin=context.origin, started=now, **about))
            for call in self._recording.lost:
                book(call, context.ledger)
            yield self
        finally:
            if self._file:
                self._file.close()

    @property
    def taken(self) -> int:
        """How many replies the run has taken from the journal."""
        return self._recording.taken

    def lost_in(self, scope: str, name: str = "") -> Usage:
        """What calls cost that earlier lives of the run lost in a part of it; see `Recording.lost_in`."""
        return self._recording.lost_in(scope, name)

    @property
    def run(self) -> StoredRun | None:
        """The run of a store that is being written, if this is one: it can ask a person and wait for the decision."""
        return self._file if isinstance(self._file, StoredRun) else None

    def _lines(self) -> Sequence[Line]:
        file = self.path if isinstance(self.path, StoredRun) else JournalFile(Path(self.path), fsync=self.fsync)
        if self.replay:
            return file.read()
        file.open()
        self._file = file
        return file.lines

    def _stand_in(self, context: "Context") -> None:
        assert self._recording.run
        if self._recording.end is None:
            raise StoreError(f"the run in {str(self.path)!r} did not end; finish it before it is replayed")
        settings: dict[str, Any] = self._recording.run.settings
        context.models, context.seed, context.temperature = (settings[one] for one in ("models", "seed", "temperature"))
        named = [name for models in settings["models"].values() for name in alternatives(models)]
        for name in {*self._recording.profiles, *named}:
            known = self._recording.spelt.get(name, name)
            context.loaded[name] = Recorded(known, self._recording.profiles.get(name, Profile()))

    async def model_call(
        self,
        make: Callable[[], Awaitable[Reply]],
        trace: Trace,
        model: Model,
        request: Request,
        *,
        scope: str,
        spender: Spender,
        ledger: Ledger,
        on_text: Callable[[str], None] | None = None,
        on_retry: Callable[[str, float], None] = lambda fault, seconds: None,
    ) -> Reply:
        """Take a model's reply from the journal, or make the call and write it down.

        Args:
            make: Makes the call.
            trace: Where the call notes what it takes.
            model: Who is asked.
            request: What is asked, before the budget shortens it.
            scope: Where in a composition the run is.
            spender: Who asks.
            ledger: The book of the run, on which a reply of the journal is booked as it was.
            on_text: Called with the whole of a reply of the journal.
            on_retry: Called for each time that a call of the journal had to be made again.

        Raises:
            DisputatioError: What the call raises, or was recorded to have raised.
            ConfigurationError: If the run is replayed and the call is not in the journal.
            StoreError: If the journal cannot be written.
        """
        asked = _REQUEST.dump_python(request, mode="json", exclude_defaults=True)
        call = self._call("model", scope, spender, asked)
        if known := await self._take(call):
            book(known, ledger)
            trace.usage += known.usage
            if self.replay:
                ledger.stop_reason = ledger.stop_reason or known.stop
                self._learn(known)
            for fault, seconds in known.retries:
                on_retry(fault, seconds)
            said = known.reply.text if known.reply else known.failure.partial if known.failure else ""
            if on_text and said:
                on_text(said)
            return known.reply or _fail(known)
        self._introduce(model)
        began = time.monotonic()
        reply, error = None, None
        try:
            reply = await make()
            return reply
        except BaseException as caught:
            error = caught
            raise
        finally:
            learned = None if model.profile == self._profiles[model.name] else model.profile
            self._profiles[model.name] = model.profile
            came = {"reply": reply, "learned": learned, "stop": ledger.stop_reason}
            self._note(
                call, began, error, **came, usage=trace.usage, attempts=trace.attempts, retries=tuple(trace.retries)
            )

    async def tool_call(
        self, make: Callable[[Underway], Awaitable[str]], arguments: Any, *, scope: str, spender: Spender
    ) -> str:
        """Take what a tool returned from the journal, or use the tool and write it down.

        Args:
            make: Uses the tool.
            arguments: What it is given, as JSON.
            scope: Where in a composition the run is.
            spender: Who uses it; the tool stands in the model's place.

        Raises:
            ToolError: If the tool refuses, or was recorded to have refused.
            ConfigurationError: If the run is replayed and the call is not in the journal.
            StoreError: If the journal cannot be written.
        """
        call = self._call("tool", scope, spender, {"arguments": arguments})
        if known := await self._take(call):
            return known.output if known.output is not None else _fail(known)
        underway = self._underway(call)
        call = call.model_copy(update={"key": underway.key})
        began, output, error = time.monotonic(), None, None
        try:
            output = await make(underway)
            return output
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._note(call, began, error, output=output)

    def _call(self, kind: Literal["model", "tool"], scope: str, spender: Spender, asked: dict[str, Any]) -> CallLine:
        if self._failed:
            raise self._failed
        place = (kind, scope, spender.author, str(spender.round))
        step, self._steps[place] = self._steps[place], self._steps[place] + 1
        request, name = self._redact(asked), self._redact(spender.model)
        digest = blake2b(_SORTED([name, request]).encode(), digest_size=16).hexdigest()
        author, role, round_, _ = spender
        return CallLine(kind=kind, scope=scope, author=author, role=role, round=round_, step=step, name=name,
                        digest=digest, request=request)  # fmt: skip

    def _underway(self, call: CallLine) -> Underway:
        same, key = (*call.place, call.digest), ""
        while not key or key in self._recording.used:
            self._steps[same] += 1
            origin = json.dumps([*same, self._steps[same]])
            key = blake2b(origin.encode(), digest_size=16, person=b"call").hexdigest()
        call = call.model_copy(update={"key": key})
        return Underway(key, self._recording.begun(call), lambda: self._append(IntentLine(call=call)))

    async def _take(self, call: CallLine) -> CallLine | None:
        known = await self._recording.take(call)
        if known is None and self.replay:
            raise self._recording.missing(call)
        return known

    def _introduce(self, model: Model) -> None:
        """Write down what a model is before it is first asked."""
        if model.name not in self._profiles:
            if key := getattr(model, "api_key", None):
                self._keys.add(str(key))
                self._redact = redactor({*self.secrets, *self._keys})
            names = [model.name, *(name for name, one in self._loaded.items() if one is model)]
            self._profiles[model.name] = model.profile
            self._append(ModelLine(names=tuple(dict.fromkeys(names)), profile=model.profile))

    def _learn(self, call: CallLine) -> None:
        stand_in = self._loaded.get(call.name)
        if call.learned and isinstance(stand_in, Recorded):
            stand_in.profile = call.learned

    def _note(self, call: CallLine, began: float, error: BaseException | None, **came: Any) -> None:
        failure = failure_of(error) if error else None
        if error is None or failure:
            seconds = round(time.monotonic() - began, 3)
            self._append(call.model_copy(update={"failure": failure, "seconds": seconds, **came}))

    def _append(self, line: Line) -> None:
        assert self._file
        written = line.model_dump(mode="json", exclude_defaults=True, exclude={"request"})
        asked = {"request": line.request} if isinstance(line, CallLine) else {}  # without its secrets already
        try:
            self._file.append({"line": line.line, **self._redact(written), **asked})
        except StoreError as error:
            self._failed = error  # what can not be written down is not paid for
            raise

    def ended(self, result: "Result") -> "Result":
        """Write down that the run has ended; into a replay's result, put what only the recorded run knew.

        Raises:
            ConfigurationError: If a run was replayed and did not make all its calls.
            StoreError: If the journal cannot be written.
        """
        if not self.replay:
            thoughts = tuple(thought.id for thought in result.thoughts)
            spent = tuple(Spender(one.author, one.role, one.round, one.model) for one in result.spent)
            costs = (*(one.usage.cost for one in result.spent), result.usage.cost)
            seconds, reason = result.seconds, result.stop_reason
            if self.run:
                self.run.conclude(self._redact(result.model_dump(mode="json", exclude_defaults=True)))
            self._append(EndLine(seconds=seconds, stop_reason=reason, thoughts=thoughts, spent=spent, costs=costs))
            return result
        return self._recording.restored(result)


def _fail(call: CallLine) -> Any:
    assert call.failure
    raise raised(call.failure)
