"""The response cache: replies that would come out the same again, kept across runs in one SQLite file.

A reply from the cache costs nothing: its usage has no calls and no tokens, but one of `Usage.hits`, which reports show
apart. Only hashes of requests are kept; replies are kept as they are, in a file that only its owner can read.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from json import dumps, loads
from pathlib import Path
from threading import Lock

from pydantic import TypeAdapter

from disputatio.budget import Usage
from disputatio.errors import StoreError
from disputatio.model import Model, Profile, Reply, Request
from disputatio.sqlite_file import failure, make, opened, transaction

FORMAT = 1
_WHOLE = ("stop", "tool_calls", "length")
_REPLY = TypeAdapter(Reply)
_TABLES = (
    "CREATE TABLE replies (key BLOB PRIMARY KEY, reply TEXT NOT NULL, size INT NOT NULL, used INT NOT NULL)",
    "CREATE INDEX by_use ON replies (used)",
    "CREATE TABLE totals (hits INT NOT NULL, misses INT NOT NULL, size INT NOT NULL)",
    "INSERT INTO totals VALUES (0, 0, 0)",
    f"PRAGMA user_version = {FORMAT}",
)


@dataclass(frozen=True)
class Stats:
    """What a cache holds, and how often it was of use in all runs so far."""

    hits: int
    misses: int
    replies: int
    size: int
    """Bytes of all replies."""

    def __str__(self) -> str:
        rate = f" ({self.hits / (self.hits + self.misses):.0%})" if self.hits else ""
        return f"{self.hits:,} hits{rate}, {self.misses:,} misses, {self.replies:,} replies, {self.size / 1e6:.1f} MB"


@dataclass(eq=False)
class Cached:
    """A model behind a cache. It has the model's name: keep differently set up models of one name in different files.

    A request is looked up if its reply would come out the same again: if it has a seed, or temperature 0. The budget
    reserves a call before the cache is asked, so it must allow as many calls as agents make at once.
    """

    model: Model
    path: Path | str
    always: bool = False
    """Look up every request, so that samples which should differ are the same."""
    limit_mb: float = 512
    """Size of all replies, in megabytes, beyond which those that were not used for longest are dropped."""
    _opened: list[sqlite3.Connection] = field(default_factory=list, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.model.name

    @property
    def profile(self) -> Profile:
        """What the model is good at."""
        return self.model.profile

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer one request, from the cache if it was answered before; see `Model.complete`.

        Raises:
            StoreError: If the file cannot be used.
        """
        if not (self.always or request.seed is not None or request.temperature == 0):
            return await self.model.complete(request, on_text)
        key = self._key(request)
        if kept := await asyncio.to_thread(self._find, key):
            reply = replace(_REPLY.validate_python(loads(kept)), usage=Usage(hits=1))
            if on_text and reply.text:
                on_text(reply.text)
            return reply
        reply = await self.model.complete(request, on_text)
        if reply.finish_reason in _WHOLE:
            text = dumps(_REPLY.dump_python(reply, mode="json"))
            await asyncio.to_thread(self._keep, key, text)
        return reply

    def stats(self) -> Stats:
        """What the file holds, and its hits and misses in all runs.

        Raises:
            StoreError: If the file cannot be used.
        """
        with self._transaction() as database:
            totals = "SELECT hits, misses, (SELECT count(*) FROM replies), size FROM totals"
            return Stats(*database.execute(totals).fetchone())

    def _key(self, request: Request) -> bytes:
        asked = dumps([FORMAT, self.name, asdict(request)], sort_keys=True)
        return blake2b(asked.encode(), digest_size=24).digest()

    def _find(self, key: bytes) -> str | None:
        with self._transaction() as database:
            found = database.execute(
                "UPDATE replies SET used = ? WHERE key = ? RETURNING reply", (time.time_ns(), key)
            ).fetchall()
            column = "hits" if found else "misses"
            database.execute(f"UPDATE totals SET {column} = {column} + 1")
        return str(found[0][0]) if found else None

    def _keep(self, key: bytes, reply: str) -> None:
        with self._transaction() as database:
            new = database.execute(
                "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)", (key, reply, len(reply), time.time_ns())
            ).rowcount
            database.execute("UPDATE totals SET size = size + ?", (len(reply) * new,))
            size = database.execute("SELECT size FROM totals").fetchone()[0]
            while size > self.limit_mb * 1e6:
                oldest = (
                    "DELETE FROM replies WHERE key = (SELECT key FROM replies ORDER BY used LIMIT 1) RETURNING size"
                )
                size -= database.execute(oldest).fetchall()[0][0]
            database.execute("UPDATE totals SET size = ?", (size,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if not self._opened:
                    self._opened.append(opened(self.path, self._prepare))
                with transaction(self._opened[0]):
                    yield self._opened[0]
            except (sqlite3.Error, OSError) as error:
                said = failure(error) if isinstance(error, sqlite3.Error) else error
                raise StoreError(f"cannot use the cache {str(self.path)!r}: {said}") from error

    def _prepare(self, database: sqlite3.Connection) -> None:
        [tables] = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        [version] = database.execute("PRAGMA user_version").fetchone()
        if version != FORMAT and (version or tables):
            raise StoreError(f"{str(self.path)!r} is a database, but no cache of this version of Disputatio")
        make(database, _TABLES)

    def close(self) -> None:
        """Close the file; the next request opens it again."""
        with self._lock:
            while self._opened:
                self._opened.pop().close()

    def __del__(self) -> None:
        self.close()
