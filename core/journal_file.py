"""The file of a journal: one JSON object a line, only ever appended to, by one writer at a time.

    {"line": "run", ...}     a run, or its resumption, begins: question, strategy, settings
    {"line": "model", ...}   a model that the run asks, and its profile
    {"line": "intent", ...}  a call of a tool that changes something begins
    {"line": "call", ...}    a call of a model or a tool has ended: what was asked, what came of it, what it cost
    {"line": "end", ...}     the run has ended

A process that is killed while it writes leaves a last line without its end, which is dropped. Anything else that is
not such a line is an error.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from disputatio.budget import Usage
from disputatio.errors import StoreError
from disputatio.failures import Failure
from disputatio.ledger import Spender
from disputatio.model import Profile, Reply

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FORMAT: Literal[1] = 1
_START = b'{"line":"'


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunLine(_Line):
    """A run begins, or goes on after it was interrupted."""

    line: Literal["run"] = "run"
    format: Literal[1] = FORMAT
    run_id: str
    origin: str = ""
    """The run that this one branched from: their thoughts share ids."""
    started: str
    """When, in UTC, as ISO 8601 has it."""
    question: dict[str, JsonValue]
    strategy: str
    settings: dict[str, JsonValue]


class ModelLine(_Line):
    """A model that is asked from here on."""

    line: Literal["model"] = "model"
    names: tuple[str, ...]
    """The strings that it was loaded from; its own name is the first."""
    profile: Profile


class CallLine(_Line):
    """A call of a model or a tool that has ended, well or not."""

    line: Literal["call"] = "call"
    kind: Literal["model", "tool"]
    scope: str = ""
    author: str
    role: str
    round: int
    step: int
    """Which call of this author, in this round and scope, counted from 0 in the order in which they began."""
    name: str
    """The model's or the tool's."""
    digest: str
    """Stands for the request and the name, by which a call is known again; empty for one that a branch of a run takes
    from it, whatever is asked now."""
    key: str = ""
    """Of a tool's call: stands for this very call, and for what a person decided about it."""
    request: dict[str, Any]
    reply: Reply | None = None
    output: str | None = None
    """What a tool returned."""
    failure: Failure | None = None
    usage: Usage = Usage()
    attempts: int = 1
    retries: tuple[tuple[str, float], ...] = ()
    """What went wrong before it was made again, and the seconds that were waited."""
    seconds: float = 0.0
    """How long it took, all attempts together."""
    stop: str | None = None
    """The run's stop reason by then."""
    learned: Profile | None = None
    """The model's profile after the call, where it is another than before."""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Where in the run it was made."""
        return self.kind, self.scope, self.author, str(self.round)

    @property
    def spender(self) -> Spender:
        """On whom it was booked."""
        return Spender(self.author, self.role, self.round, self.name)

    @property
    def who(self) -> str:
        """The call in words."""
        where = f"{self.scope}: " if self.scope else ""
        tool = f", tool {self.name}" if self.kind == "tool" else ""
        return f"{where}{self.author}, round {self.round}, call {self.step + 1}{tool}"


class IntentLine(_Line):
    """A call of a tool that changes something begins. Without the line of its end, nobody knows what came of it."""

    line: Literal["intent"] = "intent"
    call: CallLine


class EndLine(_Line):
    """The run has ended: what cannot be worked out again, which is its time and what happened at the same time."""

    line: Literal["end"] = "end"
    seconds: float
    stop_reason: str
    thoughts: tuple[str, ...]
    """The ids of all thoughts in the order in which they were said."""
    spent: tuple[Spender, ...]
    """The order of the cost report."""
    costs: tuple[float, ...]
    """What its lines cost, and last what the run did: a sum of floats depends on the order of its parts."""


Line = RunLine | ModelLine | IntentLine | CallLine | EndLine
LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="line")])


def parse(content: bytes, name: str) -> tuple[list[Line], int]:
    """The lines of a journal, and the length of their text in bytes, without a last line that was not finished.

    Raises:
        StoreError: If something else is in it.
    """
    lines: list[Line] = []
    place = 0
    for number, text in enumerate(content.splitlines(keepends=True), 1):
        try:
            lines.append(LINE.validate_python(json.loads(text)))
        except (ValueError, ValidationError, RecursionError) as error:
            begun = text.startswith(_START) or _START.startswith(text)
            if begun and not text.endswith(b"\n") and place + len(text) == len(content):
                return lines, place
            raise StoreError(f"{name} is damaged: line {number} is no line of a journal") from error
        place += len(text)
    return lines, place


def read(path: Path) -> list[Line]:
    """The lines of a journal.

    Raises:
        StoreError: If it cannot be read, is empty or is damaged.
    """
    try:
        lines, _ = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise StoreError(f"cannot read the journal {str(path)!r}: {error.strerror}") from error
    if not lines or not isinstance(lines[0], RunLine):
        raise StoreError(f"{str(path)!r} holds no run")
    return lines


@dataclass
class JournalFile:
    """A journal that is open for writing, and closed to every other writer."""

    path: Path
    fsync: bool = False
    """Whether each line is forced to the disk, so that it outlives a power cut and not only the process."""
    reader: Callable[[bytes, str], tuple[Sequence[Any], int]] = parse
    """Makes lines of what is in it; another one makes it the file of something else."""
    what: str = "journal"
    """What it is called in errors."""
    lines: Sequence[Any] = ()
    """What was in it before."""
    _file: int = -1
    _size: int = 0
    _lock: Lock = field(default_factory=Lock)

    def open(self) -> None:
        """Open the file, or make it.

        Raises:
            StoreError: If it cannot be written, another run writes it, or it is damaged.
        """
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise StoreError(f"cannot write the {self.what} {str(self.path)!r}: {error.strerror}") from error
        try:
            _lock(self._file, f"{self.what} {str(self.path)!r}")
            with open(self._file, "rb", closefd=False) as file:
                content = file.read()
            self.lines, self._size = self.reader(content, str(self.path))
            os.ftruncate(self._file, self._size)
            if self._size and content[self._size - 1 : self._size] != b"\n":
                self._put(b"\n")
        except BaseException:
            self.close()
            raise

    def read(self) -> Sequence[Line]:
        """The lines of the file, without opening it for writing; see `read`."""
        return read(self.path)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line, given as JSON whose first field is "line".

        Raises:
            StoreError: If it cannot be written; the file ends with the line before it then.
        """
        text = json.dumps(line, separators=(",", ":"))
        with self._lock:
            self._put(text.encode() + b"\n")

    def _put(self, text: bytes) -> None:
        try:
            os.lseek(self._file, self._size, os.SEEK_SET)
            if os.write(self._file, text) != len(text):
                raise OSError(0, "the disk is full")
            if self.fsync:
                os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise StoreError(f"cannot write the {self.what} {str(self.path)!r}: {error.strerror}") from error
        self._size += len(text)

    def close(self) -> None:
        """Let others write it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _lock(file: int, name: str) -> None:
    """Lock the file until it is closed or the process ends, however it ends."""
    try:
        if sys.platform == "win32":
            os.lseek(file, 2**40, os.SEEK_SET)  # a byte that is never written, so that others can still read
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreError(f"the {name} is being written by another run") from error
