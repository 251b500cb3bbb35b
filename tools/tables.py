"""Tables: rows and CSV files as tables of a database in memory, which are filtered, joined and summed up by SQL."""

import csv
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from disputatio.errors import ConfigurationError, StoreError
from disputatio.tools.database import quoted
from disputatio.tools.sql import sql
from disputatio.tools.sqlite import SqliteDatabase
from disputatio.tools.tool import Tool

MAX_ROWS = 500_000
"""Rows of one table."""
MAX_COLUMNS = 200
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
Source = Path | str | Iterable[Mapping[str, Any]]
"""A CSV file with a line of names, or rows by the names of their columns."""


def tables(sources: Mapping[str, Source], *, name: str = "") -> list[Tool]:
    """The tools `query` and `schema` over tables; see `disputatio.tools.sql.sql`.

    The tables are copied into memory now. No query can reach a file. What looks like a number is one, and what is
    empty in a CSV file is nothing (NULL).

    Args:
        sources: The tables by their names.
        name: Put before the names of the tools, with two underscores.

    Raises:
        StoreError: If a file cannot be read as CSV, or is too large.
        ConfigurationError: If a table has no columns, too many of them, or two of one name.
    """
    if not sources:
        raise ConfigurationError("there are no tables: give some, by their names")
    connection = sqlite3.connect(":memory:")
    try:
        for table, source in sources.items():
            _fill(connection, table, *(_of_file(Path(source)) if isinstance(source, str | Path) else _of_rows(source)))
        connection.commit()
        return sql(SqliteDatabase(connection.serialize()), name=name)
    finally:
        connection.close()


def _fill(connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    known = {column.casefold() for column in columns}
    if not 0 < len(columns) <= MAX_COLUMNS or len(known) < len(columns):
        raise ConfigurationError(f"table {table!r} needs 1 to {MAX_COLUMNS} columns, each with a name of its own")
    try:
        connection.execute(f"CREATE TABLE {quoted(table)} ({', '.join(map(quoted, columns))})")
        marks = ", ".join("?" * len(columns))
        found = connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", islice(rows, MAX_ROWS + 1))
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        raise ConfigurationError(f"table {table!r} cannot be made: {error}") from error
    if found.rowcount > MAX_ROWS:
        raise StoreError(f"table {table!r} has over {MAX_ROWS:,} rows, which is too much")


def _of_file(path: Path) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            columns = [name.strip() or f"column {number}" for number, name in enumerate(next(lines, []), 1)]
            return columns, list(islice(_typed(lines, len(columns)), MAX_ROWS + 1))
    except (OSError, UnicodeError, csv.Error) as error:
        raise StoreError(f"{str(path)!r} cannot be read as CSV: {error}") from error


def _typed(lines: Iterable[Sequence[str]], width: int) -> Iterator[list[Any]]:
    for line in lines:
        if line:  # an empty one is no row
            yield [_value(text) for text in (*line[:width], *[""] * (width - len(line)))]


def _value(text: str) -> Any:
    """A number for what is plainly written as one; 007, 1_000 and nan are texts."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return text or None
    value = float(text) if any(mark in text for mark in ".eE") else int(text)
    return value if abs(value) < 2**63 else text


def _of_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    kept = list(islice(rows, MAX_ROWS + 1))
    columns = list(dict.fromkeys(str(name) for row in kept for name in row))
    return columns, [[_simple(row.get(name)) for name in columns] for row in kept]


def _simple(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bytes) else str(value)
