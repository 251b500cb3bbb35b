"""Scorers: an answer against the known target. No model, and nothing that an answer says is run outside a sandbox."""

from collections.abc import Callable, Mapping
from inspect import signature
from types import MappingProxyType

from disputatio.errors import ConfigurationError, unknown
from disputatio.evals.items import Item
from disputatio.evals.scorers.expressions import expression
from disputatio.evals.scorers.grids import grid
from disputatio.evals.scorers.latex import math
from disputatio.evals.scorers.numbers import number
from disputatio.evals.scorers.plans import plan
from disputatio.evals.scorers.programs import code
from disputatio.evals.scorers.queries import sql
from disputatio.evals.scorers.score import Score, abstained
from disputatio.evals.scorers.sets import members
from disputatio.evals.scorers.steps import first_error
from disputatio.evals.scorers.tool_calls import tool_calls
from disputatio.evals.scorers.verdicts import preference, ruling
from disputatio.evals.scorers.words import choice, f1, text
from disputatio.thought import Answer

__all__ = ["SCORERS", "Score", "Scorer", "score", "scorer_of"]

Scorer = Callable[..., Score]
"""Takes an item, an answer that is no abstention, and the item's parameters by keyword."""
SCORERS: Mapping[str, Scorer] = MappingProxyType(
    {
        "choice": choice,
        "number": number,
        "text": text,
        "f1": f1,
        "set": members,
        "math": math,
        "sql": sql,
        "code": code,
        "expression": expression,
        "grid": grid,
        "first_error": first_error,
        "tool_calls": tool_calls,
        "plan": plan,
        "ruling": ruling,
        "preference": preference,
    }
)
"""All scorers by name."""


def score(item: Item, answer: Answer) -> Score:
    """Compare an answer with the target of an item. An abstention is never right.

    >>> from disputatio.question import Question
    >>> item = Item(id="1", question=Question(text="Is it so?", answer_type="boolean"), target="yes", scorer="choice")
    >>> score(item, Answer(text="True", value="yes")).value
    1.0
    >>> score(item, Answer(text="who knows")).status
    'abstained'

    Args:
        item: What was asked, what is right, and which scorer compares.
        answer: What a strategy concluded.

    Raises:
        ConfigurationError: If there is no such scorer, it does not take the item's parameters, or the target is none
            for it; these are faults of the task, never of the answer.
    """
    scorer = scorer_of(item)
    return abstained() if answer.abstained else scorer(item, answer, **item.parameters)


def scorer_of(item: Item) -> Scorer:
    """The scorer of an item, after a look at its parameters.

    Raises:
        ConfigurationError: If there is no such scorer, or it does not take the item's parameters.
    """
    if item.scorer not in SCORERS:
        raise unknown("scorer", item.scorer, SCORERS)
    scorer = SCORERS[item.scorer]
    try:
        signature(scorer).bind(item, None, **item.parameters)
    except TypeError as error:
        raise ConfigurationError(f"item {item.id!r}: scorer {item.scorer!r}: {error}") from None
    return scorer
