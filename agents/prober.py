"""Prober: asks what is still missing, as questions to search for, and says which evidence is wrong."""

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.memory.transcript import View
from disputatio.memory.workspace import seen_by
from disputatio.model import Model

PROBE = """\
The evidence above does not suffice to answer the question. Write at most {probes} short questions to search for that \
would close the gap: begin with people, things and places that the evidence names, and repeat none that was asked. If \
a piece of evidence is wrong, or contradicted by a better one, name it by its number."""


class Probes(Form):
    """What is searched for next."""

    probes: list[str] = Field(description="a numbered list of questions")
    wrong: list[str] = Field(default=[], description="the numbers of evidence that is wrong, or none")


def Prober(
    name: str = "prober", *, probes: int = 3, model: str | Model | None = None, view: View | None = None
) -> Agent:
    """Make an agent that writes probing questions, in its field `probes`.

    Args:
        name: Its name.
        probes: How many it is told to write at most.
        model: A model of its own; None takes the run's.
        view: What it sees; None is the evidence that stands.
    """
    return Agent(
        name=name,
        role="prober",
        instruction=PROBE.format(probes=probes),
        kind="plan",
        form=Probes,
        prose=False,
        view=view or seen_by(name),
        model=model,
    )
