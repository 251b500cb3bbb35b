"""The command line as a process: on a terminal, in a pipe, and stopped by Ctrl-C."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MAIN = [sys.executable, "-c", "from disputatio.apps.cli import main; main()"]
DISPUTE = ["debate", "Is tea good?", "--rounds", "1", "--claims", "0"]
LONG = "tea " * 40 + "indeed.\n\nAnswer: yes"


def ctrl_c_as_on_a_terminal() -> None:
    # A shell lets the programs that it starts in the background ignore SIGINT, and their children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*arguments: str, command: list[str] = MAIN, **settings: Any) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    return subprocess.Popen([*command, *arguments], text=True, preexec_fn=ctrl_c_as_on_a_terminal, **pipes)


def read_until(file: Any, part: str) -> str:
    read = ""
    while part not in read:
        line = file.readline()
        assert line, f"{part!r} never came: {read}"
        read += line
    return read


def on_terminal(*arguments: str, columns: int = 80, press: bytes = b"", **variables: str) -> tuple[int, str]:
    """Run with a terminal of this width; press keys as soon as text streams in. Gives the code and all it showed."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {**inherited, "TERM": "xterm-256color", **variables}
    ends = {"stdin": follower, "stdout": follower, "stderr": follower}
    # A session of its own with the terminal as its own, so that Ctrl-C on it is a signal.
    take = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    command = [sys.executable, "-c", f"{take}{MAIN[-1]}"]
    with start(*arguments, command=command, env=environment, start_new_session=True, **ends) as process:
        os.close(follower)
        shown = b""
        for piece in pieces(leader):
            shown += piece
            if press and b"tea tea" in shown:
                os.write(leader, press)
                press = b""
        os.close(leader)
    return process.returncode, shown.decode()


def pieces(leader: int) -> Iterator[bytes]:
    try:
        while piece := os.read(leader, 4096):
            yield piece
    except OSError:  # Linux: the other end was closed
        return


def test_a_terminal_shows_speakers_and_their_text_as_it_comes(serve: Any) -> None:
    code, shown = on_terminal(*DISPUTE, "-m", serve(LONG, delay=0.02))
    assert code == 0
    before = shown.partition("proponent")[0]
    assert "starting" in before
    assert "tea tea" in shown[: shown.index("indeed.")]
    assert "Round 1" in shown
    assert re.search(r"3 debaters · \d+ calls? · [\d,]+ tokens · \d+ s", shown)
    assert "\x1b[?25h" in shown.rpartition("\x1b[?25l")[2], "the cursor is back"


def test_no_color_and_narrow_terminals(serve: Any) -> None:
    code, shown = on_terminal(*DISPUTE, "-m", serve(LONG, delay=0.01), columns=24, NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[\d;]*(?:3|9)\d", shown)
    assert "tea tea" in shown


def test_a_dumb_terminal_gets_plain_lines(serve: Any) -> None:
    code, shown = on_terminal("solve", "Tea?", "-s", "chain_of_thought", "-m", serve(), TERM="dumb")
    assert code == 0
    assert "solver (claim" in shown
    assert "\x1b[?25l" not in shown


def test_ctrl_c_on_a_terminal_keeps_what_was_said(serve: Any) -> None:
    code, shown = on_terminal(*DISPUTE, "-m", serve(LONG, delay=0.05), press=b"\x03")
    assert code == 130
    assert "stopped by Ctrl-C" in shown
    assert "cut short" in shown
    assert "Traceback" not in shown


def test_ctrl_c_in_a_pipe_keeps_what_was_said(serve: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    process = start(*DISPUTE, "-m", serve(LONG, delay=0.02), "--format", "json", "--html", str(page))
    seen = read_until(process.stderr, "planner (plan)")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    result = json.loads(out)
    assert (process.returncode, result["stop_reason"]) == (130, "cancelled")
    assert result["thoughts"][0]["author"] == "planner"
    assert err.splitlines()[-1].startswith("disputatio: stopped by Ctrl-C")
    assert "Traceback" not in err
    assert "\x1b" not in out + seen + err
    assert page.read_text(encoding="utf-8").startswith("<!")


def test_the_second_ctrl_c_ends_the_process_at_once() -> None:
    code = """\
import asyncio, sys, time
from disputatio.apps import session
from disputatio.apps.screen import display
from disputatio.context import Context

async def busy():
    with session._stopped_by_ctrl_c(Context(), display(quiet=True)):
        print("ready", flush=True)
        while True:
            time.sleep(0.01)  # not even the event loop runs

asyncio.run(busy())
"""
    process = start(command=[sys.executable, "-c", code])
    read_until(process.stdout, "ready")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")


def test_ctrl_c_while_the_embedded_model_is_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            **os.environ,
            "DISPUTATIO_CACHE": str(tmp_path / "cache"),
            "PIP_FIND_LINKS": "",
            "PIP_INDEX_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/",
        }
        process = start("debate", "q", env=environment)
        read_until(process.stderr, "loading local")
        silent.settimeout(60)
        connection, _ = silent.accept()  # by now pip waits for the index
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        connection.close()
    assert (process.returncode, out, err) == (130, "", "disputatio: stopped by Ctrl-C\n")
    assert list((tmp_path / "cache").iterdir()) == []


def test_readers_who_have_had_enough_are_no_error(serve: Any) -> None:
    process = start("solve", "Tea?", "-s", "chain_of_thought", "-m", serve())
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert "Broken" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        process = start("strategies", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("disputatio: error: cannot write to standard output")
    assert len(err.splitlines()) == 1
