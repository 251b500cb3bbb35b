"""Scoring: equal values are right however they are written, and an abstention never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals import score
from disputatio.question import Question
from disputatio.thought import Answer

HALF = Question(text="What is half of one?", answer_type="number")
ANIMAL = Question(text="Which one barks?", choices=("cat", "dog"))
MOTION = Question(text="Is it so?", answer_type="boolean")


def answered(text: str, question: Question) -> Answer:
    return Answer(text=text, value=question.canonical(text))


@pytest.mark.parametrize(
    ("question", "text", "target", "expected"),
    [
        (HALF, "0.50", "1/2", "right"),
        (HALF, "about 0.5 litres", "0.5", "right"),
        (HALF, "50%", "0.5", "wrong"),
        (HALF, "either 1 or 2", "1", "abstained"),
        (ANIMAL, "(b)", "B", "right"),
        (ANIMAL, "dog", "B", "right"),
        (ANIMAL, "A", "dog", "wrong"),
        (MOTION, "True.", "yes", "right"),
        (MOTION, "no", "yes", "wrong"),
        (MOTION, "it depends", "yes", "abstained"),
    ],
)
def test_compares_canonical_forms(question: Question, text: str, target: str, expected: str) -> None:
    assert score(answered(text, question), target, question) == expected


@given(st.text())
def test_an_abstention_is_never_right(target: str) -> None:
    question = Question(text="What is it?")
    if question.canonical(target) is not None:
        assert score(Answer(text=target), target, question) == "abstained"


def test_a_target_that_is_no_answer_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'perhaps' is no answer of type 'boolean'"):
        score(answered("yes", MOTION), "perhaps", MOTION)
