"""Memory writer: distils what other tasks can use out of attempts that succeeded or failed.

Source: the extractors of ReasoningBank and the self-contrast of MaTTS, Ouyang et al. 2025, arXiv:2509.25140, sections
3.2 and 3.3 and appendix A; reworded.
"""

from typing import Literal

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.model import Model

Source = Literal["success", "failure", "contrast"]
"""What is learned from: an attempt that succeeded, one that failed, or several that are compared."""

MOST: dict[Source, int] = {"success": 3, "failure": 3, "contrast": 5}
"""How many items are written at most."""
_ABOUT: dict[Source, str] = {
    "success": "The attempt above was judged a success. Think first about why it worked. Then write down what of it "
    "will help with similar tasks.",
    "failure": "The attempt above was judged a failure. Think first about why it failed. Then write down what would "
    "have prevented that, and will help with similar tasks.",
    "contrast": "Above stand several attempts at the same task, each with how it was judged. Compare them: what do "
    "those that succeeded have in common, and what do those that failed lack? Then write down what will help with "
    "similar tasks.",
}
_RULE = """\
They are read by somebody who works on other tasks and does not know this one: nothing may hold a name, number, \
identifier, quotation or answer of this task."""
_SCHEMA = """\
{about}

Write at most {most} items; none may repeat another. {rule} Each item has this form:

# Memory item i
## Title the strategy's name, in a few words
## Description one sentence: what it is, and when to use it or not
## Content one to three sentences: the insight"""


class Item(Form):
    """One item, for models that do not keep to the schema."""

    title: str = Field(description="the strategy's name, in a few words")
    description: str = Field(description="one sentence: what it is, and when to use it or not")
    content: str = Field(description="one to three sentences: the insight")


def MemoryWriter(
    name: str = "memory writer",
    *,
    source: Source = "success",
    single: bool = False,
    temperature: float = 1.0,
    model: str | Model | None = None,
) -> Agent:
    """Make an agent that writes what was learned, as `disputatio.memory.lessons` reads it.

    Args:
        name: Its name.
        source: What is learned from.
        single: Whether it writes one item, in the lines of a form instead of the published schema.
        temperature: Randomness of its replies.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="memory writer",
        instruction=f"{_ABOUT[source]}\n\nWrite one item. {_RULE}"
        if single
        else _SCHEMA.format(about=_ABOUT[source], most=MOST[source], rule=_RULE),
        kind="summary",
        form=Item if single else None,
        prose=not single,
        temperature=temperature,
        model=model,
    )
