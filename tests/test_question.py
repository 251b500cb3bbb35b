"""Questions, and the one form in which each answer is counted."""

import string
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from disputatio.question import Question
from disputatio.thought import Thought

TEXT = Question(text="Which?")
NUMBER = Question(text="How many?", answer_type="number")
BOOLEAN = Question(text="Is it so?", answer_type="boolean")
CHOICE = Question(text="Which?", choices=("a cat", "Dog", "42", "none of these"))
ALL = (TEXT, NUMBER, BOOLEAN, CHOICE)
LOOSE = settings(deadline=None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", "4"),
        ("4.0", "4"),
        ("0.50", "1/2"),
        ("1/2", "1/2"),
        ("2 / 4", "1/2"),
        (".5", "1/2"),
        ("-3", "-3"),
        ("\u22123", "-3"),
        ("+7", "7"),
        ("1,000,000", "1000000"),
        ("1e3", "1000"),
        ("12 apples", "12"),
        ("$5", "5"),
        ("**42**.", "42"),
        ("50%", "50%"),
        ("50 %", "50%"),
        ("50", "50"),
        ("3 or 4", None),
        ("five", None),
        ("1/0", None),
        ("NaN", None),
        ("Infinity", None),
        ("", None),
        ("10^3", None),
        ("1,00", None),
        ("9" * 4000 + "e999", None),
        ("9" * 5000, None),
    ],
)
def test_numbers(text: str, value: str | None) -> None:
    assert NUMBER.canonical(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes", "yes"),
        ("no.", "no"),
        ("**TRUE**", "yes"),
        ("For the motion", "yes"),
        ("Against, on balance", "no"),
        ("disagree", "no"),
        ("(yes)", "yes"),
        ("[no]", "no"),
        ("Yes, and gladly", "yes"),
        ("Yes and no", None),
        ("yes/no", None),
        ("Yesterday", None),
        ("forget it", None),
        ("maybe", None),
        ("none", None),
        ("", None),
        ("not at all", None),
    ],
)
def test_booleans(text: str, value: str | None) -> None:
    assert BOOLEAN.canonical(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(b)", "B"),
        ("B) Dog", "B"),
        ("B: because it barks", "B"),
        ("Option B", "B"),
        ("[B]", "B"),
        ("[b] Dog", "B"),
        ("choice (b).", "B"),
        ("dog", "B"),
        ("A cat", "A"),
        ("42", "C"),
        ("None of these.", "D"),
        ("A dog", None),
        ("A or B", None),
        ("E", None),
        ("a horse", None),
        ("", None),
        ("BB", None),
    ],
)
def test_choices(text: str, value: str | None) -> None:
    assert CHOICE.canonical(text) == value


@pytest.mark.parametrize(
    "text", ["The Moon", "the moon.", " **The  moon** ", "THE MOON!", '"The moon"', "the\u00a0moon"]
)
def test_words_are_compared_without_case_space_and_marks(text: str) -> None:
    assert TEXT.canonical(text) == "the moon"


@pytest.mark.parametrize("text", ["", "  ", "...", "**", "\n", "?!", None])
def test_what_has_no_words_is_no_answer(text: str | None) -> None:
    assert [question.canonical(text) for question in ALL] == [None] * 4


@pytest.mark.parametrize(
    ("one", "other"), [("-5", "5"), ("C++", "C"), ("3.5", "35"), ("x < 3", "x > 3"), ("1/2", "12")]
)
def test_different_answers_in_words_stay_different(one: str, other: str) -> None:
    assert TEXT.canonical(one) != TEXT.canonical(other)


def test_one_word_in_two_encodings_is_one_answer() -> None:
    assert TEXT.canonical("caf\u00e9") == TEXT.canonical("cafe\u0301")


@LOOSE
@given(st.fractions(), st.sampled_from(["{}", " {} ", "**{}**", "{}.", "`{}`"]))
def test_every_way_to_write_a_fraction_is_one_answer(value: Fraction, frame: str) -> None:
    written = f"{value.numerator}/{value.denominator}"
    assert NUMBER.canonical(frame.format(written)) == str(value)
    assert NUMBER.canonical(f"{value.numerator * 3} / {value.denominator * 3}") == str(value)


@LOOSE
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_decimals_and_thousands_are_read(value: object) -> None:
    assert NUMBER.canonical(str(value)) == NUMBER.canonical(f"{value:,}") == str(Fraction(str(value)))


@LOOSE
@given(st.text(st.characters()))
def test_any_text_has_a_stable_form_or_none(text: str) -> None:
    for question in ALL:
        value = question.canonical(text)
        assert value is None or (value and question.canonical(value) == value)
        assert question.canonical(f"  {text}\n") == value


@LOOSE
@given(st.lists(st.text(string.ascii_letters + " ", min_size=2), min_size=1, max_size=26))
def test_every_letter_of_a_choice_chooses_it(choices: list[str]) -> None:
    question = Question(text="Which?", choices=tuple(f"<{choice}>" for choice in choices))
    for label in question.labels:
        assert question.canonical(label) == question.canonical(f"({label.lower()})") == label


def test_the_prompt_shows_documents_question_and_choices_in_this_order() -> None:
    question = Question(text=" Which? ", choices=("cat", "dog"), context=("One.", "Two."))
    assert str(question) == "Document 1:\nOne.\n\nDocument 2:\nTwo.\n\nQuestion: Which?\n\nA) cat\nB) dog"
    assert question.answer_type == "choice"
    assert question.labels == "AB"


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": ""},
        {"text": " \n"},
        {"text": "x" * 200_001},
        {"text": "x", "answer_type": "choice"},
        {"text": "x", "choices": ("a",), "answer_type": "text"},
        {"text": "x", "choices": ("a",) * 27},
        {"text": "x", "answer_type": "poem"},
        {"text": "x", "anwser_type": "text"},
    ],
    ids=str,
)
def test_questions_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Question(**wrong)  # type: ignore[arg-type]


def test_half_a_surrogate_pair_in_a_question_can_be_written_down() -> None:
    question = Question.of("Is \ud800 so?")
    assert Question.model_validate_json(question.model_dump_json()) == question
    assert Question.of(question) is question


def test_half_a_surrogate_pair_in_the_fields_of_a_reply_can_be_written_down() -> None:
    said = Thought(author="a", role="a", kind="claim", text="x", data={"answer": "0\ud800", "of": [{"\udfff": 10**30}]})
    assert said.data == {"answer": "0?", "of": [{"?": 10**30}]}
    assert Thought.model_validate_json(said.model_dump_json()) == said
