"""The fault sweep: many who resume one run, a damaged store, many runs, many decisions, secrets; see docs/runs.md.

    python tests/fault_sweep.py [SWEEP ...] [--part N] [--postgres]       # the N-th part of the whole size

One line of JSON is printed for each sweep; exit code 1 if a promise was broken. Processes are forked from this one.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import disputatio.run_store
import disputatio.stored_run
from disputatio.errors import ConfigurationError, DisputatioError, StoreError
from disputatio.graphs import CATALOGUE, chain_of_thought, debate
from disputatio.graphs.resume import aresume
from disputatio.graphs.run import asolve
from disputatio.memory import SqliteStore
from disputatio.models import ScriptedModel
from disputatio.permission import Permission
from disputatio.question import Question
from disputatio.result import Result
from disputatio.run_store import RunStore

sys.path.insert(0, str(Path(__file__).parents[1]))  # also as a script
from tests.kill_sweep import GRAPHS, Life, Model, on_a_server, place, process, reply, state_of, store_in

Found = dict[str, Any]
LEASE_S = 0.5


@dataclass
class Stopped(Life):
    """A life that is stopped, and not ended, at one of its events."""

    store: RunStore | None = None

    def event(self) -> None:
        self.events += 1
        if self.events == self.end_at and self.store:
            with self.store.database.lock:  # not in the middle of a write, or the file would stay locked
                os.kill(os.getpid(), signal.SIGSTOP)


def forked(work: Callable[[], str], file: Path) -> int:
    """Do something in a process of its own; what comes of it, or the error in one line, is in the file."""
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except DisputatioError as error:
            said = f"error: {error}"
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is shown
            said = f"broken: {error!r}"
        file.write_text(said)
        os._exit(0)
    return child


def resumed(folder: Path, life: Life, *, graph: str = "debate", patient: bool = True, **given: Any) -> str:
    """Go on with the run of a folder, and wait for whoever has it; its state as text."""
    for _ in range(2000 if patient else 1):
        try:
            store, model = store_in(folder), Model(life, reply)
            made = GRAPHS[graph](life)
            if isinstance(life, Stopped):
                life.store = store
            return repr(
                state_of(asyncio.run(aresume("last", runs=store, models={"default": model}, strategy=made, **given)))
            )
        except (ConfigurationError, StoreError) as error:
            if not patient or not re.search("under way|try again$", str(error)):
                raise
            time.sleep(0.02)
    return "broken: it was held for ever"


def whole(graph: str = "debate") -> tuple[int, str, Counter[str]]:
    """What a run comes to that nothing happens to: its events, its state, and what it does."""
    with place() as folder:
        assert process(graph, folder)
        state = state_of(Result.model_validate_json((folder / "result").read_text()))
        return int((folder / "events").read_text()), repr(state), done_in(folder)


def done_in(folder: Path) -> Counter[str]:
    """What was done outside the run."""
    file = folder / "done"
    return Counter(file.read_text().splitlines() if file.exists() else [])


def resumers(part: int) -> Found:
    """Two to five processes resume a run that was killed."""
    events, wanted, once = whole()
    draw, found = Random(1), Counter[str](trials=max(50 // part, 4))
    odd: set[str] = set()
    for _ in range(found["trials"]):
        many = draw.randint(2, 5)
        with place() as folder:
            process("debate", folder, draw.randint(6, events))
            before = done_in(folder)
            files = [folder / f"said {n}" for n in range(many)]
            for child in [forked(partial(resumed, folder, Life(folder)), file) for file in files]:
                os.waitpid(child, 0)
            found["resumers"] += many
            wrong = [said for said in (file.read_text() for file in files) if said != wanted]
            odd |= {said[:300] for said in wrong}
            found["wrong"] += len(wrong)
            found["calls made twice"] += sum(max(n - once[one], 0) for one, n in (done_in(folder) - before).items())
    return {**found, "what was wrong": sorted(odd)}


def fenced(part: int) -> Found:
    """A process is held up for longer than its lease while another takes its run over."""
    _, wanted, _ = whole()
    found = Counter[str](trials=max(20 // part, 2))
    disputatio.run_store.LEASE_S = disputatio.stored_run.LEASE_S = LEASE_S
    for trial in range(found["trials"]):
        with place() as folder:
            process("debate", folder, 6)
            first, second = folder / "first", folder / "second"
            life = Stopped(folder, end_at=2 + trial % 5)
            held_up = forked(partial(resumed, folder, life), first)
            if not os.WIFSTOPPED(os.waitpid(held_up, os.WUNTRACED)[1]):
                sys.exit(f"it ended before it could be held up: {first.read_text()}")
            os.waitpid(forked(partial(resumed, folder, Life(folder)), second), 0)
            os.kill(held_up, signal.SIGCONT)
            os.waitpid(held_up, 0)
            found["fenced"] += "taken over by another process" in first.read_text()
            found["wrong"] += second.read_text() != wanted
            found["wrong"] += store_in(folder).get("last").state != "finished"
    disputatio.run_store.LEASE_S = disputatio.stored_run.LEASE_S = 30.0
    return {**found, "broken": found["trials"] - found["fenced"] + found["wrong"]}


def flip(path: Path, at: int, length: int) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + length] = bytes(one ^ 0xFF for one in content[at : at + length])
    path.write_bytes(bytes(content))


def executed(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(statement)
    database.close()


def settled(path: Path) -> None:
    """All in the one file, without a log beside it."""
    executed(path, "PRAGMA wal_checkpoint(TRUNCATE)")


def locked(path: Path, seconds: float) -> None:
    """Another connection writes for so long."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("BEGIN IMMEDIATE")
    threading.Timer(seconds, database.close).start()


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _wal(path: Path, left: int | None) -> None:
    log = Path(f"{path}-wal")
    log.unlink() if left is None else os.truncate(log, max(log.stat().st_size - left, 0))


