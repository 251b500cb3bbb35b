"""Scorer of tool calls: which functions are called with which arguments, or that none is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored
from disputatio.strict_json import parse_object
from disputatio.thought import Answer

NONE = ("no_call", "no_action")
"""Targets, and answers, of questions on which no function is to be called."""
MOST = 100
"""Calls in one answer."""
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "float": (int, float), "number": (int, float), "boolean": (bool,),
    "array": (list,), "tuple": (list,), "dict": (dict,), "object": (dict,),
}  # fmt: skip
Call = tuple[str, dict[str, Any]]


def tool_calls(
    item: Item, answer: Answer, *, functions: Sequence[Mapping[str, Any]] = (), ordered: bool = False
) -> Score:
    """Calls with their arguments, all of them and no other.

    The answer is a JSON list of objects with `name` and `arguments`, one such object, or no_call. A call of the target
    has the same two fields, and its arguments are then equal; or, as in the Berkeley Function Calling Leaderboard
    (Patil et al. 2025), its name leads to a list of acceptable values for each argument, among which "" says that it
    may be left out, and texts are compared without case, blanks and the marks , . / - _ * ^.

    Args:
        item: Its target is a list of calls, or "no_call".
        answer: What is called.
        functions: Schemas of the functions, by which arguments have types, and some are required: 5.0 is no integer,
            and true no number.
        ordered: Whether the calls must stand in the target's order.
    """
    right, schemas = _target(item), _schemas(item, functions)
    said = _read(answer.text or answer.value or "")
    if said is None:
        return abstained("no list of calls")
    if len(said) != len(right):
        return scored(0, f"{len(said)} calls against {len(right)}")
    fits = {(place, number): _fits(call, known, schemas) for place, call in enumerate(said)
            for number, known in enumerate(right)}  # fmt: skip
    if ordered:
        matched = sum(fits[place, place] for place in range(len(right)))
    else:
        pairs = nx.Graph([(("said", place), ("right", number)) for (place, number), fit in fits.items() if fit])
        matched = len(nx.max_weight_matching(pairs, maxcardinality=True))
    return scored(matched == len(right), f"{matched} of {len(right)} calls match")


def _target(item: Item) -> list[dict[str, Any]]:
    """The calls of a target.

    Raises:
        ConfigurationError: If it is no list of calls.
    """
    target = [] if item.target in NONE else item.target
    if not isinstance(target, list) or not (target or item.target in NONE) or not all(map(_is_call, target)):
        raise ConfigurationError(f"item {item.id!r}: the target is no list of calls and not 'no_call'")
    return [one for one in target if isinstance(one, dict)]


def _is_call(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if value.keys() == {"name", "arguments"}:
        return isinstance(value["name"], str) and isinstance(value["arguments"], dict)
    return len(value) == 1 and all(
        isinstance(arguments, dict) and all(isinstance(one, list) and one for one in arguments.values())
        for arguments in value.values()
    )


def _read(text: str) -> list[Call] | None:
    """The calls that a text makes; None if it cannot be read."""
    text = re.sub(r"^\s*```\w*|```\s*$", "", text).strip()
    if text.strip("\"'`. ").casefold().replace(" ", "_") in NONE:
        return []
    try:
        found = parse_object(f'{{"calls": {text}}}')
        if len(found) > 1:
            return None
        listed = found["calls"] if isinstance(found["calls"], list) else [found["calls"]]
        return [_call(one) for one in listed] if len(listed) <= MOST else None
    except ValueError:
        return None


def _call(value: Any) -> Call:
    if not isinstance(value, dict) or value.keys() != {"name", "arguments"} or not isinstance(value["name"], str):
        raise ValueError("no call")
    arguments = value["arguments"]
    if isinstance(arguments, str):  # as OpenAI's servers write them
        arguments = parse_object(arguments)
    if not isinstance(arguments, dict):
        raise ValueError("no arguments")
    return value["name"], arguments


def _schemas(item: Item, functions: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The types of the arguments of each function, and which of them are required."""
    found = {}
    try:
        for one in functions:
            schema = one.get("parameters") or {}
            kinds = {key: str(node.get("type")) for key, node in schema.get("properties", {}).items()}
            found[str(one["name"])] = {"kinds": kinds, "required": list(schema.get("required", ()))}
    except (AttributeError, KeyError, TypeError):
        raise ConfigurationError(f"item {item.id!r}: its functions are no schemas with a name and parameters") from None
    return found


def _fits(call: Call, known: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> bool:
    name, arguments = call
    if known.keys() == {"name", "arguments"}:
        return name == known["name"] and _equal(arguments, known["arguments"])
    ((right, options),) = known.items()
    schema = schemas.get(name, {})
    kinds = schema.get("kinds", {})
    return (
        name == right
        and all(_among(value, options.get(key, ()), kinds.get(key)) for key, value in arguments.items())
        and all(key in arguments or "" in values for key, values in options.items())
        and all(key in arguments for key in schema.get("required", ()))
    )


def _among(value: Any, options: Sequence[Any], kind: str | None) -> bool:
    """Whether a value is one of the options, and of the type that the function wants, or of an option's."""
    wanted = _KINDS.get(kind or "")
    typed = wanted is None or type(value) in wanted or any(type(value) is type(one) for one in options if one != "")
    return typed and any(_accepted(value, one) for one in options)


def _accepted(value: Any, option: Any) -> bool:
    """Whether a value is that option; in objects, each key leads to options again."""
    if isinstance(value, dict) and isinstance(option, dict):
        return all(_among(one, option.get(key, ()), None) for key, one in value.items()) and all(
            key in value or "" in values for key, values in option.items()
        )
    if isinstance(value, list) and isinstance(option, list):
        return len(value) == len(option) and all(map(_accepted, value, option))
    if isinstance(value, str) and isinstance(option, str):
        return _plain(value) == _plain(option)
    return _equal(value, option)


def _equal(value: Any, other: Any) -> bool:
    """Equality of JSON, in which true is not 1."""
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_equal(value[key], other[key]) for key in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_equal, value, other))
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _plain(text: str) -> str:
    return re.sub(r"[ ,./\-_*^]", "", text).casefold().replace("'", '"')
