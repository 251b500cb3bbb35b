"""Critic: names the weakest point of a discussion, and says whether another round is worth it."""

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form, YesNo
from disputatio.memory.transcript import without
from disputatio.model import Model
from disputatio.thought import Link

INSTRUCTION = """\
You are the critic and take no side. Which reason above is the weakest, or which objection did nobody answer? Then \
say whether another round could change anybody's mind."""


class Critique(Form):
    """What the critic finds."""

    weakest_point: str = Field(default="", description="the weakest point, and whose it is, in one sentence")
    another_round: YesNo = Field(description="yes or no")


def Critic(name: str = "critic", *, model: str | Model | None = None) -> Agent:
    """Make an agent that criticises the discussion as a whole.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="critic",
        instruction=INSTRUCTION,
        kind="critique",
        form=Critique,
        prose=False,
        view=without("claim extractor"),
        relate=lambda thought, seen: [
            Link(source=thought.id, target=one.id, kind="uses")
            for one in {one.author: one for one in seen if one.role == "debater"}.values()
        ],
        model=model,
    )
