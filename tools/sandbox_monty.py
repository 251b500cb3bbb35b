"""Monty: the sandbox that is always there, an interpreter of its own for a part of Python, in worker processes."""

import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import finalize

from disputatio.tools.sandbox import KEPT, USUAL, ErrorKind, Limits, SandboxResult, Sessions, stopped

if TYPE_CHECKING:
    from pydantic_monty import CollectString, Monty, MontyError, MontySession

WORKERS = KEPT + 8
GRACE = 0.4
"""Seconds after its limit at which a worker that did not stop by itself is killed."""
DEEPEST = 100
"""Levels to which a value is written."""
_LIMITS: dict[type, ErrorKind] = {TimeoutError: "time", MemoryError: "memory"}
_MISSING = (NotImplementedError, ImportError, NameError)
"""What this interpreter raises where it lacks something. A name that does not exist anywhere looks the same."""


class MontySandbox:
    """Code in `pydantic-monty`. It has no classes that inherit, no generators and few modules, and starts at once."""

    name = "monty"
    offers = "a part of Python: functions, comprehensions, simple classes, and modules such as math, re and json"

    def __init__(self) -> None:
        self._sessions = Sessions(self._start)
        self._pool: Monty | None = None
        self._lock = Lock()
        self._end: finalize[[], MontySandbox] | None = None

    def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
        """See `Sandbox.run`."""
        return self._sessions.run(code, earlier, limits)

    def close(self) -> None:
        """End the workers."""
        self._sessions.close()
        with self._lock:
            if self._end:
                self._end()
            self._pool = self._end = None

    def _start(self, limits: Limits) -> "_Session":
        from pydantic_monty import Monty

        with self._lock:
            if self._pool is None:
                self._pool = Monty(
                    min_processes=1, max_processes=WORKERS, checkout_timeout=60.0, feed_duration_limit_grace=GRACE
                )
                self._pool.__enter__()
                self._end = finalize(self, self._pool.__exit__, None, None, None)
            return _Session(self._pool, limits)


class _Session:
    """One worker, from its checkout to its return."""

    def __init__(self, pool: "Monty", limits: Limits) -> None:
        self._limits = limits
        self._broken = ""
        self._end: Any = None
        checkout = pool.checkout(
            limits={"max_feed_duration_secs": limits.seconds, "max_memory": limits.memory},
            os_policy={"sleep": "zero", "random_start": {"seed": 0}},  # as good the second time as the first
        )
        try:
            self._session: MontySession = checkout.__enter__()
            self._end = finalize(self, checkout.__exit__, None, None, None)
        except (TimeoutError, OSError, RuntimeError) as error:
            self._broken = f"no worker can be had: {error}"

    @property
    def is_alive(self) -> bool:
        return not self._broken

    def run(self, code: str) -> SandboxResult:
        from pydantic_monty import CollectString, MontyError

        if self._broken:
            return SandboxResult(error=self._broken, error_kind="unavailable")
        printed = CollectString(max_bytes=self._limits.output)
        began = time.perf_counter()
        failed: tuple[ErrorKind, str] | None = None
        value = None
        try:
            value = self._session.feed_run(_encodable(code), print_callback=printed)
        except MontyError as error:
            failed = _failure(error, self._limits)
        except (ValueError, TypeError, RuntimeError, RecursionError, MemoryError) as error:  # a value of no known type
            failed = ("exception", f"the value of the last line cannot be taken out: {error}")
        return SandboxResult(
            output=_output(printed, None if failed else value, self._limits.output),
            error=failed[1] if failed else "",
            error_kind=failed[0] if failed else None,
            seconds=time.perf_counter() - began,
        )

    def close(self) -> None:
        if self._end:
            self._end()


def _encodable(code: str) -> str:
    return code.encode("utf-8", "replace").decode()


def _failure(error: "MontyError", limits: Limits) -> tuple[ErrorKind, str]:
    from pydantic_monty import MontyCrashedError, MontySyntaxError

    message = " ".join(str(error).split())[:1000]
    if isinstance(error, MontyCrashedError):
        kind: ErrorKind = "time" if error.timed_out else "crash"
        return kind, stopped(kind, limits)
    inner = error.exception()
    where = [frame.line for frame in error.traceback()] if hasattr(error, "traceback") else []
    shown = f"{message} (line {where[0]})" if where else message
    if isinstance(error, MontySyntaxError):
        return "syntax", shown if shown.startswith("SyntaxError") else f"SyntaxError: {shown}"
    if ("limit exceeded: " in message or "exceeded its memory limit" in message) and type(inner) in _LIMITS:
        kind = "output" if message.endswith(f"> {limits.output} bytes") else _LIMITS[type(inner)]
        return kind, stopped(kind, limits)
    missing = isinstance(inner, _MISSING) or (isinstance(inner, AttributeError) and "module '" in message)
    return ("unsupported" if missing else "exception"), shown


def _output(printed: "CollectString", value: Any, limit: int) -> str:
    said = printed.output
    if value is None:
        return said
    shown = "".join(islice(_pieces(value), limit))[:limit]
    return f"{said}{shown}" if not said or said.endswith("\n") else f"{said}\n{shown}"


def _pieces(value: Any, depth: int = 0) -> Iterator[str]:
    """How a value is written, piece by piece: it is the code's, and may be too large to be written as a whole."""
    match value:
        case _ if depth > DEEPEST:
            yield "..."
        case dict():
            yield "{"
            for number, (key, one) in enumerate(value.items()):
                yield ", " if number else ""
                yield from _pieces(key, depth + 1)
                yield ": "
                yield from _pieces(one, depth + 1)
            yield "}"
        case list() | tuple() | set() | frozenset() if value:
            start, end = {list: ("[", "]"), tuple: ("(", ")")}.get(type(value), ("{", "}"))
            yield start
            for number, one in enumerate(value):
                yield ", " if number else ""
                yield from _pieces(one, depth + 1)
            yield ",)" if end == ")" and len(value) == 1 else end
        case int() if value.bit_length() > 3 * sys.get_int_max_str_digits():
            yield f"<an integer of {value.bit_length()} bits>"
        case str() | bytes():
            yield repr(value[: 2**20])
        case _:
            yield repr(value)
