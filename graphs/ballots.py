"""Ballots: debaters vote on numbered, anonymous answers, by approval or by ranking."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.writing import numbered

APPROVE = """\
Now vote. These answers were given:
{candidates}

Give the numbers of all answers that you find acceptable."""
RANK = """\
Now vote. These answers were given:
{candidates}

Rank all of them by number, the best first."""


class Approval(Form):
    """The answers that a voter accepts."""

    approved: list[str] = Field(description="the numbers of the acceptable answers, one a line")


class Ranking(Form):
    """The answers from best to worst."""

    ranking: list[str] = Field(description="the numbers of the answers, the best first, one a line")


def candidates(held: Iterable[Thought], question: Question) -> dict[str, str]:
    """The distinct answers, canonical form to the words of the first who gave it, in the order of first appearance."""
    distinct: dict[str, str] = {}
    for thought in held:
        value = question.canonical(thought.answer)
        if value is not None:
            distinct.setdefault(value, (thought.answer or "").strip())
    return distinct


def voter(debater: Agent, needs: str, listed: Sequence[str]) -> Agent:
    """The debater as a voter over the listed answers, numbered and without their authors' names."""
    template, form = (APPROVE, Approval) if needs == "approvals" else (RANK, Ranking)
    return replace(
        debater,
        instruction=template.format(candidates=numbered(listed)),
        form=form,
        prose=False,
        kind="vote",
        relate=lambda thought, seen: (),
        tools=(),
    )


def marked(ballot: Thought | None, values: Sequence[str], question: Question) -> list[str] | None:
    """The canonical answers that a ballot names, in its order; None if it names none or cannot be read.

    A number or an answer that is not on the list makes the whole ballot invalid.
    """
    entries = next(iter(ballot.data.values()), None) if ballot else None
    if not isinstance(entries, list):
        return None
    named = [value for entry in entries for value in _named(str(entry), values, question)]
    found = [value for value in named if value is not None and value in values]
    return found if found and len(found) == len(named) else None


def _named(entry: str, values: Sequence[str], question: Question) -> list[str | None]:
    """What an entry names: by numbers, or else in the words of an answer; None for what is not on the list."""
    if numbers := _numbers(entry):
        return [values[number - 1] if 1 <= number <= len(values) else None for number in numbers]
    return [question.canonical(entry)]


def _numbers(entry: str) -> list[int]:
    """All numbers of a bare list ("1, 3" or "2 > 1"), else the one that an item begins with ("2. Paris")."""
    found = [int(number) for number in re.findall(r"\d+", entry)]
    return found if re.fullmatch(r"[\d\s,;>.&]*", entry.replace("and", "")) else found[:1]
