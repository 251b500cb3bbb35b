"""Memory: what outlives a run, in a space of its own, with where each item came from and whether it was of use.

A `Memory` is a view of one space ("user/project") of a LangGraph store. Secrets are taken out of what is stored.

- An edit keeps the version before it, which `undo` puts back.
- `forget` really deletes, with that version, and cannot be undone: what could be put back would not be gone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple, Self
from uuid import uuid4

from langgraph.store.base import BaseStore, PutOp, SearchItem
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.memory.ranking import decayed, matches, maximal_marginal_relevance
from disputatio.memory.sqlite_store import SqliteStore
from disputatio.redaction import redactor

ROOT = "memory"
"""The first label of all spaces in the store."""
INDEXED = ["text"]
EVERYTHING = 1_000_000


class MemoryItem(BaseModel):
    """One thing to remember."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(default_factory=lambda: uuid4().hex[:12], min_length=1, max_length=200)
    text: str = Field(min_length=1)
    """What is remembered, and searched for."""
    kind: str = "note"
    """What sort of item it is: strategy, mistake, case, fact, ..."""
    data: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields beside the text, which searches can filter by."""
    author: str = ""
    """The agent or person that wrote it."""
    run_id: str = ""
    """The run in which it was written; empty if a person wrote it."""
    thoughts: tuple[str, ...] = ()
    """Ids of the thoughts of that run which it was made from."""
    source: str = ""
    """Where it comes from, if from outside: the address of a page, the name of a file."""
    untrusted: tuple[str, ...] = ()
    """What the run had read by then that nobody vouches for: "tool:search", "import:shared.jsonl"."""
    created: float = Field(default_factory=time.time)
    """When it was written, in seconds since 1970."""
    uses: int = Field(default=0, ge=0)
    """How often it was put into a prompt."""
    helped: int = Field(default=0, ge=0)
    """How often the run that used it ended well."""
    edited: float | None = None
    """When a person changed it last."""
    previous: dict[str, JsonValue] | None = None
    """The fields that the last edit changed, as they were."""

    @classmethod
    def of_run(cls, context: Context, text: str, **fields: Any) -> Self:
        """Make an item that comes from a run: with the run's id, and what it has read that nobody vouches for."""
        return cls(text=text, run_id=context.run_id, untrusted=tuple(sorted(context.taint.untrusted)), **fields)


class Match(NamedTuple):
    """An item that was found."""

    item: MemoryItem
    score: float
    """How well it fits; comparable within one search only."""


