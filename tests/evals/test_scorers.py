"""Scorers of numbers, sets, grids, steps and expressions, against what models really write."""

import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from disputatio.errors import ConfigurationError, MissingExtraError
from disputatio.evals import Item, Score, score
from disputatio.evals.scorers import SCORERS
from disputatio.question import Question
from disputatio.thought import Answer

NUMBER = Question(text="How many?", answer_type="number")
SHARE = Question(text="What percentage is it?", answer_type="number")
OPEN = Question(text="What is it?")


def scored(text: str, target: object, scorer: str, question: Question = OPEN, **parameters: object) -> Score:
    """Score a text as a strategy hands it over."""
    item = Item(id="1", question=question, target=target, scorer=scorer, parameters=parameters)
    return score(item, Answer(text=text, value=question.canonical(text)))


@pytest.mark.parametrize(
    ("text", "target", "parameters", "value"),
    [
        ("18", "18", {}, 1),
        ("$18.00", "18", {}, 1),
        ("18 dollars per day.", "18", {}, 1),
        ("1,234", 1234, {}, 1),
        ("0.50", "1/2", {}, 1),
        ("-5", "5", {}, 0),
        ("\u22125", "-5", {}, 1),
        ("17", "18", {}, 0),
        ("17 or 18", "18", {}, None),
        ("eighteen", "18", {}, None),
        ("A", "18", {}, None),
        ("None", "18", {}, None),
        ("", "18", {}, None),
        (" \n\t", "18", {}, None),
        ("NaN", "18", {}, None),
        ("9" * 100_000, "18", {}, None),
        ("1e999", "18", {}, 0),
        ("50%", "0.5", {}, 1),
        ("50%", "50", {}, 0),
        ("12.9", "12.949", {"lower": "12.30155", "upper": "13.59645"}, 1),
        ("13.6", "12.949", {"lower": "12.30155", "upper": "13.59645"}, 0),
        ("-1.1", "-1", {"lower": -0.9, "upper": -1.2}, 1),
        ("3.14", "3.14159", {"tolerance": 0.01}, 1),
        ("3.15", "3.14159", {"tolerance": 0.001}, 0),
        ("99", "100", {"relative": 0.01}, 1),
        ("98.9", "100", {"relative": 0.01}, 0),
    ],
)
def test_numbers(text: str, target: object, parameters: dict[str, object], value: float | None) -> None:
    assert scored(text, target, "number", NUMBER, **parameters).value == value


def test_a_per_cent_is_a_hundredth_or_what_a_question_for_per_cents_asks_for() -> None:
    assert [scored(text, "50", "number", SHARE).value for text in ("50%", "50", "0.5", "5000%")] == [1, 1, 0, 1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5 m", 1),
        ("150 cm", 1),
        ("1.5", 1),
        ("1500 mm.", 1),
        ("1.5 cm", 0),
        ("1.5 kg", 0),
        ("1.5 apples", 0),
        ("150 cm or 2 m", None),
        ("1.5 m^99999999", None),
    ],
)
def test_units_are_converted_where_an_item_has_one(text: str, value: float | None) -> None:
    pytest.importorskip("pint", reason="the extra eval is not installed")
    assert scored(text, "1.5", "number", NUMBER, unit="m").value == value


def test_a_missing_library_is_an_error_and_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pint", None)
    with pytest.raises(MissingExtraError, match=r"disputatio\[eval\]"):
        scored("150 cm", "1.5", "number", NUMBER, unit="m")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Cuba; Egypt; Poland", 1),
        ("poland, egypt and cuba", 1),
        ('["Egypt", "Cuba", "Poland", "Cuba"]', 1),
        ("- Cuba\n- Egypt\n- Poland", 1),
        ("1. Cuba\n2. Egypt\n3. Poland\n", 1),
        ("Cuba, Egypt", 0),
        ("Cuba, Egypt, Poland, Peru", 0),
        ("None", 0),
        ("A", 0),
        ("", None),
        (";;;", None),
        ("[" * 100_000 + "1", 0),
        ("Cuba, " * 50_000, 0),
    ],
)
def test_sets(text: str, value: float | None) -> None:
    assert scored(text, ["Cuba", "Egypt", "Poland"], "set").value == value


def test_a_member_may_hold_a_comma_and_a_part_may_count() -> None:
    assert scored("May 1, 2004", ["May 1, 2004"], "set").value == 1
    assert scored("Trinidad and Tobago; Cuba", ["Cuba", "Trinidad and Tobago"], "set").value == 1
    # 2 of 3 are right, of 4: 2 * 2 / (3 + 4).
    assert scored("a1, b1, x1", ["a1", "b1", "c1", "d1"], "set", partial=True).value == pytest.approx(4 / 7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 2\n3 4", 1),
        ("[[1, 2], [3, 4]]", 1),
        ("```\n1 2\n3 4\n```", 1),
        ("12\n34", 1),
        ("1,2\n3,4\n", 1),
        ("| 1 | 2 |\n| 3 | 4 |", 1),
        ("1 2\n3 5", 0),
        ("1 2 3 4", 0),
        ("1 2\n3 4\n5 6", 0),
        ("the grid is 1 2 3 4", None),
        ("[[1, 2], [3, true]]", None),
        ("[[1, 2], []]", None),
        ("[]", None),
        ("A", None),
        ("None", None),
        ("", None),
        ("9" * 200_000, 0),
    ],
)
def test_grids(text: str, value: float | None) -> None:
    assert scored(text, [[1, 2], [3, 4]], "grid").value == value


