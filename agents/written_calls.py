"""Written calls: calls of tools that a model wrote into its reply, where its server did not take them out of it.

Models write them as JSON with a name and arguments (Qwen, Hermes and Mistral as "arguments", Llama as "parameters"),
alone, in a list, in a fence or between tags. Only those of tools that were offered count, since prose may hold JSON.
"""

import json
from collections.abc import Container
from typing import Any

from disputatio.model import ToolCall
from disputatio.strict_json import MAX_LENGTH, parse_object

MOST = 100
"""Braces at which a call may begin that are looked at."""


def written_calls(text: str, offered: Container[str]) -> tuple[ToolCall, ...]:
    """The calls in a reply, in the order in which they were written, without ids.

    Args:
        text: The reply.
        offered: The names of the tools that can be called.
    """
    found: list[ToolCall] = []
    place = text.find("{")
    for _ in range(MOST if len(text) <= MAX_LENGTH else 0):
        if place < 0:
            break
        try:
            value, end = json.JSONDecoder().raw_decode(text, place)
        except (ValueError, RecursionError):
            value, end = None, place + 1
        if call := _call(value, text[place:end], offered):
            found.append(call)
        place = text.find("{", end if call else place + 1)  # an object that is no call may hold one
    return tuple(found)


def _call(value: Any, written: str, offered: Container[str]) -> ToolCall | None:
    """The call that an object is; one that readers could take differently keeps its text, which dispatch refuses."""
    name = value.get("name") if isinstance(value, dict) else None
    given = next((value[key] for key in ("arguments", "parameters") if key in value), None) if name else None
    if not isinstance(name, str) or name not in offered or not isinstance(given, dict | str):
        return None
    try:
        parse_object(written)
    except ValueError:
        return ToolCall(id="", name=name, arguments=written)
    return ToolCall(id="", name=name, arguments=given if isinstance(given, str) else json.dumps(given))
