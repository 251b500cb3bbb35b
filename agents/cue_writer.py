"""Cue writer: says what evidence means for a question, so that the evidence itself need not be read again."""

from disputatio.agents.agent import Agent, linking
from disputatio.memory.transcript import everything
from disputatio.model import Model

CUE = """\
Above stands a part of the evidence. Write down what it says that bears on the question, or on what was searched for, \
in at most five short findings: who, what, where, and when it was so. Take in only what it says. If it bears on \
neither, say so in one line."""
FUSE = """\
Above stand findings from several searches. Join those that bear on the question into one coherent account, in the \
order in which things happened. Where findings contradict each other keep both, and say which came later. Add nothing \
of your own."""


def CueWriter(name: str = "cue writer", *, model: str | Model | None = None) -> Agent:
    """Make an agent that writes down what evidence says of the question: a cue, which rests on that evidence.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="encoder",
        instruction=CUE,
        kind="observation",
        view=everything,
        relate=linking("uses"),
        temperature=0.0,
        model=model,
    )


def Fuser(name: str = "fuser", *, model: str | Model | None = None) -> Agent:
    """Make an agent that joins cues into one account.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="fuser",
        instruction=FUSE,
        kind="summary",
        view=everything,
        relate=linking("aggregates"),
        temperature=0.0,
        model=model,
    )
