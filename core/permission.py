"""Permission: what the tools of a run may touch, and what it has read that nobody vouches for.

The rules hold outside the model, where calls are carried out: a model that obeys an instruction planted in a web page
gains nothing by it. They follow "Defeating Prompt Injections by Design" (Debenedetti et al. 2025, arXiv:2503.18813)
and "Design Patterns for Securing LLM Agents against Prompt Injections" (Beurer-Kellner et al. 2025,
arXiv:2506.08837): text from outside lowers what the run may do, whatever it says.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Access = Literal["pure", "read", "write", "network", "code"]
"""What a tool may touch. `pure`: nothing, its result follows from its arguments. `read`: data that may be private.
`write`: it changes something. `network`: it reaches other machines. `code`: it runs code that a model wrote, in a
sandbox that reaches nothing; where the sandbox reaches more, the tool declares that as well."""

ALLOWED: frozenset[Access] = frozenset(("pure", "read", "code"))


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A call that needs a yes: the tool may be called with these very arguments, once."""

    tool: str
    access: frozenset[Access]
    arguments: Mapping[str, Any]
    """The arguments as they were validated."""
    reason: str
    """Why it is asked."""
    author: str
    """The agent that wants the call."""


Approve = Callable[[Approval], bool | Awaitable[bool]]
"""Decides on a call; anything but True refuses it. A function that is not async is called in a thread of its own."""
Reply = Callable[[str], str | Awaitable[str | None] | None]
"""Puts a question to a person, and gives their answer; None if there is none. Called as `Approve` is."""


@dataclass
class Taint:
    """What a run has read; shared by all its parts and never taken back, since agents read each other."""

    untrusted: set[str] = field(default_factory=set)
    """Where text came from that nobody vouches for: "tool:search", "document"."""
    private: set[str] = field(default_factory=set)
    """Where data came from that may be private."""


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What the tools of a run may do without being asked for. All else is asked, or refused if nobody can be asked."""

    allowed: Collection[Access] = ALLOWED
    """What tools may touch."""
    after_untrusted: Collection[Access] = ALLOWED
    """What of that they may still touch once the run has read text that nobody vouches for."""
    approve: Approve | Literal["wait"] | None = None
    """Asks a person; None refuses. "wait" stops the run until somebody decides, in this process or another; it takes a
    run that is kept in a store, or a checkpointer of LangGraph (docs/runs.md)."""
    reply: Reply | None = None
    """Puts questions of agents to a person, for the tool `ask_user`; None if there is nobody."""

    def objection(self, access: frozenset[Access], taint: Taint, untrusted: Iterable[str] = ()) -> str | None:
        """Why a call may not be made without a yes; None if it may.

        Args:
            access: What the tool touches.
            taint: What the run has read.
            untrusted: Further sources of text that nobody vouches for, such as descriptions of tools; looked at only
                where they matter.
        """
        if beyond := access.difference(self.allowed):
            return f"the run does not allow {_named(beyond)}"
        beyond = access.difference(self.after_untrusted)
        could_leave = bool(taint.private) and "network" in access
        sources = sorted({*taint.untrusted, *untrusted}) if beyond or could_leave else []
        if not sources:
            return None
        read = f"the run has read text that nobody vouches for ({', '.join(sources[:3])})"
        if beyond:
            return f"{read}, after which it does not allow {_named(beyond)}"
        return f"{read} and data that may be private ({', '.join(sorted(taint.private)[:3])}), which could leave"


def _named(access: Collection[Access]) -> str:
    return " and ".join(sorted(access))
