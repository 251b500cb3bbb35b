"""Outcome judge: whether an attempt at a task succeeded, by what it shows and with nobody to ask.

Source: the self-judgement of ReasoningBank, Ouyang et al. 2025, arXiv:2509.25140, section 3.
"""

from typing import Annotated, Literal

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form, Percent, naming
from disputatio.model import Model
from disputatio.thought import Link

INSTRUCTION = """\
Above stands one attempt at the question, with its final answer at the end. You did not take part. Judge whether it \
succeeded: the answer is to be complete, to be about what was asked and nothing else, and to follow from what was \
read, observed or worked out in the attempt. If any of this is missing or in doubt, it is a failure."""


class Outcome(Form):
    """What the judge finds."""

    thoughts: str = Field(default="", description="why, in one or two sentences")
    status: Annotated[Literal["success", "failure"], naming(("success", "failure"))] = Field(
        description="success or failure"
    )
    score: Percent | None = Field(default=None, description="how likely the answer is right, in percent")


def OutcomeJudge(name: str = "outcome judge", *, model: str | Model | None = None) -> Agent:
    """Make an agent that says whether an attempt succeeded, in its field `status`; it is not told what is right.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="judge",
        instruction=INSTRUCTION,
        kind="verdict",
        form=Outcome,
        prose=False,
        relate=lambda thought, seen: [
            Link(
                source=thought.id, target=one.id, kind="verifies" if thought.data.get("status") == "success" else "uses"
            )
            for one in seen[-1:]
        ],
        temperature=0.0,
        model=model,
    )
