"""The file of a run store: one SQLite database, opened, checked and repaired.

    runs        a row a run: what was asked, how it stands, what came of it, and who holds it
    lines       the journal of each run, a row a line, with the paragraphs that are new in it (see run_texts.py)
    texts       the paragraphs of runs that the first format kept
    questions   what a run asked a person, and what was decided, once

Its owner alone can read it. Nothing that it holds is code: all of it is read as JSON of types that are known.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

from platformdirs import user_data_path

from disputatio.errors import ConfigurationError, StoreError
from disputatio.sqlite_file import WAIT_S, failure, is_full, make, opened, transaction

FORMAT = 2
LEAST_FREE = 20_000_000
"""Bytes that must be free on the disk before a run begins: one that stops in the middle was paid for."""
PLACE = "DISPUTATIO_RUNS"
"""The environment variable that names another file, or a server."""
_OURS = 0x64697370
TABLES = (
    """CREATE TABLE runs (
        num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, origin TEXT NOT NULL DEFAULT '', state TEXT NOT NULL,
        question TEXT NOT NULL, strategy TEXT NOT NULL, settings TEXT NOT NULL, recipe TEXT NOT NULL,
        manifest TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
        stop_reason TEXT NOT NULL DEFAULT '', answer TEXT NOT NULL DEFAULT '', usage TEXT NOT NULL DEFAULT '{}',
        result BLOB, result_crc INT,
        epoch INT NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '', expires REAL NOT NULL DEFAULT 0)""",
    """CREATE TABLE lines (
        run INT NOT NULL, n INT NOT NULL, body BLOB NOT NULL, crc INT NOT NULL, PRIMARY KEY (run, n)) WITHOUT ROWID""",
    """CREATE TABLE texts (
        run INT NOT NULL, n INT NOT NULL, text BLOB NOT NULL, crc INT NOT NULL, PRIMARY KEY (run, n)) WITHOUT ROWID""",
    """CREATE TABLE questions (
        run INT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, at REAL NOT NULL, decision TEXT, by TEXT,
        decided REAL, PRIMARY KEY (run, key)) WITHOUT ROWID""",
)
_NAMES = ("runs", "lines", "texts", "questions")


def default_path() -> Path:
    """Where runs are kept: in the user's data folder, or where DISPUTATIO_RUNS says."""
    return Path(os.environ.get(PLACE) or user_data_path("disputatio") / "runs.sqlite")


