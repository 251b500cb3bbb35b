"""What it costs that a run survives: milliseconds and bytes per super-step, against LangGraph's own saver and nothing.

    pip install langgraph-checkpoint-sqlite
    python benchmarks/runs.py [--runs 40] [--passes 5]

The same debate (three debaters, three rounds, a judge; replies of 280 letters that come at once) with no record, kept
in a run store, in a run store that forces each write to the disk, in a journal of its own, and under AsyncSqliteSaver.
Passes of all of them alternate; medians are given. Bytes are those of all files, write-ahead logs included once they
were written back.
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import disputatio as dp
from disputatio.graphs import debate
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.models import ScriptedModel
from disputatio.run_store import RunStore

STRATEGY = debate(debaters=3, rounds=3, decision="judge")
TEXT = "the total follows from adding both parts so we check each step again " * 4
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


async def timed(job: Callable[[int, Path], Awaitable[None]], folder: Path, runs: int) -> tuple[float, float]:
    """Seconds of wall and of CPU of one run."""
    await job(0, folder)
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(1, runs + 1):
        await job(number, folder)
    return (time.perf_counter() - wall) / runs, (time.process_time() - cpu) / runs


async def one_pass(runs: int) -> dict[str, tuple[float, float, float, int]]:
    """Each way once: wall, CPU, bytes and super-steps a run."""
    found: dict[str, tuple[float, float, float, int]] = {}

    async def measure(name: str, job: Callable[[int, Path], Awaitable[None]], folder: Path) -> None:
        wall, cpu = await timed(job, folder, runs)
        for path in list(folder.glob("*.sqlite")):  # noqa: ASYNC240 - nothing else is to be done
            with sqlite3.connect(path) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.close()
        size = sum(path.stat().st_size for path in folder.iterdir()) / (runs + 1)  # noqa: ASYNC240
        found[name] = (wall, cpu, size, 0)

    for name, fsync in (("run store", False), ("run store, fsync", True)):
        with tempfile.TemporaryDirectory() as place, RunStore(Path(place) / "runs.sqlite", fsync=fsync) as store:
            await measure(name, in_a_store(store), Path(place))
    for name, job in (("nothing", unkept), ("journal file", in_a_journal)):
        with tempfile.TemporaryDirectory() as place:
            await measure(name, job, Path(place))
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415 - not among what we need

    with tempfile.TemporaryDirectory() as place:
        path = str(Path(place) / "saver.sqlite")
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            graph = STRATEGY.compile(checkpointer=saver)

            async def saved(number: int, folder: Path) -> None:
                config: Any = {"configurable": {"thread_id": str(number)}}
                context = prepare(model=model())
                await graph.ainvoke({"question": QUESTION}, config, context=context, durability="sync")

            await measure("AsyncSqliteSaver, sync", saved, Path(place))
            async with saver.conn.execute("SELECT count(*) FROM checkpoints WHERE thread_id = '0'") as rows:
                [checkpoints] = await rows.fetchone() or (0,)
    steps = checkpoints - 1  # the input has one of its own
    return {name: (*values[:3], steps) for name, values in found.items()}


def main() -> None:
    """Measure, and print one line of JSON for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--passes", type=int, default=5)
    given = parser.parse_args()
    passes = [asyncio.run(one_pass(given.runs)) for _ in range(given.passes)]
    for name in passes[0]:
        steps = passes[0][name][3]
        added = [[(one[name][column] - one["nothing"][column]) / steps * 1e3 for one in passes] for column in (0, 1)]
        line = {
            "kept": name,
            "super-steps": steps,
            "ms a run": round(statistics.median(one[name][0] for one in passes) * 1e3, 2),
            "added wall ms a super-step": round(statistics.median(added[0]), 3),
            "added CPU ms a super-step": round(statistics.median(added[1]), 3),
            "KB a super-step": round(statistics.median(one[name][2] for one in passes) / steps / 1e3, 2),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
