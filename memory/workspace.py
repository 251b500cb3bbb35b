"""The run's workspace, a blackboard: evidence with its source, which can be retracted, and seen by some only.

It is kept nowhere but in the run itself: a piece of evidence is a thought, what rests on it is linked to it, and a
retraction is a thought, too. All else is worked out from thoughts and links by the functions below, so that the
workspace is recorded, drawn, resumed and replayed with its run.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from pydantic import BaseModel, ConfigDict

from disputatio.context import Context
from disputatio.memory.transcript import View
from disputatio.state import State
from disputatio.thought import Kind, Link, LinkKind, Thought

RESTING: frozenset[LinkKind] = frozenset(("uses", "refines", "aggregates"))
"""Links from a thought to those that it would not stand without."""


class Evidence(BaseModel):
    """What the workspace knows of a thought that is evidence; kept in its `data`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Where it was found: "chapter 3", "tool:search", "memory:3f2a"."""
    content: str
    """Stands for the text that it was taken from; the same text found twice has the same."""
    layer: str = ""
    """What sort of evidence it is, or which index it came from: fact, summary, event, ..."""
    query: str = ""
    """What was looked for when it was found."""
    readers: tuple[str, ...] = ()
    """The agents that see it; empty is all."""

    @classmethod
    def of(cls, thought: Thought) -> "Evidence | None":
        """The evidence that a thought is; None if it is none."""
        kept = thought.data.get("evidence")
        return cls.model_validate(kept) if isinstance(kept, dict) else None


def content_hash(text: str) -> str:
    """Stands for a text, however its spaces run."""
    return blake2b(" ".join(text.split()).encode(), digest_size=12).hexdigest()


def evidence(
    context: Context,
    text: str,
    *,
    source: str,
    author: str,
    content: str | None = None,
    layer: str = "",
    query: str = "",
    readers: Iterable[str] = (),
    rests_on: Iterable[str] = (),
    trusted: bool = True,
    kind: Kind = "observation",
    round_: int = 0,
    **fields: Any,
) -> tuple[Thought, list[Link]]:
    """Make a piece of evidence, and the links to what it rests on. The caller says it, as any thought.

    Args:
        context: The run.
        text: What it says.
        source: Where it was found.
        author: Who found it.
        content: The text that it was taken from, where that is another: a chunk of which `text` is the gist.
        layer: What sort of evidence it is.
        query: What was looked for.
        readers: The agents that see it; none named is all.
        rests_on: Ids of the thoughts that it would not stand without.
        trusted: Whether its source is vouched for; if not, it is shown as data and the run is marked.
        kind: The kind of thought.
        round_: The round it is said in.
        **fields: Further fields of the thought's data.
    """
    kept = Evidence(
        source=source, content=content_hash(content or text), layer=layer, query=query, readers=tuple(readers)
    )
    if not trusted:
        context.taint.untrusted.add(source)
    thought = Thought(
        id=context.identify(author, round_, source, text),
        author=author,
        role="evidence",
        kind=kind,
        text=text,
        round=round_,
        scope=context.scope,
        data={**fields, "source": source, "trusted": trusted, "evidence": kept.model_dump(mode="json")},
    )
    return thought, [Link(source=thought.id, target=one, kind="uses") for one in rests_on]


def retraction(
    context: Context, target: str, *, author: str, reason: str, round_: int = 0
) -> tuple[Thought, list[Link]]:
    """Make the thought that takes back another, and its link."""
    thought = Thought(
        id=context.identify(author, round_, "retracts", target),
        author=author,
        role="evidence",
        kind="verdict",
        text=reason,
        round=round_,
        scope=context.scope,
        data={"retracts": target},
    )
    return thought, [Link(source=thought.id, target=target, kind="attacks")]


def retracted(thoughts: Iterable[Thought], links: Iterable[Link]) -> set[str]:
    """Ids of the thoughts that do not stand: those that were taken back, and, step by step, all that rests on them.

    Evidence that was found in several places stands as long as it stands in one of them.
    """
    thoughts = list(thoughts)
    same: dict[str, list[str]] = {}
    for thought in thoughts:
        if found := Evidence.of(thought):
            same.setdefault(found.content + found.layer + thought.text, []).append(thought.id)
    copies = {id_: ids for ids in same.values() for id_ in ids}
    resting: dict[str, list[str]] = {}
    for link in links:
        if link.kind in RESTING:
            resting.setdefault(link.target, []).append(link.source)
    taken = {str(thought.data["retracts"]) for thought in thoughts if "retracts" in thought.data}
    fallen: set[str] = set()
    due = list(taken)
    while due:
        one = due.pop()
        if one in fallen:
            continue
        fallen.add(one)
        if all(copy in fallen for copy in copies.get(one, [])):
            due += [rests for copy in copies.get(one, [one]) for rests in resting.get(copy, [])]
    return fallen


def contents(thoughts: Iterable[Thought]) -> set[str]:
    """What stands for the texts that evidence was taken from so far, to leave them out of the next search."""
    return {found.content for thought in thoughts if (found := Evidence.of(thought))}


def distinct(thoughts: Iterable[Thought]) -> list[Thought]:
    """The thoughts, with evidence that says the same of the same text once."""
    kept: dict[str, Thought] = {}
    for thought in thoughts:
        found = Evidence.of(thought)
        kept.setdefault(f"{found.content} {found.layer} {thought.text}" if found else thought.id, thought)
    return list(kept.values())


def seen_by(reader: str) -> View:
    """A view of what stands and may be seen by an agent: the evidence, each once, and all else that was said."""

    def view(state: State) -> list[Thought]:
        thoughts = state.get("thoughts", [])
        fallen = retracted(thoughts, state.get("links", []))
        standing = (thought for thought in thoughts if thought.id not in fallen)
        return distinct(thought for thought in standing if _may_read(thought, reader))

    return view


def _may_read(thought: Thought, reader: str) -> bool:
    found = Evidence.of(thought)
    return found is None or not found.readers or reader in found.readers
