"""SQLite, read only: the engine itself refuses all that is not reading, whatever the statement says.

Opening a file read only does not suffice: a query could attach another file, write a copy, switch settings back, or
never end. So an authorizer allows nothing but reading tables and harmless functions, limits bound the size of
statements and values, and a clock stops what takes too long. Each query has a connection of its own.
"""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from disputatio.errors import StoreError, ToolError
from disputatio.tools.database import MAX_ROWS, Column, Rows, Table, fetched, quoted

T = TypeVar("T")

SECONDS = 5.0
_REFUSED = frozenset(
    ("load_extension", "readfile", "writefile", "edit", "zeroblob", "randomblob", "fts3_tokenizer", "sqlite_dbpage")
)
_LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
_STEPS = 1000
"""Instructions of the engine between two looks at the clock."""


@dataclass(frozen=True)
class SqliteDatabase:
    """A database of SQLite that can be read and not written.

    Raises:
        StoreError: If it cannot be read.
    """

    source: Path | bytes
    """The file, or the content of one."""
    only: Collection[str] | None = None
    """The tables and views that can be read; None is all of them."""
    seconds: float = SECONDS
    """How long one query may take."""
    max_rows: int = MAX_ROWS
    dialect: str = "SQLite"

    def __post_init__(self) -> None:
        known = {name for name, _ in self._read(_listed)}
        if missing := sorted(set(self.only or ()) - known):
            raise StoreError(f"the database has no table {missing[0]!r}; it has {', '.join(sorted(known)) or 'none'}")

    @classmethod
    def of_statements(cls, texts: Iterable[str]) -> Self:
        """A database in memory, made by texts that create and fill tables; what else is in them is not done.

        Args:
            texts: SQL. What follows an error in one of them is left out.
        """
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute("PRAGMA user_version = 1")  # without a page there would be nothing to take over
            connection.set_authorizer(_building)
            for text in texts:
                with suppress(sqlite3.Error, sqlite3.Warning, ValueError):
                    connection.executescript(text)
            connection.set_authorizer(None)
            connection.commit()
            return cls(connection.serialize())
        finally:
            connection.close()

    def tables(self) -> list[Table]:
        """The tables and views that can be read, in the order of their names.

        Raises:
            StoreError: If the database cannot be read.
        """
        return self._read(lambda connection: [_table(connection, name) for name in self._names(connection)])

    def query(self, statement: str) -> Rows:
        """Run one statement that only reads.

        Raises:
            ToolError: If it is none, is wrong, or takes too long; the message is written for the model.
        """
        refused: list[str] = []
        deadline = time.monotonic() + self.seconds
        try:
            with self._opened() as connection:
                _open_virtual(connection)
                for limit, most in _LIMITS.items():
                    connection.setlimit(limit, most)
                connection.set_authorizer(_authorizer(self._shown(connection), refused))
                connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
                cursor = connection.execute(statement)
                found = fetched((str(one[0]) for one in cursor.description or ()), cursor, self.max_rows)
        except sqlite3.Error as error:
            if refused:
                told = "write one SELECT" if refused[0] == "anything else" else f"{refused[0]} was refused"
                raise ToolError(f"only reading the tables of the schema is allowed: {told}") from error
            if time.monotonic() > deadline:
                raise ToolError(f"the query took longer than {self.seconds:g} s; make it smaller") from error
            raise ToolError(f"SQL error: {error}") from error
        except (sqlite3.Warning, ValueError, OverflowError) as error:
            raise ToolError(f"SQL error: {error}") from error
        if not found.columns:
            raise ToolError("that is no query; write one SELECT")
        return found

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._opened() as connection:
                return read(connection)
        except sqlite3.Error as error:
            raise StoreError(f"{self._name} cannot be read as a database of SQLite: {error}") from error

    def _names(self, connection: sqlite3.Connection) -> list[str]:
        """The tables and views that can be read."""
        names = [name for name, kind in _listed(connection) if kind != "shadow"]
        return [name for name in names if self.only is None or name in self.only]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        where = ":memory:" if isinstance(self.source, bytes) else f"{self.source.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(where, uri=True, timeout=self.seconds)
        try:
            if isinstance(self.source, bytes):
                connection.deserialize(self.source)
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            connection.execute("PRAGMA trusted_schema = 0")
            connection.execute("PRAGMA query_only = 1")
            yield connection
        finally:
            connection.close()

    def _shown(self, connection: sqlite3.Connection) -> set[str] | None:
        """What can be read, in lower case: with a full-text table goes what it keeps its index in."""
        if self.only is None:
            return None
        own = tuple(f"{name}_" for name in self.only)
        shadows = (name for name, kind in _listed(connection) if kind == "shadow" and name.startswith(own))
        return {name.casefold() for name in (*self.only, *shadows)}

    @property
    def _name(self) -> str:
        return "the table" if isinstance(self.source, bytes) else repr(str(self.source))


def _authorizer(
    shown: Collection[str] | None, refused: list[str]
) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """Allow to read tables and to call harmless functions; write down what else was tried."""

    def is_shown(table: str, view: str | None) -> bool:
        name = table.casefold()
        if shown is None:
            return not name.startswith(("pragma_", "sqlite_")) or name in ("sqlite_schema", "sqlite_master")
        return name in shown or (view or "").casefold() in shown or name in ("json_each", "json_tree", "")

    def decide(action: int, first: str | None, second: str | None, _: str | None, view: str | None) -> int:
        match action:
            case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_RECURSIVE:
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_READ if is_shown(first or "", view):
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_PRAGMA if first == "data_version" and second is None:  # full-text search asks for it
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_FUNCTION if (second or "").casefold() not in _REFUSED:
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_READ:
                refused.append(f"the table {first!r}")
            case sqlite3.SQLITE_FUNCTION:
                refused.append(f"the function {second!r}")
            case _:
                refused.append("anything else")
        return sqlite3.SQLITE_DENY

    return decide


def _building(action: int, *_: object) -> int:
    """Allow to create and fill tables, and nothing that takes for ever or leaves the database."""
    allowed = ("CREATE_TABLE", "CREATE_INDEX", "CREATE_VIEW", "INSERT", "READ", "SELECT", "UPDATE", "REINDEX")
    codes = [getattr(sqlite3, f"SQLITE_{name}") for name in (*allowed, "TRANSACTION")]
    return sqlite3.SQLITE_OK if action in codes else sqlite3.SQLITE_DENY


def _listed(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Names and kinds of the tables and views, in the order of their names."""
    found = connection.execute("PRAGMA table_list").fetchall()
    return sorted(
        (name, kind) for schema, name, kind, *_ in found if schema == "main" and not name.startswith("sqlite_")
    )


def _open_virtual(connection: sqlite3.Connection) -> None:
    """Open virtual tables, which the authorizer would take for writing when a query is the first to open them."""
    connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')")
    for name in [name for name, kind in _listed(connection) if kind == "virtual"]:
        connection.execute(f"PRAGMA table_info({quoted(name)})")


def _table(connection: sqlite3.Connection, name: str) -> Table:
    foreign: dict[str, str] = {}
    for _, _, target, source, to, *_ in connection.execute(f"PRAGMA foreign_key_list({quoted(name)})"):
        foreign[source] = f"{target}({to})" if to else target
    try:
        found = list(connection.execute(f"PRAGMA table_info({quoted(name)})"))
    except sqlite3.OperationalError:  # a view of something that is not there
        found = []
    columns = (Column(column, kind, bool(key), foreign.get(column, "")) for _, column, kind, _, _, key in found)
    return Table(name, tuple(columns))
