"""Explorer: plans a way to the answer without going it."""

import re

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.memory.transcript import of_kind
from disputatio.model import Model
from disputatio.thought import Thought

INSTRUCTION = """\
Write a plan for solving this: a numbered list of at most {steps} short steps that another person can follow. Say \
what to do and how, but work out no number and give no answer."""
_ANSWER = re.compile(r"\b(?:final )?answer\s*(?:is|=|:)", re.IGNORECASE)


class WayToGo(Form):
    """A plan."""

    plan: list[str] = Field(description="the steps, as a numbered list")


def Explorer(
    name: str = "explorer",
    *,
    steps: int = 5,
    temperature: float | None = 1.0,
    model: str | Model | None = None,
) -> Agent:
    """Make an agent that writes a short plan and works nothing out.

    Args:
        name: Its name.
        steps: How many steps it is told to write at most.
        temperature: Randomness of its plans; None takes the run's.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="planner",
        instruction=INSTRUCTION.format(steps=steps),
        kind="plan",
        form=WayToGo,
        prose=False,
        view=of_kind("plan"),
        temperature=temperature,
        model=model,
    )


def steps_of(thought: Thought, field: str = "plan") -> list[str]:
    """The steps of a plan, without those that give an answer away; none if it could not be read."""
    listed = thought.data.get(field)
    steps = [" ".join(str(one).split()) for one in listed] if isinstance(listed, list) else []
    return [step for step in steps if step and not _ANSWER.search(step)]


def leaks(thought: Thought) -> bool:
    """Whether a plan gives an answer away, so that choosing it would be a vote on answers."""
    listed = thought.data.get("plan")
    return isinstance(listed, list) and any(_ANSWER.search(str(step)) for step in listed)