@dataclass(eq=False)
class Database:
    """One connection to the file, shared by the threads of a process."""

    path: Path
    fsync: bool = False
    """Force every write to the disk, so that it outlives a power cut and not only the process."""
    _opened: list[sqlite3.Connection] = field(default_factory=list, repr=False)
    lock: RLock = field(default_factory=RLock, repr=False)
    locking: ClassVar[str] = ""
    """Ends a query of a run's row by who writes into the run; a file has one writer at a time anyway."""

    @property
    def name(self) -> str:
        """What is shown of where it is."""
        return str(self.path)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Read and write, all or nothing.

        Args:
            durable: Whether it is forced to the disk whatever `fsync` says.

        Raises:
            StoreError: If the file cannot be used.
        """
        with self.lock, self.told():
            database = self._database()
            if durable and not self.fsync:
                database.execute("PRAGMA synchronous = FULL")
            try:
                with transaction(database):
                    yield database
            finally:
                if durable and not self.fsync:
                    database.execute("PRAGMA synchronous = NORMAL")

    def write(self, statement: str, values: Sequence[Any]) -> int:
        """Carry out one statement, which is a transaction of its own; how many rows it wrote.

        Raises:
            StoreError: If the file cannot be used.
        """
        with self.lock:
            try:
                return self._database().execute(statement, values).rowcount
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read.

        Raises:
            StoreError: If the file cannot be used.
        """
        with self.lock, self.told():
            yield self._database()

    @contextmanager
    def erasing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that deletes: nothing of it is left in the file, which gets smaller.

        Raises:
            StoreError: If the file cannot be used.
        """
        with self.transaction() as database:
            database.execute("PRAGMA secure_delete = ON")
            yield database
        with suppress(StoreError), self.reading() as database:  # not while another process writes
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def ahead(self) -> float:
        """Seconds by which the clock of the store is ahead of this machine's: it is the same."""
        return 0.0

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.stat().st_size for file in self.path.parent.glob(f"{self.path.name}*") if file.is_file())

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn errors of the database into one line that says what to do.

        Raises:
            StoreError: If there is one.
        """
        try:
            yield
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"cannot use the runs in {str(self.path)!r}: {_advice(error)}")

    def check_room(self) -> None:
        """Make sure that there is room for a run.

        Raises:
            StoreError: If there is not.
        """
        with self.reading():
            free = shutil.disk_usage(self.path.absolute().parent).free
        if free < LEAST_FREE:
            needed = f"{free / 1e6:.0f} MB are free, a run needs {LEAST_FREE / 1e6:.0f} MB"
            raise StoreError(f"cannot keep a run in {str(self.path)!r}: {needed}; free some, or keep no runs")

    def _database(self) -> sqlite3.Connection:
        if not self._opened:
            self._opened.append(self._open())
        return self._opened[0]

    def _open(self) -> sqlite3.Connection:
        try:
            if self.path == default_path():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return opened(self.path, self._prepare, fsync=self.fsync, wait_s=WAIT_S)
        except OSError as error:
            raise StoreError(f"cannot use the runs in {str(self.path)!r}: {error.strerror}") from error

    def _prepare(self, database: sqlite3.Connection) -> None:
        [tables] = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        [version] = database.execute("PRAGMA user_version").fetchone()
        [owner] = database.execute("PRAGMA application_id").fetchone()
        if (owner != _OURS and (tables or version)) or version > FORMAT:
            what = "was written by a newer Disputatio; update this one" if owner == _OURS else "holds no runs"
            raise ConfigurationError(f"{str(self.path)!r} {what}")
        if not tables:
            make(database, (*TABLES, f"PRAGMA application_id = {_OURS}", f"PRAGMA user_version = {FORMAT}"))
        elif version < FORMAT:  # both can be read, and what is written from here on an older Disputatio cannot
            with suppress(sqlite3.OperationalError):  # it may be there to be read
                database.execute(f"PRAGMA user_version = {FORMAT}")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self.lock:
            while self._opened:
                self._opened.pop().close()

    def __del__(self) -> None:
        self.close()

    def fault(self) -> str:
        """What is wrong with the file, in one line; empty if nothing is."""
        try:
            with self.reading() as database:
                [found] = database.execute("PRAGMA quick_check(1)").fetchone()
        except (StoreError, ConfigurationError) as error:
            return str(error)
        return "" if found == "ok" else f"{str(self.path)!r} is damaged: {found}"

    def repair(self) -> tuple[Path, int]:
        """Put a new file in the place of a damaged one, with all rows that can still be read.

        Returns:
            Where the damaged file is kept, and how many rows were lost as far as that can be told.

        Raises:
            StoreError: If the folder cannot be written.
        """
        self.close()
        kept = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        try:
            for end in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.rename(f"{self.path}{end}", f"{kept}{end}")
        except OSError as error:
            raise StoreError(f"cannot repair {str(self.path)!r}: {error.strerror}") from error
        lost = 0
        with self.transaction(durable=True) as new, closing(sqlite3.connect(kept)) as old:
            for table in _NAMES:
                lost += _copy(old, new, table)
            # A run without its first lines is another one: what is left of it can be looked at, and begins anew.
            new.execute("UPDATE runs SET owner = '', expires = 0")
        return kept, lost


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    """Copy the rows of a table that can be read, from both its ends up to what cannot; 1 if something could not."""
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    put = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    keys = "num" if table == "runs" else "run, n" if table != "questions" else "run, key"
    down = ", ".join(f"{key} DESC" for key in keys.split(", "))
    broken = 0
    for order in (keys, down):
        try:
            for row in old.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"):
                with suppress(sqlite3.IntegrityError):
                    new.execute(put, row)
            return broken
        except (sqlite3.Error, UnicodeDecodeError):
            broken = 1
    return broken


def _advice(error: sqlite3.Error) -> str:
    text = str(error)
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return f"it is damaged ({text}); see: disputatio doctor"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"another process has been writing it for {WAIT_S:.0f} s; try again"
        case _ if is_full(error):
            return "the disk is full; free some, then resume the run"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN:
            return f"it cannot be written ({text})"
        case _ if "decode" in text:  # the message holds the bytes themselves
            return "it is damaged (a text is not UTF-8); see: disputatio doctor"
        case _:
            return failure(error)
