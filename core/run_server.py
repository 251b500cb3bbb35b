"""The runs of a team: the tables of a run store on a PostgreSQL server (extra `postgres`), in a schema of their own.

Statements are written once, as SQLite has them, for both. What a single writer gives a file, locks on the row of a run
give here: who writes into a run holds its row (`locking`), and who takes the run over changes that row, and so waits.
Time is that of the server, since its users' clocks differ.
"""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

from disputatio.errors import ConfigurationError, StoreError, require
from disputatio.run_database import FORMAT, PLACE, TABLES, Database, default_path
from disputatio.sqlite_file import WAIT_S

_OURS = 0x64697370
_ABOUT = "SELECT count(*) FROM pg_tables WHERE schemaname = 'disputatio' AND tablename = 'about'"
_TYPES = {
    "INTEGER PRIMARY KEY": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    r"\bINT\b": "BIGINT",
    r"\bREAL\b": "DOUBLE PRECISION",
    r"\bBLOB\b": "BYTEA",
    " WITHOUT ROWID": "",
}
"""The types of a file, and those of a server."""


def database_at(where: Path | str | None, *, fsync: bool = False) -> "Database | ServerDatabase":
    """The database at a path or an address; it is opened when it is used.

    Args:
        where: A file, or "postgresql://..."; None is what DISPUTATIO_RUNS says, or the file in the user's data folder.
        fsync: See `Database`; a server has a setting of its own.

    Raises:
        ConfigurationError: If the address cannot be read.
        MissingExtraError: If the driver is not installed.
    """
    place = str(where or os.environ.get(PLACE) or default_path())
    scheme, is_address, _ = place.partition("://")
    if place.startswith(("postgresql:/", "postgres:/")) and not is_address:
        raise ConfigurationError("the address of a server is given as text: a Path loses one of its slashes")
    if not is_address:
        return Database(Path(place), fsync)
    if scheme not in ("postgresql", "postgres"):
        raise ConfigurationError(f"runs are kept in a file or at postgresql://..., not at {scheme}://...")
    return ServerDatabase(place)


@dataclass(frozen=True)
class _Statements:
    """A connection that takes statements as SQLite has them."""

    connection: Any

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self.connection.execute(statement.replace("?", "%s"), _storable(values))

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(statement.replace("?", "%s"), [_storable(row) for row in rows])


def _storable(values: Sequence[Any]) -> list[Any]:
    """The values, their texts without what no text of the server can hold: zeros and halves of surrogate pairs."""
    return [
        one.encode("utf-8", "replace").decode().replace("\0", "\ufffd") if isinstance(one, str) else one
        for one in values
    ]


