"""The full disk: what is kept on a disk that has room for a part of it, and what comes of it when there is more.

    python tests/full_disk_sweep.py [KIND ...] [--every PAGES]

A disk in memory is mounted in a namespace of its own. For each number of free pages, from none to enough, a process
keeps a run, a journal, a memory or the answers of a batch on it, until the disk is full; then there is room again, and
another process goes on. One line of JSON is printed for each kind; exit code 1 if a promise was broken.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import disputatio.run_database
from disputatio.evals.batch import Batch
from disputatio.graphs import chain_of_thought
from disputatio.graphs.resume import aresume
from disputatio.graphs.run import asolve, prepare
from disputatio.memory import SqliteStore
from disputatio.question import Question
from disputatio.run_store import RunStore

sys.path.insert(0, str(Path(__file__).parents[1]))  # also as a script
from tests.counting import Counting
from tests.fault_sweep import done_in, forked
from tests.kill_sweep import GRAPHS, QUESTION, Life, Model, reply, state_of

PAGE = 4096
SIZE = 4_000_000
AT_ONCE = 4
"""Calls that are under way together, of which none can be written down when the disk is full."""
MOUNTED = ("unshare", "--user", "--map-root-user", "--mount")
"""Begins a command that may mount disks, which nobody else sees."""
TEXT = "tea and milk and rain " * 40


def run(disk: Path, life: Life) -> str:
    """A run of a store."""
    disputatio.run_database.LEAST_FREE = 0  # else it would refuse to begin
    with RunStore(disk / "runs.sqlite") as store:
        kept: dict[str, Any] = {"runs": store, "strategy": GRAPHS["debate"](life)}
        model = Model(life, lambda prompt: f"{TEXT}\n{reply(prompt)}")
        if store.records():
            return repr(state_of(asyncio.run(aresume("last", models={"default": model}, **kept))))
        return repr(state_of(asyncio.run(asolve(QUESTION, model=model, **kept))))


def journal(disk: Path, life: Life) -> str:
    """A run with a journal of its own."""
    model, strategy = Model(life, lambda prompt: f"{TEXT}\n{reply(prompt)}"), GRAPHS["debate"](life)
    return repr(state_of(asyncio.run(asolve(QUESTION, strategy=strategy, model=model, journal=disk / "run.jsonl"))))


def memory(disk: Path, life: Life) -> str:
    """A memory to which items are added; what was stored before must all be there."""
    with SqliteStore(disk / "memory.sqlite", embedder=Counting(), fields=["text"]) as store:
        there = {item.key for item in store.search(("a",), limit=1000)}
        stored = {line.removeprefix("stored ") for line in done_in(life.folder)}
        assert stored <= there, f"lost: {stored - there}"
        for key in [str(number) for number in range(24) if str(number) not in there]:
            store.put(("a",), key, {"text": f"{TEXT} {key}"})
            life.note(f"stored {key}")
            if key.endswith("5"):
                store.hybrid(("a",), f"milk {key}", limit=3)
        with store.database.reading() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = store.hybrid(("a",), "rain", limit=100)
        return repr(sorted((one.item.key, len(one.item.value["text"])) for one in found))


def batch(disk: Path, life: Life) -> str:
    """Many questions, whose answers go to a file."""
    model = Model(life, lambda prompt: reply(prompt).replace("Hull", "Hull " * 50))
    asked = [Question(text=f"Which town is number {number}?") for number in range(60)]
    given = Batch(
        questions=asked,
        strategy=chain_of_thought,
        out=disk / "out.jsonl",
        prepare=lambda number: prepare(model=model),
        workers=AT_ONCE,
    )
    asyncio.run(given.run())
    lines = [json.loads(line) for line in (disk / "out.jsonl").read_text().splitlines()]
    return repr([(one["number"], one["value"], one["error"], one["usage"]) for one in lines])


KINDS: Mapping[str, Callable[[Path, Life], str]] = {one.__name__: one for one in (run, journal, memory, batch)}


def free(disk: Path) -> int:
    """Bytes that are free."""
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def life_of(kind: str, disk: Path, place: Path) -> str:
    """One process, and what it said."""
    os.waitpid(forked(partial(KINDS[kind], disk, Life(place)), place / "said"), 0)
    return (place / "said").read_text()


def sweep(kind: str, disk: Path, every: int) -> dict[str, Any]:
    """Leave room for so many pages, and for more of them each time, until there is enough; what came of it."""
    found, said = Counter[str](), Counter[str]()
    wanted, once, came, pages = "", Counter[str](), "", -every
    while came != wanted or not wanted:
        with tempfile.TemporaryDirectory() as name:
            place, room = Path(name), PAGE * pages if wanted else SIZE  # the first has all the room there is
            with (disk / "filler").open("wb") as filler:
                filler.write(b"\0" * max(free(disk) - room, 0))
            came = life_of(kind, disk, place)
            (disk / "filler").unlink()
            if not wanted:
                wanted, once = came, done_in(place)
                assert not came.startswith(("error", "broken")), came
                came = ""
            elif came != wanted:
                found["points"] += 1
                said[re.sub(r"'/.*?'", "FILE", came)[:300]] += 1
                found["unclear"] += not re.fullmatch(r"error: [^\n]* (full|No space left on device)[^\n]*", came)
                ended = life_of(kind, disk, place)
                found["wrong"] += ended != wanted
                twice = sum((done_in(place) - once).values())
                found["done again"] += twice
                found["too much again"] += twice > AT_ONCE
            for one in disk.iterdir():
                one.unlink()
        pages += every
    broken = sum(found[one] for one in ("unclear", "wrong", "too much again"))
    return {"sweep": kind, "pages": pages - every, **found, "said": dict(said), "broken": broken}


def main() -> int:
    """Sweep the kinds that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    if os.environ.get("MOUNTS") != "own":
        own = {**os.environ, "MOUNTS": "own"}
        return subprocess.run([*MOUNTED, *sys.orig_argv], env=own, check=False).returncode
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", name], check=True)
        try:
            for kind in given.kinds:
                found = sweep(kind, Path(name), given.every)
                print(json.dumps(found), flush=True)  # noqa: T201
                broken += found["broken"]
        finally:
            subprocess.run(["umount", name], check=True)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
