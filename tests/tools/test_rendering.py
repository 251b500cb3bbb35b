"""Results as a model sees them."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from disputatio.errors import ToolError
from disputatio.tools import Attachment
from disputatio.tools.rendering import MAX_ATTACHMENT, render
from disputatio.writing import as_data, visible

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000002800000001e0806000000")


class Colour(Enum):
    RED = "red"


class Price(BaseModel):
    amount: Decimal


@dataclass
class Pair:
    a: int
    b: list[int]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("words", "words"),
        (True, "true"),
        (None, "null"),
        (7, "7"),
        (0.1, "0.1"),
        (float("nan"), "not a number"),
        (float("inf"), "infinity"),
        (float("-inf"), "minus infinity"),
        ([1, "a", None], '[1, "a", null]'),
        ({"a": {"b": "ü"}}, '{"a": {"b": "ü"}}'),
        ({1: 2, (1, 2): 3}, '{"1": 2, "(1, 2)": 3}'),
        ({3}, "[3]"),
        (Colour.RED, '"red"'),
        (Fraction(1, 3), '"1/3"'),
        (date(2024, 2, 29), '"2024-02-29"'),
        (Price(amount=Decimal("1.50")), '{"amount": "1.50"}'),
        (Pair(1, [2]), '{"a": 1, "b": [2]}'),
        ([{"a": 1, "b": "x|y"}, {"a": None, "c": float("nan")}],
         "| a | b | c |\n| --- | --- | --- |\n| 1 | x\\|y |  |\n|  |  | not a number |"),
        ([{"a": [1]}], '[{"a": [1]}]'),
        ([], "[]"),
        ("a\x1b[31m\u202eb\U000e0041\x00c\r\nd", "a\\x1b[31m\\u202eb\\U000e0041\\x00c\nd"),
    ],
    ids=repr,
)  # fmt: skip
def test_everything_has_a_form(value: Any, text: str) -> None:
    assert render(value).text == text


def test_numbers_hold_no_words() -> None:
    assert [render(value).is_text for value in (1, 1.5, True, None, "1", [1], {"a": 1})] == [False] * 4 + [True] * 3


def test_bytes_and_images_become_attachments() -> None:
    one = render(PNG)
    assert one.text.startswith(f"[image/png: 640 x 30 pixels, {len(PNG)} bytes, sha256 ")
    assert one.attachments == (Attachment("image/png", PNG),)
    assert render(b"\x00\x01").text.startswith("[application/octet-stream: 2 bytes, sha256 ")
    both = render(["see", PNG, {"a": 1}])
    assert both.text.splitlines()[0::2] == ["see", '{"a": 1}']
    assert both.attachments == (Attachment("image/png", PNG),)
    assert render(memoryview(b"\xff\xd8\xff")).attachments[0].media_type == "image/jpeg"


def test_objects_that_can_draw_themselves_become_images() -> None:
    class Picture:
        def _repr_png_(self) -> bytes:
            return PNG

    class Figure:
        def savefig(self, file: Any, format: str) -> None:
            file.write(PNG)

    assert [render(one).attachments[0].content for one in (Picture(), Figure())] == [PNG, PNG]


def test_what_is_too_long_is_cut_and_says_so() -> None:
    cut = render("a" * 60 + "b" * 60, 100).text
    assert cut == f"{'a' * 60}{'b' * 15}\n... (20 of 120 characters left out) ...\n{'b' * 25}"
    rows = render([{"n": n} for n in range(1000)], 100).text
    assert rows.endswith("rows are shown)")
    assert "of 1000 rows" in rows
    numbers = render(list(range(10**6)), 100).text
    assert numbers.endswith("... (cut after 100 characters)")
    assert "(99,999,000 of 100,000,000 characters left out)" in render("x" * 10**8, 1000).text
    assert len(render({"a": "y" * 10**8}, 1000).text) < 1100


def circle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


class Broken:
    def __str__(self) -> str:
        raise KeyError("no")


@pytest.mark.parametrize(
    "value",
    [circle(), 10**5000, Broken(), b"x" * (MAX_ATTACHMENT + 1), {"a": Broken()}],
    ids=lambda one: str(type(one)),
)
def test_what_cannot_be_shown_is_an_error_for_the_model(value: Any) -> None:
    with pytest.raises(ToolError):
        render(value)


def test_nesting_without_end_is_shown_in_part_or_refused() -> None:
    with pytest.raises(ToolError, match="nested too deep"):
        render(deep(), 10**6)


@given(st.text())
def test_whatever_comes_from_outside_no_line_of_it_looks_like_a_prompt(text: str) -> None:
    shown = as_data(text)
    assert all(line.startswith("| ") for line in shown.splitlines()[1:])
    assert visible(shown) == shown
    json.dumps(shown).encode()
