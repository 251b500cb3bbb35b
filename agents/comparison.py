"""Comparer: a judge who says which of two responses is better, and by how much.

Criteria and scale are those of Hong et al. 2025, arXiv:2505.16265 (Think-RM), and its repository, in our own words.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.memory.transcript import everything
from disputatio.thought import Link, Thought

COMPARE = """\
You are an impartial judge. Above stand two responses to the question, A and B. Compare their helpfulness, \
correctness, coherence, complexity, verbosity and safety; correctness comes first. Think at length: look at each \
response from several sides, doubt your first impression, and check what can be checked. Then sum up your reasons \
briefly and give your preference as one of these numbers: -3 if A is much better, -2 if it is better, -1 if it is \
slightly better; 1, 2 or 3 if B is slightly better, better or much better. There is no tie."""


def _number(value: object) -> object:
    """The number at the start of what was written: "+2" and "2 (B)" are 2."""
    words = str(value).strip().removeprefix("<").split()
    return int(words[0]) if words and words[0].lstrip("+-").isdecimal() and words[0].isascii() else value


class Preference(Form):
    """Which of two responses is better, and by how much."""

    preference: Annotated[Literal[-3, -2, -1, 1, 2, 3], BeforeValidator(_number)] = Field(
        description="-3, -2 or -1 if A is better, 1, 2 or 3 if B is better; a number only"
    )


def comparer(judge: Agent) -> Agent:
    """The same judge, who now says which of two responses, the thoughts of A and B, is better."""
    return replace(judge, instruction=COMPARE, kind="vote", form=Preference, view=everything, relate=_between)


def _between(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
    """Support for the better response."""
    score = thought.data.get("preference")
    if not isinstance(score, int) or len(seen) != 2:
        return [Link(source=thought.id, target=one.id, kind="uses") for one in seen]
    return [Link(source=thought.id, target=seen[score > 0].id, kind="supports")]
