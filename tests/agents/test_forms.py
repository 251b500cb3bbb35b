"""Forms: what is read out of a reply, and what is not."""

import json
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import Field, create_model

from disputatio.agents import Answered, Critique, Form, Percent, Plan, Replies, Ruling, answered
from disputatio.agents.forms import label, lines_of, read, schema_of, unmarked
from disputatio.question import Question

FORMS: tuple[type[Form], ...] = (Answered, Critique, Plan, Replies, Ruling)


def answer(text: str) -> tuple[str, int | None] | None:
    form = read(text, Answered)
    return (form.answer, form.confidence) if form else None


@pytest.mark.parametrize(
    "text",
    [
        "Answer: Paris\nConfidence: 80",
        "Because it is.\n\nAnswer: Paris\nConfidence: 80%",
        "**Answer:** Paris\n**Confidence:** 80 %",
        "- Answer: Paris\n- Confidence: 0.8",
        "## Answer: Paris\nCONFIDENCE: 80",
        "answer : Paris\nconfidence : 80",
        "Answer: <Paris>\nConfidence: <80>",
        "Answer: Rome\nNo, wait.\nAnswer: Paris\nConfidence: 80",
        '{"answer": "Paris", "confidence": 80}',
        '{"answer": "Paris", "confidence": "80%"}',
        'So:\n```json\n{"answer": "Paris", "confidence": 80}\n```\nThat is all.',
        'An example is {"answer": "Rome", "confidence": 10}; mine is {"answer": "Paris", "confidence": 80}.',
        'Not {this} {"and": {"not": "this"}} but {"answer": "Paris", "confidence": 80}',
        "Answer: Paris\r\nConfidence: 80\r\n",
    ],
)
def test_an_answer_is_read_however_it_is_written(text: str) -> None:
    assert answer(text) == ("Paris", 80)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris",
        "Answer",
        "The answer: no, two answers",
        '{"answer": ["Paris"]}',
        '{"answer": null}',
        '{"confidence": 80}',
    ],
)
def test_what_is_no_answer_is_none(text: str) -> None:
    assert answer(text) is None


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        ("80", 80),
        ("80%", 80),
        ("0.8", 80),
        ("1", 1),
        ("1.0", 100),
        ("0", 0),
        ("100", 100),
        ("12.6", 13),
        ("101", None),
        ("-1", None),
        ("-0.5", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("high", None),
        ("", None),
    ],
)
def test_a_confidence_is_a_percentage_or_none(said: str, read_as: int | None) -> None:
    assert answer(f"Answer: Paris\nConfidence: {said}") == ("Paris", read_as)


@pytest.mark.parametrize("bare", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_number_is_no_value(bare: str) -> None:
    assert answer(f'{{"answer": "Paris", "confidence": {bare}}}') == ("Paris", None)
    assert answer(f'{{"answer": {bare}, "confidence": 80}}') is None


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Verdict: refuted\nScore: 10\nReason: so", "refuted"),
        ("Verdict: Refuted, since it is not so.", "refuted"),
        ("Verdict: **supported**", "supported"),
        ("Verdict: supportedly", None),
        ("Verdict: not refuted", None),
        ("Verdict: refuted or supported", "refuted"),
        ("Verdict:", None),
    ],
)
def test_a_verdict_is_one_of_three_words(text: str, verdict: str | None) -> None:
    form = read(text, Ruling)
    assert (form.verdict if form else None) == verdict


@pytest.mark.parametrize(
    ("said", "another"),
    [("yes", True), ("No.", False), ("yes, since much is open", True), ("NO", False), ("perhaps", None), ("", None)],
)
def test_yes_and_no_are_read_with_what_follows(said: str, another: bool | None) -> None:
    form = read(f"Weakest point: none\nAnother round: {said}", Critique)
    assert (form.another_round if form else None) is another


@pytest.mark.parametrize(
    "text",
    [
        "Replies:\n1. One.\n2. Two.",
        "Replies:\n- One.\n- Two.",
        "Replies: One.\nTwo.",
        "Replies:\n\n(1) One.\n\n(2) Two.\n",
        "**Replies:**\n* One.\n* Two.",
        '{"replies": ["One.", "Two."]}',
    ],
)
def test_lists_are_read_with_any_bullets(text: str) -> None:
    form = read(text, Replies)
    assert form
    assert form.replies == ["One.", "Two."]


@pytest.mark.parametrize("text", ["Replies:", "Replies: none", "Replies: -"])
def test_an_empty_list_is_a_list(text: str) -> None:
    form = read(text, Replies)
    assert form
    assert form.replies == []


def test_a_form_asks_for_its_lines_and_reads_them_back() -> None:
    assert lines_of(Critique).splitlines()[-1].startswith("Another round: <")
    assert label("another_round") == "Another round"
    ruling = Ruling(reason="It is known.", verdict="supported", score=90)
    assert read(str(ruling), Ruling) == ruling
    plan = Plan(points=["Who pays?", "Who gains?"])
    assert read(str(plan), Plan) == plan


kinds = st.sampled_from(FORMS)
LOOSE = settings(deadline=None)


@LOOSE
@given(kinds, st.text(st.characters()))
def test_no_text_breaks_the_reader(form: type[Form], text: str) -> None:
    read(text, form)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@LOOSE