@dataclass(frozen=True)
class Memory:
    """One space of a store. Spaces share nothing."""

    store: BaseStore
    space: str = "default"
    """Whose memory it is: "user", or "user/project"."""
    secrets: Sequence[str] = ()
    """Secrets besides the values of environment variables named *_KEY, *_TOKEN, *_SECRET and *_PASSWORD."""
    _redact: Callable[[Any], Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.space.strip() or "." in self.space or "\x00" in self.space:
            raise ConfigurationError(f"a memory space is a name without a full stop, not {self.space!r}")
        object.__setattr__(self, "_redact", redactor(self.secrets))

    @property
    def namespace(self) -> tuple[str, str]:
        """Where the items lie in the store; a space is one label, so that none is below another."""
        return (ROOT, self.space)

    async def put(self, *items: MemoryItem) -> None:
        """Store items, all or none; one with the id of another replaces it.

        Raises:
            StoreError: If they cannot be stored.
        """
        await self.store.abatch([PutOp(self.namespace, one.id, self._value(one), INDEXED) for one in items])

    async def get(self, id_: str) -> MemoryItem:
        """The item with an id.

        Raises:
            ConfigurationError: If there is none.
            StoreError: If the store cannot be read.
        """
        found = await self.store.aget(self.namespace, id_)
        if found is None:
            near = get_close_matches(id_, [one.id for one in await self.items(limit=1000)], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigurationError(f"there is no memory item {id_[:80]!r} in {self.space!r}{hint}")
        return item_of(id_, found.value)

    async def items(
        self, *, kind: str | None = None, filter: Mapping[str, Any] | None = None, limit: int = EVERYTHING
    ) -> list[MemoryItem]:
        """Items, the latest change first.

        Args:
            kind: Of this kind only.
            filter: What their fields must be: {"data": {"task": "sql"}}, {"uses": {"$gt": 3}}.
            limit: How many at most.

        Raises:
            StoreError: If the store cannot be read.
        """
        found = await self._meeting(_filter(kind, filter), limit)
        return [item_of(one.key, one.value) for one in found]

    async def search(
        self,
        query: str,
        k: int = 5,
        *,
        kind: str | None = None,
        filter: Mapping[str, Any] | None = None,
        half_life_s: float | None = None,
        diversity: float = 0.0,
    ) -> list[Match]:
        """Find the items that fit a text, the best first: by meaning and words where the store is a `SqliteStore`.

        Args:
            query: What is looked for.
            k: How many at most.
            kind: Of this kind only.
            filter: What their fields must be, as in `items`.
            half_life_s: Halve the score of an item each time that so many seconds have passed since it was written.
            diversity: From 0 to 1, what being unlike the items found before counts (maximal marginal relevance).

        Raises:
            ConfigurationError: If a number is out of range.
            StoreError: If the store cannot be read.
        """
        if k < 1 or not 0 <= diversity <= 1 or (half_life_s is not None and half_life_s <= 0):
            raise ConfigurationError("k is at least 1, diversity from 0 to 1, and a half-life above 0")
        limit = k if half_life_s is None and not diversity else max(4 * k, 20)
        found = await self._found(query, limit, _filter(kind, filter))
        matched = [Match(item_of(one.key, one.value), one.score or 0.0) for one, _ in found]
        places = list(range(len(found)))
        if half_life_s is not None:
            now = time.time()
            matched = [Match(one, decayed(score, now - one.created, half_life_s)) for one, score in matched]
            places.sort(key=lambda place: -matched[place].score)
        if diversity and matched:
            best = max(match.score for match in matched) or 1.0
            alike = [_likeness(*found[one], *found[other]) for one in places for other in places]
            relevance = [matched[place].score / best for place in places]
            chosen = maximal_marginal_relevance(relevance, lambda a, b: alike[a * len(places) + b], k, diversity)
            places = [places[place] for place in chosen]
        return [matched[place] for place in places[:k]]

    async def _found(self, query: str, limit: int, filter: dict[str, Any]) -> list[tuple[SearchItem, Any]]:
        if isinstance(self.store, SqliteStore):
            return list(await asyncio.to_thread(self.store.hybrid, self.namespace, query, limit=limit, filter=filter))
        return [(one, None) for one in await self._meeting(filter, limit, query)]

    async def _meeting(self, filter: dict[str, Any], limit: int, query: str | None = None) -> list[SearchItem]:
        """Items that meet a filter; those of other stores are filtered here, where the filter means the same."""
        if isinstance(self.store, SqliteStore):
            return await self.store.asearch(self.namespace, query=query, filter=filter, limit=limit)
        wanted = limit
        while True:
            found = await self.store.asearch(self.namespace, query=query, limit=wanted)
            kept = [one for one in found if matches(one.value, filter)]
            if len(kept) >= limit or len(found) < wanted:
                return kept[:limit]
            wanted *= 8

    async def used(self, *ids: str) -> None:
        """Count that items were put into a prompt; those that are gone are passed over."""
        await self._count("uses", ids)

    async def helped(self, *ids: str) -> None:
        """Count that items were used by a run that ended well; those that are gone are passed over."""
        await self._count("helped", ids)

    async def _count(self, name: str, ids: Iterable[str]) -> None:
        for id_ in ids:
            await self._change(id_, lambda value: {**value, name: value[name] + 1})

    async def edit(self, id_: str, **changes: Any) -> MemoryItem:
        """Change fields of an item, and keep what they were for `undo`.

        Raises:
            ConfigurationError: If there is no such item, or a field or a value is not allowed.
            StoreError: If the store cannot be written.
        """
        if wrong := changes.keys() - {"text", "kind", "data", "author", "source"}:
            raise ConfigurationError(f"{', '.join(sorted(wrong))} of a memory item cannot be edited")
        await self.get(id_)

        def new(value: dict[str, Any]) -> dict[str, Any]:
            previous = {name: value[name] for name in changes}
            return self._value(item_of(id_, {**value, **changes, "edited": time.time(), "previous": previous}))

        await self._change(id_, new)
        return await self.get(id_)

    async def undo(self) -> MemoryItem | None:
        """Take back the last edit; None if there is none. What an earlier undo took back stays so."""
        edited = [one for one in await self.items(filter={"edited": {"$ne": None}}) if one.previous is not None]
        if not edited:
            return None
        last = max(edited, key=lambda one: one.edited or 0.0)
        await self._change(
            last.id, lambda value: {**value, **(value["previous"] or {}), "edited": None, "previous": None}
        )
        return await self.get(last.id)

    async def forget(self, *ids: str) -> None:
        """Delete items for good, with what `undo` kept of them: from a `SqliteStore`, also from indexes and log.

        Raises:
            ConfigurationError: If there is no such item; then none is deleted.
            StoreError: If the store cannot be written.
        """
        for id_ in ids:
            await self.get(id_)
        await self.store.abatch([PutOp(self.namespace, id_, None) for id_ in ids])

    async def forget_run(self, run_id: str) -> list[str]:
        """Delete for good all that a run wrote, and return the ids: for a run that turns out to have been misled."""
        ids = [one.id for one in await self.items(filter={"run_id": run_id})]
        if ids:
            await self.forget(*ids)
        return ids

    async def _change(self, id_: str, new: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        if isinstance(self.store, SqliteStore):  # no other process comes between
            await asyncio.to_thread(self.store.change, self.namespace, id_, new, INDEXED)
        elif found := await self.store.aget(self.namespace, id_):
            await self.store.aput(self.namespace, id_, new(found.value), INDEXED)

    def _value(self, item: MemoryItem) -> dict[str, Any]:
        value: dict[str, Any] = self._redact(item.model_dump(mode="json", exclude={"id"}))
        return value


def item_of(id_: str, value: Mapping[str, Any]) -> MemoryItem:
    """The item that a store holds.

    Raises:
        ConfigurationError: If it is none.
    """
    try:
        return MemoryItem(id=id_, **value)
    except (ValidationError, TypeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ConfigurationError(f"{id_[:80]!r} is no memory item: {reason}") from error


def _filter(kind: str | None, filter: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**(filter or {}), **({"kind": kind} if kind else {})}


def _likeness(one: SearchItem, row: Any, other: SearchItem, other_row: Any) -> float:
    """How alike two items are: the cosine of their vectors, or the share of words that they have in common."""
    if row is not None and other_row is not None:
        return float(row @ other_row)
    words, others = ({*item.value["text"].lower().split()} for item in (one, other))
    return len(words & others) / len(words | others)
