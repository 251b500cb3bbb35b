"""The file reader: it reads what is in its folder, and whatever it is asked for, nothing else."""

import asyncio
import os
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from disputatio.errors import StoreError, ToolError
from disputatio.tools import Tool, files
from disputatio.tools.folder import MAX_FILE, Folder

SECRET = "swordfish"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, and around it what must not be read."""
    inside = tmp_path / "work"
    (inside / "notes" / "deep").mkdir(parents=True)
    (inside / "a.txt").write_text("".join(f"line {number}\n" for number in range(1, 1001)))
    (inside / "notes" / "b.md").write_text("Milk is white.\nBread is BROWN.\n")
    (inside / "notes" / "deep" / "c.txt").write_text("brown bear\n")
    (inside / "binary.bin").write_bytes(b"MZ\x00\x01")
    (inside / ".env").write_text(SECRET)
    (inside / ".git").mkdir()
    (inside / ".git" / "config").write_text(SECRET)
    (tmp_path / "outside.txt").write_text(SECRET)
    (tmp_path / "work-2").mkdir()
    (tmp_path / "work-2" / "x.txt").write_text(SECRET)
    (inside / "link.txt").symlink_to("../outside.txt")
    (inside / "chain.txt").symlink_to("link.txt")
    (inside / "away").symlink_to(tmp_path / "work-2")
    (inside / "root").symlink_to("/")
    (inside / "zero").symlink_to("/dev/zero")
    (inside / "own.txt").symlink_to("a.txt")
    os.link(tmp_path / "outside.txt", inside / "hard.txt")
    os.mkfifo(inside / "pipe")
    return inside


def call(tools: list[Tool], name: str, **arguments: Any) -> str:
    return asyncio.run(next(one for one in tools if one.name == name).call(arguments))


def test_a_folder_is_listed_read_by_lines_and_searched(folder: Path) -> None:
    tools = files(folder, name="docs")
    assert [one.access for one in tools] == [{"read"}] * 3
    tools = files(folder)
    assert call(tools, "list_files") == "a.txt (8,893 bytes)\nbinary.bin (4 bytes)\nnotes/"
    assert call(tools, "list_files", path="notes/") == "b.md (31 bytes)\ndeep/"
    seen = call(tools, "read_file", path="a.txt", start=998)
    assert seen == "line 998\nline 999\nline 1000\n(lines 998 to 1000; the end of the file)"
    assert call(tools, "read_file", path="./notes//b.md", lines=1).endswith("(lines 1 to 1; it goes on with line 2)")
    assert call(tools, "find_in_files", text="brown") == (
        "notes/b.md:2: Bread is BROWN.\nnotes/deep/c.txt:1: brown bear"
    )
    assert call(tools, "find_in_files", text="brown", path="notes", names="*.txt") == "notes/deep/c.txt:1: brown bear"
    assert call(tools, "find_in_files", text="purple") == "(found nowhere)"
    assert call(tools, "find_in_files", text="line").endswith("(there may be more)")


def test_reading_on_where_a_reading_ended_gives_the_whole_file(folder: Path) -> None:
    tools, start, text = files(folder), 1, ""
    while True:
        *lines, note = call(tools, "read_file", path="a.txt", start=start, lines=10**6).splitlines()
        text += "".join(f"{line}\n" for line in lines)
        if "the end" in note:
            break
        start = int(note.split()[-1].rstrip(")"))
    assert text == (folder / "a.txt").read_text()


ATTEMPTS = [
    "../outside.txt", "notes/../../outside.txt", "..", "/etc/passwd", "{outside}/outside.txt", "{inside}/a.txt",
    "../work-2/x.txt", "link.txt", "chain.txt", "own.txt", "away/x.txt", "root/etc/passwd", "zero", "hard.txt", "pipe",
    "notes", "", ".", ".env", ".git/config", "notes/../.env", "a.txt\0", "\0", "x" * 5000, "a.txt/x", "a.txt/..",
    "..\\outside.txt", "%2e%2e/outside.txt", "\uff0e\uff0e/outside.txt", "~/x", "file:///etc/passwd", "missing",
    "root/proc/self/environ", "\ud800", "./../outside.txt", "notes/deep/../../../outside.txt", "binary.bin",
]  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=range(len(ATTEMPTS)))
def test_no_path_leads_out(folder: Path, attempt: str) -> None:
    tools = files(folder)
    path = attempt.format(outside=folder.parent, inside=folder)
    with pytest.raises(ToolError) as caught:
        call(tools, "read_file", path=path)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    for name, arguments in (("list_files", {}), ("find_in_files", {"text": SECRET})):
        try:
            seen = call(tools, name, path=path, **arguments)
        except ToolError as error:
            seen = str(error)
        assert "x.txt" not in seen.replace(path, "")
        assert f": {SECRET}" not in seen


def test_devices_and_sockets_are_no_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        with pytest.raises(ToolError, match="'socket' cannot be read"):
            call(files(folder), "read_file", path="socket")
    if os.geteuid() == 0:
        try:
            os.mknod(folder / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except OSError:
            return
        with pytest.raises(ToolError, match="no plain file"):
            call(files(folder), "read_file", path="device")


def test_a_link_that_is_put_in_the_way_meanwhile_is_not_followed(folder: Path) -> None:
    real, away = folder / "notes", folder.parent / "kept"
    (folder.parent / "work-2" / "b.md").write_text(SECRET)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            real.rename(away)
            real.symlink_to(folder.parent / "work-2")
            real.unlink()
            away.rename(real)

    thread = threading.Thread(target=swap)
    thread.start()
    inside, seen = Folder(folder), set()
    try:
        for _ in range(2000):
            try:
                with inside.opened("notes/b.md") as file:
                    seen.add(file.read(4))
            except ToolError:
                seen.add(b"")
    finally:
        over.set()
        thread.join()
    assert seen <= {b"Milk", b""}
    assert "Milk" in call(files(folder), "read_file", path="notes/b.md")


def test_huge_and_odd_files_are_bounded(folder: Path) -> None:
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(10 * MAX_FILE)
        file.write(b"x" * 9000)
    (folder / "long.txt").write_text("y" * 100_000 + "\nend")
    (folder / "latin.txt").write_bytes(b"caf\xe9\n\x1b[2J\xe2\x80\xae")
    (folder / "bad\nname\u202e.txt").write_text("z")
    (folder / "empty.txt").write_text("")
    tools = files(folder)
    with pytest.raises(ToolError, match="over 20,971,520 bytes"):
        call(tools, "read_file", path="huge.txt")
    assert "[99500 characters more]\nend" in call(tools, "read_file", path="long.txt")
    assert call(tools, "read_file", path="latin.txt").startswith("caf\ufffd\n\\x1b[2J\\u202e")
    assert "\\u202e.txt" in call(tools, "list_files")
    with pytest.raises(ToolError, match="is empty"):
        call(tools, "read_file", path="empty.txt")
    with pytest.raises(ToolError, match="has 2 lines"):
        call(tools, "read_file", path="long.txt", start=3)
    with pytest.raises(ToolError, match="counted from 1"):
        call(tools, "read_file", path="long.txt", start=0)
    for number in range(300):
        (folder / "notes" / f"n{number}").write_text("")
    assert "(102 more are not shown)" in call(tools, "list_files", path="notes")


def test_no_descriptor_is_left_open(folder: Path) -> None:
    tools = files(folder)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for path in ("a.txt", "hard.txt", "pipe", "missing", "../x", "notes/deep/c.txt", "away/x.txt"):
        for name in ("read_file", "list_files"):
            with suppress(ToolError):
                call(tools, name, path=path)
    call(tools, "find_in_files", text="line")
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before


def test_a_folder_that_is_none_is_refused(folder: Path) -> None:
    for wrong in (folder / "missing", folder / "a.txt"):
        with pytest.raises(StoreError, match="there is no folder"):
            files(wrong)
