"""Formaliser: makes a question formal for a solver, before anything is worked out."""

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.model import Model

LANGUAGE = """\
The language has declarations ("n: int(1, 9)", "x: real", "b: bool", "c: {red, green}") and conditions with + - * / == \
!= < <= > >=, and, or, not, in, implies(a, b), distinct(...), count(...), abs, max, min, sum."""
INSTRUCTION = f"""\
Make the question formal, for a solver. Declare every quantity that matters, seen from the frame of reference that the \
question means, with its unit in its name. Give the rules that define these quantities by one another, in that frame. \
Say which variable is asked for, or when each choice holds. Do not put in the facts of the case yet, and do not \
compute. {LANGUAGE}"""


class Formal(Form):
    """The frame of reference and the objective; `disputatio.tools.task_constraint` reads it."""

    variables: list[str] = Field(
        description="a list of declarations, such as right: real, n: int(1, 9), ok: bool, colour: {red, green}"
    )
    definitions: list[str] = Field(
        default=[], description="a list of conditions that define the variables by one another, such as n == 2*m + 1"
    )
    objective: str = Field(description="the name of the one variable that is asked for")
    options: list[str] = Field(
        default=[], description="for a question with choices: a list with the condition of each, such as A: right > 0"
    )
    ambiguities: list[str] = Field(default=[], description="a list of other readings of the question; none if clear")


def Formaliser(name: str = "analyst", *, model: str | Model | None = None) -> Agent:
    """Make an agent that writes a question as declarations, rules and an objective.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="planner",
        instruction=INSTRUCTION,
        kind="plan",
        form=Formal,
        view=lambda state: [],
        model=model,
    )
