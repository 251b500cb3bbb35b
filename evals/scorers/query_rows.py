"""Made-up rows for a schema, so that queries can be compared where there is no data."""

import random
import re
import sqlite3

DATABASES = 16
"""How many databases are made."""
ROWS = 24
"""The most rows of a table; the fewest are a third of that."""
_CONSTANT = re.compile(r"'((?:[^']|'')*)'|\"([^\"]*)\"|\b(\d+(?:\.\d+)?)\b")

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TEXT = re.compile(r"char|text|clob|other|date|time", re.IGNORECASE)
_ID = re.compile(r"(?:_|\b)id$", re.IGNORECASE)


def filled(connection: sqlite3.Connection, schema: str, query: str, seed: int) -> None:
    """Make the tables of a schema, and fill those that it leaves empty.

    Values are few, so that joins meet and groups repeat; the constants of the query are among them, with numbers
    next to its numbers. Columns that refer to each other, or have one name, draw from one pool.

    Raises:
        sqlite3.Error: If the schema is none.
    """
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.executescript(schema)
    rng = random.Random(seed)
    constants = [next(filter(None, found), "") for found in _CONSTANT.findall(query)]
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    for (table,) in connection.execute(named).fetchall():
        quoted = '"' + table.replace('"', '""') + '"'
        if connection.execute(f"SELECT 1 FROM {quoted} LIMIT 1").fetchone():
            continue
        columns = connection.execute(f"PRAGMA table_info({quoted})").fetchall()
        marks = ", ".join("?" * len(columns))
        for number in range(rng.randrange(ROWS // 3, ROWS + 1)):
            row = [_value(column, number, constants, rng) for column in columns]
            connection.execute(f"INSERT OR IGNORE INTO {quoted} VALUES ({marks})", row)


def _value(
    column: tuple[int, str, str, int, object, int], number: int, constants: list[str], rng: random.Random
) -> object:
    _, name, kind, _, _, key = column
    if key == 1:
        return number + 1
    numbers = [float(one) + shift for one in constants if _NUMBER.fullmatch(one) for shift in (-10, -1, 0, 0, 1, 10)]
    if _TEXT.search(kind) and not _ID.search(name):
        # A pattern such as '%x%' is met by the text without its signs.
        named = [one.replace("%", "").replace("_", "a") for one in constants]
        named += [str(int(one)) for one in numbers]
        pool = named if named and rng.random() < 0.6 else ["Ash", "Birch", "Cedar", "Elm", str(rng.randrange(10))]
        return rng.choice(pool)
    chosen = rng.choice(numbers if numbers and rng.random() < 0.7 else range(1, 7))
    return int(chosen) if float(chosen).is_integer() else chosen
