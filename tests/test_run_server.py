"""Runs on a PostgreSQL server: what locks and the server's clock are for, and what is said when something is wrong.

What holds of a file and a server alike is in `test_runs.py`.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import disputatio as dp
from disputatio.apps.cli import app
from disputatio.errors import ConfigurationError, MissingExtraError, StoreError
from disputatio.models import ScriptedModel
from disputatio.run_record import gone, owner
from disputatio.run_store import RunStore
from tests.test_runs import held, scripted

psycopg = pytest.importorskip("psycopg", reason="needs the extra `postgres`")
on_a_server = pytest.mark.postgres
MODEL = {"line": "model", "names": ["m"], "profile": {}}


@contextmanager
def connected(database: str) -> Iterator[Any]:
    with psycopg.connect(database, autocommit=True, options="-c search_path=disputatio") as connection:
        yield connection


def waits(database: str) -> None:
    """Come back when another connection waits for a lock."""
    find = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with connected(database) as connection:
        while not connection.execute(find).fetchone()[0]:
            time.sleep(0.01)


def apart(work: Callable[[], Any]) -> "Future[Any]":
    """Do something in a thread of its own."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - told to who waits
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ana:mellon/tide@127.0.0.1/runs",
        "postgresql://ana:12/mellontide@127.0.0.1/runs",
        "postgresql://ana:mellon@tide@127.0.0.1/runs",
        "postgresql://ana@127.0.0.1/runs?mellontide",
        "postgresql://ana:mellon%tide@127.0.0.1/runs",
        "postgresql://ana:mellon#tide@[127.0.0.1/runs",
        "postgresql://ana:mellontide@127.0.0.1:tide/runs",
    ],
)
def test_an_address_that_cannot_be_read_shows_nothing_of_its_password(address: str) -> None:
    with pytest.raises(ConfigurationError, match="@ is written as %40") as caught:
        RunStore(address)
    assert "mellon" not in str(caught.value)
    assert "tide" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_address_of_another_kind_shows_nothing_of_its_password() -> None:
    with pytest.raises(ConfigurationError, match=r"not at mysql://\.\.\.$"):
        RunStore("mysql://ana:mellontide@127.0.0.1/runs")
    with pytest.raises(ConfigurationError, match=r"is given as text: a Path loses one of its slashes$"):
        RunStore(Path("postgresql://ana:mellontide@127.0.0.1/runs"))


def test_a_server_that_is_away_ends_the_run_before_its_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://ana:mellontide@127.0.0.1:1/runs"
    store, model = RunStore(address), scripted()
    assert "mellontide" not in repr(store)
    with pytest.raises(
        StoreError, match=r"cannot use the runs at postgresql://127\.0\.0\.1:1/runs: .*refused"
    ) as caught:
        dp.solve("Is tea good?", strategy="debate", model=model, runs=store)
    assert not model.requests
    assert "\n" not in str(caught.value)
    assert "mellontide" not in str(caught.value)
    for arguments in (["list", "--runs", address], ["delete", "abcd", "--runs", address]):
        done = CliRunner().invoke(app, ["runs", *arguments], env={"COLUMNS": "200"})
        assert (done.exit_code, "refused" in done.stderr, "mellontide" in done.output) == (1, True, False)
    monkeypatch.setenv("DISPUTATIO_RUNS", address)
    doctor = CliRunner().invoke(app, ["doctor", "-f", "json"])
    assert "cannot use the runs at postgresql://127.0.0.1:1/runs" in doctor.stdout
    assert "mellontide" not in doctor.output


def test_without_the_driver_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'disputatio\[postgres\]'"):
        RunStore("postgresql://127.0.0.1/runs")


def test_a_process_of_another_machine_of_the_same_name_is_not_taken_for_dead() -> None:
    name, process, processes, number = owner().split("/")
    assert not gone(f"{name}/{process}/{processes}/{number}")
    assert not gone(f"{name}/999999999/elsewhere/{number}")
    assert not gone(f"other/999999999/{processes}/{number}")
    if sys.platform != "win32":
        assert gone(f"{name}/999999999/{processes}/{number}")
    assert gone("")


