"""Strict JSON: what it takes, and what it refuses that lenient parsers take."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.strict_json import MAX_LENGTH, parse_object

texts = st.text(st.characters(exclude_categories=("Cs",)))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(texts, values, max_size=5), st.booleans())
def test_every_object_that_json_can_write_comes_back(value: dict[str, object], ascii_only: bool) -> None:
    assert parse_object(json.dumps(value, ensure_ascii=ascii_only)) == value


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ('{"a": 1', "delimiter"),
        ('{"a": 1} x', "Extra data"),
        ("[]", "not a list"),
        ('"a"', "not a text"),
        ("1", "not a number"),
        ("null", "not null"),
        ("true", "not a truth value"),
        ('{"a": 1, "a": 1}', "'a' is there twice"),
        ('{"x": {"b": 1, "c": 2, "b": 3}}', "'b' is there twice"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": -Infinity}', "Infinity is no JSON"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 401 + "}", "401 digits"),
        ('{"a": "\\ud800"}', "half a surrogate"),
        ('{"\\udfff": 1}', "half a surrogate"),
        ('{"a": ["\ud800"]}', "half a surrogate"),
        (nested(65), "over 64 levels"),
        ('{"a":' + "[" * 64 + "]" * 64 + "}", "over 64 levels"),
        (nested(100_000), "over 64 levels"),
        ('{"a": "' + "x" * MAX_LENGTH + '"}', "at most 1000000 fit"),
        ("{'a': 1}", "double quotes"),
        ('{"a": 1,}', "."),
        ('{"a": "\n"}', "control character"),
    ],
    ids=lambda value: value[:30].encode("ascii", "replace").decode(),
)
def test_what_could_be_read_in_two_ways_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_object(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_limits_themselves_are_allowed() -> None:
    assert parse_object('{"a": ' + "9" * 400 + "}") == {"a": int("9" * 400)}
    assert parse_object(nested(64))
    assert parse_object('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_many_keys_of_which_the_last_is_there_twice_take_no_time() -> None:
    text = "{" + ", ".join(f'"{n}": 1' for n in range(50_000)) + ', "49999": 2}'
    with pytest.raises(ValueError, match="'49999' is there twice"):
        parse_object(text)
