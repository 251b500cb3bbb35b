"""StoredRun: the journal of one run in a run store, held by one process at a time.

Whoever holds a run has a lease, which a thread renews, and an epoch, which each taking over raises. Each write
compares the epoch: a process that was held up while another took its run over can write nothing into it any more.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from disputatio.errors import ConfigurationError, StoreError
from disputatio.journal_file import LINE, Line
from disputatio.run_record import Asked, RunState, gone
from disputatio.run_texts import read, texts_of, write

if TYPE_CHECKING:
    from disputatio.run_store import RunStore

LEASE_S = 30.0
"""How long a run is held by a process of which nothing is heard. One that has died on this machine holds nothing."""
_STATES = {"waiting": "waiting", "error": "failed", "cancelled": "cancelled"}


@dataclass(eq=False)
class StoredRun:
    """One run of a store; made by `RunStore.new` or `RunStore.resume`, and given to a `Journal`."""

    store: "RunStore"
    id: str = ""
    """Empty for a new run, which gets that of its context."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """What its strategy can be made from again."""
    lines: Sequence[Line] = ()
    """What was in it before."""
    epoch: int = 0
    _num: int = 0
    _texts: dict[str, int] = field(default_factory=dict, repr=False)
    _count: int = 0
    _result: Any = None

    def __str__(self) -> str:
        return f"run {self.id}"

    def read(self) -> Sequence[Line]:
        """All lines.

        Raises:
            StoreError: If it holds none, or cannot be read.
        """
        lines = self.store.lines(self.id)
        if not lines:
            raise StoreError(f"{self} has not begun")
        return lines

    def open(self) -> None:
        """Take the run, so that nobody else can go on with it.

        Raises:
            ConfigurationError: If another process has it.
            StoreError: If the store cannot be used, the disk is nearly full, or the run is damaged.
        """
        self.store.database.check_room()
        if not self.id:
            return
        with self.store.database.transaction() as database:
            # An update even before it is known whether it may be: so nobody else can read the same and take it, too.
            take = "UPDATE runs SET epoch = epoch + 1 WHERE id = ? RETURNING num, epoch, owner, expires"
            found = database.execute(take, (self.id,)).fetchall()
            if not found:
                raise ConfigurationError(f"there is no {self} any more")
            [(num, epoch, owner, expires)] = found
            now = self.store.now()
            if expires > now and not gone(owner):
                until = time.strftime("%H:%M:%S", time.localtime(time.time() + expires - now))
                host, _, rest = owner.partition("/")
                process = rest.partition("/")[0]
                raise ConfigurationError(
                    f"{self} is under way in process {process} on {host}, which holds it until {until} at least"
                )
            self._num, self.epoch = num, epoch
            held = (self.store.owner, now + LEASE_S, num)
            database.execute("UPDATE runs SET owner = ?, expires = ? WHERE num = ?", held)
            self.lines, texts = lines_of(database, self._num, str(self))
            self._texts = {text: n for n, text in enumerate(texts)}
            self._count = len(self.lines)
        self.store.hold(self)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line, given as JSON; that of the run's beginning and that of its end change its state, too.

        Raises:
            StoreError: If it cannot be written, or another process has taken the run over.
        """
        kind = line["line"]
        if kind in ("model", "call"):
            self.put(line)
            return
        with self.store.database.transaction(durable=kind == "intent") as database:
            if not self._num:
                self.start(database, line, "running")
            elif kind == "run":
                beginning = "UPDATE runs SET state = 'running', updated = ? WHERE num = ?"
                database.execute(beginning, (self.store.now(), self._num))
            self.put(line)
            if kind == "end":
                self._end(database, line)
        if kind == "run":
            self.store.hold(self)
        elif kind == "end":
            self.store.drop(self)

    def start(self, database: Any, line: Mapping[str, Any], state: RunState) -> None:
        """Write down that the run is to be made, before anything else is; within a transaction."""
        self.id = str(line["run_id"])
        self._num = self.store.admit(database, self, line, state)

    def put(self, line: Mapping[str, Any]) -> None:
        """Add a line, without looking at what it says.

        Raises:
            StoreError: If it cannot be written, or the run is not ours any more.
        """
        database = self.store.database
        add = "INSERT INTO lines (run, n, body, crc) SELECT num, ?, ?, ? FROM runs WHERE num = ? AND epoch = ?"
        with database.lock:
            body, crc, new = write(line, self._texts)
            if not database.write(add + database.locking, (self._count, body, crc, self._num, self.epoch)):
                raise self._lost()
            self._texts |= new
            self._count += 1

    def _lost(self) -> StoreError:
        return StoreError(f"{self} was taken over by another process or deleted; this one may not write it any more")

    def _end(self, database: Any, line: Mapping[str, Any]) -> None:
        """Write down how the run stands, and give it up."""
        reason = line["stop_reason"]
        state = _STATES.get(reason, "finished")
        row = {"state": state, "stop_reason": reason, "updated": self.store.now(), "owner": "", "expires": 0}
        if self._result is not None:
            row["answer"] = self._result["answer"].get("text", "")
            row["usage"] = json.dumps(self._result.get("usage", {}))
            row["result"], row["result_crc"], _ = write(self._result, self._texts)
        setting = ", ".join(f"{name} = ?" for name in row)
        database.execute(f"UPDATE runs SET {setting} WHERE num = ?", (*row.values(), self._num))

    def conclude(self, result: Any) -> None:
        """Take what came of the run, as JSON; it is written with the line of its end."""
        self._result = result

    def close(self) -> None:
        """Let others have the run."""
        self.store.release(self)

    def ask(self, key: str, asked: Mapping[str, Any]) -> str | None:
        """Put a question to a person, once.

        Args:
            key: Stands for the very call that asks.
            asked: The question; see `Asked.asked`.

        Returns:
            What was decided; None while nothing is.
        """
        with self.store.database.transaction() as database:
            ours = f"SELECT epoch FROM runs WHERE num = ?{self.store.database.locking}"
            found = database.execute(ours, (self._num,)).fetchone()
            if found != (self.epoch,):
                raise self._lost()
            row = (self._num, key, json.dumps(asked), self.store.now())
            put = "INSERT INTO questions (run, key, asked, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            database.execute(put, row)
            find = "SELECT decision FROM questions WHERE run = ? AND key = ?"
            decision: str | None = database.execute(find, (self._num, key)).fetchone()[0]
            return decision

    def decide(self, key: str, decision: str, by: str) -> str:
        """Decide on a question of the run, unless it is decided.

        Returns:
            The decision that holds.
        """
        return self.store.decide(self.id, key, decision, by).decision or ""


def lines_of(database: Any, num: int, what: str) -> tuple[list[Line], list[str]]:
    """The lines of a run, and their texts by their numbers.

    Raises:
        StoreError: If one is damaged or missing.
    """
    texts = texts_of(database, num, what)
    rows = database.execute("SELECT n, body, crc FROM lines WHERE run = ? ORDER BY n", (num,)).fetchall()
    lines = []
    for place, (n, body, crc) in enumerate(rows):
        if n != place:
            raise StoreError(f"{what} is damaged: line {place} is missing")
        value = read(body, crc, texts, what)
        try:
            lines.append(LINE.validate_python(value))
        except ValidationError as error:
            raise StoreError(f"{what} is damaged: line {n} is no line of a journal") from error
    return lines, texts


def asked_of(row: Sequence[Any]) -> Asked:
    """A question out of its row."""
    run, key, asked, at, decision, by, decided = row
    return Asked(run=run, key=key, asked=json.loads(asked), at=at, decision=decision, by=by, decided=decided)
