"""Opening a SQLite file of ours: one way for all, whatever is in it. Its owner alone can read it."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from threading import Lock

WAIT_S = 30.0
"""Longest wait for another process that is writing."""
_MAKING = Lock()
"""Held while a file is made, so that no other thread has connected to it when it is closed."""


def opened(
    path: Path | str, prepare: Callable[[sqlite3.Connection], None], *, fsync: bool = False, wait_s: float = WAIT_S
) -> sqlite3.Connection:
    """Open a file, or make it. Threads may share the connection if they take turns.

    Args:
        path: The file.
        prepare: Looks whether the file is the right one, and makes the tables of a new one by `make`. Another process
            may be doing the same: what counts tables must come first, and what marks the file as ours after it.
        fsync: Force every write to the disk, so that it outlives a power cut and not only the process.
        wait_s: Longest wait for another process that is writing.

    Raises:
        OSError: If the file cannot be made.
        sqlite3.Error: If it is no database, or cannot be used.
    """
    touch(path)
    database = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    try:
        prepare(database)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
    except BaseException:
        database.close()
        raise
    return database


def is_full(error: sqlite3.Error) -> bool:
    """Whether a disk has no room; also where the file beside a log, by which processes share it, finds none."""
    return getattr(error, "sqlite_errorcode", 0) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


def failure(error: sqlite3.Error) -> str:
    """What SQLite says, in words that tell what to look at where the disk is to blame."""
    name = getattr(error, "sqlite_errorname", "")
    return f"its disk fails, or has no room for this user ({error}, {name})" if "IOERR" in name else str(error)


def touch(path: Path | str) -> None:
    """Make a file, unless it is there, which its owner alone can read.

    One that is there is not opened. To close it would give up the locks that all connections of this process hold on it
    (POSIX has it so): another process that closes the database would take itself for the last, and delete the log
    under this one, with what it writes from then on (sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        OSError: If it cannot be made.
    """
    place = os.path.realpath(path)
    if os.path.isdir(place):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), place)
    with _MAKING, suppress(FileExistsError):
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def make(database: sqlite3.Connection, tables: tuple[str, ...]) -> None:
    """Make the tables of a new file, unless another process has just done so."""
    with transaction(database):
        if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in tables:
                database.execute(statement)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Read and write, all or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has rolled it back already
            database.execute("ROLLBACK")
        raise