@on_a_server
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE about SET format = 99", "was written by a newer Disputatio; update this one"),
        ("UPDATE about SET format = 1", "was written by an older Disputatio"),
        ("DROP TABLE about", 'relation "runs" already exists'),
        ("UPDATE lines SET body = 'changed' WHERE n = 1", "is damaged; see: disputatio doctor"),
        ("DELETE FROM lines WHERE n = 1", "is damaged: line 1 is missing"),
        ("DELETE FROM runs", "there is no run"),
        ("UPDATE runs SET settings = '{'", "is damaged; see: disputatio doctor"),
        ("DROP TABLE lines", 'relation "lines" does not exist'),
        ("ALTER DATABASE postgres SET default_transaction_read_only = on", "it cannot be written"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_called(database: str, change: str, message: str) -> None:
    model = scripted()
    with RunStore(database) as store:
        run = dp.solve("Is tea good?", strategy="debate", model=model, runs=store).run_id
    asked = len(model.requests)
    with connected(database) as connection:
        connection.execute(change)
    try:
        with RunStore(database) as store, pytest.raises(dp.DisputatioError, match=message) as caught:
            dp.resume(run, runs=store, models={"default": model})
        assert "\n" not in str(caught.value)
        assert len(model.requests) == asked
    finally:
        with psycopg.connect(database, options="-c default_transaction_read_only=off") as connection:
            connection.execute("ALTER DATABASE postgres RESET default_transaction_read_only")


@on_a_server
def test_who_may_not_is_told_so(database: str, server: str) -> None:
    with RunStore(database.replace("hidden", "guessed")) as store, pytest.raises(StoreError) as caught:
        store.records()
    assert "password authentication failed" in str(caught.value)
    assert "guessed" not in str(caught.value)
    with RunStore(f"{server}/nowhere") as store, pytest.raises(StoreError, match='"nowhere" does not exist'):
        store.records()
    with connected(database) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'hidden'")
    with RunStore(database.replace("ana", "guest")) as store, pytest.raises(StoreError, match="cannot be written"):
        store.records()
    with RunStore(database) as store:
        store.records()
    with RunStore(database.replace("ana", "guest")) as store, pytest.raises(StoreError, match="permission denied"):
        store.records()
    with connected(database) as connection:
        connection.execute("GRANT USAGE ON SCHEMA disputatio TO guest")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA disputatio TO guest")
    with RunStore(database.replace("ana", "guest")) as store:
        assert store.records() == []
        with pytest.raises(StoreError, match="cannot be written"):
            dp.solve("Is tea good?", strategy="debate", model=scripted(), runs=store)
        with connected(database) as connection:
            connection.execute("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA disputatio TO guest")
        made = dp.solve("Is tea good?", strategy="debate", model=scripted(), runs=store)
        assert store.result("last") == made
        assert store.delete(["last"]) == 1
    with connected(database) as connection:
        connection.execute("DROP OWNED BY guest")


@on_a_server
def test_the_tables_are_made_once_by_many_at_once(database: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: RunStore(database).records(), range(8))) == [[]] * 8


