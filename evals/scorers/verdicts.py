"""Scorers of verdicts: how a solution was ruled, and which of two responses was preferred, in both orders."""

import re

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored
from disputatio.evals.scorers.steps import read_step
from disputatio.thought import Answer

_RULED = re.compile(r"right|wrong(?: at \d+)?")
_PREFERRED = re.compile(r"([AB?]) ([AB?])")


def ruling(item: Item, answer: Answer) -> Score:
    """Whether a solution is ruled right or wrong, and is; which step is the first wrong one is not looked at here.

    The answer is "right", "wrong" or "wrong at 3"; the target is that of `first_error`.
    """
    truth = read_step(str(item.target))
    if truth is None:
        raise ConfigurationError(f"item {item.id!r}: the target {item.target!r} is no step and not 'none'")
    if not _RULED.fullmatch(answer.text):
        return abstained("no ruling")
    return scored((answer.text == "right") == (truth == 0), f"{answer.text} against {truth or 'none'}")


def preference(item: Item, answer: Answer) -> Score:
    """Which of two responses is preferred: 1 if the right one is in both orders, 0.5 if it is in one of them.

    The answer is the letter of the item's choice that was preferred in the first order and in the other, "A B" for a
    judge that always takes what comes first; a "?" stands for none, and makes the answer unread.
    """
    right = item.question.canonical(str(item.target))
    found = _PREFERRED.fullmatch(answer.text)
    if right not in ("A", "B"):
        raise ConfigurationError(f"item {item.id!r}: the target {item.target!r} is none of two choices")
    if not found or "?" in found.groups():
        return abstained("no preference")
    return scored(found.groups().count(right) / 2, f"{answer.text} against {right}")
