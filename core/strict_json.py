"""Strict JSON: the one parser of what a model or a server wrote where a program acts on it. Nothing is repaired."""

import json
from collections import Counter
from typing import Any

MAX_LENGTH = 1_000_000
"""Characters."""
MAX_DEPTH = 64
MAX_DIGITS = 400
"""Digits of one integer."""


def parse_object(text: str) -> dict[str, Any]:
    """Parse a JSON object, such as the arguments of a tool.

    Raises:
        ValueError: If it is no JSON object, or one that readers could take differently: with a key twice, NaN or
            infinity, an integer of over 400 digits, half a surrogate pair, or over 64 levels. The message is one line.
    """
    if not isinstance(text, str):
        raise ValueError(f"JSON text is needed, not {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the JSON has {len(text)} characters, at most {MAX_LENGTH} fit")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"the JSON has over {MAX_DEPTH} levels") from None
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is needed, not {_kind(value)}")
    _check(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice[:40]!a} is there twice")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits, at most {MAX_DIGITS} fit")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:40]} is too large")
    return value


def _check(value: Any) -> None:
    """Find half surrogate pairs and nesting that is too deep, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _encodable(one)
            elif isinstance(one, dict):
                for key in one:
                    _encodable(key)
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        if not inner:
            return
        level = inner
    if any(isinstance(one, dict | list) for one in level):
        raise ValueError(f"the JSON has over {MAX_DEPTH} levels")
    _check(" ".join(one for one in level if isinstance(one, str)))


def _encodable(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("a text holds half a surrogate pair") from None


# Made once: it takes longer than reading the arguments of most calls.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer, parse_float=_finite)


def _kind(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), "null")
