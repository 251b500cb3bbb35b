"""Scorer of SQL: a query is right if its result equals that of the gold query.

The comparison is execution accuracy as of Spider (Yu et al. 2018, arXiv:1809.08887; Zhong et al. 2020,
arXiv:2010.02840): rows as a bag, in order only where the gold query orders them, columns in any order. Where an item
has a schema and no data, both queries run on several databases with made-up rows, drawn so that the constants of the
gold query occur in them, and must agree on all of them; that is weaker than real data and than the suites of Zhong et
al., which are chosen to tell near misses apart.

Queries run in SQLite, in memory or read-only, with an authoriser that lets them read and nothing else, and with limits
on steps, rows and the length of a value.
"""

import re
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import permutations
from pathlib import Path

from disputatio.errors import ConfigurationError, StoreError
from disputatio.evals.items import Item
from disputatio.evals.scorers.query_rows import DATABASES, filled
from disputatio.evals.scorers.score import Score, abstained, scored, unscorable
from disputatio.thought import Answer

STEPS = 2_000_000
"""Steps of SQLite's machine that one query may take."""
ROWS = 10_000
LENGTH = 20_000
"""Bytes of one value."""
_GROWS = {"load_extension", "randomblob", "zeroblob", "printf", "format"}
"""Functions that load code, or make much of little."""
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_FENCE = re.compile(r"```(?:sql)?\s*(.*?)```", re.DOTALL | re.IGNORECASE)
_ORDERED = re.compile(r"\border\s+by\b[^()]*$", re.IGNORECASE)
Rows = list[tuple[object, ...]]


def sql(item: Item, answer: Answer, *, database: str = "", schema: str = "") -> Score:
    """A query whose result is that of the target, the gold query.

    Args:
        item: Its target is a query.
        answer: One query, in a block of Markdown or alone; or in its data as `sql`, where the text is what it gives.
        database: A SQLite file; it is only read.
        schema: Statements that make the tables, and may fill them, where there is no file.
    """
    if not isinstance(item.target, str) or bool(database) == bool(schema):
        raise ConfigurationError(f"item {item.id!r}: a gold query is needed, and a database or a schema")
    text = str(answer.data.get("sql") or answer.text or answer.value or "")
    query = (_FENCE.findall(text) or [text])[0].strip().rstrip(";").strip()
    if not re.match(r"(?:select|with|values|\()\b", query, re.IGNORECASE):
        return abstained("no query")
    return _on_file(item, query, database) if database else _on_schema(item, query, schema)


def _on_file(item: Item, query: str, database: str) -> Score:
    path = Path(database)
    if not path.is_file():
        raise StoreError(f"item {item.id!r}: the database {database!r} is not there")
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return _compared(item, query, connection)[0]


def _on_schema(item: Item, query: str, schema: str) -> Score:
    told = False
    for seed in range(DATABASES):
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                filled(connection, schema, str(item.target), seed)
            except (sqlite3.Error, sqlite3.Warning) as error:
                raise ConfigurationError(f"item {item.id!r}: the schema cannot be used: {error}") from error
            score, rows = _compared(item, query, connection)
        told = told or rows
        if score.value != 1:
            return score
    return score if told else unscorable("the gold query finds nothing in any made-up database")


def _compared(item: Item, query: str, connection: sqlite3.Connection) -> tuple[Score, bool]:
    """The score on one database, and whether the gold query found anything in it."""
    try:
        right = _run(connection, str(item.target))
    except sqlite3.Error as error:
        raise ConfigurationError(f"item {item.id!r}: the gold query fails: {error}") from error
    try:
        said = _run(connection, query)
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError) as error:
        return scored(0, f"the query fails: {error}"), bool(right)
    ordered = _ORDERED.search(str(item.target)) is not None
    return scored(_equal(right, said, ordered), f"{len(said)} rows against {len(right)}"), any(map(any, right))


def _run(connection: sqlite3.Connection, query: str) -> Rows:
    connection.set_authorizer(lambda action, one, other, *rest: _ruling(action, other))
    connection.set_progress_handler(lambda: True, STEPS)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        rows = connection.execute(query).fetchmany(ROWS + 1)
    finally:
        connection.set_authorizer(None)
        connection.set_progress_handler(None, 0)
    if len(rows) > ROWS:
        raise sqlite3.DataError(f"over {ROWS} rows")
    return rows


def _ruling(action: int, function: str | None) -> int:
    allowed = action in _READS and (action != sqlite3.SQLITE_FUNCTION or function not in _GROWS)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _equal(right: Rows, said: Rows, ordered: bool) -> bool:
    """Whether two results are equal when the columns of the second may be in any order."""
    if len(right) != len(said) or (right and len(right[0]) != len(said[0])):
        return False
    if not right:
        return True
    left, other = _columns(right), _columns(said)
    # Only columns that hold the same values can stand for each other.
    fits = [{place for place, column in enumerate(other) if Counter(column) == Counter(one)} for one in left]
    tried = permutations(range(len(left))) if len(left) <= 6 else [tuple(range(len(left)))]
    return any(
        _same_rows(right, [tuple(row[place] for place in order) for row in said], ordered)
        for order in tried
        if all(place in fit for place, fit in zip(order, fits, strict=True))
    )


def _columns(rows: Rows) -> list[list[object]]:
    return [[_plain(row[place]) for row in rows] for place in range(len(rows[0]))]


def _same_rows(right: Rows, said: Rows, ordered: bool) -> bool:
    one, other = ([tuple(map(_plain, row)) for row in rows] for rows in (right, said))
    return one == other if ordered else Counter(one) == Counter(other)


def _plain(value: object) -> object:
    """A value in which 2 and 2.0 are one, and rounding errors of sums are gone."""
    return float(f"{value:.9g}") if isinstance(value, int | float) else value
