"""Conclusions: from the positions that agents hold at the end to the answer of a strategy."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from disputatio.graphs.decisions import Tally, break_tie, plurality
from disputatio.question import Question
from disputatio.state import State
from disputatio.thought import Answer, Thought


def positions(thoughts: Iterable[Thought], question: Question, authors: Sequence[str]) -> dict[str, Thought]:
    """The last readable answer of each author; those who never gave one are left out.

    An agent whose latest reply cannot be read keeps the answer it gave before.
    """
    latest: dict[str, Thought] = {}
    for thought in thoughts:
        if thought.author in authors and question.canonical(thought.answer) is not None:
            latest[thought.author] = thought
    return {author: latest[author] for author in authors if author in latest}


def votes(held: Mapping[str, Thought], question: Question, authors: Sequence[str]) -> dict[str, str | None]:
    """Each author's canonical answer; None for those who abstain."""
    return {author: question.canonical(held[author].answer) if author in held else None for author in authors}


def settled(
    tally: Tally, held: Mapping[str, Thought], question: Question, *, seed: int | None, stop_reason: str = "finished"
) -> Answer:
    """The answer that a tally comes to.

    Args:
        tally: The vote. A tie is broken by a draw, and stays marked in the answer's data.
        held: The position of each author who has one.
        question: What is asked.
        seed: Seed of the draw; None is 0.
        stop_reason: Why the strategy ended, if there is a winner.

    Returns:
        The winner in the words of its most confident holder, with the others as dissent; an empty answer whose stop
        reason is "undecided" if nobody won.
    """
    tally = break_tie(tally, seed or 0)
    report: dict[str, JsonValue] = {"tally": tally.model_dump(mode="json")}
    dissent = tuple(
        f"{thought.answer} ({author})"
        for author, thought in held.items()
        if question.canonical(thought.answer) != tally.winner
    )
    holders = [thought for thought in held.values() if question.canonical(thought.answer) == tally.winner]
    if tally.winner is None or not holders:
        return Answer(stop_reason="undecided", dissent=dissent, data=report)
    spokesman = max(holders, key=lambda thought: thought.confidence or 0)
    return Answer(
        text=spokesman.answer or "",
        value=tally.winner,
        confidence=len(holders) / len(held),  # a ballot may rank or approve, a position is one answer
        rationale=spokesman.text,
        dissent=dissent,
        stop_reason=stop_reason,
        data=report,
    )


def own_answer(thought: Thought | None, question: Question) -> Answer:
    """The answer of a single thought; undecided if it has none that can be read."""
    value = question.canonical(thought.answer) if thought else None
    if thought is None or value is None:
        return Answer(stop_reason="undecided", rationale=thought.text if thought else "")
    return Answer(text=thought.answer or "", value=value, confidence=thought.confidence, rationale=thought.text)


def most_frequent(
    held: Mapping[str, Thought], question: Question, authors: Sequence[str], *, seed: int | None
) -> Answer:
    """The answer that most of the authors hold; see `settled`."""
    return settled(plurality(list(votes(held, question, authors).values())), held, question, seed=seed)


def last_by(state: State, author: str) -> Thought | None:
    """What an author said last."""
    return next((one for one in reversed(state.get("thoughts", [])) if one.author == author), None)


def answer_of(state: State, author: str) -> Answer:
    """The answer of what an author said last; see `own_answer`."""
    return own_answer(last_by(state, author), Question.of(state["question"]))


def reported(answer: Answer, report: Mapping[str, Any], **changes: Any) -> Answer:
    """An answer with more in its data, and with other changes."""
    return answer.model_copy(update={**changes, "data": {**answer.data, **report}})
