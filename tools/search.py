"""Search: passages of local documents by their words (BM25), and by their meaning where an embedding is given.

Words are ranked by SQLite's full-text index, meaning by the cosine of the vectors. The two rankings are joined by the
reciprocals of the ranks (Cormack, Clarke and Büttcher 2009, SIGIR, "Reciprocal Rank Fusion").
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from math import hypot, isfinite
from operator import mul
from pathlib import Path
from threading import Lock
from weakref import finalize

from disputatio.errors import ConfigurationError, StoreError, ToolError
from disputatio.tools.folder import Folder
from disputatio.tools.passages import Passage, passages_of
from disputatio.tools.tool import Tool, tool

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to vectors of one length."""
K = 60
"""What is added to a rank before its reciprocal is taken, as in the paper."""
DEPTH = 50
"""How much of each ranking is joined."""
MAX_PASSAGES = 200_000
MAX_WORDS = 64
"""The most words of a query that are looked for."""
BATCH = 256


class Index:
    """Passages that can be searched.

    Args:
        passages: What is searched.
        embed: Texts to vectors; None searches by words only.

    Raises:
        StoreError: If there is nothing to search.
        ConfigurationError: If the embedding gives no vectors.
    """

    def __init__(self, passages: Iterable[Passage], embed: Embed | None = None) -> None:
        self.passages = [one for one, _ in zip(passages, range(MAX_PASSAGES), strict=False)]
        if not self.passages:
            raise StoreError("there is no text to search")
        self._embed, self._lock = embed, Lock()
        self._words = sqlite3.connect(":memory:", check_same_thread=False)
        finalize(self, self._words.close)
        self._words.execute("CREATE VIRTUAL TABLE passages USING fts5(text, content='', tokenize='porter unicode61')")
        rows = ((number, one.text) for number, one in enumerate(self.passages))
        self._words.executemany("INSERT INTO passages(rowid, text) VALUES (?, ?)", rows)
        self._vectors = self._vectors_of([one.text for one in self.passages])

    def find(self, query: str, top: int) -> list[Passage]:
        """The best passages, the best one first."""
        rankings = [self.by_words(query), *([self.by_meaning(query)] if self._embed else [])]
        scores: dict[int, float] = {}
        for ranking in rankings:
            for rank, number in enumerate(ranking, 1):
                scores[number] = scores.get(number, 0.0) + 1 / (K + rank)
        best = sorted(scores, key=lambda number: (-scores[number], number))
        return [self.passages[number] for number in best[:top]]

    def by_words(self, query: str) -> list[int]:
        """The numbers of the passages with any of the words, by BM25."""
        words = list(dict.fromkeys(re.findall(r"\w+", query.casefold())))[:MAX_WORDS]
        if not words:
            return []
        wanted = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            found = self._words.execute(
                "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY bm25(passages), rowid LIMIT ?",
                (wanted, DEPTH),
            ).fetchall()
        return [number for (number,) in found]

    def by_meaning(self, query: str) -> list[int]:
        """The numbers of the passages, by the cosine of their vectors with that of the query."""
        [wanted] = self._vectors_of([query])
        near = [sum(map(mul, wanted, vector)) for vector in self._vectors]
        return sorted(range(len(near)), key=lambda number: -near[number])[:DEPTH]

    def _vectors_of(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors at length 1."""
        if self._embed is None:
            return []
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            vectors += [[float(one) for one in vector] for vector in self._embed(texts[start : start + BATCH])]
        if len(vectors) != len(texts) or len({len(one) for one in vectors}) != 1:
            raise ConfigurationError(f"an embedding gives one vector a text, all of one length: got {len(vectors)}")
        if not all(isfinite(hypot(*one)) for one in vectors):
            raise ConfigurationError("the embedding gave a vector that is not finite")
        return [[part / (hypot(*one) or 1.0) for part in one] for one in vectors]


def search(
    documents: Path | str | Iterable[tuple[str, str]], *, embed: Embed | None = None, top: int = 5, name: str = "search"
) -> Tool:
    """A tool that finds passages in documents, each with its source. The index is made now and kept in memory.

    Args:
        documents: A folder, of which text, Markdown and JSONL files are read, or pairs of a source and a passage.
        embed: Texts to vectors, to search by meaning as well; None searches by words.
        top: How many passages come back, at least 1.
        name: What the tool is called.

    Raises:
        StoreError: If there is no such folder, or nothing in it to search.
        ConfigurationError: If `top` is below 1, or the embedding gives no vectors.
    """
    if top < 1:
        raise ConfigurationError(f"a search gives at least 1 passage, got {top}")
    found = passages_of(Folder(Path(documents))) if isinstance(documents, str | Path) else documents
    index = Index((Passage(*one) for one in found), embed)

    @tool(name=name, access="read", max_output=max(4000, 1300 * top))
    def search(query: str) -> str:
        """Find passages in the documents at hand, each with its source.

        Args:
            query: Words that the passage should hold; put the important ones, not a sentence.
        """
        hits = index.find(query, top)
        if not hits:
            raise ToolError("nothing was found; try other words")
        return "\n\n".join(f"[{one.source}]\n{one.text}" for one in hits)

    return search
