"""Summariser: keeps the state of a long line of thought as a short list that replaces what was thought."""

from dataclasses import replace

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.model import Model

INSTRUCTION = """\
You keep the notes of this work; whoever goes on sees them and nothing else. Write the progress so far as a numbered \
list of short items: what was established, with its values; what was tried and failed; what is to be done next. Keep \
every earlier item that still holds; where the newest part contradicts it, the newest part counts. Add nothing of \
your own."""


class Progress(Form):
    """What is known so far."""

    progress: list[str] = Field(description="the progress so far, as a numbered list")


def Summariser(name: str = "summariser", *, max_tokens: int | None = None, model: str | Model | None = None) -> Agent:
    """Make an agent that sums up a line of thought for whoever goes on with it.

    Args:
        name: Its name.
        max_tokens: The longest summary, in tokens; None takes the model's longest reply.
        model: A model of its own; None takes the run's.
    """
    made = Agent(
        name=name,
        role="summariser",
        instruction=INSTRUCTION,
        kind="summary",
        form=Progress,
        prose=False,
        view=lambda state: [],
        temperature=0.0,
        model=model,
    )
    return replace(made, max_tokens=max_tokens)
