"""Verifier: checks statements one at a time, by a tool where it has one, else by what the model knows.

The claim extractor pulls the checkable statements out of what was said; the verifier rules on one statement, or on
one candidate answer: the last thought that it sees.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, create_model

from disputatio.agents.agent import Agent, linking
from disputatio.agents.forms import Form, Percent, naming
from disputatio.memory.transcript import View, everything
from disputatio.model import Model
from disputatio.thought import Link, Thought
from disputatio.tools.toolbox import Tools, held

EXTRACT = """\
You take no side. Write a numbered list of at most {claims} claims of fact from the statements above that can be \
checked: numbers, events, causes, no opinions. Write each as NAME: CLAIM, in one short sentence."""
VERIFY = """\
You check facts. Is the last statement above true? Give your reason in one sentence, then rule: "supported" if you \
are sure that it is true, "refuted" if you are sure that it is false, else "undecided"."""


class Ruling(Form):
    """What the verifier finds."""

    reason: str = Field(default="", description="why, in one sentence")
    verdict: Annotated[Literal["supported", "refuted", "undecided"], naming(("supported", "refuted", "undecided"))] = (
        Field(description="supported, refuted or undecided")
    )
    score: Percent | None = Field(default=None, description="how likely the statement is true, in percent")


def ClaimExtractor(
    name: str = "claim extractor", *, claims: int = 3, model: str | Model | None = None, view: View = everything
) -> Agent:
    """Make an agent that lists the checkable claims in what it sees, in its field `claims`: "NAME: claim".

    Args:
        name: Its name.
        claims: How many claims it may list, at least 1.
        model: A model of its own; None takes the run's.
        view: The statements that it looks through.
    """
    listed = Field(description="the claims, as a numbered list")
    return Agent(
        name=name,
        role="claim extractor",
        instruction=EXTRACT.format(claims=claims),
        kind="summary",
        form=create_model("Claims", __base__=Form, claims=(list[str], listed)),
        prose=False,
        view=view,
        relate=linking("uses"),
        model=model,
    )


def Verifier(name: str = "verifier", *, tools: Tools = (), model: str | Model | None = None) -> Agent:
    """Make an agent that rules on the last thought it sees: supported, refuted or undecided, with a score.

    Args:
        name: Its name.
        tools: Tools that it may use for each check.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="verifier",
        instruction=VERIFY,
        kind="verdict",
        form=Ruling,
        prose=False,
        view=lambda state: everything(state)[-1:],
        relate=_rule,
        temperature=0.0,
        model=model,
        tools=held(tools),
    )


def _rule(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
    match thought.data.get("verdict"):
        case "supported":
            return [Link(source=thought.id, target=seen[-1].id, kind="verifies")]
        case "refuted":
            return [Link(source=thought.id, target=seen[-1].id, kind="attacks")]
        case _:
            return [Link(source=thought.id, target=one.id, kind="uses") for one in seen[-1:]]
