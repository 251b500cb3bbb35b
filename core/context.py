"""Context: the resources of one run, handed to every node through LangGraph's `Runtime[Context]`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zlib import crc32

from disputatio.budget import NOTHING, Budget, Usage
from disputatio.gate import Gate
from disputatio.journal import Journal
from disputatio.ledger import Ledger
from disputatio.model import Model
from disputatio.permission import Permission, Taint
from disputatio.thought import Link, Thought
from disputatio.tracing import Tracer

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore


@dataclass(frozen=True)
class Started:
    """An agent begins to speak."""

    author: str
    role: str
    round: int
    model: str


@dataclass(frozen=True)
class Spoken:
    """A piece of a reply, as it is generated."""

    author: str
    text: str


@dataclass(frozen=True)
class Retried:
    """A call failed and is made again; what was spoken of the reply so far is void."""

    author: str
    fault: str
    """What went wrong; see `ModelError.fault`."""
    seconds: float
    """How long is waited before."""


@dataclass(frozen=True)
class Said:
    """A thought is finished and recorded."""

    thought: Thought
    links: Sequence[Link] = ()


Event = Started | Spoken | Retried | Said


@dataclass
class Context:
    """What the nodes of one run share: models by role, the ledger, the record. Make one for each run.

    To run a strategy inside your own LangGraph application, pass it as `context=`.
    """

    models: Mapping[str, Model | str] = field(default_factory=lambda: {"default": "local"})
    """Models by role ("judge"), by agent's name ("sceptic") or "default"; strings are loaded on first use. Of several
    in one string ("openai:gpt-5-mini | local") the next is asked where one cannot be reached."""
    ledger: Ledger = field(default_factory=Ledger)
    gate: Gate | None = None
    """How many calls of the run may be under way at one time; None sets no limit."""
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    """What a role ("judge") or an agent may spend of the whole."""
    temperature: float | None = None
    """For agents that set none of their own."""
    seed: int | None = None
    """Makes sampling repeatable where the backend can; each call gets its own seed, derived from this one."""
    scope: str = ""
    """Where in a composition the run is; see `Thought.scope`."""
    on_event: Callable[[Event], None] | None = None
    """Called with each event, in the order in which they happen; None asks for no streaming."""
    tracer: Tracer | None = None
    """Who watches the run; see docs/observability.md."""
    permission: Permission = field(default_factory=Permission)
    """What tools may do, and who is asked for more."""
    taint: Taint = field(default_factory=Taint)
    """What the run has read that nobody vouches for."""
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What tools keep for as long as the run lasts: cached results, sessions."""
    parts: dict[str, Ledger] = field(default_factory=dict, repr=False)
    """The ledgers of those who have a budget of their own."""
    loaded: dict[str, Model] = field(default_factory=dict, repr=False)
    """Models that were loaded from their strings."""
    thoughts: list[Thought] = field(default_factory=list)
    """The record: all that was said in the run, nested strategies included."""
    links: list[Link] = field(default_factory=list)
    journal: Journal | None = None
    """Where the calls of the run are written down, or taken from."""
    store: "BaseStore | None" = None
    """What outlives the run; nodes find it as LangGraph's `runtime.store`."""
    run_id: str = field(default_factory=lambda: uuid4().hex)
    origin: str = ""
    """The run that this one branched from: thoughts that they share have the same ids."""
    _named: Counter[str] = field(default_factory=Counter, repr=False)

    def within(self, scope: str, budget: Budget | None = None) -> "Context":
        """The same resources and record for a part of the run, with a scope and a seed of its own.

        Args:
            scope: Its name in the composition.
            budget: What the part may spend of the whole; None is all that is left.
        """
        path = f"{self.scope}/{scope}" if self.scope else scope
        seed = None if self.seed is None else crc32(f"{self.seed}/{scope}".encode())
        ledger = self.ledger.part(budget, self._lost(path)) if budget else self.ledger
        return replace(self, scope=path, seed=seed, ledger=ledger)

    def ledger_of(self, author: str, role: str) -> Ledger:
        """The ledger on which an agent's calls are booked."""
        name = author if author in self.budgets else role
        if name not in self.budgets:
            return self.ledger
        scope = self.scope if self.ledger.whole else ""  # a limited part of the run limits its roles, too
        key = f"{scope}/{name}"
        if key not in self.parts:
            self.parts[key] = self.ledger.part(self.budgets[name], self._lost(scope, name))
        return self.parts[key]

    def _lost(self, scope: str, name: str = "") -> Usage:
        return self.journal.lost_in(scope, name) if self.journal else NOTHING

    def identify(self, author: str, round_: int, *origin: object) -> str:
        """The id of a new thought: unique in the run, and the same again when the run is replayed.

        Args:
            author: Who says it.
            round_: In which round.
            origin: What tells it from others that the author says at the same time: its words, what it is about, ...
        """
        place = repr((self.origin or self.run_id, self.scope, author, round_, *origin))
        self._named[place] += 1
        return blake2b(f"{place}{self._named[place]}".encode(), digest_size=6).hexdigest()

    def say(self, *thoughts: Thought, links: Sequence[Link] = ()) -> None:
        """Record thoughts, with the links that come from them, and tell the listener."""
        self.thoughts.extend(thoughts)
        self.links.extend(links)
        if self.on_event:
            for thought in thoughts:
                own = [link for link in links if link.source == thought.id]
                self.on_event(Said(thought, own))
