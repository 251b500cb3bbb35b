"""What it costs that a run survives: milliseconds and bytes per super-step, against LangGraph's own saver and nothing.

    pip install langgraph-checkpoint-sqlite
    python benchmarks/runs.py [--blocks 20] [--postgres]

The same debate (three debaters, three rounds, a judge; replies of 280 letters that come at once) with no record, kept
in a run store, in a run store that forces each write to the disk, in a journal of its own, and under AsyncSqliteSaver.
Blocks of five runs of each alternate, so that what else the machine does meets all alike; medians of the blocks are
given. What the imports left is taken from the garbage collector first. Bytes are those of all files, write-ahead logs
included once they were written back. With --postgres, runs are also kept on a PostgreSQL server that is started on this
machine as tests/postgres_server.py says, and that forces each write to the disk.
"""

import argparse
import asyncio
import gc
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import disputatio as dp
from disputatio.graphs import debate
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.models import ScriptedModel
from disputatio.run_store import RunStore

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.postgres_server import started

STRATEGY = debate(debaters=3, rounds=3, decision="judge")
TEXT = "the total follows from adding both parts so we check each step again " * 4
BLOCK = 5
"""Runs of one way between those of the others."""
ON_A_SERVER = "run store, server"
QUESTION = dp.Question(text="What is 17 + 26 - 3 * 2?", answer_type="number")


def model() -> ScriptedModel:
    """Says something else each time, as agents do."""
    said = 0

    def reply(_: str) -> str:
        nonlocal said
        said += 1
        return f"In step {said}, {TEXT}\n\nAnswer: 37\nConfidence: 80"

    return ScriptedModel(reply)


async def unkept(number: int, folder: Path) -> None:
    """No record."""
    await run(QUESTION, STRATEGY, prepare(model=model()))


async def in_a_journal(number: int, folder: Path) -> None:
    """A file of its own for each run."""
    await run(QUESTION, STRATEGY, prepare(model=model(), journal=Journal(folder / f"{number}.jsonl")))


def in_a_store(store: RunStore) -> Callable[[int, Path], Awaitable[None]]:
    """A run store."""

    async def kept(number: int, folder: Path) -> None:
        await run(QUESTION, STRATEGY, prepare(model=model(), journal=Journal(store.new())))

    return kept


def size_of(folder: Path) -> int:
    """Bytes of all files, once what waits beside the databases is written back."""
    for path in list(folder.glob("*.sqlite")):
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
    return sum(path.stat().st_size for path in folder.iterdir())


async def measured(
    blocks: int, place: Path, server: str | None = None
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, int], int]:
    """Of each way, wall and CPU of a run in milliseconds, block by block, and its bytes; and a run's super-steps."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415 - not among what we need

    names = ("nothing", "run store", "run store, fsync", "journal file", "AsyncSqliteSaver, sync")
    folders = {name: place / name for name in names}
    for folder in folders.values():
        folder.mkdir()
    stores = [RunStore(folders[name] / "runs.sqlite", fsync="fsync" in name) for name in names[1:3]]
    if server:
        stores.append(RunStore(server))
    async with AsyncSqliteSaver.from_conn_string(str(folders[names[4]] / "saver.sqlite")) as saver:
        graph = STRATEGY.compile(checkpointer=saver)

        async def saved(number: int, folder: Path) -> None:
            config: Any = {"configurable": {"thread_id": str(number)}}
            await graph.ainvoke({"question": QUESTION}, config, context=prepare(model=model()), durability="sync")

        jobs = dict(zip(names, (unkept, *map(in_a_store, stores[:2]), in_a_journal, saved), strict=True))
        if server:
            jobs[ON_A_SERVER] = in_a_store(stores[2])
            folders[ON_A_SERVER] = place  # not used
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
        gc.collect()
        gc.freeze()
        for first in range(0, BLOCK * (blocks + 1), BLOCK):
            for name, job in jobs.items():
                wall, cpu = time.perf_counter(), time.process_time()
                for number in range(first, first + BLOCK):
                    await job(number, folders[name])
                taken = (time.perf_counter() - wall, time.process_time() - cpu)
                times[name].append((taken[0] / BLOCK * 1e3, taken[1] / BLOCK * 1e3))
        async with saver.conn.execute("SELECT count(*) FROM checkpoints WHERE thread_id = '0'") as rows:
            [checkpoints] = await rows.fetchone() or (0,)
    sizes = {ON_A_SERVER: stores[2].database.size()} if server else {}
    for store in stores:
        store.close()
    sizes |= {name: size_of(folders[name]) for name in names}
    sizes = {name: size // (BLOCK * (blocks + 1)) for name, size in sizes.items()}
    return {name: some[1:] for name, some in times.items()}, sizes, checkpoints - 1  # the input has one of its own


def main() -> None:
    """Measure, and print one line of JSON for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    on_a_server = started(fsync=True) if given.postgres else nullcontext()
    with tempfile.TemporaryDirectory() as place, on_a_server as address:
        server = f"{address}/postgres" if address else None
        times, sizes, steps = asyncio.run(measured(given.blocks, Path(place), server))

    def added(name: str, column: int) -> float:
        pairs = zip(times[name], times["nothing"], strict=True)
        return statistics.median(one[column] - bare[column] for one, bare in pairs) / steps

    for name in times:
        line = {
            "kept": name,
            "super-steps": steps,
            "CPU ms a run": round(statistics.median(cpu for _, cpu in times[name]), 2),
            "added wall ms a super-step": round(added(name, 0), 3),
            "added CPU ms a super-step": round(added(name, 1), 3),
            "of that of AsyncSqliteSaver": round(added(name, 1) / added("AsyncSqliteSaver, sync", 1), 2),
            "KB a super-step": round(sizes[name] / steps / 1e3, 2),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
