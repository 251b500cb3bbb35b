"""Measures the shared store: storing, opening, searching; beside LangGraph's own store in memory.

    python benchmarks/memory.py [ITEMS]

Times of searching and opening are processor time, which other programs on the machine disturb least. Storing waits for
the disk, so it is given by the clock, too. The bare scan is NumPy's, of as many vectors. The embedding model gives
clustered vectors of 256 numbers at once, so that the store is measured and not the model.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore

from disputatio.memory import SqliteStore

SIZES = (10_000, 100_000)
DIMENSIONS = 256
QUERIES = 200
BATCH = 1000
WORDS = [f"word{number}" for number in range(20_000)]
WEIGHTS = np.cumsum(1 / np.arange(1, len(WORDS) + 1)).tolist()
SPACE = ("benchmark",)


class Clustered:
    """A vector a text, near one of 200 centres; the same text gets the same one."""

    name = "clustered"

    def __init__(self) -> None:
        self.centres = np.random.default_rng(1).standard_normal((200, DIMENSIONS)).astype(np.float32)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Rows of unit length."""
        seeds = np.array([hash(text) & 0xFFFFFFFF for text in texts])
        noise = np.random.default_rng(int(seeds[0])).standard_normal((len(texts), DIMENSIONS)).astype(np.float32)
        rows = self.centres[seeds % len(self.centres)] + noise
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def text(dice: random.Random, words: int = 20) -> str:
    """A text whose words are as unevenly frequent as those of a language."""
    return " ".join(dice.choices(WORDS, cum_weights=WEIGHTS, k=words))


def milliseconds(action: Callable[[str], object], queries: Sequence[str]) -> tuple[float, float]:
    """Processor time of one search: the median and the 95th percentile."""
    taken = []
    for query in queries:
        started = time.process_time()
        action(query)
        taken.append((time.process_time() - started) * 1e3)
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 95))


def recall(store: SqliteStore, model: Clustered, queries: Sequence[str]) -> float:
    """The share of the ten nearest, by brute force in double precision, that a search finds."""
    with store.database.reading() as connection:
        rows = connection.execute("SELECT key, vector FROM items JOIN vectors USING (id)").fetchall()
    vectors = np.array([np.frombuffer(vector, np.float32) for _, vector in rows], np.float64)
    found = 0
    for query in queries:
        best = np.argsort(-(vectors @ model.embed([query])[0].astype(np.float64)))[:10]
        expected = {rows[place][0] for place in best}
        found += len(expected & {item.key for item in store.search(SPACE, query=query)})
    return found / (10 * len(queries))


class Clock:
    """How many a second were done since it was made: by the clock, and by processor time."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def rate(self, done: int) -> str:
        """Both rates."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return f"{done / wall:,.0f} ({done / cpu:,.0f})"


def singly(folder: Path, texts: Sequence[str], *, fsync: bool) -> str:
    """Durable puts a second, one by one."""
    with SqliteStore(folder / f"single-{fsync}.sqlite", embedder=Clustered(), fsync=fsync) as store:
        clock = Clock()
        for number, one in enumerate(texts):
            store.put(SPACE, str(number), {"text": one})
        return clock.rate(len(texts))


def measure(size: int, folder: Path) -> None:
    """Print the figures of a store of so many items."""
    dice, model = random.Random(1), Clustered()
    texts = [text(dice) for _ in range(size)]
    queries = [text(dice, 8) for _ in range(QUERIES)]
    path, keys = folder / f"{size}.sqlite", count()
    with SqliteStore(path, embedder=model, fields=["text"]) as store:
        clock = Clock()
        for at in range(0, size, BATCH):
            store.batch([PutOp(SPACE, str(next(keys)), {"text": one}) for one in texts[at : at + BATCH]])
        stored, clock = clock.rate(size), Clock()
        store.hybrid(SPACE, queries[0], limit=10)
        indexed = clock.rate(size)
        near = milliseconds(lambda query: store.search(SPACE, query=query), queries)
        both = milliseconds(lambda query: store.hybrid(SPACE, query, limit=10), queries)
        found = recall(store, model, queries[:50])
    rows, query = np.random.default_rng(2).standard_normal((size, DIMENSIONS)).astype(np.float32), model.embed(["q"])[0]
    bare = milliseconds(lambda _: np.argpartition(np.vecdot(rows, query), -10)[-10:], queries)
    started = time.process_time()
    with SqliteStore(path, embedder=model, fields=["text"]) as store:
        store.search(SPACE, query=queries[0])
        opened = time.process_time() - started
    theirs = InMemoryStore(
        index={"dims": DIMENSIONS, "embed": lambda some: model.embed(some).tolist(), "fields": ["text"]}
    )
    for number, one in enumerate(texts[: min(size, 10_000)]):
        theirs.put(SPACE, str(number), {"text": one})
    other = milliseconds(lambda query: theirs.search(SPACE, query=query), queries[:5])
    print(f"| {size:,} | {near[0]:.2f} / {near[1]:.2f} | {near[0] / bare[0]:.2f} | {both[0]:.2f} / {both[1]:.2f} "
          f"| {found:.3f} | {stored} | {indexed} | {opened:.2f} | {other[0]:.0f} |")  # fmt: skip


def main() -> None:
    """Print all figures."""
    sizes = [int(one) for one in sys.argv[1:]] or SIZES
    with TemporaryDirectory() as name:
        folder, dice = Path(name), random.Random(1)
        print(f"numpy {np.__version__}, load {os.getloadavg()[0]:.1f}\n")
        print("| items | search ms, p50 / p95 | bare scan = 1 | hybrid ms | recall@10 | stored/s (of CPU) "
              "| indexed/s (of CPU) | open s | theirs, 10,000 items, ms |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|")
        for size in sizes:
            measure(size, folder)
        some = [text(dice) for _ in range(2000)]
        each, forced = singly(folder, some, fsync=False), singly(folder, some[:300], fsync=True)
        print(f"\nOne by one: {each} puts a second; forced to the disk: {forced}.")


if __name__ == "__main__":
    main()