@given(kinds, st.data())
def test_no_json_breaks_the_reader_and_what_is_read_is_valid(form: type[Form], data: st.DataObject) -> None:
    fields = {name: data.draw(values) for name in form.model_fields}
    filled = read(f"So: {json.dumps(fields)}", form)
    if filled is not None:
        assert form.model_validate(filled.model_dump()) == filled
        assert json.loads(filled.model_dump_json()) == filled.model_dump(mode="json")


@LOOSE
@given(kinds, st.lists(st.tuples(st.sampled_from(["Answer", "Confidence", "Replies", "Verdict", "Score"]), st.text())))
def test_no_lines_break_the_reader(form: type[Form], lines: list[tuple[str, str]]) -> None:
    read("\n".join(f"{name}: {value}" for name, value in lines), form)


@pytest.mark.parametrize(
    "value",
    [
        "2 * 3*", "2 * 3 * 4", "2*3*4", "2**3", "*args", "*args, **kwargs", "char**", "__init__", "_private",
        "snake_case_", "a_b_c", "(*p)*(*q)", "List<int>", "x > 3", "-4", "# 4", "a * b and c *d", "**", "*",
    ],
)  # fmt: skip
def test_marks_that_are_no_emphasis_stay(value: str) -> None:
    assert answer(f"Answer: {value}\nConfidence: 80") == (value, 80)
    assert answer(f"**Answer:** {value}\n**Confidence:** 80") == (value, 80)
    form = read(f"Replies:\n1. {value}.\n2. {value}.", Replies)
    assert form
    assert form.replies == [f"{value}."] * 2


@pytest.mark.parametrize("form", ["{}Answer:{} x", "{}Answer{}: x", "{}Answer: x{}", "Answer: {}x{}", "{}Answer: {}x"])
@pytest.mark.parametrize("mark", ["*", "**", "***", "_", "`", "**_|_**"])
def test_emphasis_is_taken_off(form: str, mark: str) -> None:
    left, _, right = mark.partition("|")
    assert answer(form.format(left, right or left)) == ("x", None)


words = st.text("ab2 *_`()[]<+.,", min_size=1).map(str.strip).filter(lambda text: text and text not in ("<>",))


@LOOSE
@given(words)
def test_what_markdown_takes_for_no_emphasis_is_read_as_it_is(value: str) -> None:
    parsed = MarkdownIt("zero").enable(["emphasis", "backticks"]).parseInline(value)[0].children or []
    if {one.type for one in parsed} == {"text"}:
        assert answer(f"Answer: {value}") == (value, None)
        assert unmarked(value) == value


@LOOSE
@given(st.text("ab2(+ ", min_size=1).map(str.strip).filter(bool), st.sampled_from(["*", "**", "***", "_", "`", "``"]))
def test_one_emphasis_around_all_is_taken_off_and_nothing_else(value: str, mark: str) -> None:
    assert unmarked(f"{mark}{value}{mark}") == value


def test_a_long_reply_is_read_in_little_time() -> None:
    assert read("{" * 200_000, Answered) is None
    assert read("Answers: " + "*a " * 20_000, Answered) is None
    assert read("Answers: " + "*a_" * 20_000, Answered) is None
    assert read('{"answer": ' * 100_000, Answered) is None
    assert answer("word " * 100_000 + "\nAnswer: Paris\nConfidence: 80") == ("Paris", 80)


@pytest.mark.parametrize("form", FORMS)
def test_a_schema_is_strict_for_every_server(form: type[Form]) -> None:
    schema = schema_of(form, longest=50)
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"]) == list(form.model_fields)
    text = json.dumps(schema)
    assert not [word for word in ('"default"', '"anyOf"', '"title"', '"null"') if word in text]
    assert ("maxLength" in text) == ('"type": "string"' in text and form is not Critique) or form is Critique


def test_a_field_that_is_called_as_a_key_of_a_schema_stays() -> None:
    odd = create_model("Odd", __base__=Form, title=(str, Field(description="a title")), default=(Percent, 3))
    assert schema_of(odd)["required"] == ["title", "default"]
    assert read("Title: One\nDefault: 7", odd) == odd(title="One", default=7)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (Question(text="x", choices=("a", "b", "c")), {"enum": ["A", "B", "C"]}),
        (Question(text="x", answer_type="boolean"), {"enum": ["yes", "no"]}),
        (Question(text="x", answer_type="number"), {"pattern": r"^-?[0-9]+([./][0-9]+)?$"}),
        (Question(text="x"), {}),
    ],
)
def test_an_answer_is_held_to_the_questions_kind(question: Question, expected: dict[str, object]) -> None:
    schema = schema_of(answered(question))["properties"]["answer"]
    assert {key: value for key, value in schema.items() if key not in ("type", "description")} == expected
    assert issubclass(answered(question), Answered)


def test_a_form_of_the_users_own_is_read() -> None:
    class Mood(Form):
        mood: Literal["good", "bad"] = Field(description="good or bad")
        reasons: list[str] = Field(description="why, one a line")

    form = read("I feel well.\nMood: good\nReasons:\n1. sun\n2. tea", Mood)
    assert form == Mood(mood="good", reasons=["sun", "tea"])
    assert read("Mood: middling\nReasons: none", Mood) is None
