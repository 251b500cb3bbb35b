"""Rows: a value that was checked, written to the tables of a memory; and what is read from them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any, NamedTuple

from langgraph.store.base import PutOp, SearchItem, get_text_at_path

from disputatio.errors import StoreError

LARGEST = 1_000_000
"""Bytes of one item, as JSON."""
COLUMNS = "id, namespace, key, value, created, updated"


class Row(NamedTuple):
    """A value that was checked and is ready to be stored."""

    namespace: str
    key: str
    value: str
    text: str | None
    """What of it is indexed."""

    @classmethod
    def of(cls, op: PutOp, fields: Sequence[str]) -> "Row":
        """Check a value and take out what is indexed.

        Args:
            op: What is to be stored.
            fields: The paths of what is indexed where the operation does not say.

        Raises:
            StoreError: If it is too large, no JSON, or no text that UTF-8 can write.
        """
        paths = [] if op.index is False else fields if op.index is None else op.index
        name = f"the item {op.key[:80]!r}"
        try:
            value = json.dumps(op.value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            texts = [text for path in paths for text in get_text_at_path(op.value, path)]
            size = len(value.encode())
            op.key.encode()
        except UnicodeEncodeError as error:
            raise StoreError(f"{name} holds text that is not UTF-8: half a surrogate pair") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(f"{name} cannot be stored as JSON: {error}") from error
        if size > LARGEST:
            raise StoreError(f"{name} has {size:,} bytes as JSON, at most {LARGEST:,} fit; store a reference to it")
        return cls(joined(op.namespace), op.key, value, "\n".join(texts).strip() or None)


def put(connection: Connection, row: Row, now: float) -> None:
    """Store a value, and take what it replaces out of the indexes."""
    old = connection.execute(
        "SELECT id, text, created FROM items WHERE namespace = ? AND key = ?", (row.namespace, row.key)
    ).fetchone()
    if old and old[1] == row.text:  # the indexes hold it already
        connection.execute("UPDATE items SET value = ?, updated = ? WHERE id = ?", (row.value, now, old[0]))
        return
    if old:
        delete(connection, row.namespace, row.key)
    connection.execute(
        "INSERT INTO items(namespace, key, value, text, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (*row, old[2] if old else now, now),
    )


def delete(connection: Connection, namespace: str, key: str) -> bool:
    """Delete a value, also from the indexes; whether there was one."""
    row = connection.execute(
        "DELETE FROM items WHERE namespace = ? AND key = ? RETURNING id, text", (namespace, key)
    ).fetchall()
    for id_, text in row:
        connection.execute("DELETE FROM vectors WHERE id = ?", (id_,))
        if text is not None:
            connection.execute(
                "INSERT INTO words(words, rowid, text) SELECT 'delete', ?, ? FROM facts"
                " WHERE name = 'worded' AND value >= ?",
                (id_, text, id_),
            )
    return bool(row)


def joined(namespace: Sequence[str]) -> str:
    """A namespace as it is stored."""
    return ".".join(namespace)  # no label holds one


def fields_of(row: Sequence[Any]) -> dict[str, Any]:
    """What an item of LangGraph is made of.

    Raises:
        StoreError: If the value is no JSON.
    """
    _, namespace, key, value, created, updated = row
    try:
        known = json.loads(value)
    except ValueError as error:
        raise StoreError(f"the memory is damaged: the value of {key[:80]!r} is no JSON") from error
    times = {"created_at": datetime.fromtimestamp(created, UTC), "updated_at": datetime.fromtimestamp(updated, UTC)}
    return {"namespace": tuple(namespace.split(".")), "key": key, "value": known, **times}


def scored(item: SearchItem, score: float) -> SearchItem:
    """The same item with another score."""
    return SearchItem(item.namespace, item.key, item.value, item.created_at, item.updated_at, score)
