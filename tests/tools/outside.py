"""What there is outside of a sandbox to be stolen, contacted or harmed, and plain Python without any protection."""

import gc
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from string import Template
from tempfile import TemporaryFile
from threading import Thread

BENIGN = "sum([1, 2, 3])"
# A host that runs code in its own interpreter and tells results from other output by how a line begins.
NAIVE = """
import gc, sys
code = sys.stdin.read()
try:
    exec(code, {"__name__": "code"})
except BaseException:
    pass
gc.collect()
print("result:", sum([1, 2, 3]), flush=True)
"""
# Plain Python that the kernel holds as it holds the worker of the sandbox `wasi`; code comes when both walls stand.
CONFINED = """
import runpy, sys
folder, scratch, code = sys.argv[1], sys.argv[2], sys.stdin.read()
walls = runpy.run_path(folder + "/confinement.py")
readable = runpy.run_path(folder + "/wasi_worker.py")["needed"]()
stand = [walls["files"](readable, (scratch,)), walls["calls"]()]
print("walls:", " and ".join(filter(None, stand)), flush=True)
try:
    exec(code, {"__name__": "code"})
except BaseException:
    pass
print("result:", sum([1, 2, 3]), flush=True)
"""


class Outside:
    """A folder with secrets, listeners and a process; `happened` says what an attempt did to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret, self.variable = token_hex(8), f"SECRET_{token_hex(4)}".upper()
        self.contacted = 0
        self.listeners = [
            self._listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            self._listener(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            self._listener(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "socket")),
            self._listener(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.secret}"),
        ]
        self.victim = subprocess.Popen(["sleep", "600"])
        self.renew()

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], self.variable: self.secret}

    def renew(self) -> None:
        """Put everything back to where it was."""
        work = self.folder / "work"
        rmtree(work, ignore_errors=True)
        work.mkdir()
        (work / "secret.txt").write_text(self.secret)
        (work / "planted.py").write_text(f"secret = {self.secret!r}")
        (work / "other").write_text("x")
        (self.folder / "out").mkdir(exist_ok=True)
        self.contacted = 0
        self.mark = f"mark-{token_hex(6)}"
        if self.victim.poll() is not None:
            self.victim.wait()
            self.victim = subprocess.Popen(["sleep", "600"])

    def fill(self, code: str) -> str:
        """The code of an attempt with the names of this place."""
        work = self.folder / "work"
        named = {"FILE": work / "secret.txt", "CODE": work / "planted.py", "OTHER": work / "other"}
        named |= {"OUT": self.folder / "out" / "left", "SOCKET": self.folder / "socket"}
        texts = {name: repr(str(path)) for name, path in named.items()}
        texts |= {"VAR": repr(self.variable), "ABSTRACT": repr(self.secret), "MARK": repr(self.mark)}
        numbers = {"PORT": self.listeners[0].getsockname()[1], "UDP": self.listeners[1].getsockname()[1]}
        return Template(code).substitute({**texts, **numbers, "PARENT": self.victim.pid})

    def happened(self, said: str) -> list[str]:
        """What an attempt did that it must not, given all that it said."""
        left = list((self.folder / "out").iterdir())
        for one in left:
            rmtree(one, ignore_errors=True) if one.is_dir() and not one.is_symlink() else one.unlink()
        found = {
            "a secret": self.secret in said,
            "GOT": "GOT" in said,
            "a flood": len(said) > 2**20,
            "a file": bool(left),
            "a contact": self.contacted > 0,
            "a killed process": self.victim.poll() is not None,
            "a process left behind": bool(self._left_behind()),
        }
        return [what for what, is_so in found.items() if is_so]

    def close(self) -> None:
        for one in self.listeners:
            one.close()
        self.victim.kill()
        self.victim.wait()
        gc.collect()

    def _left_behind(self) -> list[int]:
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if self.mark.encode() in place.read_bytes().split(b"\0"):
                    found.append(int(place.parent.name))
                    os.kill(found[-1], 9)
        return found

    def _listener(self, family: int, kind: int, address: object) -> socket.socket:
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        Thread(target=self._listen, args=(listener, kind), daemon=True).start()
        return listener

    def _listen(self, listener: socket.socket, kind: int) -> None:
        with suppress(OSError):
            while True:
                if kind == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                else:
                    listener.recv(10)
                self.contacted += 1


@contextmanager
def outside(folder: Path) -> Iterator[Outside]:
    place = Outside(folder)
    try:
        yield place
    finally:
        place.close()


def in_plain_python(code: str, place: Outside) -> str:
    """Run code without any protection, in a process of its own; all that it said."""
    return _run(["-c", code], "", place)[0]


def in_naive_host(code: str, place: Outside) -> tuple[str, bool]:
    """Run code in the interpreter of its host.

    Returns:
        All that was said, and whether the host gave the right sum afterwards.
    """
    said, ended = _run(["-c", NAIVE], code, place)
    results = [line for line in said.splitlines() if line.startswith("result: ")]
    return said, bool(results) and results[0] == "result: 6" and ended == 0


def in_confined_python(code: str, place: Outside, tools: Path) -> str:
    """Run code in plain Python behind the walls of the kernel alone, without WebAssembly; all that was said.

    Args:
        code: What is run.
        place: What it aims at.
        tools: The folder with `confinement.py` and `wasi_worker.py`.
    """
    scratch = place.folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return _run(["-c", CONFINED, str(tools), str(scratch)], code, place, {"PATH": os.environ["PATH"]})[0]


def _run(
    arguments: list[str], given: str, place: Outside, environment: dict[str, str] | None = None
) -> tuple[str, int]:
    with TemporaryFile() as said:  # no pipes: what is left behind would hold them open
        done = subprocess.run(
            [sys.executable, "-I", *arguments],
            input=given.encode(),
            env=place.environment if environment is None else environment,
            cwd=place.folder,
            stdout=said,
            stderr=said,
            timeout=60,
            check=False,
            preexec_fn=_without_core,
        )
        said.seek(0)
        return said.read().decode("utf-8", "replace"), done.returncode


def _without_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
