"""The run store: what a kept run survives, who may go on with it, and what is never done twice."""

import asyncio
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import disputatio as dp
from disputatio.agents import Solver
from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs import debate, sequence
from disputatio.model import Request
from disputatio.models import ScriptedModel
from disputatio.run_branch import branch
from disputatio.run_record import HOST
from disputatio.run_store import RunStore


@pytest.fixture
def in_file(tmp_path: Path) -> RunStore:
    """For what holds of files only."""
    return RunStore(tmp_path / "runs.sqlite")


@pytest.fixture(params=["in_file", pytest.param("database", marks=pytest.mark.postgres)], ids=["file", "server"])
def store(request: pytest.FixtureRequest) -> Iterator[RunStore]:
    with RunStore.of(request.getfixturevalue(request.param)) as store:
        yield store


def scripted(reply: Callable[[str], str] = lambda _: "Because.\n\nAnswer: yes\nConfidence: 80") -> ScriptedModel:
    return ScriptedModel(reply)


def held(store: RunStore) -> Any:
    """A run that is under way."""
    run = store.new()
    run.append({"line": "run", "run_id": "a" * 32, "question": {"text": "q"}, "strategy": "s", "settings": {},
                "started": ""})  # fmt: skip
    return run


def test_a_run_is_kept_whole_and_nothing_is_paid_for_twice(store: RunStore) -> None:
    model = scripted()
    result = dp.solve("Is tea good?", strategy="debate", rounds=2, model=model, runs=store)
    record = store.get("last")
    assert (record.standing, record.answer, record.usage, record.is_held) == ("finished", "yes", result.usage, False)
    assert store.result(record.id) == result
    asked = len(model.requests)
    again = dp.resume(record.id[:5], runs=store, models={"default": model})
    assert (again.thoughts, again.usage, len(model.requests)) == (result.thoughts, result.usage, asked)
    assert dp.resume(record.id, runs=store, replay=True) == again


def test_prompts_that_repeat_what_was_said_take_little_room(store: RunStore) -> None:
    model = scripted(lambda prompt: f"{hash(prompt)} " * 200 + "\n\nAnswer: yes\nConfidence: 80")
    dp.solve("Is tea good?", strategy=debate(5, rounds=4), model=model, runs=store)
    said = sum(len(one.text) for one in store.result("last").thoughts)  # type: ignore[union-attr]
    assert sum(len(prompt) for prompt in model.prompts) > 5 * said
    [size] = store.sizes().values()
    assert size < 1.1 * said


def test_only_one_process_has_a_run(store: RunStore) -> None:
    run = held(store)
    with pytest.raises(ConfigurationError, match=rf"under way in process {os.getpid()} on {HOST}"):
        RunStore(store.path).resume("last").open()
    with pytest.raises(ConfigurationError, match="is under way and cannot be deleted"):
        store.delete(["last"])
    run.close()
    assert store.get("last").standing == "interrupted"


def test_a_run_that_is_deleted_while_it_is_read_is_one_clear_error(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dp.solve("Is tea good?", model=scripted(), runs=store)
    record = store.get("last")
    store.delete(["last"])
    monkeypatch.setattr(RunStore, "get", lambda self, run: record)
    for look in (store.lines, store.result):
        with pytest.raises(ConfigurationError, match=f"run '{record.id}' has just been deleted"):
            look("last")


def test_a_process_that_was_held_up_writes_nothing_any_more(store: RunStore) -> None:
    run = held(store)
    with store.database.transaction() as database:
        database.execute("UPDATE runs SET expires = 0")
    other = RunStore(store.path).resume("last")
    other.open()
    with pytest.raises(StoreError, match="taken over by another process"):
        run.append({"line": "model", "names": ["m"], "profile": {}})
    run.close()
    assert store.get("last").is_held  # by the other: the first cannot give up what it does not have
    assert [line.line for line in store.lines("last")] == ["run"]
    other.close()


def test_a_line_is_one_statement_and_only_an_effect_waits_for_the_disk(in_file: RunStore) -> None:
    run, said = held(in_file), []  # type: Any, list[str]
    with in_file.database.reading() as database:
        database.set_trace_callback(said.append)
    run.append({"line": "model", "names": ["m"], "profile": {}})
    assert [one.split(" ")[0] for one in said] == ["INSERT"]
    said.clear()
    run.append({"line": "intent", "call": {}})
    assert (said[0], said[-1]) == ("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL")
    assert [one.split(" ")[0] for one in said[1:-1]] == ["BEGIN", "INSERT", "COMMIT"]
    run.close()


def test_a_lease_is_renewed_while_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("disputatio.run_store.LEASE_S", 0.2)
    store = RunStore(tmp_path / "runs.sqlite")
    run = held(store)
    first = store.get("last").expires
    for _ in range(200):
        if store.get("last").expires > first:
            break
        time.sleep(0.05)
    assert store.get("last").expires > first
    run.close()
    assert not store.get("last").is_held
    over = store._over
    del store, run
    assert over
    assert over.wait(60)  # with the store, its thread ends


def test_many_who_resume_at_once_do_not_fork_the_run(store: RunStore, tmp_path: Path) -> None:
    model = scripted()
    dp.solve("Is tea good?", strategy="debate", rounds=1, model=model, runs=store)
    made = branch(store, "last", after=1)
    code = f"""
import asyncio, sys
from pathlib import Path
from secrets import token_hex
import disputatio as dp
from disputatio.models import ScriptedModel
def reply(prompt):
    with Path({str(tmp_path / "calls")!r}).open("a") as file:
        file.write("call\\n")
    import time; time.sleep(0.3)
    return "Because.\\n\\nAnswer: yes\\nConfidence: 80"
try:
    print(dp.resume({made!r}, runs={str(store.path)!r}, models={{"default": ScriptedModel(reply)}}).answer.text)
except dp.ConfigurationError as error:
    print(error)
"""
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[0].strip() for process in started]
    assert said.count("yes") + sum("is under way in process" in one for one in said) == 3
    assert "yes" in said
    calls = [line for line in store.lines(made) if line.line == "call"]
    assert len((tmp_path / "calls").read_text().splitlines()) == len(model.requests) - 1
    assert len(calls) == len(model.requests)


