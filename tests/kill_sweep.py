"""The kill sweep: a run is killed by SIGKILL at every one of its events, and resumed; see docs/runs.md.

    python tests/kill_sweep.py [GRAPH ...] [--every N] [--twice N] [--postgres]

Each life is a process of its own, forked from this one. The process kills itself when event number n begins: before
and after each call of a model and of a tool, and before and after each write to the store. Calls are counted by an
append-only file that the run knows nothing of. One line of JSON is printed for each graph; exit code 1 if a promise was
broken.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from disputatio import Question
from disputatio.agents import Solver
from disputatio.graphs import best_of, chain_of_thought, debate, sequence, vote
from disputatio.graphs.resume import aresume
from disputatio.graphs.run import asolve
from disputatio.model import Profile, Reply, Request
from disputatio.models import ScriptedModel
from disputatio.permission import Permission
from disputatio.result import Result
from disputatio.run_store import RunStore
from disputatio.stored_run import StoredRun
from disputatio.strategies import Strategy
from disputatio.tools import tool

sys.path.insert(0, str(Path(__file__).parents[1]))  # also as a script
from tests.postgres_server import started

QUESTION = Question(text="Which town is it?")
SERVER = "DISPUTATIO_SWEEP_SERVER"
"""The environment variable that has the address of the server, where runs are kept on one."""


@contextmanager
def place() -> Iterator[Path]:
    """A folder in which a run leaves its traces, and no runs so far."""
    if address := os.environ.get(SERVER):
        import psycopg  # noqa: PLC0415 - not needed without a server

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS disputatio CASCADE")
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def store_in(folder: Path) -> RunStore:
    """The runs of a folder, or those on the server."""
    return RunStore(os.environ.get(SERVER) or folder / "runs.sqlite")


@contextmanager
def on_a_server() -> Iterator[None]:
    """Runs are kept on a server of the sweep's own."""
    with started() as address:
        os.environ[SERVER] = f"{address}/postgres"
        try:
            yield
        finally:
            del os.environ[SERVER]


@dataclass
class Life:
    """One life of a process: it counts its events and ends at one of them."""

    folder: Path
    end_at: int = 0
    events: int = 0

    def event(self) -> None:
        self.events += 1
        if self.events == self.end_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, what: str) -> None:
        """Write down that something was done outside the run, where no kill can undo it."""
        with (self.folder / "done").open("a") as file:
            file.write(what + "\n")


class Model:
    """Says the same to the same prompt, and notes each call that it answered."""

    name = "swept"
    profile = Profile()

    def __init__(self, life: Life, reply: Callable[[str], str]) -> None:
        self.life, self.scripted = life, ScriptedModel(reply)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        self.life.event()
        await asyncio.sleep(0)  # so that agents of one step take turns
        reply = await self.scripted.complete(request)
        self.life.note("model " + repr(self.scripted.prompts[-1]))
        self.life.event()
        return reply


def debate_of(life: Life) -> Strategy[...]:
    return debate(debaters=4, rounds=3, decision="judge")


def votes_of(life: Life) -> Strategy[...]:
    return vote(best_of(chain_of_thought, n=3), debate(debaters=3, rounds=2), chain_of_thought)


def tools_of(life: Life) -> Strategy[...]:
    @tool(access="write")
    async def send(letter: str) -> str:
        """Send a letter."""
        life.event()
        life.note(f"tool send {letter}")
        life.event()
        return f"{letter} was sent"

    @tool(access="network")
    async def look(place: str) -> str:
        """Look at a place."""
        life.event()
        life.note(f"tool look {place}")
        life.event()
        return f"{place} lies at the sea"

    names = ("first", "second", "third")
    return sequence(*(Solver(name, instruction=f"You are {name}.", tools=[send, look]) for name in names))


def reply(prompt: str) -> str:
    if "Use: <" in prompt:
        name = next(name for name in ("first", "second", "third") if f"You are {name}." in prompt)
        used = ("look", {"place": "Hull"}) if name == "second" else ("send", {"letter": f"from {name}"})
        return json.dumps({"use": {"tool": used[0], "arguments": used[1]}})
    if "Score: <" in prompt:
        return "Verdict: supported\nScore: 80"
    return f"By the harbour, of {len(prompt)} letters.\n\nAnswer: Hull\nConfidence: 70"


GRAPHS: Mapping[str, Callable[[Life], Strategy[...]]] = {"debate": debate_of, "vote": votes_of, "tools": tools_of}


