"""Fact selector: picks, among facts that were found, those that help with a question."""

import re

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.model import Model
from disputatio.thought import Thought

SELECT = """\
Which of the facts help to find what is searched for? Give their numbers, the most helpful one first; none if none \
does."""


class Selection(Form):
    """The facts that help."""

    facts: list[str] = Field(description="a list of the numbers of facts that help, or none")


def FactSelector(name: str = "selector", *, model: str | Model | None = None) -> Agent:
    """Make an agent that names the facts that help, by their numbers, in its field `facts`.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="selector",
        instruction=SELECT,
        kind="observation",
        form=Selection,
        prose=False,
        view=lambda state: [],
        temperature=0.0,
        model=model,
    )


def selected(said: Thought | None, count: int) -> list[int]:
    """The numbers, from 1 to `count`, that a selector named, each once."""
    listed = said.data.get("facts") if said else None
    named = (
        (int(one) for text in listed for one in re.findall(r"\d+", str(text)[:40])) if isinstance(listed, list) else ()
    )
    return [number for number in dict.fromkeys(named) if 1 <= number <= count]
