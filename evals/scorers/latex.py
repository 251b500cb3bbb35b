"""Scorer of mathematics: whether two values written in LaTeX are equal, by math-verify in a process of its own.

What a model wrote can be an expression that computer algebra works on for ever, or that fills the memory. So the
library runs in one worker process with a time limit that holds even inside its C code, and is killed by it.
"""

import atexit
import json
import re
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import IO, cast

from disputatio.errors import ConfigurationError, require
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored, unscorable
from disputatio.thought import Answer

LONGEST = 500
"""Characters of a value."""
SECONDS = 10
"""For one comparison."""
_SPACES = re.compile(r"\\[,;!: ]|\\left|\\right|(?<!\d)\s+|\s+(?!\d)|\\(?:text|mathrm|mbox)\{\s*\}|~")
_SEGMENT = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def math(item: Item, answer: Answer) -> Score:
    """A value in LaTeX: right if it equals the target, however it is written. Needs the extra `eval`.

    Several values, each in dollars, are a set of values. What does not read as mathematics is compared as text.

    Args:
        item: Its target is a value in LaTeX.
        answer: The value, alone, in dollars or in a box.
    """
    if not isinstance(item.target, str) or not _value(item.target):
        raise ConfigurationError(f"item {item.id!r}: the target {item.target!r} is no value in LaTeX")
    right, said = _value(item.target), _value(answer.text or answer.value or "")
    if not said:
        return abstained()
    if _plain(said) == _plain(right):
        return scored(1, f"{said} is the target")
    if len(said) > LONGEST:
        return abstained(f"{len(said)} characters are no value")
    verdict = _worker().compare(right, said)
    match verdict:
        case "equal" | "different":
            return scored(verdict == "equal", f"{said} against {right}")
        case "unread":
            return abstained(f"{said} does not read as a value")
        case _:
            return unscorable(f"{said} could not be compared within {SECONDS} s and the memory of the worker")


def _value(text: str) -> str:
    """What a text states: what is in its box or its dollars, if it has any."""
    boxed = _boxed(text)
    found = boxed or ["".join(groups) for groups in _SEGMENT.findall(text[: 100 * LONGEST])]
    return ", ".join(dict.fromkeys(one.strip() for one in found)) or text.strip().strip("*`").removesuffix(".").strip()


def _boxed(text: str) -> list[str]:
    """What stands in each box, whose braces nest."""
    found = []
    for start in [one.end() for one in re.finditer(r"\\(?:boxed|fbox)\s*\{", text)][:10]:
        depth = 1
        for end in range(start, min(len(text), start + 2 * LONGEST)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if not depth:
                found.append(text[start:end])
                break
    return found


def _plain(value: str) -> str:
    """A value without what only spaces it, so that the same text is equal without any algebra."""
    return _SPACES.sub("", value.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")).rstrip(".")


class _Worker:
    """A process that compares values, started when it is first needed and again after it ended itself."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None

    def compare(self, right: str, said: str) -> str:
        """equal, different, unread, or nothing if the process did not live to say it."""
        with self._lock:
            process = self._process = self._process or _started()
            with suppress(OSError):
                cast(IO[str], process.stdin).write(json.dumps([right, said]) + "\n")
                cast(IO[str], process.stdin).flush()
                if verdict := cast(IO[str], process.stdout).readline().strip():
                    return verdict
            self.close()
            return ""

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(OSError):
                process.communicate()


def _started() -> "subprocess.Popen[str]":
    # By its path: as a module of this package it would load the whole of it.
    program = [sys.executable, "-P", str(Path(__file__).with_name("latex_worker.py")), str(SECONDS)]
    return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@cache  # one for the whole process: it takes seconds to start
def _worker() -> _Worker:
    if find_spec("math_verify") is None:
        require("math_verify", extra="eval")
    worker = _Worker()
    atexit.register(worker.close)
    return worker
