"""The store that agents share: LangGraph's `BaseStore` in one SQLite file, or in memory.

LangGraph's own `SqliteStore` needs a Python that loads SQLite extensions, scans the file for each search, and embeds
other fields than those it is told to. Here the file is the durable copy, and vectors are scanned in memory.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchItem,
    SearchOp,
    validate_op_namespace,
)

from disputatio.memory.database import IN_MEMORY, Database
from disputatio.memory.embedding import Embedder, default_embedder, load_embedder
from disputatio.memory.index import Index
from disputatio.memory.ranking import matches, reciprocal_rank_fusion
from disputatio.memory.rows import COLUMNS, Row, delete, fields_of, joined, put, scored

if TYPE_CHECKING:
    from langgraph.store.base import Result

    from disputatio.memory.vectors import Array

DEFAULT = "default"
_NAMESPACES = """
WITH RECURSIVE namespaces(name) AS (
    SELECT min(namespace) FROM items WHERE namespace >= ?
    UNION ALL
    SELECT (SELECT min(namespace) FROM items WHERE namespace > name) FROM namespaces WHERE name IS NOT NULL
)
SELECT name FROM namespaces WHERE name IS NOT NULL AND (? = '' OR name = ? OR (name >= ? AND name < ?))
"""
"""All namespaces below one, by a jump to each instead of a walk over all items."""


class Found(NamedTuple):
    """An item that a search found, and its vector where there is one."""

    item: SearchItem
    vector: "Array | None"


class SqliteStore(BaseStore):
    """A store in one file that several processes may use at once; without a path, in memory.

    `search` ranks by meaning (vectors), and by words where there is no embedding model; `hybrid` joins both.
    """

    def __init__(
        self,
        path: Path | str = IN_MEMORY,
        *,
        embedder: Embedder | str | None = DEFAULT,
        fields: Sequence[str] = ("$",),
        fsync: bool = False,
    ) -> None:
        """Open the file, or make it.

        Args:
            path: The file; its folder is made if need be. Only its owner can read it.
            embedder: The embedding model, or its string (see `load_embedder`). "default" is the one the file was
                embedded by, else the embedded one if it is installed. None is none: search is by words.
            fields: Which parts of a value are indexed, by LangGraph's paths, where `put` does not say; "$" is all.
            fsync: Force each write to the disk, so that it outlives a power cut and not only the process.

        Raises:
            StoreError: If the file cannot be used.
            ConfigurationError: If the embedding model is unknown.
            MissingExtraError: If its package is not installed.
        """
        self.fields = tuple(fields)
        self.database = Database(path, fsync=fsync)
        try:
            chosen = self._chosen() if embedder == DEFAULT else embedder
            self.index = Index(self.database, load_embedder(chosen) if isinstance(chosen, str) else chosen)
        except BaseException:
            self.close()
            raise

    def _chosen(self) -> Embedder | str | None:
        with self.database.reading() as connection:
            known = connection.execute("SELECT value FROM facts WHERE name = 'embedder'").fetchone()
        return str(known[0]) if known else default_embedder()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def batch(self, ops: Iterable[Op]) -> "list[Result]":
        """Carry out operations: all reading ones first, then all that write, in one transaction.

        Raises:
            StoreError: If the file cannot be used, or a value cannot be stored; then nothing of the batch is.
        """
        ops = list(ops)
        for op in ops:
            validate_op_namespace(op)
        results = [self._read(op) for op in ops]
        if written := {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}:
            self._write(list(written.values()))
        return results

    async def abatch(self, ops: "Iterable[Op]") -> "list[Result]":
        """Carry out operations as `batch` does, in a thread."""
        return await asyncio.to_thread(self.batch, ops)

    def change(
        self,
        namespace: tuple[str, ...],
        key: str,
        new: Callable[[dict[str, Any]], dict[str, Any]],
        index: Sequence[str] | None = None,
    ) -> bool:
        """Change a value by a function of the old one, with no other writer in between; False if there is none.

        Raises:
            StoreError: If the file cannot be used, or the new value cannot be stored.
        """
        with self.database.writing() as connection:
            row = connection.execute(
                "SELECT value FROM items WHERE namespace = ? AND key = ?", (joined(namespace), key)
            ).fetchone()
            if row is not None:
                op = PutOp(namespace, key, new(json.loads(row[0])), None if index is None else list(index))
                put(connection, Row.of(op, self.fields), time.time())
        self.index.changed()
        return row is not None

    def hybrid(
        self, namespace: tuple[str, ...], query: str, *, limit: int, filter: Mapping[str, Any] | None = None
    ) -> list[Found]:
        """Search by meaning and by words, and join the two by reciprocal rank; the score is that of the fusion.

        Args:
            namespace: The items, and those of namespaces below it.
            query: What is looked for.
            limit: How many are found at most.
            filter: What the values must meet, as in `search`.

        Raises:
            StoreError: If the file cannot be used.
        """
        names = self._namespaces(namespace)
        near = self._filtered(lambda k: self.index.nearest(names, query, k), limit, filter)
        worded = self._filtered(lambda k: self.index.worded(names, query, k), limit, filter)
        items = {**near, **worded}
        scores = reciprocal_rank_fusion([list(near), list(worded)])
        found = [(id_, scored(items[id_], score)) for id_, score in list(scores.items())[:limit]]
        return [Found(item, self.index.vector(joined(item.namespace), id_)) for id_, item in found]

    def _read(self, op: Op) -> "Result":
        match op:
            case GetOp():
                return self._get(op)
            case SearchOp():
                return self._search(op)
            case ListNamespacesOp():
                return self._list(op)
        return None

    def _get(self, op: GetOp) -> Item | None:
        with self.database.reading() as connection:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM items WHERE namespace = ? AND key = ?", (joined(op.namespace), op.key)
            ).fetchone()
        return Item(**fields_of(row)) if row else None

    def _search(self, op: SearchOp) -> list[SearchItem]:
        names, last = self._namespaces(op.namespace_prefix), op.offset + op.limit
        if not op.query:
            return list(islice(self._listed(names, op.filter, last), op.offset, last))
        query, finds = op.query, self.index.nearest if self.index.embedder else self.index.worded
        found = self._filtered(lambda k: finds(names, query, k), last, op.filter)
        return list(found.values())[op.offset :]

    def _listed(self, names: Sequence[str], filter: Mapping[str, Any] | None, limit: int) -> Iterator[SearchItem]:
        """The items of some namespaces, the latest first."""
        marks = ", ".join("?" * len(names))
        with self.database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM items WHERE namespace IN ({marks}) ORDER BY updated DESC, id DESC LIMIT ?",
                (*names, -1 if filter else limit),
            )
            for row in rows:
                item = SearchItem(**fields_of(row))
                if matches(item.value, filter or {}):
                    yield item

    def _filtered(
        self, finds: "Callable[[int], list[tuple[int, float]]]", limit: int, filter: Mapping[str, Any] | None
    ) -> dict[int, SearchItem]:
        """The first items that meet a filter, of a ranking that is asked for more until there are enough."""
        wanted = limit * 4 if filter else limit
        seen: dict[int, SearchItem] = {}
        while True:
            ranked = finds(wanted)
            fresh = [(id_, score) for id_, score in ranked if id_ not in seen]
            seen |= self._items(fresh)
            kept = {id_: seen[id_] for id_, _ in ranked if id_ in seen}
            if filter:
                kept = {id_: item for id_, item in kept.items() if matches(item.value, filter)}
            if len(kept) >= limit or len(ranked) < wanted:
                return dict(list(kept.items())[:limit])
            wanted *= 8

    def _items(self, ranked: Sequence[tuple[int, float]]) -> dict[int, SearchItem]:
        """Ranked items with their scores, without those that were deleted meanwhile."""
        rows: dict[int, Any] = {}
        with self.database.reading() as connection:
            for at in range(0, len(ranked), 500):
                ids = [id_ for id_, _ in ranked[at : at + 500]]
                marks = ", ".join("?" * len(ids))
                found = connection.execute(f"SELECT {COLUMNS} FROM items WHERE id IN ({marks})", ids)
                rows |= {row[0]: row for row in found}
        return {id_: SearchItem(**fields_of(rows[id_]), score=score) for id_, score in ranked if id_ in rows}

    def _namespaces(self, prefix: tuple[str, ...]) -> list[str]:
        name = joined(prefix)
        with self.database.reading() as connection:
            found = connection.execute(_NAMESPACES, (name, name, name, f"{name}.", f"{name}/"))  # "/" is next to "."
            return [row[0] for row in found]

    def _list(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        names = [tuple(name.split(".")) for name in self._namespaces(())]
        fitting = [name for name in names if all(_fits(name, one) for one in op.match_conditions or ())]
        cut = sorted({name[: op.max_depth] for name in fitting})
        return cut[op.offset : op.offset + op.limit]

    def _write(self, ops: Sequence[PutOp]) -> None:
        rows = [Row.of(op, self.fields) for op in ops if op.value is not None]
        gone = [op for op in ops if op.value is None]
        now = time.time()
        with self.database.writing() as connection:
            for row in rows:
                put(connection, row, now)
            deleted = [delete(connection, joined(op.namespace), op.key) for op in gone]
        self.index.changed()
        if any(deleted):
            self.database.scrub()


def _fits(name: Sequence[str], condition: MatchCondition) -> bool:
    path = condition.path
    if len(name) < len(path):
        return False
    ends = name[: len(path)] if condition.match_type == "prefix" else name[len(name) - len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(ends, path, strict=True))
