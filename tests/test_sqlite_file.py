"""Opening a SQLite file: two connections of one process, another process that comes and goes, files that are odd."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from disputatio.memory.database import Database
from disputatio.sqlite_file import make, opened, touch


def plain(path: Path) -> sqlite3.Connection:
    return opened(path, lambda database: make(database, ("CREATE TABLE facts (name TEXT, value)",)))


def memory(path: Path) -> sqlite3.Connection:
    with Database(path).reading() as connection:
        return connection


def counted(path: Path) -> int:
    """What another process counts, which opens the file and closes it."""
    code = "import sqlite3, sys; file = sqlite3.connect(sys.argv[1]); print(*file.execute(sys.argv[2])); file.close()"
    command = [sys.executable, "-c", code, str(path), "SELECT count(*) FROM facts"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip("(,)\n"))


@pytest.mark.parametrize("connect", [plain, memory])
def test_what_is_written_beside_a_second_connection_is_not_lost(
    tmp_path: Path, connect: Callable[[Path], sqlite3.Connection]
) -> None:
    path, add = tmp_path / "file", "INSERT INTO facts VALUES (?, ?)"
    with closing(connect(path)) as first:
        first.execute(add, ("tea", 1))
        with closing(connect(path)):
            there = counted(path)
            assert Path(f"{path}-wal").exists()  # that process was not the last, and has left the log alone
            first.execute(add, ("milk", 2))
            assert counted(path) == there + 1
    assert counted(path) == there + 1


def test_a_new_file_is_for_its_owner_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with closing(plain(tmp_path / "link")) as database:
        database.execute("INSERT INTO facts VALUES ('tea', 1)")
        assert {one.name: one.stat().st_mode & 0o777 for one in tmp_path.glob("file*")} == dict.fromkeys(
            ("file", "file-wal", "file-shm"), 0o600
        )


def test_what_is_there_keeps_its_mode_and_a_folder_is_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    path.chmod(0o444)
    touch(path)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("mine", 0o444)
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        touch(tmp_path)
