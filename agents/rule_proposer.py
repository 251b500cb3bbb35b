"""Rule proposer and rule judge: one writes chain rules from samples of a graph, the other says whether they make sense.

Neither sees names of entities, and the judge sees no statistics: whether a rule holds is counted, not guessed.
"""

from typing import Annotated, Literal

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form, naming
from disputatio.memory.transcript import of_kind
from disputatio.model import Model

PROPOSE = """\
Write chain rules that conclude this relation, as many as you find sensible, from these relations only. A rule leads \
from X to Y over further variables, and has at most {length} relations on its right. "inv_" before a relation turns \
its two ends around. Write one rule a line, and nothing else:
relation(X, Y) <- relation_1(X, Z) & relation_2(Z, Y)"""
JUDGE = """\
Think about what the names of these relations mean. Does the conclusion follow in general, so that exceptions are \
rare? Rule "correct" or "incorrect"."""


class ProposedRules(Form):
    """Rules as a model writes them."""

    rules: list[str] = Field(description="the rules as a numbered list")


class Soundness(Form):
    """Whether a rule makes sense."""

    verdict: Annotated[Literal["correct", "incorrect"], naming(("correct", "incorrect"))] = Field(
        description="correct or incorrect"
    )


def RuleProposer(
    name: str = "rule proposer", *, length: int = 3, temperature: float | None = 0.7, model: str | Model | None = None
) -> Agent:
    """Make an agent that writes chain rules, in its field `rules`; it is told which relation, and shown samples.

    Args:
        name: Its name.
        length: The most relations of a rule's body.
        temperature: Randomness of its replies; None takes the run's.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="proposer",
        instruction=PROPOSE.format(length=length),
        form=ProposedRules,
        view=of_kind("plan"),
        temperature=temperature,
        model=model,
    )


def RuleJudge(name: str = "rule judge", *, model: str | Model | None = None) -> Agent:
    """Make an agent that says whether a rule that it is told makes sense, in its field `verdict`.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="verifier",
        instruction=JUDGE,
        kind="verdict",
        form=Soundness,
        view=of_kind("plan"),
        temperature=0.0,
        model=model,
    )
