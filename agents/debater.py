"""Debater: answers alone first, then again after reading the others.

Which of the three prompts it gets depends only on what it sees: nothing of its own yet (opening), others' words
(rebuttal), or none but its own (self-check).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import Field, create_model

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Answered, Form, answered
from disputatio.memory.transcript import without
from disputatio.model import Model
from disputatio.question import Question
from disputatio.thought import Kind, Link, LinkKind, Thought
from disputatio.tools.toolbox import Tools, held

OPENING = "Give your own answer to the question, and two reasons for it. {you}"
REBUTTAL = """\
The others have spoken above. Take what they say as additional information: name one of their reasons that fails \
and say why, then give your updated answer with your best reason. {you}"""
SELF_CHECK = "Check your reasoning above for mistakes, and give your updated answer. {you}"


def Debater(
    name: str,
    *,
    persona: str = "",
    stance: str = "",
    model: str | Model | None = None,
    temperature: float | None = None,
    tools: Tools = (),
) -> Agent:
    """Make an agent that takes part in a debate.

    Args:
        name: Its name, unique in the debate; if there is no persona, also its character ("sceptic").
        persona: Who it is, as in "You are ...": "an economist who distrusts forecasts".
        stance: What it argues for, as in "You speak ...": "for the motion".
        model: A model of its own; None takes the run's.
        temperature: Randomness of its replies; None takes the run's.
        tools: Tools that it may use before it speaks.
    """
    you = f"You are {name}, {persona}." if persona else f"You are {_called(name)}."
    if stance:
        you = f"{you[:-1]} and speak {stance}."

    def instruct(agent: Agent, question: Question, seen: Sequence[Thought]) -> str:
        if not any(thought.author == agent.name for thought in seen):
            return OPENING.format(you=you)
        return (REBUTTAL if others(agent.name, seen) else SELF_CHECK).format(you=you)

    return Agent(
        name=name,
        role="debater",
        instruction=instruct,
        kind=kind_of_turn,
        form=answered,
        view=without("claim extractor"),
        relate=refine_own,
        model=model,
        temperature=temperature,
        tools=held(tools),
    )


def _called(name: str) -> str:
    """A name in a sentence: "the sceptic", but "debater 2" and "Anna"."""
    return name if name[-1:].isdigit() or name[:1].isupper() else f"the {name}"


def others(name: str, seen: Sequence[Thought]) -> list[str]:
    """Names of the other debaters, in the order in which they first spoke."""
    return list(
        dict.fromkeys(thought.author for thought in seen if thought.role == "debater" and thought.author != name)
    )


def kind_of_turn(seen: Sequence[Thought]) -> Kind:
    """A claim where nobody has debated yet, else a rebuttal."""
    return "rebuttal" if any(thought.role == "debater" for thought in seen) else "claim"


def contesting(debater: Agent) -> Agent:
    """The same debater, who also says whose position it disputes; attack links come from that."""

    def form(question: Question, seen: Sequence[Thought]) -> type[Form]:
        names = others(debater.name, seen)
        return answered(question, seen, _position(tuple(names)) if names else Answered)

    return replace(debater, form=form)


@lru_cache(maxsize=64)
def _position(names: tuple[str, ...]) -> type[Answered]:
    described: Any = Field(
        default=[], description=f"the names of those you disagree with, out of {', '.join(names)}, or none"
    )
    return create_model("Position", __base__=Answered, disputes=(list[str], described))


def refine_own(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
    """Links to the author's previous thought (refines) and to each other debater's (attacks if disputed, else uses)."""
    latest = {one.author: one for one in seen if one.role == "debater"}
    disputed = thought.data.get("disputes")
    entries = disputed if isinstance(disputed, list) else []
    names = {name.strip(" .").casefold() for entry in entries for name in re.split(r"[,;]| and ", str(entry))}
    return [
        Link(source=thought.id, target=one.id, kind=_relation(thought.author, author, names))
        for author, one in latest.items()
    ]


def _relation(speaker: str, author: str, disputed: set[str]) -> LinkKind:
    if author == speaker:
        return "refines"
    return "attacks" if author.casefold() in disputed else "uses"
