"""Determination: how a disputation ends, in the form of a scholastic article.

Question, objections, on the contrary, determination, replies to the objections, dissent, and what was verified.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict

from disputatio.agents.agent import Agent
from disputatio.agents.judge import replying, upholding
from disputatio.context import Context
from disputatio.graphs.conclude import most_frequent, own_answer, positions, reported
from disputatio.graphs.speaking import last_of
from disputatio.graphs.wiring import joined
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.thought import Answer, Link, Thought
from disputatio.writing import numbered


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Statement(_Part):
    """What somebody said."""

    author: str
    text: str


class Check(_Part):
    """A claim and what became of it."""

    claim: str
    speaker: str | None
    verdict: str
    """supported, refuted or undecided."""
    reason: str
    by: str
    """The tool that settled it, or the model that was asked."""


class Determination(_Part):
    """The parts of a scholastic article."""

    question: str
    objections: tuple[Statement, ...]
    """The last words of those whose position was not upheld."""
    on_the_contrary: tuple[Statement, ...]
    """The last words of those whose position was upheld."""
    determination: str
    replies: tuple[str, ...]
    """In the order of the objections; fewer if the judge gave fewer."""
    dissent: tuple[str, ...]
    confidence: float | None
    verified: tuple[Check, ...]

    def __str__(self) -> str:
        """The article as Markdown."""
        parts = [
            f"## Question\n\n{self.question}",
            _section("Objections", [f"**{one.author}**: {one.text}" for one in self.objections]),
            _section("On the contrary", [f"**{one.author}**: {one.text}" for one in self.on_the_contrary]),
            f"## Determination\n\n{self.determination or 'The judge gave none.'}",
            _section("Replies to the objections", self.replies),
            _section("Dissent", self.dissent),
            _section(
                "What was verified", [f"{one.verdict}: {one.claim} ({one.reason}; {one.by})" for one in self.verified]
            ),
        ]
        return "\n\n".join(part for part in parts if part)


def determine(judge: Agent, panel: Sequence[Agent]) -> Callable[..., Any]:
    """Make the node in which the judge determines the question and replies to the objections."""
    names = [agent.name for agent in panel]
    deciding = replace(judge, form=upholding(names))

    async def node(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        question = Question.of(state["question"])
        update = await deciding(state, runtime)
        ruling = last_of(update)
        last = {one.author: one for one in state["thoughts"] if one.author in names}
        upheld = str(ruling.data.get("upholds", "")) if ruling else ""
        sides = _sides(last, panel, upheld)
        replied = await _replies(judge, ruling, sides[0], state, runtime)
        article = Determination(
            question=question.text,
            objections=tuple(Statement(author=one.author, text=one.text) for one in sides[0]),
            on_the_contrary=tuple(Statement(author=one.author, text=one.text) for one in sides[1]),
            determination=ruling.text if ruling else "",
            replies=tuple(str(reply) for one in replied.get("thoughts", []) for reply in _listed(one)),
            dissent=tuple(f"{one.answer} ({one.author})" for one in sides[0] if one.answer),
            confidence=ruling.confidence if ruling else None,
            verified=tuple(_checks(state["thoughts"], state.get("links", []))),
        )
        answer = _answer(ruling, article, state, names, runtime.context.seed)
        return {**joined(update, replied), "answer": answer}

    return node


async def _replies(
    judge: Agent, ruling: Thought | None, objections: Sequence[Thought], state: State, runtime: Runtime[Context]
) -> Update:
    """Let the judge reply to the objections, if it decided and there are any."""
    if ruling is None or ruling.answer is None or not objections:
        return {}
    texts = [f"{one.author}: {one.text}" for one in objections]

    def answers(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
        return [Link(source=thought.id, target=one.id, kind="answers") for one in objections]

    speaker = replying(judge, ruling.answer, texts, lambda state: [])
    return await replace(speaker, relate=answers)(state, runtime)


def _sides(last: dict[str, Thought], panel: Sequence[Agent], upheld: str) -> tuple[list[Thought], list[Thought]]:
    """The last words of those against the determination, and of those for it; all for it if nobody was upheld."""
    if upheld not in last:
        return [], list(last.values())
    agreeing = {upheld} | {author for author, one in last.items() if _same(one, last[upheld])}
    return (
        [one for author, one in last.items() if author not in agreeing],
        [one for author, one in last.items() if author in agreeing],
    )


def _same(one: Thought, other: Thought) -> bool:
    return bool(one.answer) and (one.answer or "").casefold() == (other.answer or "").casefold()


def _listed(thought: Thought) -> list[Any]:
    replies = thought.data.get("replies")
    return [one for one in replies if _says_something(str(one))] if isinstance(replies, list) else [thought.text]


def _says_something(text: str) -> bool:
    return any(letter.isalpha() for letter in text)


def _checks(thoughts: Sequence[Thought], links: Sequence[Link]) -> list[Check]:
    """Each verdict with the claim that it is about."""
    by_id = {one.id: one for one in thoughts}
    checks = []
    for verdict in [one for one in thoughts if one.kind == "verdict"]:
        about = [by_id[link.target] for link in links if link.source == verdict.id and link.target in by_id]
        claim = next((one for one in about if one.kind == "claim"), None)
        tool = next((one.author for one in about if one.role == "tool"), None)
        if claim:
            speaker = claim.data.get("speaker")
            checks.append(
                Check(
                    claim=claim.text,
                    speaker=speaker if isinstance(speaker, str) else None,
                    verdict=str(verdict.data.get("verdict", "undecided")),
                    reason=str(verdict.data.get("reason", "unreadable")),
                    by=tool or verdict.model,
                )
            )
    return checks


def _answer(
    ruling: Thought | None, article: Determination, state: State, names: Sequence[str], seed: int | None
) -> Answer:
    """The judge's answer; if it gave none, the answer that most debaters hold."""
    question = Question.of(state["question"])
    answer = own_answer(ruling, question)
    if answer.abstained:
        answer = most_frequent(positions(state["thoughts"], question, names), question, names, seed=seed)
    report = {"determination": article.model_dump(mode="json")}
    return reported(answer, report, rationale=str(article), dissent=article.dissent or answer.dissent)


def _section(title: str, items: Sequence[str]) -> str:
    """A heading with a numbered list; nothing if there are no items."""
    return f"## {title}\n\n{numbered(' '.join(item.split()) for item in items)}" if items else ""
