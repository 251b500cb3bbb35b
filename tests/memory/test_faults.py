"""Bad files, bad values, a full disk, many writers: a clear line each, and nothing lost."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import PutOp

from disputatio.errors import StoreError
from disputatio.memory import SqliteStore
from tests.counting import Counting

PROCESSES = 8
WRITES = 25


def test_a_file_that_is_not_ours_stays_as_it_is(path: Path) -> None:
    path.write_text("dear diary " * 200)
    with pytest.raises(StoreError, match="is no memory of Disputatio"):
        SqliteStore(path, embedder=None)
    assert path.read_text() == "dear diary " * 200


def test_the_database_of_another_program_stays_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE theirs (a)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is a database, but no memory of Disputatio"):
        SqliteStore(path, embedder=None)
    assert path.read_bytes() == before


def test_a_newer_format(path: Path) -> None:
    with SqliteStore(path, embedder=None) as store, store.database.writing() as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreError, match=r"newer version of Disputatio \(format 9, this one reads up to 1\)"):
        SqliteStore(path, embedder=None)


def damaged(path: Path) -> None:
    with SqliteStore(path, embedder=None) as store:
        store.batch([PutOp(("a",), str(n), {"text": f"tea {n}" * 30}) for n in range(400)])
    content = bytearray(path.read_bytes())
    content[4096 * 3 :: 4096] = b"\xff" * len(content[4096 * 3 :: 4096])  # the type of each page
    path.write_bytes(bytes(content))


def test_a_damaged_file(path: Path) -> None:
    damaged(path)
    with SqliteStore(path, embedder=None) as store, pytest.raises(StoreError, match="is damaged; put back a copy"):
        store.search(("a",), limit=1000)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
def test_a_disk_that_fails_or_has_a_quota_says_so(path: Path) -> None:
    program = f"""
import resource, signal
from langgraph.store.base import PutOp
from disputatio.errors import StoreError
from disputatio.memory import SqliteStore
with SqliteStore({str(path)!r}, embedder=None) as store:
    store.put(("a",), "kept", {{"text": "tea"}})
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        store.batch([PutOp(("a",), str(n), {{"text": f"tea {{n}}" * 30}}) for n in range(2_000)])
    except StoreError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    [line] = done.stdout.splitlines()
    assert line.endswith("its disk fails, or has no room for this user (disk I/O error, SQLITE_IOERR_WRITE)")
    with SqliteStore(path, embedder=None) as store:
        assert [one.key for one in store.search(("a",), limit=9)] == ["kept"]


def test_a_value_that_is_damaged(store: SqliteStore) -> None:
    store.put(("a",), "1", {"n": 1})
    with store.database.writing() as connection:
        connection.execute("UPDATE items SET value = '{'")
    with pytest.raises(StoreError, match="the memory is damaged: the value of '1' is no JSON"):
        store.get(("a",), "1")


def test_a_vector_that_is_damaged(store: SqliteStore, path: Path) -> None:
    store.put(("a",), "1", {"text": "tea"})
    store.search(("a",), query="tea")
    with store.database.writing() as connection:
        connection.execute("UPDATE vectors SET vector = x'00'")
    with SqliteStore(path, embedder=Counting()) as other, pytest.raises(StoreError, match="has not 4 numbers"):
        other.search(("a",), query="tea")


