"""Truth tables, units and dates: numbers worked by hand, brute force, and hostile input."""

from contextlib import suppress
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ToolError
from disputatio.tools import convert_units, dates, truth_table
from disputatio.tools.formula import columns_of, parse_formula
from disputatio.tools.truth_table import table_of


@pytest.mark.parametrize(
    ("premises", "conclusion", "verdict", "surviving"),
    [
        (["A or B", "not A"], "B", "True", ["A=F B=T"]),
        (["A or B", "not A"], "A", "False", ["A=F B=T"]),
        (["A -> B"], "B", "Uncertain", ["A=T B=T", "A=F B=T", "A=F B=F"]),
        (["A", "not A"], "B", "Inconsistent", []),
        ([], "a or not a", "True", ["a=T", "a=F"]),
        (["a \u2227 \u00acb \u2192 c", "a & ~b"], "c", "True", ["a=T b=F c=T"]),
        (["a <-> b", "a xor c"], "b xor c", "True", ["a=T b=T c=F", "a=F b=F c=T"]),
        ([], "a -> b -> a", "True", ["a=T b=T", "a=T b=F", "a=F b=T", "a=F b=F"]),
    ],
)
def test_the_verdict_follows_from_the_rows_that_survive(
    premises: list[str], conclusion: str, verdict: str, surviving: list[str]
) -> None:
    found = truth_table(premises, conclusion)
    assert (found["verdict"], found["surviving_rows"]) == (verdict, surviving)


