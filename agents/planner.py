"""Planner: takes the question apart into the points at issue."""

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.model import Model

INSTRUCTION = """\
You are the planner. Write a numbered list of {points} short questions that must be settled first, for instance who \
gains and who loses. Do not answer them."""


class Plan(Form):
    """The points at issue."""

    points: list[str] = Field(description="the points at issue, as a numbered list", min_length=1, max_length=8)


def Planner(name: str = "planner", *, points: int = 3, model: str | Model | None = None) -> Agent:
    """Make an agent that names the points at issue.

    Args:
        name: Its name.
        points: How many points to ask for, from 1 to 8.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="planner",
        instruction=INSTRUCTION.format(points=points),
        kind="plan",
        form=Plan,
        prose=False,
        model=model,
    )
