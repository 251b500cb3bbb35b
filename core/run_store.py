"""RunStore: all runs in one place, to look at, to go on with, to branch from, and to clear away.

    with RunStore("runs.sqlite") as store: ...     or RunStore(), in the user's data folder
    with RunStore("postgresql://user@host/database") as store: ...

A run is finished when its row says so, and by nothing else.
"""

import json
import platform
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet, finalize, ref

from pydantic import ValidationError

import disputatio
from disputatio.errors import ConfigurationError, StoreError
from disputatio.journal_file import Line
from disputatio.redaction import redactor
from disputatio.result import Result
from disputatio.run_database import Database
from disputatio.run_record import Asked, RunRecord, RunState, owner
from disputatio.run_server import ServerDatabase, database_at
from disputatio.run_texts import read
from disputatio.stored_run import LEASE_S, StoredRun, asked_of, lines_of

SHOWN = 8
"""Letters of an id that are shown; any beginning that fits one run only will do."""
_COLUMNS = (
    "id, origin, state, question, strategy, settings, recipe, manifest, created, updated, stop_reason, answer, usage, "
    "epoch, owner, expires"
)
_JSON = ("question", "settings", "recipe", "manifest", "usage")
_ASKED = "SELECT id, key, asked, at, decision, by, decided FROM questions JOIN runs ON num = run"