def live(graph: str, folder: Path, end_at: int) -> None:
    """Begin the run, or go on with it; what comes of it goes to a file."""
    life = Life(folder, end_at)
    store = store_in(folder)
    append = StoredRun.append

    def watched(run: StoredRun, line: Mapping[str, Any]) -> None:
        life.event()
        append(run, line)
        life.event()

    StoredRun.append = watched  # type: ignore[method-assign]
    model, strategy = Model(life, reply), GRAPHS[graph](life)
    asked = {"strategy": strategy, "permission": Permission(allowed={"pure", "read", "write", "network"},
             after_untrusted={"pure", "read", "write", "network"})}  # fmt: skip
    if store.records():
        result = asyncio.run(aresume("last", runs=store, models={"default": model}, **asked))
    else:
        result = asyncio.run(asolve(QUESTION, model=model, runs=store, **asked))
    (folder / "result").write_text(result.model_dump_json())
    (folder / "events").write_text(str(life.events))


def process(graph: str, folder: Path, end_at: int = 0) -> bool:
    """One life in a process of its own; whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            live(graph, folder, end_at)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is, it is shown and counted
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{graph}: the life that was to end at event {end_at} failed")
    return os.WIFEXITED(status)


def state_of(result: Result) -> tuple[Any, ...]:
    """What two lives of one run must agree on: all but its id, the ids that follow from it, and its times."""
    number = {thought.id: place for place, thought in enumerate(result.thoughts)}
    said = [(one.author, one.round, one.scope, one.kind, one.text, one.answer) for one in result.thoughts]
    links = sorted((number[one.source], number[one.target], one.kind) for one in result.links)
    return result.answer, sorted(said, key=repr), len(links), result.usage, result.stop_reason


def revived(graph: str, folder: Path) -> int:
    """Let the run live until it ends; a person approves what it asks. How often somebody had to."""
    store, asked = store_in(folder), 0
    while True:
        process(graph, folder)
        record = store.get("last")
        if record.state == "finished":
            store.close()
            return asked
        assert record.state == "waiting", record
        for question in store.questions(record.id):
            if question.decision is None:
                # Somebody looks whether the letter was sent.
                letter = question.asked["arguments"]["letter"]
                sent = f"tool send {letter}" in (folder / "done").read_text()
                store.decide(record.id, question.key, f"{letter} was sent" if sent else "approve")
                asked += 1


def sweep(graph: str, *, every: int = 1, twice: int = 0) -> dict[str, Any]:
    """Kill at each event (or every so many), and at `twice` random pairs of events; what came of it."""
    found: Counter[str] = Counter()
    with place() as whole:
        assert process(graph, whole)
        events = int((whole / "events").read_text())
        wanted = state_of(Result.model_validate_json((whole / "result").read_text()))
        once = Counter((whole / "done").read_text().splitlines())
    random = Random(1)
    points = [(n,) for n in range(1, events + 1, every)]
    points += [(random.randint(1, events), random.randint(1, events)) for _ in range(twice)]
    for point in points:
        with place() as folder:
            for n in point:
                process(graph, folder, n)
            found["asked"] += revived(graph, folder)
            _judge(found, folder, wanted, once, kills=len(point))
    return {"graph": graph, "events": events, "points": len(points), **found}


def _judge(found: Counter[str], folder: Path, wanted: Any, once: Counter[str], *, kills: int) -> None:
    result = Result.model_validate_json((folder / "result").read_text())
    done = Counter((folder / "done").read_text().splitlines())
    kept = Counter(line for line in done if line in once)
    found["finished"] += 1
    found["wrong"] += state_of(result) != wanted
    # A call in flight is made again, at most one for each branch and kill; nothing that was written down is.
    found["begun twice"] += sum((done - once).values())
    found["effect twice"] += sum(n for line, n in (done - once).items() if line.startswith("tool send"))
    found["not done"] += sum(1 for line in once if line not in kept)
    store = store_in(folder)
    lines = [line for line in store.lines("last") if line.line == "call" and line.failure is None]
    places = Counter((*line.place, line.digest, line.step) for line in lines)
    found["completed calls redone"] += sum(n - 1 for n in places.values())
    found["over"] += sum((done - once).values()) > 3 * kills
    store.close()


def main() -> int:
    """Sweep the graphs that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("graphs", nargs="*", default=list(GRAPHS))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--twice", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    broken = 0
    with on_a_server() if given.postgres else nullcontext():
        for graph in given.graphs:
            found = sweep(graph, every=given.every, twice=given.twice)
            print(json.dumps(found), flush=True)  # noqa: T201
            broken += found["finished"] != found["points"]
            broken += any(found[one] for one in ("wrong", "effect twice", "not done", "completed calls redone", "over"))
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
