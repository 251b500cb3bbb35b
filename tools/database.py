"""Database: what the SQL tools need to know of one, and how rows and tables are written down for a model."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from disputatio.tools.rendering import MAX_OUTPUT, render

MAX_ROWS = 1000
"""The most rows that are fetched of one query."""
MAX_SIZE = 4 * 2**20
"""Characters and bytes of a result, from which on no further row is fetched."""
MAX_CELL = 80
"""The most characters of a value among the samples of a table."""


class Rows(NamedTuple):
    """What a query gave."""

    columns: tuple[str, ...]
    """As the database names them; two can have one name."""
    rows: list[tuple[Any, ...]]
    more: bool = False
    """Whether there were more rows than were fetched."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: str
    is_key: bool = False
    """Whether it belongs to the primary key."""
    refers_to: str = ""
    """What it is a foreign key to, as in "customers(id)"."""


class Table(NamedTuple):
    """A table or view."""

    name: str
    columns: tuple[Column, ...]

    def __str__(self) -> str:
        lines = [
            f'  "{column.name}" {column.type}'.rstrip()
            + " PRIMARY KEY" * (column.is_key and self._keys == 1)
            + f" REFERENCES {column.refers_to}" * bool(column.refers_to)
            for column in self.columns
        ]
        if self._keys > 1:
            lines.append(f"  PRIMARY KEY ({', '.join(column.name for column in self.columns if column.is_key)})")
        return "CREATE TABLE {} (\n{}\n);".format(quoted(self.name), ",\n".join(lines))

    @property
    def _keys(self) -> int:
        return sum(column.is_key for column in self.columns)


class Database(Protocol):
    """A database that can be read and not written."""

    @property
    def dialect(self) -> str:
        """What its SQL is called, such as SQLite."""
        ...

    def tables(self) -> list[Table]:
        """The tables and views that can be read, in the order of their names.

        Raises:
            StoreError: If the database cannot be read.
        """
        ...

    def query(self, statement: str) -> Rows:
        """Run one statement that only reads.

        Raises:
            ToolError: If it is none, is wrong, or takes too long; the message is written for the model.
        """
        ...


def fetched(columns: Iterable[str], cursor: Iterable[Sequence[Any]], max_rows: int) -> Rows:
    """The first rows of a result, as many as there may be."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        if len(rows) >= max_rows or size > MAX_SIZE:
            return Rows(tuple(columns), rows, more=True)
        rows.append(tuple(row))
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
    return Rows(tuple(columns), rows)


def quoted(name: str, mark: str = '"') -> str:
    """A name as SQL takes it, whatever is in it; MySQL takes backticks as marks."""
    return f"{mark}{name.replace(mark, 2 * mark)}{mark}"


def table_text(found: Rows, limit: int = MAX_OUTPUT) -> str:
    """The rows as a table in Markdown, with a line that says how many there are."""
    columns = ", ".join(found.columns)
    if not found.rows:
        return f"no rows; the columns are {columns}"
    names = _apart(found.columns)
    records = [dict(zip(names, map(_cell, row), strict=True)) for row in found.rows]
    many = f"more than {len(records)} rows, of which no more are read" if found.more else f"{len(records)} rows"
    said = "1 row" if len(records) == 1 and not found.more else many
    return f"{said}\n{render(records, limit).text}"


def sampled(table: Table, found: Rows) -> str:
    """A table with some of its rows, each value cut to its beginning."""
    if not found.rows:
        return f"{table}\n-- it is empty"
    lines = (" | ".join(str(_cell(value))[:MAX_CELL].replace("\n", " ") for value in row) for row in found.rows)
    return "\n".join([str(table), "-- some rows:", *(f"-- {line}" for line in lines)])


def _apart(names: Sequence[str]) -> Iterable[str]:
    """The names, with a number behind those that were there before."""
    seen: dict[str, int] = {}
    apart = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        apart.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return apart


def _cell(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(bytes(value)):,} bytes)"
    if value is None:
        return "NULL"
    return value if isinstance(value, str | int | float) else str(value)