@pytest.mark.parametrize(
    ("text", "target", "value"),
    [
        ("3", "3", 1),
        ("Step 3", "3", 1),
        ("3.", "3", 1),
        ("step three", "3", 1),
        ("Steps 4 and 3 are wrong", "3", 1),
        ("step 13", "3", 0),
        ("none", "none", 1),
        ("N/A", "none", 1),
        ("None.", "N/A", 1),
        ("no error", "none", 1),
        ("none", "3", 0),
        ("2", "none", 0),
        ("0", "3", None),
        ("Step 0", "none", None),
        ("it is fine", "none", None),
        ("2.5", "2", None),
        ("A", "1", None),
        ("", "none", None),
        ("step " * 100_000, "3", None),
    ],
)
def test_first_errors(text: str, target: str, value: float | None) -> None:
    assert scored(text, target, "first_error").value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(1 + 2) * (2 + 6)", 1),
        ("(1+2)*(2+6) = 24", 1),
        ("(1 + 2) \u00d7 (2 + 6)", 1),
        ("$(1 + 2) * (2 + 6)$.", 1),
        ("[1 + 2] * (6 + 2)", 1),
        ("24", 0),
        ("6 * 2 * 2 * 1", 1),
        ("6 * 2 * 2", 0),
        ("6 * 2 * 2 * 1 * 1", 0),
        ("12 + 2 * 6", 0),
        ("1 + 2 + 2 + 6", 0),
        ("6 * 2 * 2 / (1 - 1)", None),
        ("(1 + 2) * (2 + 6) or 6 * 2 * 2 * 1", None),
        ("(1 + 2) * (2 + 6) = maybe", None),
        ("2 ** 2 * 6 * 1", None),
        ("9 ** 9 ** 9 ** 9", None),
        ("__import__('os').getcwd()", None),
        ("[1 for x in range(10**9)]", None),
        ("Answer: None", None),
        ("A", None),
        ("", None),
        ("(" * 1000 + "1" + ")" * 1000, None),
    ],
)
def test_the_game_of_24(text: str, value: float | None) -> None:
    assert scored(text, "24", "expression", numbers=[1, 2, 2, 6]).value == value


BASIC = sorted(set(SCORERS) - {"math", "sql", "code", "choice", "ruling", "preference"})
TARGETS: dict[str, JsonValue] = {
    "number": "1", "expression": "1", "grid": [[1]], "first_error": "1", "set": ["1"], "text": "1", "f1": "1",
    "tool_calls": [{"name": "f", "arguments": {}}], "plan": ["put down one"],
}  # fmt: skip
MORE: dict[str, dict[str, object]] = {
    "expression": {"numbers": [1]}, "plan": {"init": "you are holding one", "goal": "one is on the table"},
}  # fmt: skip


@pytest.mark.parametrize("scorer", BASIC)
@given(st.text(st.characters(), max_size=200))
@example("\N{JAVANESE DIGIT ONE}")
def test_no_text_breaks_a_scorer_or_is_right_by_chance(scorer: str, text: str) -> None:
    parameters = MORE.get(scorer, {})
    found = scored(text, TARGETS[scorer], scorer, **parameters)
    a_one = "one" in text.lower() or any(unicodedata.digit(sign, None) == 1 for sign in text)  # in any script
    assert found.value in (None, 0) or a_one
    assert scored("", TARGETS[scorer], scorer, **parameters).status == "abstained"


PAIR = Question(text="Which is better?", choices=("one", "two"))
VERDICTS = {  # all that is read as a verdict, with what it is worth
    "ruling": {"wrong": 1, "right": 0},
    "preference": {"A A": 1, "A B": 0.5, "B A": 0.5, "B B": 0},
}


@pytest.mark.parametrize(("scorer", "target", "question"), [("ruling", "1", OPEN), ("preference", "A", PAIR)])
@given(st.text(st.characters(), max_size=200) | st.text("AB? rightwong at3", max_size=12))
@example("wrong")
@example("A A")
@example("A ?")
def test_no_text_is_a_verdict_by_chance(scorer: str, target: str, question: Question, text: str) -> None:
    item = Item(id="1", question=question, target=target, scorer=scorer)
    found, known = score(item, Answer(text=text, value=text or None)), VERDICTS[scorer]
    if text in known:
        assert found.value == known[text]
    elif not (scorer == "ruling" and re.fullmatch(r"wrong at \d+", text)):
        assert (found.value, found.status) == (None, "abstained")


@pytest.mark.parametrize(
    ("scorer", "target", "parameters"),
    [
        ("number", "many", {}),
        ("number", True, {}),
        ("number", "1", {"lower": "few"}),
        ("grid", [], {}),
        ("grid", [["a"]], {}),
        ("grid", "1 2", {}),
        ("first_error", "soon", {}),
        ("set", [], {}),
        ("expression", "24", {}),
        ("math", "", {}),
        ("sql", "SELECT 1", {}),
        ("code", "x = 1", {}),
    ],
)
def test_a_target_that_is_none_is_a_fault_of_the_task(
    scorer: str, target: object, parameters: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError):
        scored("1", target, scorer, **parameters)


def test_integers_of_any_length_are_read_or_refused_and_never_raise() -> None:
    digits = "1" * (sys.get_int_max_str_digits() + 1)
    assert scored(digits, "1", "number").status == "abstained"
    assert scored(f"step {digits}", "1", "first_error").status == "abstained"