def test_of_contradicting_decisions_the_first_holds(store: RunStore) -> None:
    run = held(store)
    for number in range(20):
        key = f"{number:032x}"
        assert run.ask(key, {"question": "?"}) is None
        decided: list[str] = []

        def decide(word: str, key: str = key, decided: list[str] = decided) -> None:
            decided.append(RunStore(store.path).decide("last", key, word).decision or "")

        threads = [threading.Thread(target=decide, args=(word,)) for word in ("approve", "deny") * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(decided)) == 1
        assert run.ask(key, {"question": "?"}) == decided[0]
    with pytest.raises(ConfigurationError, match="has not asked"):
        store.decide("last", "x", "approve")
    run.close()


async def test_a_full_disk_ends_the_run_before_the_next_call(
    in_file: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = scripted(lambda prompt: f"{token_hex(8000)}" + "\n\nAnswer: yes\nConfidence: 80")

    def reply(request: Request, *_: Any) -> Any:
        with in_file.database.reading() as database:
            [pages] = database.execute("PRAGMA page_count").fetchone()
            if len(model.requests) == 3:
                database.execute(f"PRAGMA max_page_count = {pages}")
        return complete(request)

    complete = model.complete
    monkeypatch.setattr(model, "complete", reply)
    strategy = sequence(*(Solver(f"solver {n}") for n in range(8)))
    with pytest.raises(StoreError, match="disk is full; free some, then resume"):
        await dp.asolve("What?", strategy=strategy, model=model, runs=in_file)
    asked = len(model.requests)
    assert asked == 4  # the call whose reply could not be written, and none after it
    in_file.close()  # the limit was that of the connection
    assert in_file.get("last").standing == "failed"
    monkeypatch.undo()
    result = await dp.aresume("last", runs=in_file, strategy=strategy, models={"default": model})
    assert (len(model.requests), len(result.thoughts)) == (asked + 5, 8)


def test_a_disk_that_is_nearly_full_admits_no_run(in_file: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("disputatio.run_database.LEAST_FREE", 10**18)
    model = scripted()
    with pytest.raises(StoreError, match="a run needs"):
        dp.solve("Is tea good?", strategy="debate", model=model, runs=in_file)
    assert not model.requests


def test_a_file_that_another_process_locks(in_file: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("disputatio.run_database.WAIT_S", 0.2)
    in_file.records()
    other = sqlite3.connect(in_file.path or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    model = scripted()
    in_file.close()
    with pytest.raises(StoreError, match="another process has been writing it"):
        dp.solve("Is tea good?", strategy="debate", model=model, runs=in_file)
    assert not model.requests
    other.execute("ROLLBACK")
    other.close()
    assert dp.solve("Is tea good?", strategy="debate", model=model, runs=in_file).answer.text == "yes"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("PRAGMA user_version = 99", "was written by a newer Disputatio; update this one"),
        ("PRAGMA application_id = 7", "holds no runs"),
        ("UPDATE lines SET body = cast('changed' AS BLOB) WHERE n = 1", "is damaged; see: disputatio doctor"),
        ("DELETE FROM lines WHERE n = 1", "is damaged: line 1 is missing"),
        ("UPDATE lines SET body = substr(body, 1, 40) WHERE n = 2", "is damaged; see: disputatio doctor"),
        ("UPDATE runs SET settings = '{'", "is damaged; see: disputatio doctor"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_called(in_file: RunStore, damage: str, message: str) -> None:
    model = scripted()
    dp.solve("Is tea good?", strategy="debate", model=model, runs=in_file)
    run, asked = in_file.get("last").id, len(model.requests)
    in_file.close()
    with sqlite3.connect(in_file.path or "") as database:
        database.execute(damage)
    database.close()
    with pytest.raises(dp.DisputatioError, match=message):
        dp.resume(run, runs=in_file, models={"default": model})
    assert len(model.requests) == asked


def test_a_file_that_was_emptied_does_not_start_the_run_anew(in_file: RunStore) -> None:
    model = scripted()
    dp.solve("Is tea good?", strategy="debate", model=model, runs=in_file)
    run, asked = in_file.get("last").id, len(model.requests)
    in_file.close()
    for end in ("", "-wal", "-shm"):
        Path(f"{in_file.path}{end}").unlink(missing_ok=True)
    with pytest.raises(ConfigurationError, match="there is no run"):
        dp.resume(run, runs=in_file, models={"default": model})
    assert len(model.requests) == asked


CODE = "open('hacked', 'w').close()"
PICKLED = f"c__builtin__\neval\n(V{CODE}\ntR.".encode()
PACKED = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("builtins", "eval", CODE))))
"""As LangGraph packs an object."""


@pytest.mark.parametrize(
    "body",
    [
        b'=["c", "os", "system", "echo hacked > hacked"]',
        b'={"py/object": "subprocess.Popen", "args": ["touch", "hacked"]}',
        b'={"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "touch hacked"}}',
        b'={"line": "call", "kind": "tool", "__class__": "os.system"}',
        b'="!!python/object/apply:os.system [touch hacked]"',
        b'={"line": "end", "seconds": "__import__(\'os\').system(\'touch hacked\')"}',
        PICKLED,
        PACKED,
    ],
)
def test_crafted_rows_run_nothing(
    store: RunStore, body: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    dp.solve("Is tea good?", strategy="debate", model=scripted(), runs=store)
    row = (body, zlib.crc32(body))
    with store.database.transaction() as database:
        database.execute("UPDATE lines SET body = ?, crc = ? WHERE n = 1", row)
        database.execute("UPDATE runs SET result = ?, result_crc = ?", row)
    with pytest.raises(StoreError):
        store.lines("last")
    with pytest.raises(StoreError):
        store.result("last")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.filterwarnings("ignore:Deserializing unregistered type")
def test_others_run_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for load in (
        lambda: pickle.loads(PICKLED),
        lambda: JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(("msgpack", PACKED)),
    ):
        load()
        (tmp_path / "hacked").unlink()


def test_secrets_are_not_kept(in_file: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    markers = [f"marker-{number:04d}-of-a-secret" for number in range(4)]
    monkeypatch.setenv("SOME_API_KEY", markers[0])
    monkeypatch.setenv("OTHER_TOKEN", markers[1])
    text = f"{markers[0]} and {markers[1]}, sk-{markers[2]}, https://x.org/?token={markers[3]}"
    model = scripted(lambda _: f"Because {text}\n\nAnswer: {text}")
    dp.solve(f"Is {text} good?", strategy="debate", model=model, runs=in_file)
    with pytest.raises(ValueError, match="no"):
        dp.solve(f"And {text}?", strategy="debate", model=scripted(lambda _: _fail(text)), runs=in_file)
    in_file.close()
    for path in tmp_path.glob("runs.sqlite*"):
        content = path.read_bytes()
        assert path.stat().st_mode & 0o77 == 0
        assert not [marker for marker in markers if marker.encode() in content]


def _fail(text: str) -> str:
    raise ValueError(f"no {text}")


async def test_runs_at_once_do_not_mix(store: RunStore) -> None:
    def reply(prompt: str) -> str:
        number = prompt.partition("number ")[2].split(" ")[0]
        return f"It is {number}.\n\nAnswer: {number}\nConfidence: 80"

    model, strategy = scripted(reply), debate(2, rounds=1)
    solving = (
        dp.asolve(f"What is the number {n} here?", strategy=strategy, model=model, runs=store) for n in range(100)
    )
    results = await asyncio.gather(*solving)
    assert [result.answer.text for result in results] == [str(n) for n in range(100)]
    assert {record.id: record.answer for record in store.records("finished")} == {
        result.run_id: result.answer.text for result in results
    }


def test_a_run_from_a_program_says_what_it_needs(store: RunStore) -> None:
    strategy = sequence(Solver("a"), Solver("b"))
    dp.solve("What?", strategy=strategy, model=scripted(), runs=store)
    with pytest.raises(ConfigurationError, match="give resume"):
        dp.resume("last", runs=store)
    with pytest.raises(ConfigurationError, match="another strategy"):
        dp.resume("last", runs=store, strategy=debate(2), models={"default": scripted()})
    with pytest.raises(ConfigurationError, match="not in both"):
        dp.solve("What?", runs=store, journal="x.jsonl")
    for _ in range(16):
        branch(store, "last", after=1)
    first = Counter(record.id[0] for record in store.records()).most_common(1)[0][0]  # 17 runs, 16 digits
    with pytest.raises(ConfigurationError, match="several runs begin"):
        store.get(first)
