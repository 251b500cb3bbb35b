"""Sandbox: where code that a model wrote is run, behind one thin protocol.

    monty     `pydantic-monty`, an interpreter of a part of Python in worker processes; always there
    wasi      CPython as WebAssembly with numpy, sympy, networkx and matplotlib, in a worker process; extra `python`
    tiered    the first of these, and the second for what the first cannot run

None of them gives the code a file, the network, a process or an environment. A sandbox that is not there is an error;
nothing falls back to running the code in a plain process.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Literal, Protocol

from disputatio.errors import ConfigurationError

ErrorKind = Literal["syntax", "unsupported", "exception", "time", "memory", "output", "crash", "unavailable"]
"""Why code gave no result. `unsupported`: this sandbox has not the part of Python or the package that it needs."""
STOPS: frozenset[ErrorKind] = frozenset(("time", "memory", "output", "crash", "unsupported", "unavailable"))
"""After these nothing is left of what the code did."""
KEPT = 8
"""The most sessions that a sandbox keeps open."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run of code may use."""

    seconds: float = 5.0
    memory: int = 256 * 2**20
    """Bytes."""
    output: int = 2**20
    """Bytes that it may print."""

    def __post_init__(self) -> None:
        if min(self.seconds, self.memory, self.output) <= 0:
            raise ConfigurationError(f"the limits of a sandbox must be above 0, got {self}")


USUAL = Limits()


@dataclass(frozen=True, kw_only=True)
class SandboxResult:
    """What came of code. All of it is the code's word: data from outside, whatever it says."""

    output: str = ""
    """What it printed, and as in a notebook the value of its last line."""
    figures: tuple[bytes, ...] = field(default=(), repr=False)
    """What it drew with matplotlib, as PNG."""
    error: str = ""
    """What went wrong, in one line."""
    error_kind: ErrorKind | None = None
    seconds: float = 0.0


def stopped(kind: ErrorKind, limits: Limits) -> str:
    """Why code was stopped, in words for a model."""
    return {
        "time": f"it was stopped after {limits.seconds:g} s",
        "memory": f"it used more than {limits.memory / 2**20:g} MiB of memory",
        "output": f"it printed more than {limits.output:,} bytes",
    }.get(kind, "its interpreter crashed")


class Sandbox(Protocol):
    """Runs code apart from everything else; safe to use from several threads."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def offers(self) -> str:
        """What code can use in it, in words for a model."""
        ...

    def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
        """Run code and wait for it. Whatever the code does, a result comes back, soon after its time is over.

        Args:
            code: Python.
            earlier: What ran before, in order, and whose variables the code is to find, as in a notebook; each of
                these ran without one of `STOPS`. None if nothing is to be kept for a later call either.
            limits: What this code may use, and each of the earlier ones.
        """
        ...

    def close(self) -> None:
        """End its processes; it can be used again."""
        ...


class Session(Protocol):
    """An interpreter in which one piece of code after the other is run; after one of `STOPS` it is closed."""

    @property
    def is_alive(self) -> bool:
        """Whether its process is still there, as far as is known."""
        ...

    def run(self, code: str) -> SandboxResult:
        """Run code with what is left of the code before it."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Sessions:
    """The open sessions of a sandbox, found by what was run in them.

    What a session holds follows from the code that it ran. So a session that is gone, because it was not used for
    long, its process was killed or the run was resumed elsewhere, is made again by running that code again.
    """

    def __init__(self, start: Callable[[Limits], Session]) -> None:
        self._start = start
        self._open: OrderedDict[tuple[Limits, tuple[str, ...]], Session] = OrderedDict()
        self._lock = Lock()

    def run(self, code: str, earlier: Sequence[str] | None, limits: Limits) -> SandboxResult:
        """See `Sandbox.run`."""
        before = tuple(earlier or ())
        with self._lock:
            session = self._open.pop((limits, before), None) if earlier is not None else None
        if session is not None and not session.is_alive:
            session.close()
            session = None
        if session is None:
            session = self._start(limits)
            for block in before:
                again = session.run(block)
                if again.error_kind in STOPS:
                    session.close()
                    return replace(again, output="", error=f"what ran before could not be run again: {again.error}")
        result = session.run(code)
        if earlier is None or result.error_kind in STOPS:
            session.close()
        else:
            self._keep((limits, (*before, code)), session)
        return result

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            sessions, self._open = list(self._open.values()), OrderedDict()
        for session in sessions:
            session.close()

    def _keep(self, key: tuple[Limits, tuple[str, ...]], session: Session) -> None:
        with self._lock:
            surplus = [self._open.pop(key)] if key in self._open else []
            self._open[key] = session
            if len(self._open) > KEPT:
                surplus.append(self._open.popitem(last=False)[1])
        for one in surplus:
            one.close()


class Tiered:
    """A quick sandbox, and a full one for what it does not support: code that reaches nothing can run twice."""

    def __init__(self, quick: Sandbox, full: Sandbox) -> None:
        self.quick, self.full = quick, full

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.quick.name}, then {self.full.name}"

    @property
    def offers(self) -> str:
        """What the full one offers."""
        return self.full.offers

    def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
        """See `Sandbox.run`."""
        result = self.quick.run(code, earlier=earlier, limits=limits)
        if result.error_kind != "unsupported":
            return result
        second = self.full.run(code, earlier=earlier, limits=limits)
        return result if second.error_kind == "unavailable" else second

    def close(self) -> None:
        """Close both."""
        self.quick.close()
        self.full.close()
