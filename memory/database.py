"""The file of a memory: one SQLite database, which several processes may write at once.

    items     what is stored, one row a key; a row whose indexed text changes gets a new id, so ids say what is new
    vectors   the embeddings of the items' texts, by the item's id
    words     the full-text index of the same texts (SQLite's FTS5), up to the id that `facts` holds
    facts     the embedding model and its dimensions, and how far the words are indexed

What is deleted is overwritten in the file (`secure_delete`), taken out of both indexes, and out of the log beside it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from disputatio.errors import StoreError
from disputatio.sqlite_file import failure, is_full, touch

FORMAT = 1
APPLICATION = 0x44495350
"""Marks the file as ours, by SQLite's own field for that ("DISP")."""
IN_MEMORY = ":memory:"
WAIT_S = 30.0
"""Longest wait for another process that is writing."""
_TABLES = (
    "CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, key TEXT NOT NULL,"
    " value TEXT NOT NULL, text TEXT, created REAL NOT NULL, updated REAL NOT NULL, UNIQUE (namespace, key))",
    "CREATE INDEX indexed ON items (namespace, id) WHERE text IS NOT NULL",
    "CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
    "CREATE VIRTUAL TABLE words USING fts5(text, content='items', content_rowid='id',"
    " tokenize='unicode61 remove_diacritics 2')",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "INSERT INTO facts VALUES ('worded', 0)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)


class Database:
    """The open file. Threads may share it: every use holds its lock."""

    def __init__(self, path: Path | str, *, fsync: bool = False) -> None:
        """Open the file, or make it.

        Args:
            path: The file; ":memory:" is none.
            fsync: Force each write to the disk, so that it outlives a power cut and not only the process.

        Raises:
            StoreError: If it cannot be read and written, is no memory, or was written by a newer version.
        """
        self.path = str(path)
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        if self.path != IN_MEMORY:
            _touch(Path(path))
        with self._translated():
            connection = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection, fsync)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def _prepare(self, connection: sqlite3.Connection, fsync: bool) -> None:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")  # processes that start at once find nothing, or everything
        [application] = connection.execute("PRAGMA application_id").fetchone()
        [version] = connection.execute("PRAGMA user_version").fetchone()
        [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION:
            raise StoreError(f"{self.path!r} is a database, but no memory of Disputatio")
        if version > FORMAT:
            raise StoreError(
                f"{self.path!r} was written by a newer version of Disputatio (format {version}, this one reads up to "
                f"{FORMAT}); upgrade: pip install --upgrade disputatio"
            )
        for statement in () if tables else _TABLES:
            connection.execute(statement)
        connection.execute("COMMIT")
        [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode not in ("wal", "memory"):
            raise StoreError(f"{self.path!r} lies where processes cannot share a file; choose a folder on a local disk")
        connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for as long as nobody else in this process uses it.

        Raises:
            StoreError: If the file cannot be used.
        """
        with self._lock, self._translated():
            if self._connection is None:
                raise StoreError(f"the memory {self.path!r} is closed")
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing.

        Raises:
            StoreError: If the file cannot be written.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # some errors end it by themselves
                    connection.execute("ROLLBACK")
                raise

    def scrub(self) -> None:
        """Take what was deleted out of the index of words and the log, too; the rest is overwritten already.

        Raises:
            StoreError: If another process keeps the log in use.
        """
        with self.writing() as connection:
            connection.execute("INSERT INTO words(words) VALUES ('optimize')")
        with self.reading() as connection:
            [busy, *_] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise StoreError(f"deleted, but the log {self.path + '-wal'!r} holds it until other processes close it")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(self._explained(error)) from error

    def _explained(self, error: sqlite3.Error) -> str:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        match code:
            case sqlite3.SQLITE_NOTADB:
                return f"{self.path!r} is no memory of Disputatio"
            case sqlite3.SQLITE_CORRUPT:
                return f"the memory {self.path!r} is damaged; put back a copy, or move it away and import an export"
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return f"the memory {self.path!r} is locked: another process has been writing it for {WAIT_S:g} s"
            case sqlite3.SQLITE_READONLY:
                return f"the memory {self.path!r} cannot be written: it, or its disk, is read-only"
            case _ if is_full(error):
                return f"the disk of the memory {self.path!r} is full; nothing of this was stored"
            case _:
                return f"cannot use the memory {self.path!r}: {failure(error)}"


def _touch(path: Path) -> None:
    """Make the file and its folder, for their owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        touch(path)
    except OSError as error:
        raise StoreError(f"cannot use the memory {str(path)!r}: {error.strerror}") from error
