"""The two indexes of a memory: vectors, scanned in the process's memory, and words, which SQLite keeps.

Both are brought up to date when something is searched, not when it is stored: storing stays fast, texts are embedded
many at a time, and an embedding model that fails loses nothing. What other processes stored is noticed then, too.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from threading import RLock
from typing import TYPE_CHECKING

from disputatio.errors import StoreError, require
from disputatio.memory.database import Database
from disputatio.memory.embedding import Embedder
from disputatio.memory.vectors import Vectors, unit

if TYPE_CHECKING:
    from disputatio.memory.vectors import Array

EMBEDDED_AT_ONCE = 4096
"""Texts that are embedded, and their vectors written, in one go."""
WORDED_AT_ONCE = 5000
MOST_ROWS = 200
"""Texts that the words of a query may be in, all together: a word that is in very many says little, and takes long."""
MOST_WORDS = 32
"""Words of a query that are looked up."""

log = logging.getLogger(__name__)


class Index:
    """What finds the ids of items, by namespace."""

    def __init__(self, database: Database, embedder: Embedder | None) -> None:
        """Make the index of a memory.

        Raises:
            StoreError: If the memory cannot be used.
        """
        self.database = database
        self.embedder = embedder
        self._blocks: dict[str, Vectors] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        self._changes = 0
        self._lock = RLock()
        if embedder:
            self._adopt(embedder.name)

    def changed(self) -> None:
        """Take note that this process stored or deleted something."""
        self._changes += 1

    def nearest(self, namespaces: Sequence[str], query: str, k: int) -> list[tuple[int, float]]:
        """The ids and cosines of the items nearest to a text, the nearest first; none without an embedding model.

        Raises:
            StoreError: If the memory cannot be used, or another process embedded it by another model.
            DisputatioError: If the embedding model fails.
        """
        if not self.embedder:
            return []
        [vector] = unit(self.embedder.embed([query]), 1, self.embedder.name)
        found: list[tuple[int, float]] = []
        with self._lock:
            for namespace in namespaces:
                block = self._current(namespace, len(vector))
                found += block.nearest(vector, k)
        return found if len(namespaces) == 1 else sorted(found, key=lambda one: (-one[1], -one[0]))[:k]

    def vector(self, namespace: str, id_: int) -> "Array | None":
        """The vector of an item that `nearest` has loaded; None without an embedding model."""
        block = self._blocks.get(namespace)
        return block.row(id_) if block and len(block) else None

    def worded(self, namespaces: Sequence[str], query: str, k: int) -> list[tuple[int, float]]:
        """The ids and BM25 scores of the items whose words are those of a text, the best first.

        Of the words, the rarest are looked up: so many of them that at most `MOST_ROWS` texts have one.

        Raises:
            StoreError: If the memory cannot be used.
        """
        self._catch_up()
        words = list(dict.fromkeys(re.findall(r"\w+", query.lower())))[:MOST_WORDS]
        with self.database.reading() as connection:
            counted = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
            counts = [(connection.execute(counted, (f'"{word}"', MOST_ROWS)).fetchone()[0], word) for word in words]
            asked = _rarest(sorted(count for count in counts if count[0]), spare=self.embedder is not None)
            if not asked:
                return []
            marks = ", ".join("?" * len(namespaces))
            rows = connection.execute(
                "SELECT words.rowid, words.rank FROM words JOIN items ON items.id = words.rowid"
                f" WHERE words MATCH ? AND items.namespace IN ({marks}) ORDER BY words.rank, words.rowid LIMIT ?",
                (" OR ".join(f'"{word}"' for word in asked), *namespaces, k),
            ).fetchall()
        return [(id_, -rank) for id_, rank in rows]

    def _adopt(self, name: str) -> None:
        """Take over the memory for an embedding model: the vectors of another one go."""
        asked = "SELECT value FROM facts WHERE name = 'embedder'"
        with self.database.reading() as connection:
            if connection.execute(asked).fetchone() == (name,):
                return
        with self.database.writing() as connection:
            known = connection.execute(asked).fetchone()
            if known and known[0] != name:
                [count] = connection.execute("SELECT count(*) FROM vectors").fetchone()
                log.warning(
                    "%s: %d items that %s embedded are embedded anew by %s", self.database.path, count, known[0], name
                )
                connection.execute("DELETE FROM vectors")
                connection.execute("DELETE FROM facts WHERE name = 'dimensions'")
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('embedder', ?)", (name,))

    def _current(self, namespace: str, dimensions: int) -> Vectors:
        """The vectors of a namespace as the file has them now."""
        with self.database.reading() as connection:
            stamp = (connection.execute("PRAGMA data_version").fetchone()[0], self._changes)
            block = self._blocks.get(namespace)
            if block is not None and self._stamps.get(namespace) == stamp:
                return block
            self._check(dimensions)
        if block is None:
            block = self._blocks[namespace] = Vectors(dimensions)
        for ids, rows in self._new(namespace, block, dimensions):
            block.add(ids, rows)
        with self.database.reading() as connection:
            where = "FROM items WHERE namespace = ? AND text IS NOT NULL AND id <= ?"
            [count] = connection.execute(f"SELECT count(*) {where}", (namespace, block.last)).fetchone()
            if count != len(block):  # what is stored is among what is known, so it is the same if it is as much
                block.keep([id_ for (id_,) in connection.execute(f"SELECT id {where}", (namespace, block.last))])
        self._stamps[namespace] = stamp
        return block

    def _new(self, namespace: str, block: Vectors, dimensions: int) -> Iterator[tuple[list[int], "Array"]]:
        """The ids and vectors of items that are not in a block yet, in the order of their ids."""
        np = require("numpy", extra="memory")
        size = 4 * dimensions
        while True:
            with self.database.reading() as connection:
                rows = connection.execute(
                    "SELECT id, vector, CASE WHEN vector IS NULL THEN text END FROM items LEFT JOIN vectors USING (id)"
                    " WHERE namespace = ? AND text IS NOT NULL AND id > ? ORDER BY id LIMIT ?",
                    (namespace, block.last, EMBEDDED_AT_ONCE),
                ).fetchall()
            if not rows:
                return
            made = self._embedded([(id_, text) for id_, vector, text in rows if vector is None], dimensions)
            blobs = [made.get(id_, b"") if vector is None else vector for id_, vector, _ in rows]
            if any(len(blob) != size for blob in blobs):
                raise StoreError(f"the memory {self.database.path!r} is damaged: a vector has not {dimensions} numbers")
            yield [id_ for id_, *_ in rows], np.frombuffer(b"".join(blobs), np.float32).reshape(-1, dimensions)

    def _embedded(self, texts: Sequence[tuple[int, str]], dimensions: int) -> dict[int, bytes]:
        """Embed texts and store their vectors."""
        if not texts or not self.embedder:
            return {}
        vectors = unit(self.embedder.embed([text for _, text in texts]), len(texts), self.embedder.name)
        if vectors.shape[1] != dimensions:
            raise self._different(vectors.shape[1], dimensions)
        made = {id_: vector.tobytes() for (id_, _), vector in zip(texts, vectors, strict=True)}
        with self.database.writing() as connection:
            self._check(dimensions)
            connection.execute("INSERT OR IGNORE INTO facts VALUES ('dimensions', ?)", (dimensions,))
            connection.executemany(  # of those that nobody deleted meanwhile
                "INSERT OR IGNORE INTO vectors SELECT id, ? FROM items WHERE id = ?",
                [(vector, id_) for id_, vector in made.items()],
            )
        return made

    def _check(self, dimensions: int) -> None:
        """Refuse to mix vectors of two models, or of two lengths."""
        assert self.embedder
        with self.database.reading() as connection:
            facts = dict(connection.execute("SELECT name, value FROM facts"))
        if facts.get("embedder") != self.embedder.name:
            raise StoreError(
                f"another process embeds {self.database.path!r} by {facts.get('embedder')}, not {self.embedder.name};"
                " open it again with that"
            )
        if facts.get("dimensions", dimensions) != dimensions:
            raise self._different(dimensions, facts["dimensions"])

    def _different(self, given: int, known: int) -> StoreError:
        name = self.embedder.name if self.embedder else ""
        return StoreError(
            f"{name} gave vectors of {given} dimensions, those in {self.database.path!r} have {known};"
            " it is another model now, so give it another name"
        )

    def _catch_up(self) -> None:
        """Index the words of what was stored since they were last searched."""
        while True:
            with self.database.reading() as connection:
                behind = "SELECT (SELECT max(id) FROM items) > (SELECT value FROM facts WHERE name = 'worded')"
                if not connection.execute(behind).fetchone()[0]:
                    return
            with self.database.writing() as connection:
                [worded] = connection.execute("SELECT value FROM facts WHERE name = 'worded'").fetchone()
                rows = connection.execute(
                    "SELECT id, text FROM items WHERE id > ? ORDER BY id LIMIT ?", (worded, WORDED_AT_ONCE)
                ).fetchall()
                texts = [row for row in rows if row[1] is not None]
                connection.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", texts)
                last = max((row[0] for row in rows), default=worded)
                connection.execute("UPDATE facts SET value = ? WHERE name = 'worded'", (last,))


def _rarest(counts: Sequence[tuple[int, str]], *, spare: bool) -> list[str]:
    """The words that are looked up, of words in the order of how many texts have them."""
    chosen: list[str] = []
    rows = 0
    for count, word in counts:
        rows += count
        if rows > MOST_ROWS or count >= MOST_ROWS:
            break
        chosen.append(word)
    # Without vectors to fall back on, the rarest word is looked up, however many texts have it.
    return chosen if chosen or spare else [word for _, word in counts[:1]]