@on_a_server
def test_leases_are_by_the_clock_of_the_server(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store, real = RunStore(database), time.time
    run = held(store)
    for shift in (-7200, 7200):  # the clock of another machine is wrong
        with monkeypatch.context() as patch, RunStore(database) as other:
            patch.setattr(time, "time", lambda shift=shift: real() + shift)
            assert other.get("last").is_held
            with pytest.raises(ConfigurationError, match="is under way"):
                other.resume("last").open()
            store.renew()
            made = held_by_id(other, "b" * 32)
            made.close()
            assert abs(other.get("b").created - real()) < 600
            other.delete(["b"])
    assert store.get("last").is_held
    assert store.get("last").expires - real() < 60
    run.close()


def held_by_id(store: RunStore, run: str) -> Any:
    made = store.new()
    made.append({"line": "run", "run_id": run, "question": {"text": "q"}, "strategy": "s", "settings": {},
                 "started": ""})  # fmt: skip
    return made


@on_a_server
def test_who_takes_a_run_over_waits_for_the_line_that_is_being_written(database: str) -> None:
    store, other = RunStore(database), RunStore(database)
    run = held(store)
    with store.database.transaction() as connection:
        connection.execute("UPDATE runs SET expires = 0")
    taken = other.resume("last")
    with store.database.transaction():
        run.put(MODEL)
        opened = apart(taken.open)
        waits(database)
        assert not opened.done()
    opened.result(60)
    assert [line.line for line in taken.lines] == ["run", "model"]
    with pytest.raises(StoreError, match="taken over by another process"):
        run.put(MODEL)
    taken.append(MODEL)
    assert len(store.lines("last")) == 3
    taken.close()


@on_a_server
def test_a_line_waits_for_who_is_taking_the_run_over_and_is_refused(database: str) -> None:
    store = RunStore(database)
    run = held(store)
    with connected(database) as connection:
        with connection.transaction():
            connection.execute("UPDATE runs SET epoch = epoch + 1")
            written, asked = apart(lambda: run.append(MODEL)), None
            waits(database)
        with pytest.raises(StoreError, match="taken over by another process"):
            written.result(60)
        with pytest.raises(StoreError, match="taken over by another process"):
            asked = run.ask("k", {"question": "?"})
        assert asked is None
        assert connection.execute("SELECT count(*) FROM lines").fetchone() == (1,)
    run.close()


@on_a_server
def test_deleting_takes_all_of_a_run_also_what_is_being_written(database: str) -> None:
    store, other = RunStore(database), RunStore(database)
    run = held(store)
    assert run.ask("k", {"question": "?"}) is None
    with store.database.transaction() as connection:
        connection.execute("UPDATE runs SET expires = 0")
    with store.database.transaction():
        run.put(MODEL)
        deleted = apart(lambda: other.delete(["last"]))
        waits(database)
    assert deleted.result(60) == 1
    with pytest.raises(StoreError, match="taken over by another process or deleted"):
        run.put(MODEL)
    with connected(database) as connection:
        for table in ("runs", "lines", "texts", "questions"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def shortened(store: RunStore, limit: str) -> None:
    with store.database.reading() as database:
        assert database.execute(f"SHOW {limit}").fetchone() == ("30s",)
        database.execute(f"SET {limit} = 300")


@on_a_server
def test_a_row_that_stays_locked_is_waited_for_and_no_longer(database: str) -> None:
    store = RunStore(database)
    run = held(store)
    shortened(store, "lock_timeout")
    with connected(database) as connection, connection.transaction():
        connection.execute("SELECT 1 FROM runs FOR UPDATE")
        with pytest.raises(StoreError, match="another process has been writing it for 30 s; try again"):
            run.append(MODEL)
    run.close()


@on_a_server
def test_who_stops_within_a_transaction_holds_nothing_up(database: str) -> None:
    store = RunStore(database)
    run = held(store)
    shortened(store, "idle_in_transaction_session_timeout")

    def stop() -> None:
        with store.database.transaction():
            run.put(MODEL)
            with connected(database) as connection:
                connection.execute("UPDATE runs SET updated = 0")  # waits until the server has ended the other
            run.put(MODEL)

    with pytest.raises(StoreError, match=r"idle.in.transaction"):
        stop()
    assert len(store.lines("last")) == 1
    run.close()


@on_a_server
def test_a_connection_that_was_lost_is_made_anew(database: str) -> None:
    store = RunStore(database)
    run = held(store)
    for _ in range(2):
        dropped(database)
        run.append(MODEL)
    assert len(store.lines("last")) == 3
    dropped(database)
    assert dp.solve("Is tea good?", strategy="debate", model=scripted(), runs=store).answer.text == "yes"
    dropped(database)
    with pytest.raises(StoreError, match="cannot use the runs at"):
        run.append({"line": "intent", "call": {}})  # a transaction: what came of it is not known, and not guessed
    assert len(RunStore(database).lines("a" * 32)) == 3
    run.close()


def dropped(database: str) -> None:
    """End all connections but the own."""
    with connected(database) as connection:
        find = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(f"{find} AND datname = 'postgres'")


@on_a_server
def test_a_line_whose_connection_broke_after_it_was_written_is_not_written_twice(database: str) -> None:
    store = RunStore(database)
    run = held(store)
    [connection] = store.database._opened

    class Breaking:
        closed = False

        def execute(self, statement: str, values: Any) -> Any:
            connection.execute(statement, values)
            connection.close()
            self.closed = True
            raise psycopg.OperationalError("the connection was lost")

        def close(self) -> None:
            connection.close()

    store.database._opened[:] = [Breaking()]
    run.append(MODEL)
    run.append(MODEL)
    assert [line.line for line in store.lines("last")] == ["run", "model", "model"]
    run.close()


@on_a_server
def test_texts_that_the_server_cannot_hold_are_kept_in_the_result(database: str) -> None:
    model = ScriptedModel(lambda _: "Because\0 \ud800.\n\nAnswer: tea\0 or \ud83dcoffee\nConfidence: 80")
    with RunStore(database) as store:
        result = dp.solve("Tea\0 or coffee?", strategy="debate", model=model, runs=store)
        kept = store.result("last")
        assert kept
        assert kept.answer == result.answer
        assert store.get("last").question == result.question
        assert "\0" not in store.get("last").answer
