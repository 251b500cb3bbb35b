"""What a path to a query is made of: the tags that a model writes, what an execution gave, and the vote on results."""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from fractions import Fraction
from hashlib import blake2b
from math import isfinite
from typing import Any, Literal, NamedTuple

from typing_extensions import TypedDict

from disputatio.tools.database import Rows
from disputatio.writing import as_data

SHOWN = 3
"""Rows of a result that the model sees."""
MAX_VALUE = 100
"""Characters of a value that it sees."""
_BLOCK = re.compile(r"<(intermediate_sql|final_sql)>(.*?)(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_RESULT = re.compile(r"<result>.*?(?:</result>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^\s*```(?:sql)?\s*|\s*```\s*$", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_INNER = re.compile(r"\([^()]*\)")
_END = re.compile(r"\((?P<rows>\d+)(?P<more>\+?) rows?; result (?P<key>[0-9a-f]{16})\)\Z")


class Segment(NamedTuple):
    """What a model wrote, up to the end of its first query."""

    kind: Literal["intermediate", "final", "cut"]
    text: str
    """Without results, which it does not know."""
    sql: str = ""
    """The first statement of the query."""
    note: str = ""
    """What became of the rest."""


class Leaf(TypedDict):
    """The end of a path."""

    id: str
    """Of the thought that wrote the final query."""
    sql: str
    weight: int
    """How many samples came to it."""
    rows: int
    key: str
    """Equal for equal results; empty if the query failed, or there is none."""


def segment_of(text: str, *, cut: bool) -> Segment:
    """Read a reply; one that was cut off, or has no query, ends its path."""
    text = _RESULT.sub("", text)
    found = _BLOCK.search(text)
    if found is None or (cut and not found[0].rstrip().endswith(">")):
        return Segment("cut", text.strip())
    kind: Literal["intermediate", "final"] = "final" if found[1].casefold() == "final_sql" else "intermediate"
    first, rest = _first_statement(_FENCE.sub("", found[2].strip()))
    kept = f"{text[: found.start()].strip()}\n<{found[1].casefold()}>{first}</{found[1].casefold()}>".strip()
    return Segment(kind, kept, first, "Only the first statement was run." if rest else "")


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


def told(found: Rows, *, ordered: bool) -> str:
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


def elected(leaves: Sequence[Leaf]) -> tuple[Leaf | None, dict[str, int]]:
    """The leaf that wins, and the weight of each result.

    The heaviest result wins, ties to the shortest query. Empty results count only if there are no others, and queries
    that failed never do.
    """
    ran = [leaf for leaf in leaves if leaf["key"]]
    counted = [leaf for leaf in ran if leaf["rows"]] or ran
    weights: dict[str, int] = {}
    for leaf in counted:
        weights[leaf["key"]] = weights.get(leaf["key"], 0) + leaf["weight"]
    best = max(counted, key=lambda leaf: (weights[leaf["key"]], -len(leaf["sql"])), default=None)
    return best, weights


def single(text: str) -> str | None:
    """The value of a result that is one value; None if it is more, or nothing."""
    header, *lines = text.strip().splitlines() or [""]
    is_one = read(text) is not None and len(lines) == 2 and " | " not in header
    return lines[0] if is_one and lines[0] != "NULL" else None


def _first_statement(sql: str) -> tuple[str, str]:
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