@dataclass(eq=False)
class RunStore:
    """The runs of one file or server. Safe under threads, and under processes that use it at once.

    Raises:
        ConfigurationError: If an address cannot be read.
        MissingExtraError: If it is one of a server, and the driver is not installed.
    """

    path: Path | str | None = field(default=None, repr=False)
    """A file, or "postgresql://..."; None is the file in the user's data folder, or what DISPUTATIO_RUNS says."""
    fsync: bool = False
    """Force every line to the disk, so that it outlives a power cut and not only the process; a server does."""
    owner: str = field(default_factory=owner, repr=False)
    database: Database | ServerDatabase = field(init=False)
    _held: "WeakSet[StoredRun]" = field(default_factory=WeakSet, repr=False)
    _over: threading.Event | None = field(default=None, repr=False)
    """Ends the thread that renews the leases."""

    def __post_init__(self) -> None:
        self.database = database_at(self.path, fsync=self.fsync)

    @classmethod
    def of(cls, store: "RunStore | Path | str") -> "RunStore":
        """A store, opened from its path if need be."""
        return store if isinstance(store, RunStore) else cls(store)

    def new(self, recipe: Mapping[str, Any] | None = None) -> StoredRun:
        """A run that is to begin.

        Args:
            recipe: What its strategy can be made from again, as JSON.
        """
        return StoredRun(self, recipe=redactor()(dict(recipe)) if recipe else {})

    def resume(self, run: str) -> StoredRun:
        """A run that is to go on, or to be replayed.

        Raises:
            ConfigurationError: If there is none of this id, or several.
            StoreError: If the store cannot be used.
        """
        record = self.get(run)
        return StoredRun(self, id=record.id, recipe=record.recipe)

    def records(self, *states: RunState, limit: int = -1) -> list[RunRecord]:
        """The runs, the latest first.

        Args:
            states: Only those in one of these states.
            limit: The most that are given; all if below 0.
        """
        wanted = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        most = sys.maxsize if limit < 0 else limit
        return self._records(f"{wanted} ORDER BY updated DESC, num DESC LIMIT ?", (*states, most))

    def _records(self, which: str, values: Sequence[Any]) -> list[RunRecord]:
        with self.database.reading() as database:
            ahead = self.database.ahead()
            rows = database.execute(f"SELECT {_COLUMNS} FROM runs {which}", values)
            return [_record(row, ahead) for row in rows]

    def get(self, run: str) -> RunRecord:
        """One run.

        Args:
            run: Its id, or the beginning of it; "last" is the one that was written last.

        Raises:
            ConfigurationError: If there is none, or several.
            StoreError: If the store cannot be used.
        """
        if run == "last":
            found = self.records(limit=1)
        else:
            found = self._records("WHERE substr(id, 1, ?) = ? LIMIT 3", (max(len(run), 1), run))
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigurationError(f"several runs begin with {run!r}: {', '.join(one.id[:12] for one in found)} ...")
        raise ConfigurationError(f"there is no run {run!r} in {self.database.name!r}; see: disputatio runs list")

    def lines(self, run: str) -> Sequence[Line]:
        """The journal of a run.

        Raises:
            ConfigurationError: If there is no such run.
            StoreError: If it is damaged, or the store cannot be used.
        """
        record = self.get(run)
        with self.database.reading() as database:
            [num] = _row(database, "num", record.id)
            return lines_of(database, num, f"run {record.id}")[0]

    def result(self, run: str) -> Result | None:
        """What came of a run when it ended last; None if it has not ended.

        Raises:
            ConfigurationError: If there is no such run.
            StoreError: If it is damaged, or the store cannot be used.
        """
        record = self.get(run)
        with self.database.reading() as database:
            num, body, crc = _row(database, "num, result, result_crc", record.id)
            _, texts = lines_of(database, num, f"run {record.id}")
        if body is None:
            return None
        try:
            return Result.model_validate(read(body, crc, texts, f"the result of run {record.id}"))
        except ValidationError as error:
            raise StoreError(f"the result of run {record.id} cannot be read by this version") from error

    def questions(self, run: str | None = None) -> Sequence[Asked]:
        """What runs asked a person, of one run or of all; those without a decision wait for one."""
        with self.database.reading() as database:
            if run is None:
                return [asked_of(row) for row in database.execute(f"{_ASKED} ORDER BY at")]
            find = f"{_ASKED} WHERE id = ? ORDER BY at"
            return [asked_of(row) for row in database.execute(find, (self.get(run).id,))]

    def decide(self, run: str, key: str, decision: str, by: str = "") -> Asked:
        """Decide on a question, unless it is decided: who is first decides.

        Args:
            run: The run that asks.
            key: Which question.
            decision: "approve" or "deny", or the answer where any text may be one.
            by: Who decides.

        Returns:
            The question with the decision that holds.

        Raises:
            ConfigurationError: If there is no such question.
        """
        run = self.get(run).id
        with self.database.transaction(durable=True) as database:
            put = """UPDATE questions SET decision = ?, by = ?, decided = ? WHERE key = ? AND decision IS NULL
                     AND run = (SELECT num FROM runs WHERE id = ?)"""
            database.execute(put, (decision, by, self.now(), key, run))
            found = database.execute(f"{_ASKED} WHERE id = ? AND key = ?", (run, key)).fetchone()
        if not found:
            raise ConfigurationError(f"run {run} has not asked {key!r}")
        return asked_of(found)

    def delete(self, runs: Iterable[str]) -> int:
        """Delete runs with all that is known of them; a file gets smaller.

        Returns:
            How many there were.

        Raises:
            ConfigurationError: If one is under way, or there is none of its id; nothing is deleted then.
        """
        records = {record.id: record for record in map(self.get, runs)}
        if held := next((one for one in records.values() if one.is_held), None):
            raise ConfigurationError(f"run {held.id} is under way and cannot be deleted")
        with self.database.erasing() as database:
            for run in records:
                found = database.execute("DELETE FROM runs WHERE id = ? RETURNING num", (run,)).fetchall()
                for table in ("lines", "texts", "questions"):  # after the run: nobody can add to it any more
                    database.executemany(f"DELETE FROM {table} WHERE run = ?", found)
        return len(records)

    def broken(self, run: str) -> str:
        """What is wrong with a run, in one line; empty if all of it can be read."""
        try:
            self.lines(run)
            self.result(run)
        except StoreError as error:
            return str(error)
        return ""

    def old(self, older_than_s: float) -> list[RunRecord]:
        """Runs that were last written longer ago than this; none that is under way or waits for somebody."""
        ended: tuple[RunState, ...] = ("finished", "failed", "cancelled", "running", "admitted")
        last = time.time() - older_than_s
        return [one for one in self.records(*ended) if one.updated < last and not one.is_held]

    def sizes(self) -> dict[str, int]:
        """Bytes that each run takes in the file, without what the file itself takes."""
        parts = (
            "SELECT run, length(text) AS size FROM texts",
            "SELECT run, length(body) FROM lines",
            "SELECT run, length(asked) FROM questions",
            "SELECT num, length(question) + length(recipe) + coalesce(length(result), 0) FROM runs",
        )
        find = f"SELECT id, sum(size) FROM ({' UNION ALL '.join(parts)}) AS parts JOIN runs ON num = run GROUP BY id"
        with self.database.reading() as database:
            return dict(database.execute(find).fetchall())

    def admit(self, database: Any, run: StoredRun, line: Mapping[str, Any], state: RunState) -> int:
        """Write down that a run is to be made, before anything else is; the number of its row."""
        now, held = self.now(), state == "running"
        run.epoch = int(held)
        row = {
            "id": run.id,
            "origin": line.get("origin", ""),
            "state": state,
            "question": json.dumps(line["question"]),
            "strategy": line["strategy"],
            "settings": json.dumps(line["settings"]),
            "recipe": json.dumps(run.recipe),
            "manifest": json.dumps(manifest()),
            "created": now,
            "updated": now,
            "epoch": run.epoch,
            "owner": self.owner if held else "",
            "expires": now + LEASE_S if held else 0,
        }
        put = f"INSERT INTO runs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) RETURNING num"
        [[num]] = database.execute(put, tuple(row.values())).fetchall()
        return int(num)

    def hold(self, run: StoredRun) -> None:
        """Renew the lease of a run until it is released."""
        self._held.add(run)
        if self._over is None:  # one thread for all runs of the store: to start one takes longer than to keep a call
            self._over = threading.Event()
            finalize(self, self._over.set)
            threading.Thread(target=_renew, args=(ref(self), self._over), name="disputatio-runs", daemon=True).start()

    def drop(self, run: StoredRun) -> None:
        """Renew the lease of a run no longer."""
        self._held.discard(run)

    def release(self, run: StoredRun) -> None:
        """Give up the lease of a run, unless that was done when it ended."""
        if run in self._held:
            self.drop(run)
            with suppress(StoreError), self.database.transaction() as database:  # else it lapses
                mine = (run.id, run.epoch)
                database.execute("UPDATE runs SET owner = '', expires = 0 WHERE id = ? AND epoch = ?", mine)

    def renew(self) -> None:
        """Renew the leases of all runs that are held."""
        held = sorted((run.id, run.epoch) for run in list(self._held))
        if held:
            with suppress(StoreError), self.database.transaction() as database:  # the next write of a run tells
                now = self.now()
                leases = [(now + LEASE_S, now, *one) for one in held]
                database.executemany("UPDATE runs SET expires = ?, updated = ? WHERE id = ? AND epoch = ?", leases)

    def now(self) -> float:
        """The time by the clock of the store, in seconds since 1970."""
        return time.time() + self.database.ahead()

    def close(self) -> None:
        """Close the file or the connection; the next use opens it again."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _renew(store: "ref[RunStore]", over: threading.Event) -> None:
    while not over.wait(LEASE_S / 3):
        if kept := store():
            kept.renew()
        del kept  # or it would live for as long as this thread


@cache
def manifest() -> dict[str, str]:
    """Versions of what runs here."""
    return {
        "disputatio": disputatio.__version__,
        "langgraph": version("langgraph"),
        "python": platform.python_version(),
        "platform": sys.platform,
    }


def _row(database: Any, columns: str, run: str) -> Any:
    """What these columns hold of a run that was there a moment ago."""
    row = database.execute(f"SELECT {columns} FROM runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        raise ConfigurationError(f"run {run!r} has just been deleted")
    return row


def _record(row: Sequence[Any], ahead: float) -> RunRecord:
    fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
    try:
        fields["expires"] -= ahead if fields["expires"] else 0  # its readers go by the clock of this machine
        return RunRecord.model_validate({**fields, **{name: json.loads(fields[name]) for name in _JSON}})
    except (TypeError, ValueError, ValidationError) as error:
        raise StoreError(f"run {fields['id']} is damaged; see: disputatio doctor") from error