formulas = st.recursive(
    st.sampled_from("abcdef"),
    lambda inner: st.one_of(
        st.builds("not {}".format, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or", "->", "<->", "xor"]), inner),
    ),
    max_leaves=8,
)
WORDS = {"->": "<=", "<->": "==", "xor": "!="}


@given(st.lists(formulas, max_size=3), formulas)
def test_the_verdict_is_that_of_brute_force(premises: list[str], conclusion: str) -> None:
    def python(text: str) -> str:
        parsed = parse_formula(text)

        def written(one: object) -> str:
            parts = [f"bool({written(part)})" for part in one.parts]  # type: ignore[attr-defined]
            sign = one.operator  # type: ignore[attr-defined]
            if sign == "not":
                return f"not {parts[0]}"
            return f" {WORDS.get(sign, sign)} ".join(parts) if parts else str(sign)

        return written(parsed)

    values = []
    for row in product((True, False), repeat=6):
        given_values = dict(zip("abcdef", row, strict=True))
        if all(eval(python(one), {}, given_values) for one in premises):
            values.append(bool(eval(python(conclusion), {}, given_values)))
    expected = "Inconsistent" if not values else "True" if all(values) else "Uncertain" if any(values) else "False"
    assert table_of(premises, conclusion).verdict == expected


@given(formulas)
def test_a_formula_is_read_as_it_is_written_down(text: str) -> None:
    formula = parse_formula(text)
    assert parse_formula(str(formula)) == formula


def test_the_columns_are_those_of_a_table() -> None:
    columns, every = columns_of(["a", "b"])
    assert (columns, every) == ({"a": 0b0011, "b": 0b0101}, 0b1111)


def test_the_first_premise_that_drops_a_row_is_named() -> None:
    table = table_of(["A or B", "not A"], "B")
    assert [table.dropped_by(dict(zip("AB", row, strict=True))) for row in product((True, False), repeat=2)] == [
        2,
        2,
        None,
        1,
    ]


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("", "ends too early"),
        ("a and", "ends too early"),
        ("a b", "comes where the formula should end"),
        ("(a", "not closed"),
        ("a; import os", "not understood"),
        ("(" * 60 + "a" + ")" * 60, "over 50 levels"),
        ("a or " * 500 + "a", "at most 2000"),
        (" and ".join(f"x{n}" for n in range(17)), "at most 16"),
    ],
)
def test_what_is_no_formula_is_refused(formula: str, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        truth_table([], formula)


@given(st.text(alphabet="ab ()&|!-<>=^\u2227notr.,;[]", max_size=40))
def test_any_text_is_a_formula_or_a_tool_error(text: str) -> None:
    with suppress(ToolError):
        table_of([text], "a")


EXACT = [
    ("1 inch", "cm", "2.54 cm"),
    ("20 degC", "degF", "68 degF"),
    ("60 mph", "km/h", "96.56064 km/h"),
    ("3 miles/hour", "m/s", "1.34112 m/s"),
    ("1/3 hour", "s", "1200 s"),
    ("1 kg m / s^2", "N", "1 N"),
    ("3 m\u00b2", "cm\u00b2", "30000 cm\u00b2"),
    ("12 in", "ft", "1 ft"),
    ("5 meters per second", "km/h", "18 km/h"),
    ("1 ft", "yd", "1/3 (about 0.333333333333) yd"),
]


@pytest.mark.parametrize(("quantity", "to", "result"), EXACT)
def test_units_are_converted_exactly(quantity: str, to: str, result: str) -> None:
    pytest.importorskip("pint", reason="needs the extra units")
    assert convert_units(quantity, to) == result


@pytest.mark.parametrize(
    ("quantity", "to", "why"),
    [
        ("5 kg", "m", "Cannot convert"),
        ("1 furlongish", "m", "not defined"),
        ("2**9999999 m", "m", "cannot be read"),
        ("1 m**99999", "m", "whole numbers up to 12"),
        ("1 m**m", "m", "whole numbers up to 12"),
        ("1 __import__('os')", "m", "is no unit"),
        ("1 m.__class__", "m", "is no unit"),
        ("1 m", "m\nimport os", "not defined"),
        ("many m", "cm", "no number with a unit"),
        ("1/0 m", "cm", "divides by zero"),
        ("9" * 500 + " m", "cm", "no number with a unit"),
        ("1 m", "m*" * 60 + "m", "at most 100"),
        ("1 m", "(" * 99, "cannot be read"),
    ],
)
def test_what_is_no_quantity_is_refused(quantity: str, to: str, why: str) -> None:
    pytest.importorskip("pint", reason="needs the extra units")
    with pytest.raises(ToolError, match=why):
        convert_units(quantity, to)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2024-01-31 + 1 month", "2024-02-29 (Thursday, day 60 of the year, ISO week 9 of 2024)"),
        ("2024-02-29 + 1 year", "2025-02-28 (Friday, day 59 of the year, ISO week 9 of 2025)"),
        ("2024-05-03 + 3 weekdays", "2024-05-08 (Wednesday, day 129 of the year, ISO week 19 of 2024)"),
        ("2024-12-25 - 2024-02-29", "300 days (0 years, 9 months and 26 days; 214 weekdays, "),
        ("2024-03-01 to 2024-02-01", "-29 days (minus 0 years, 1 months and 0 days; 21 weekdays, "),
    ],
)  # fmt: skip
def test_dates_are_counted_as_in_the_calendar(expression: str, result: str) -> None:
    assert dates(expression).startswith(result)


days = st.dates(date(1900, 1, 1), date(2100, 1, 1))


@given(days, st.integers(-3000, 3000))
def test_days_and_weekdays_agree_with_counting_one_by_one(start: date, number: int) -> None:
    sign = "+" if number >= 0 else "-"
    assert dates(f"{start} {sign} {abs(number)} days").startswith(str(start + timedelta(days=number)))
    few, day = number % 25, start
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    for _ in range(few):
        day += timedelta(days=1)
        while day.weekday() >= 5:
            day += timedelta(days=1)
    expected = day if few else start
    assert dates(f"{start} + {few} weekdays").startswith(str(expected))


@pytest.mark.parametrize(
    "expression",
    ["", "tomorrow", "2023-02-29", "9999-12-31 + 1 day", "2024-01-01 + 9999999 years", "2024-01-01; import os",
     "2024-01-01" + " + 1 day" * 30, "0000-01-01", "2024-01-01 + 99999999999999 days"],
)  # fmt: skip
def test_what_is_no_date_is_refused(expression: str) -> None:
    with pytest.raises(ToolError) as caught:
        dates(expression)
    assert "\n" not in str(caught.value)
