"""Solver: answers the question step by step, alone."""

from disputatio.agents.agent import Agent
from disputatio.agents.forms import answered
from disputatio.memory.transcript import of_kind
from disputatio.model import Model
from disputatio.tools.toolbox import Tools, held

INSTRUCTION = "Think step by step, then answer the question."


def Solver(
    name: str = "solver",
    *,
    instruction: str = INSTRUCTION,
    model: str | Model | None = None,
    temperature: float | None = None,
    tools: Tools = (),
) -> Agent:
    """Make an agent that answers the question by itself, with a plan in sight if there is one.

    Args:
        name: Its name.
        instruction: How to think.
        model: A model of its own; None takes the run's.
        temperature: Randomness of its replies; None takes the run's.
        tools: Tools that it may use before it answers.
    """
    return Agent(
        name=name,
        role="solver",
        instruction=instruction,
        form=answered,
        view=of_kind("plan"),
        model=model,
        temperature=temperature,
        tools=held(tools),
    )
