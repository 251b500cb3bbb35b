"""Thought, Link and Answer: everything that is said in a run, and what comes out of it.

A debate's turns, tool observations, verdicts and votes are all thoughts, joined by typed links, so that one state
serves every strategy and a finished run is one graph.
"""

import json
from collections.abc import Iterable
from typing import Literal
from uuid import uuid4

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from disputatio.budget import Usage

Kind = Literal["plan", "claim", "rebuttal", "critique", "verdict", "observation", "summary", "vote", "answer"]
LinkKind = Literal["supports", "attacks", "refines", "uses", "verifies", "aggregates", "answers"]


class Thought(BaseModel):
    """One utterance or observation. Immutable: what becomes of it is said by links from later thoughts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(default_factory=lambda: uuid4().hex[:12])
    author: str
    """The name of the agent, tool or strategy that said it."""
    role: str
    """What the author is for: planner, debater, verifier, tool, ..."""
    kind: Kind
    text: str
    answer: str | None = None
    """The answer it gives to the question, as written; None if it gives none or none could be read."""
    score: float | None = Field(default=None, ge=0, le=1)
    """How good the author finds what it judges, from 0 to 1."""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How sure the author is of its answer, from 0 to 1."""
    round: int = Field(default=0, ge=0)
    """The round it was said in, from 1; 0 outside any round."""
    scope: str = ""
    """Where in a composition it was said: empty at the top, "best_of/2" in the second candidate of best_of, ..."""
    data: dict[str, JsonValue] = Field(default_factory=dict)
    """The fields of a structured reply."""
    usage: Usage = Usage()
    model: str = ""
    """The model that said it; empty for what no model said."""
    cut: bool = False
    """Whether the reply was cut off: by its token limit, by the budget or by a stop."""

    @field_validator("text", "answer")
    @classmethod
    def _encodable(cls, text: str | None) -> str | None:
        # Half a surrogate pair in a reply must not make the run impossible to write to a file.
        return None if text is None else text.encode("utf-8", "replace").decode()

    @field_validator("data")
    @classmethod
    def _encodable_fields(cls, data: dict[str, JsonValue]) -> dict[str, JsonValue]:
        try:
            orjson.dumps(data)
        except TypeError:  # half a pair again, or an integer too large for orjson, which passes through unchanged
            cleaned: dict[str, JsonValue] = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
            return cleaned
        return data


class Link(BaseModel):
    """A typed edge from a thought to an earlier one that it is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Id of the thought that supports, attacks, ... ."""
    target: str
    """Id of the thought that is supported, attacked, ... ."""
    kind: LinkKind


class Answer(BaseModel):
    """What a strategy concludes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    """The answer as written; empty if there is none."""
    value: str | None = None
    """Its canonical form (see `Question.canonical`); None if no answer could be read."""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How sure the strategy is; None if it does not say."""
    rationale: str = ""
    """Why, in prose or Markdown."""
    dissent: tuple[str, ...] = ()
    """Other answers that were held to the end, with who held them."""
    stop_reason: str = "finished"
    """Why the strategy ended: finished, agreed or undecided (no answer won)."""
    data: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the strategy reports: the tally of a vote, the parts of a determination, ..."""

    @property
    def abstained(self) -> bool:
        """Whether there is no readable answer."""
        return self.value is None


def merge(old: list[Thought], new: Iterable[Thought]) -> list[Thought]:
    """Add thoughts in the order in which they come, each id once."""
    by_id = {thought.id: thought for thought in old}
    for thought in new:
        by_id.setdefault(thought.id, thought)
    return list(by_id.values())


def in_order(links: Iterable[Link], thoughts: Iterable[Thought]) -> tuple[Link, ...]:
    """Links in the order of the thoughts that they come from, and then of those that they are about."""
    places = {thought.id: place for place, thought in enumerate(thoughts)}
    last = len(places)
    return tuple(sorted(links, key=lambda link: (places.get(link.source, last), places.get(link.target, last))))


def struck(thoughts: Iterable[Thought], links: Iterable[Link]) -> set[str]:
    """Ids of the thoughts that a verdict refuted."""
    verdicts = {thought.id for thought in thoughts if thought.kind == "verdict"}
    return {link.target for link in links if link.kind == "attacks" and link.source in verdicts}