FAULTS: Mapping[str, tuple[Callable[[Path], None], bool, str]] = {
    "locked for 1 s": (lambda path: locked(path, 1), False, "finished"),
    "locked for longer than is waited for": (lambda path: locked(path, 60), False, "writing it for 0 s"),
    "header flipped": (lambda path: flip(path, 0, 16), True, "damaged"),
    "page 2 flipped": (lambda path: flip(path, 4096, 4096), True, "damaged"),
    "cut in half": (_half, True, "damaged"),
    "200 bytes flipped in the middle": (lambda path: flip(path, path.stat().st_size // 2, 200), True, "damaged"),
    "a reply cut": (
        lambda path: executed(path, "UPDATE lines SET body = substr(body, 1, 9) WHERE n = 3"), True, "damaged"
    ),
    "a reply of another kind": (
        lambda path: executed(path, "UPDATE lines SET body = x'80049526' || body WHERE n = 3"), True, "damaged"
    ),
    "emptied": (lambda path: os.truncate(path, 0), True, "there is no run"),
    "deleted": (lambda path: path.unlink(), True, "there is no run"),
    "log deleted": (lambda path: _wal(path, None), False, "there is no run"),
    "end of the log lost": (lambda path: _wal(path, 1500), False, "finished"),
}  # fmt: skip
"""What is done to the file, whether its log is put into it before, and what is to come of it."""


def faults(part: int) -> Found:
    """The file of runs is damaged after a kill: a clear line, or the right result; never a silent new beginning."""
    events, wanted, once = whole()
    ended: dict[str, str] = {}
    silent = 0
    for name, (damage, settle, comes) in FAULTS.items():
        with tempfile.TemporaryDirectory() as place:
            folder, file = Path(place), Path(place) / "said"
            process("debate", folder, events * 2 // 3)
            if settle:
                settled(folder / "runs.sqlite")
            before = done_in(folder)

            def work(folder: Path = folder, damage: Callable[[Path], None] = damage, comes: str = comes) -> str:
                if "0 s" in comes:
                    disputatio.run_database.WAIT_S = 0.2  # type: ignore[attr-defined]
                damage(folder / "runs.sqlite")
                return resumed(folder, Life(folder), patient=False)

            os.waitpid(forked(work, file), 0)
            said, again = file.read_text(), done_in(folder) - before
            twice = sum(max(n + before[one] - once[one], 0) for one, n in again.items())
            right = (
                said == wanted and twice <= 6 if comes == "finished" else said.startswith("error: ") and comes in said
            )
            ended[name] = "as stated" if right else said[:200]
            silent += not said.startswith("error: ") and twice > 6
    return {
        "rows": len(FAULTS),
        **ended,
        "silent restarts": silent,
        "broken": sum(one != "as stated" for one in ended.values()),
    }


def together(part: int) -> Found:
    """Many runs at once: none lost, none mixed."""
    many = max(1000 // part, 20)

    def said(prompt: str) -> str:
        return f"It is.\n\nAnswer: {prompt.partition('number ')[2].split(' ')[0]}\nConfidence: 80"

    async def all_of_them(store: RunStore) -> list[Result]:
        made, model = debate(2, rounds=1), ScriptedModel(said)
        return await asyncio.gather(
            *(asolve(f"What is the number {n} here?", strategy=made, model=model, runs=store) for n in range(many))
        )

    with place() as folder:
        store, began, cpu = store_in(folder), time.monotonic(), time.process_time()
        results = asyncio.run(all_of_them(store))
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        kept = {one.id: one.answer for one in store.records("finished")}
        mixed = sum(one.answer.text != str(n) or kept.get(one.run_id) != str(n) for n, one in enumerate(results))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "runs": many,
        "lost or mixed": mixed,
        "seconds": round(seconds, 1),
        "cpu": round(cpu, 1),
        "MB": memory,
        "broken": mixed,
    }


def approvals(part: int) -> Found:
    """A hundred contradicting decisions on one call, then two processes that carry it out, one of them killed."""
    found = Counter[str](trials=max(100 // part, 3))
    allowed = Permission(approve="wait")
    for trial in range(found["trials"]):
        with place() as folder:
            life, store = Life(folder), store_in(folder)
            made, model = GRAPHS["tools"](life), Model(life, reply)
            asyncio.run(
                asolve(Question(text="Which town is it?"), strategy=made, model=model, runs=store, permission=allowed)
            )
            [asked] = store.questions("last")
            held: list[str] = []

            def decide(first: int, folder: Path = folder, key: str = asked.key, held: list[str] = held) -> None:
                own = store_in(folder)
                for n in range(first, first + 10):
                    held.append(own.decide("last", key, ("approve", "deny")[n % 2]).decision or "")
                own.close()

            threads = [
                threading.Thread(target=decide, args=(first,)) for first in range(trial % 2, 100 + trial % 2, 10)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            store.close()
            files = [folder / "one", folder / "other"]
            lives = [Life(folder, end_at=trial % 4), Life(folder)]  # the first is killed before, in or after the call
            for child in [
                forked(partial(resumed, folder, life, graph="tools", permission=allowed), file)
                for life, file in zip(lives, files, strict=True)
            ]:
                os.waitpid(child, 0)
            times = done_in(folder)["tool send from first"]
            found["decisions"] += len(held)
            found["two decisions"] += len(set(held)) != 1
            found["done"] += times
            found["done twice, or against a no"] += times > (held[0] == "approve")
    return {**found, "broken": found["two decisions"] + found["done twice, or against a no"]}


def secrets(part: int) -> Found:
    """Twenty secrets in what runs are told and say; every file that comes of them is searched."""
    marks = [f"Zq{n:02d}marker{n:02d}OfASecret" for n in range(20)]
    names = (
        "A_KEY",
        "A_TOKEN",
        "A_SECRET",
        "A_PASSWORD",
        "B_API_KEY",
        "B_TOKEN",
        "C_SECRET",
        "C_PASSWORD",
        "D_KEY",
        "E_KEY",
    )
    os.environ.update(zip(names, marks, strict=False))
    forms = ("sk-{}", "https://x.org/?token={}", "Authorization: Bearer {}", "https://me:{}@x.org/", "my_api_key: {}")
    shapes = [*marks[:10], *(forms[n % 5].format(one) for n, one in enumerate(marks[10:]))]
    text = ", ".join(shapes)
    model = ScriptedModel(lambda prompt: f"Because {text}\n\nAnswer: yes, {text}\nConfidence: 80")
    hits, files, ran = 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        answering = [(made, model) for made in list(CATALOGUE.values())[::part]]
        for n, (made, model) in enumerate([*answering, (chain_of_thought, ScriptedModel(lambda prompt: _fail(text)))]):
            ran += 1
            kept: dict[str, Any] = {"runs": folder / "runs.sqlite"} if n % 2 else {"journal": folder / f"{n}.jsonl"}
            with SqliteStore(folder / "memory.sqlite", embedder=None) as store, suppress(DisputatioError, ValueError):
                asyncio.run(asolve(f"Is {text} good?", strategy=made, model=model, store=store, **kept))
        for path in folder.rglob("*"):
            if path.is_file():
                files += 1
                content = path.read_bytes()
                hits += sum(one.encode() in content for one in marks)
    return {"secrets": len(marks), "runs": ran, "files": files, "found": hits, "broken": hits}


def _fail(text: str) -> str:
    raise ValueError(f"no {text}")


ON_A_SERVER = ("resumers", "fenced", "together", "approvals")
"""Sweeps that are not about files."""
SWEEPS: Mapping[str, Callable[[int], Found]] = {
    one.__name__: one for one in (resumers, fenced, faults, together, approvals, secrets)
}


def main() -> int:
    """Make the sweeps that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sweeps", nargs="*", metavar="SWEEP", help=", ".join(SWEEPS))
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    if unknown := [name for name in given.sweeps if name not in SWEEPS]:
        parser.error(f"there is no sweep {unknown[0]!r}; there are: {', '.join(SWEEPS)}")
    broken = 0
    with on_a_server() if given.postgres else nullcontext():
        for name in given.sweeps or (ON_A_SERVER if given.postgres else SWEEPS):
            found = SWEEPS[name](given.part)
            print(json.dumps({"sweep": name, **found}), flush=True)  # noqa: T201
            broken += found.get("broken", 0) + found.get("wrong", 0) + found.get("calls made twice", 0)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
