"""The LangGraph state that all strategies share, so that any one can be a node of another."""

from typing import Annotated

from typing_extensions import TypedDict

from disputatio.question import Question
from disputatio.thought import Answer, Link, Thought, merge


def _append(old: list[Link], new: list[Link]) -> list[Link]:
    return list(dict.fromkeys([*old, *new]))


def _later(old: int, new: int) -> int:
    return max(old, new)


class Input(TypedDict, total=False):
    """What goes into a strategy."""

    question: Question | str
    thoughts: Annotated[list[Thought], merge]
    """What was said before, if anything: a plan, for example."""
    links: Annotated[list[Link], _append]


class Output(TypedDict):
    """What comes out of a strategy."""

    answer: Answer


class State(Input, total=False):
    """What the nodes of a strategy read and write. Extra keys go into a subclass in the strategy's file."""

    round: Annotated[int, _later]
    """The round that was spoken last, from 1; 0 before the first."""
    answer: Answer


class Update(TypedDict, total=False):
    """What an agent, or the node around it, adds to the state."""

    round: int

    thoughts: list[Thought]
    links: list[Link]
