"""SQL: a database as two tools, one that shows its tables and one that queries them; neither can change it."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from disputatio.errors import ConfigurationError, ToolError, unknown
from disputatio.tools.database import MAX_ROWS, Database, Table, quoted, sampled, table_text
from disputatio.tools.rendering import MAX_OUTPUT
from disputatio.tools.sql_server import ServerDatabase
from disputatio.tools.sqlite import SECONDS, SqliteDatabase
from disputatio.tools.tool import Tool, tool

SAMPLES = 3
"""Rows of a table that the schema shows."""
MAX_SAMPLED = 20
"""With more tables than these, the schema shows rows only of one that is asked for."""


def sql(
    database: Database | Path | str,
    *,
    name: str = "",
    only: Collection[str] | None = None,
    seconds: float = SECONDS,
    max_rows: int = MAX_ROWS,
) -> list[Tool]:
    """The tools `query` and `schema` of a database.

    Reading is all that the database itself lets them do: see `disputatio.tools.sqlite` and
    `disputatio.tools.sql_server`.

    Args:
        database: A file of SQLite, the URL of a server as SQLAlchemy writes it (extra `sql`), or a `Database`.
        name: Put before their names, with two underscores.
        only: The tables and views that can be read, of a file of SQLite; None is all. On a server, what can be read
            is what the user in the URL may read.
        seconds: How long one query may take.
        max_rows: The most rows that are fetched of one query.

    Raises:
        StoreError: If it cannot be opened.
        ConfigurationError: If the server is of a kind that cannot be held to reading.
        MissingExtraError: If the extra `sql` is needed and not installed.
    """
    found = opened(database, only=only, seconds=seconds, max_rows=max_rows)
    prefix = f"{name}__" if name else ""

    @tool(name=f"{prefix}query", access="read", timeout_s=seconds + 5)
    def query(statement: str) -> str:
        """Run one SELECT and see its rows.

        Args:
            statement: One statement of SQL, without a second one behind it.
        """
        return table_text(found.query(statement), MAX_OUTPUT - 200)

    @tool(name=f"{prefix}schema", access="read", timeout_s=seconds + 5)
    def schema(table: str = "") -> str:
        """Tables of the database with their columns, keys and some rows.

        Args:
            table: One table; empty shows all.
        """
        return schema_text(found, table)

    told = f"{query.description} The database is {found.dialect} and can only be read."
    return [replace(query, description=told), schema]


def schema_text(database: Database, table: str = "") -> str:
    """The tables of a database as CREATE statements, with some rows each.

    Args:
        database: The database.
        table: One of them; empty shows all, with rows where there are not too many.

    Raises:
        ToolError: If there is no such table.
    """
    tables = {one.name: one for one in database.tables()}
    if table and table not in tables:
        raise ToolError(str(unknown("table", table, tables)))
    if not table and len(tables) > MAX_SAMPLED:
        return "\n".join(map(str, tables.values()))
    shown = [tables[table]] if table else tables.values()
    return "\n".join(_sampled(database, one) for one in shown)


def _sampled(database: Database, table: Table) -> str:
    mark = "`" if database.dialect in ("MySQL", "MariaDB") else '"'
    try:
        return sampled(table, database.query(f"SELECT * FROM {quoted(table.name, mark)} LIMIT {SAMPLES}"))
    except ToolError:  # a view that is broken or too slow
        return str(table)


def opened(
    database: Database | Path | str, *, only: Collection[str] | None = None, seconds: float, max_rows: int
) -> Database:
    """The database that a text names, to be read; see `sql`."""
    if not isinstance(database, str | Path):
        return database
    text = str(database)
    if "://" in text and not text.startswith("sqlite:"):
        if only is not None:
            raise ConfigurationError("what can be read on a server is what its user may read: leave out 'only'")
        return ServerDatabase(text, seconds=seconds, max_rows=max_rows)
    path = Path(text.removeprefix("sqlite:///"))
    return SqliteDatabase(path, only=only, seconds=seconds, max_rows=max_rows)
