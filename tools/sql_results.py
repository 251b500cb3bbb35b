"""Queries and their results as a model is shown them and as they are compared: pure functions, no database."""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from fractions import Fraction
from hashlib import blake2b
from math import isfinite
from typing import Any

from disputatio.tools.database import Rows
from disputatio.writing import as_data

SHOWN = 3
"""Rows of a result that the model sees."""
MAX_VALUE = 100
"""Characters of a value that it sees."""
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_INNER = re.compile(r"\([^()]*\)")
_END = re.compile(r"\((?P<rows>\d+)(?P<more>\+?) rows?; result (?P<key>[0-9a-f]{16})\)\Z")


def same(sql: str) -> str:
    """A query as it is compared with others: without the spaces and the case of what is not quoted."""
    parts, last = [], 0
    for quoted in _QUOTED.finditer(sql):
        parts += [" ".join(sql[last : quoted.start()].casefold().split()), quoted[0]]
        last = quoted.end()
    parts.append(" ".join(sql[last:].casefold().split()))
    return " ".join(part for part in parts if part).rstrip("; ")


def is_ordered(sql: str) -> bool:
    """Whether a query itself, and not only a part of it, gives an order."""
    bare, before = _QUOTED.sub(" ", sql), None
    while bare != before:
        bare, before = _INNER.sub(" ", bare), bare
    return re.search(r"\border\s+by\b", bare, re.IGNORECASE) is not None


def shown_rows(found: Rows, *, ordered: bool) -> str:
    """A result as the model sees it: the names of its columns, some rows, and how many there are."""
    lines = [" | ".join(found.columns), *(" | ".join(map(_shown, row)) for row in found.rows[:SHOWN])]
    count = f"{len(found.rows)}{'+' if found.more else ''} row{'' if len(found.rows) == 1 else 's'}"
    return "\n".join([*lines, f"({count}; result {key_of(found.rows, ordered=ordered)})"])


def block(text: str) -> str:
    """What a query gave, as it is put into a prompt: marked as data."""
    return as_data(_END.sub(lambda end: end[0].partition(";")[0] + ")", text.strip()))


def read(text: str) -> tuple[int, str] | None:
    """How many rows a result has, and its key; None if it is none."""
    end = _END.search(text.strip())
    return (int(end["rows"]), end["key"]) if end else None


def key_of(rows: Iterable[Sequence[Any]], *, ordered: bool) -> str:
    """Equal for equal results: numbers by value, texts and nothing apart; without an order, rows in any order."""
    lines = [json.dumps([_normal(value) for value in row]) for row in rows]
    digest = blake2b(json.dumps(lines if ordered else sorted(lines)).encode(), digest_size=8)
    return digest.hexdigest()


def single(text: str) -> str | None:
    """The value of a result that is one value; None if it is more, or nothing."""
    header, *lines = text.strip().splitlines() or [""]
    is_one = read(text) is not None and len(lines) == 2 and " | " not in header
    return lines[0] if is_one and lines[0] != "NULL" else None


def first_statement(sql: str) -> tuple[str, str]:
    """The first statement of a script, and what stands behind it."""
    for end in (found.end() for found in re.finditer(";", sql)):
        if sqlite3.complete_statement(sql[:end]):
            return sql[:end].strip(), sql[end:].strip(" \n\t;")
    return sql, ""


def _normal(value: Any) -> list[str]:
    match value:
        case None:
            return ["nothing"]
        case bool() | int() | float():
            return ["number", str(Fraction(value)) if isfinite(value) else str(value)]
        case str():
            return ["text", value]
        case bytes() | bytearray() | memoryview():
            return ["bytes", bytes(value).hex()]
    return ["other", str(value)]


def _shown(value: Any) -> str:
    text = "NULL" if value is None else f"({len(value)} bytes)" if isinstance(value, bytes) else str(value)
    return " ".join(text[:MAX_VALUE].split()) + " [...]" * (len(text) > MAX_VALUE)
