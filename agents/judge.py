"""Judge: decides a discussion that it took no part in, and replies to the objections against the decision."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from disputatio.agents.agent import Agent, FormOf
from disputatio.agents.forms import Answered, Form, answered, naming
from disputatio.memory.transcript import View, without
from disputatio.model import Model
from disputatio.thought import Link, Thought
from disputatio.writing import numbered

DECIDE = """\
You are the judge and took no part in this. Decide the question, and give the two reasons that decide it. Weigh \
reasons, not their number or length, and give no weight to what was refuted."""
REPLY = """\
You are the judge. Your decision: {decision}

These objections stand against it:
{objections}

Reply to each objection in one sentence, as a numbered list."""


def Judge(name: str = "judge", *, model: str | Model | None = None) -> Agent:
    """Make an agent that decides the question after it has read the discussion.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="judge",
        instruction=DECIDE,
        kind="answer",
        form=answered,
        view=without("claim extractor"),
        relate=_answers,
        temperature=0.0,
        model=model,
    )


class Replies(Form):
    """The judge's replies to the objections."""

    replies: list[str] = Field(description="one reply to each objection, as a numbered list")


def upholding(names: Sequence[str]) -> FormOf:
    """The form of a judge who also says whose position is upheld."""
    upheld: Any = Annotated[Literal[tuple(names)], naming(names)] | None
    described = Field(default=None, description=f"whose position your decision agrees with: {', '.join(names)}")
    base = create_model("Ruling", __base__=Answered, upholds=(upheld, described))
    return lambda question, seen: answered(question, seen, base)


def replying(judge: Agent, decision: str, objections: Sequence[str], view: View) -> Agent:
    """The same judge, who now replies to the objections against a decision.

    Args:
        judge: The judge.
        decision: What was decided.
        objections: What stands against it, at least one.
        view: What the judge sees besides.
    """
    return Agent(
        name=judge.name,
        role=judge.role,
        instruction=REPLY.format(decision=decision, objections=numbered(objections)),
        kind="rebuttal",
        form=Replies,
        prose=False,
        view=view,
        temperature=judge.temperature,
        model=judge.model,
    )


def _answers(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
    latest = {one.author: one for one in seen if one.role in ("debater", "solver")}
    return [Link(source=thought.id, target=one.id, kind="aggregates") for one in latest.values()]
