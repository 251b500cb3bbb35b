"""Scoring words: equal answers are right however they are written, and an abstention never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from disputatio.errors import ConfigurationError
from disputatio.evals import Item, Score, score
from disputatio.question import Question
from disputatio.thought import Answer

ANIMAL = Question(text="Which one barks?", choices=("cat", "dog"))
MOTION = Question(text="Is it so?", answer_type="boolean")
NAME = Question(text="What is it called?")


def scored(text: str, target: object, question: Question, scorer: str = "choice", **parameters: object) -> Score:
    """Score a text as a strategy hands it over."""
    item = Item(id="1", question=question, target=target, scorer=scorer, parameters=parameters)
    return score(item, Answer(text=text, value=question.canonical(text)))


@pytest.mark.parametrize(
    ("question", "text", "target", "value"),
    [
        (ANIMAL, "(b)", "B", 1),
        (ANIMAL, "dog", "B", 1),
        (ANIMAL, " B ", "dog", 1),
        (ANIMAL, "A", "dog", 0),
        (ANIMAL, "A dog would bark", "A", None),
        (ANIMAL, "A or B", "A", None),
        (ANIMAL, "Agent: none of the above", "A", None),
        (ANIMAL, "None", "A", None),
        (ANIMAL, "E", "A", None),
        (ANIMAL, "", "A", None),
        (ANIMAL, " \n ", "A", None),
        (ANIMAL, "A" * 1_000_000, "A", None),
        (MOTION, "True.", "yes", 1),
        (MOTION, "yes", True, 1),
        (MOTION, "no", "yes", 0),
        (MOTION, "yes and no", "yes", None),
        (MOTION, "it depends", "yes", None),
        (MOTION, "None", "no", None),
    ],
)
def test_choices(question: Question, text: str, target: object, value: float | None) -> None:
    assert scored(text, target, question).value == value


@pytest.mark.parametrize(
    ("text", "target", "value"),
    [
        ("The Moon.", "moon", 1),
        ("**the moon**", ["sun", "Moon"], 1),
        ("moon or sun", "moon", 0),
        ("a", "the", 0),
        ("A", "a", 1),
        ("None", "none", 1),
        ("None", "moon", 0),
        ("C", "C++", 0),
        ("-5", "5", 0),
        ("5", 5, 1),
        ("", "moon", None),
        ("?!", "moon", None),
        ("moon " * 100_000, "moon", 0),
    ],
)
def test_texts(text: str, target: object, value: float | None) -> None:
    assert scored(text, target, NAME, "text").value == value


@pytest.mark.parametrize(
    ("text", "target", "value"),
    [
        ("the cat sat", "the cat", 2 / 3),  # articles do not count: 1 of 2 + 1 words, twice
        ("cat", ["dog", "cat"], 1),
        ("dog", "cat", 0),
        ("yes it is", "yes", 0),
        ("yes", "Yes.", 1),
        ("cat cat cat", "cat", 0.5),
        ("", "cat", None),
    ],
)
def test_shared_words(text: str, target: object, value: float | None) -> None:
    assert scored(text, target, NAME, "f1").value == value


@given(st.text(), st.text(), st.sampled_from(["text", "f1"]))
def test_an_abstention_is_never_right_and_a_text_is_as_right_as_its_twin(text: str, target: str, scorer: str) -> None:
    if NAME.canonical(target) is None:
        return
    item = Item(id="1", question=NAME, target=target, scorer=scorer)
    assert score(item, Answer(text=target)).status == "abstained"
    assert scored(target, target, NAME, scorer).value == 1
    found = scored(text, target, NAME, scorer)
    assert (found.value is None) == (NAME.canonical(text) is None)
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"target": "perhaps", "scorer": "choice"}, "'perhaps' is none of its answers"),
        ({"target": "yes", "scorer": "chioce"}, "unknown scorer 'chioce'; did you mean 'choice'"),
        ({"target": "yes", "scorer": "text", "parameters": {"case": True}}, "unexpected keyword argument 'case'"),
        ({"target": [], "scorer": "text"}, "is no text and no list of texts"),
        ({"target": ["a", {}], "scorer": "f1"}, "is no text and no list of texts"),
        ({"target": None, "scorer": "text"}, "is no text and no list of texts"),
    ],
)
def test_a_fault_of_the_task_is_an_error_and_no_score(item: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        score(Item(id="1", question=MOTION, **item), Answer(text="yes", value="yes"))  # type: ignore[arg-type]


def test_a_score_has_a_value_if_and_only_if_something_was_compared() -> None:
    with pytest.raises(ValidationError):
        Score(reason="none")
    with pytest.raises(ValidationError):
        Score(value=1, status="abstained", reason="none")
    with pytest.raises(ValidationError):
        Score(value=1.5, reason="too much")
