"""Scorers: an answer against the known target, by canonical forms. No model."""

from typing import Literal

from disputatio.errors import ConfigurationError
from disputatio.question import Question
from disputatio.thought import Answer

Score = Literal["right", "wrong", "abstained"]
"""What an answer is worth. An abstention is never right, and is counted apart from what is wrong."""


def score(answer: Answer, target: str, question: Question) -> Score:
    """Compare an answer with the target: right if both have the same canonical form (see `Question.canonical`).

    >>> score(Answer(text="0.50", value="1/2"), "1/2", Question(text="Half of 1?", answer_type="number"))
    'right'
    >>> score(Answer(), "1/2", Question(text="Half of 1?", answer_type="number"))
    'abstained'

    Args:
        answer: What a strategy concluded.
        target: The right answer, in any way of writing it that the question's type admits.
        question: What was asked.

    Raises:
        ConfigurationError: If the target cannot be read as an answer to the question.
    """
    right = question.canonical(target)
    if right is None:
        raise ConfigurationError(f"the target {target!r} is no answer of type {question.answer_type!r}")
    if answer.value is None:
        return "abstained"
    return "right" if answer.value == right else "wrong"