@dataclass(eq=False)
class ServerDatabase:
    """One connection to the server, shared by the threads of a process; it is made anew where it was lost.

    Raises:
        ConfigurationError: If the address cannot be read.
        MissingExtraError: If the driver is not installed.
    """

    address: str = field(repr=False)
    """As PostgreSQL writes it: "postgresql://user@host:port/database"; it may hold a password, which is never shown."""
    name: str = field(init=False)
    """What is shown of the address."""
    lock: RLock = field(default_factory=RLock, repr=False)
    _driver: Any = field(init=False, repr=False)
    _opened: list[Any] = field(default_factory=list, repr=False)
    _within: bool = field(default=False, repr=False)
    """Whether a transaction is under way: its connection must not be replaced."""
    locking: ClassVar[str] = " FOR SHARE"
    """Ends a query of a run's row by who writes into the run: nobody takes it over before that is done."""

    def __post_init__(self) -> None:
        self._driver = require("psycopg", extra="postgres")
        try:
            parts = self._driver.conninfo.conninfo_to_dict(self.address)
        except self._driver.Error:
            parts = {"host": "@"}
        host, port, name = (str(parts.get(one, "")) for one in ("host", "port", "dbname"))
        if "@" in host + name or not re.fullmatch(r"[\d,]*", port):  # where a password was read as something else
            raise ConfigurationError(
                "the address of the runs is not postgresql://user:password@host:port/database; in a password, "
                "@ is written as %40, / as %2F, : as %3A, ? as %3F, # as %23 and % as %25"
            ) from None
        self.name = f"postgresql://{host or 'localhost'}{port and ':'}{port}/{name}"

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[_Statements]:
        """Read and write, all or nothing.

        Args:
            durable: Nothing follows from it: what is written here is on the disk as the server is set.

        Raises:
            StoreError: If the server cannot be used.
        """
        with self.lock, self._told():
            connection = self._connection()
            self._within = True
            try:
                with connection.transaction():
                    yield _Statements(connection)
            finally:
                self._within = False

    erasing = transaction
    """A transaction that deletes. When the server gives up the room, and what its backups hold, is its own matter."""

    def write(self, statement: str, values: Sequence[Any]) -> int:
        """Carry out one statement that inserts, as a transaction of its own if none is under way; how many rows.

        Raises:
            StoreError: If the server cannot be used.
        """
        with self.lock, self._told():
            connection = self._connection()
            try:
                return int(_Statements(connection).execute(statement, values).rowcount)
            except self._driver.OperationalError:
                if self._within or not connection.closed:
                    raise
            try:  # it was lost, perhaps hours ago and perhaps after the row was written
                return int(_Statements(self._connection()).execute(statement, values).rowcount)
            except self._driver.errors.UniqueViolation:
                return 1

    @contextmanager
    def reading(self) -> Iterator[_Statements]:
        """Read.

        Raises:
            StoreError: If the server cannot be used.
        """
        with self.lock, self._told():
            yield _Statements(self._connection())

    def ahead(self) -> float:
        """Seconds by which the clock of the server is ahead of this machine's."""
        with self.reading() as database:
            [now] = database.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            return float(now) - time.time()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            raise StoreError(f"cannot use the runs at {self.name}: {_advice(error)}") from error

    def check_room(self) -> None:
        """Make sure that the server can be reached; its room is not known here.

        Raises:
            StoreError: If it cannot.
        """
        with self.lock:
            if self._opened:
                with suppress(StoreError):  # a connection that was lost since is found out, and made anew
                    self.ahead()
            self.ahead()

    def _connection(self) -> Any:
        if self._opened and self._opened[0].closed and not self._within:
            self._opened.clear()
        if not self._opened:
            self._opened.append(self._open())
        return self._opened[0]

    def _open(self) -> Any:
        waits = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": int(WAIT_S * 1000)}
        connection = self._driver.connect(self.address, autocommit=True, client_encoding="utf8", **waits)
        try:
            # A process that is stopped between two statements must not hold a run for ever.
            for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(f"SET {name} = {WAIT_S * 1000:.0f}")  # ms
            connection.execute("SET default_transaction_isolation = 'read committed'")
            if not connection.execute(_ABOUT).fetchone()[0]:
                self._make(connection)
            connection.execute("SET search_path = disputatio")
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self, connection: Any) -> None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_OURS,))
            if connection.execute(_ABOUT).fetchone()[0]:
                return
            connection.execute("CREATE SCHEMA IF NOT EXISTS disputatio")
            connection.execute("SET LOCAL search_path = disputatio")
            for statement in (*TABLES, "CREATE TABLE about (format INT NOT NULL)"):
                for ours, theirs in _TYPES.items():
                    statement = re.sub(ours, theirs, statement)
                connection.execute(statement)
            connection.execute("INSERT INTO about VALUES (%s)", (FORMAT,))

    def _check(self, connection: Any) -> None:
        [version] = connection.execute("SELECT max(format) FROM disputatio.about").fetchone()
        if version != FORMAT:
            is_newer = version is not None and version > FORMAT
            what = "a newer Disputatio; update this one" if is_newer else "an older Disputatio, which alone can read it"
            raise ConfigurationError(f"{self.name} was written by {what}")

    def close(self) -> None:
        """Close the connection; the next use opens one again."""
        with self.lock:
            while self._opened:
                self._opened.pop().close()

    def __del__(self) -> None:
        self.close()

    def size(self) -> int:
        """Bytes on the server's disk."""
        find = """SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
                  WHERE relnamespace = 'disputatio'::regnamespace AND relkind = 'r'"""
        with self.reading() as database:
            return int(database.execute(find).fetchone()[0])

    def fault(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        try:
            self.check_room()
        except (StoreError, ConfigurationError) as error:
            return str(error)
        return ""

    def repair(self) -> tuple[Path, int]:
        """Refuse.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(f"{self.name} is a server, which is repaired by its own means")


def _advice(error: Any) -> str:
    text = " ".join(str(error).split())[:300]
    match error.sqlstate:
        case "55P03":
            return f"another process has been writing it for {WAIT_S:.0f} s; try again"
        case "40P01":
            return "another process was in the way; try again"
        case "53100":
            return "the disk of the server is full; free some, then resume the run"
        case "25006" | "42501":
            return f"it cannot be written ({text})"
        case _:
            return text