def test_a_locked_file(store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with store.database.reading() as connection:
        connection.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(StoreError, match="is locked: another process"):
        store.put(("a",), "1", {})
    other.execute("ROLLBACK")
    other.close()
    store.put(("a",), "1", {})


def test_a_read_only_file(store: SqliteStore) -> None:
    with store.database.reading() as connection:
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be written: it, or its disk, is read-only"):
        store.put(("a",), "1", {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        SqliteStore(tmp_path / "memory.sqlite", embedder=None)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot use the memory .*: Is a directory"):
        SqliteStore(tmp_path, embedder=None)


def test_a_disk_on_which_processes_cannot_share_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def elsewhere(file: str, **given: Any) -> sqlite3.Connection:
        return connect(f"file:{file}?vfs=unix-dotfile", uri=True, **given)  # as on a disk without shared memory

    monkeypatch.setattr("disputatio.memory.database.sqlite3.connect", elsewhere)
    with pytest.raises(StoreError, match="lies where processes cannot share a file; choose a folder on a local disk"):
        SqliteStore(path, embedder=None)


def test_a_full_disk_loses_nothing(store: SqliteStore) -> None:
    store.put(("a",), "1", {"text": "tea"})
    with store.database.reading() as connection:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"the disk of the memory .* is full; nothing of this was stored"):
        store.batch([PutOp(("a",), str(n), {"text": "x" * 5000}) for n in range(2, 20)])
    assert [item.key for item in store.search(("a",))] == ["1"]
    with store.database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    store.put(("a",), "2", {"text": "tea"})
    assert [item.key for item in store.search(("a",), query="tea")] == ["2", "1"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"text": "x" * 10_000_000}, "has 10,000,011 bytes as JSON, at most 1,000,000 fit"),
        ({"text": "half \ud83d"}, "not UTF-8"),
        ({"when": object()}, "cannot be stored as JSON"),
        ({"n": float("nan")}, "cannot be stored as JSON"),
    ],
)
def test_values_that_cannot_be_stored(store: SqliteStore, value: dict[str, Any], message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        store.batch([PutOp(("a",), "good", {"text": "tea"}), PutOp(("a",), "bad", value)])
    assert "\n" not in str(caught.value)
    assert store.search(()) == []  # all or none


def test_a_closed_store_says_so(path: Path) -> None:
    store = SqliteStore(path, embedder=None)
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.get(("a",), "1")


def test_deleting_leaves_nothing_in_any_file(path: Path) -> None:
    secret = "xylographer"
    with SqliteStore(path, embedder=None) as store:
        store.batch([PutOp(("a",), str(n), {"text": f"row {n} of many words"}) for n in range(300)])
        store.put(("a",), "first", {"text": f"the {secret} came", "data": secret * 500})
        store.search(("a",), query=secret)  # now its words are indexed, too
        store.put(("a",), "first", {"text": f"the {secret} went"})
        store.search(("a",), query=secret)
        assert secret.encode() in b"".join(one.read_bytes() for one in path.parent.iterdir())
        store.delete(("a",), "first")
        assert store.search(("a",), query=secret) == []
        for one in path.parent.iterdir():  # while it is open: the file, its log, its index
            assert secret.encode() not in one.read_bytes().lower(), one.name
        assert len(store.search(("a",), limit=1000)) == 300


def test_the_vector_of_what_is_deleted_goes(store: SqliteStore, path: Path) -> None:
    store.put(("a",), "1", {"text": "tea tea tea milk milk"})
    store.search(("a",), query="tea")
    with store.database.reading() as connection:
        [vector] = connection.execute("SELECT vector FROM vectors").fetchone()
    assert vector in b"".join(one.read_bytes() for one in path.parent.iterdir())
    store.delete(("a",), "1")
    assert vector not in b"".join(one.read_bytes() for one in path.parent.iterdir())


def test_a_log_that_another_process_reads_is_told_of(store: SqliteStore, path: Path) -> None:
    store.put(("a",), "1", {"text": "tea"})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM items").fetchone()
    with store.database.reading() as connection:
        connection.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(StoreError, match=r"deleted, but the log .* holds it until other processes close it"):
        store.delete(("a",), "1")
    other.close()
    assert store.get(("a",), "1") is None


WRITER = f"""
import sys
from disputatio.memory import SqliteStore
from tests.counting import Counting
with SqliteStore(sys.argv[1], embedder=Counting(), fields=["text"]) as store:
    for number in range({WRITES}):
        store.put(("shared",), f"{{sys.argv[2]}}/{{number}}", {{"text": "tea milk rain", "by": sys.argv[2]}})
        store.put((f"own{{sys.argv[2]}}",), str(number), {{"text": f"rain {{sys.argv[2]}}"}})
        store.change(("counter",), "1", lambda value: {{"n": value["n"] + 1}})
        if number % 10 == 0:
            assert store.search(("shared",), query="tea", limit=1)
            assert all(item.value["text"].endswith(sys.argv[2])
                       for item in store.search((f"own{{sys.argv[2]}}",), query="rain", limit=99))
    store.delete((f"own{{sys.argv[2]}}",), "0")
"""


def test_eight_processes_write_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    path = tmp_path / "folder" / "memory.sqlite"
    with SqliteStore(path, embedder=Counting(), fields=["text"]) as store:
        store.put(("counter",), "1", {"n": 0}, index=False)
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(n)], env=environment, stderr=subprocess.PIPE)
            for n in range(PROCESSES)
        ]
        complaints = [writer.communicate(timeout=300)[1].decode() for writer in writers]
        held = "deleted, but the log .* holds it until other processes close it"  # true, and said, on a busy machine
        assert [said for said in complaints if said and not re.search(held, said)] == []
        assert store.get(("counter",), "1").value == {"n": PROCESSES * WRITES}  # type: ignore[union-attr]
        found = store.search(("shared",), query="tea milk rain", limit=10_000)
        assert {item.key for item in found} == {f"{p}/{n}" for p in range(PROCESSES) for n in range(WRITES)}
        for process in range(PROCESSES):
            own = store.search((f"own{process}",), query="rain", limit=10_000)
            assert {item.key for item in own} == {str(n) for n in range(1, WRITES)}
        with store.database.reading() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("INSERT INTO words(words) VALUES ('integrity-check')").fetchall() == []


KILLED = """
import os, signal, sys
from disputatio.memory import SqliteStore
store = SqliteStore(sys.argv[1], embedder=None)
for number in range(int(sys.argv[2])):
    store.put(("a",), str(number), {"text": f"tea {number}"})
    print(number, flush=True)
    if number % 10 == 5:
        store.search(("a",), query="tea 3")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("writes", [1, 6, 23])
def test_what_was_stored_outlives_a_kill(path: Path, writes: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(writes)], capture_output=True, timeout=120)
    assert done.returncode == -9
    with SqliteStore(path, embedder=None) as store:
        assert {item.key for item in store.search(("a",), limit=99)} == {*done.stdout.decode().split()}
        assert [item.key for item in store.search(("a",), query=f"{writes - 1}")] == [str(writes - 1)]
