"""Differences between two recorded calls, and the first call in which two recorded runs differ."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from itertools import zip_longest
from typing import Any

from disputatio.journal_file import CallLine, Line, RunLine
from disputatio.writing import excerpt

LONGEST = 40
"""Lines of a difference between two texts that are shown."""


def calls_of(lines: Sequence[Line]) -> list[CallLine]:
    """The calls of a run in the order in which they ended, without those that a resumption made again."""
    calls: list[CallLine] = []
    for line in lines:
        if isinstance(line, RunLine):
            calls = [call for call in calls if call.failure is None]
        elif isinstance(line, CallLine):
            calls.append(line)
    return calls


def first_difference(one: Sequence[Line], other: Sequence[Line]) -> tuple[CallLine, list[str]] | None:
    """The first call of one run that the other made differently, did not make, or got another reply to.

    Returns:
        The call, and what differs, a line each; None if there is none.
    """
    others = {(*call.place, call.step): call for call in calls_of(other)}
    for call in calls_of(one):
        if (match := others.pop((*call.place, call.step), None)) is None:
            return call, ["only the first run made this call"]
        if found := list(between(call, match)):
            return call, found
    return next(((call, ["only the second run made this call"]) for call in others.values()), None)


def between(one: CallLine, other: CallLine) -> Iterator[str]:
    """What differs between two calls: in what was asked, and in what came of it if the words asked were the same."""
    if one.name != other.name:
        yield f"{one.kind}: {one.name!r} became {other.name!r}"
    yield from asked_differently(one.request, other.request)
    if one.request.get("messages") == other.request.get("messages"):
        yield from _text("reply", _came_of(one), _came_of(other))


def asked_differently(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two requests: settings first, then messages as a unified diff."""
    for name in sorted((one.keys() | other.keys()) - {"messages"}):
        if one.get(name) != other.get(name):
            yield f"{name}: {excerpt(repr(one.get(name)), 80)} became {excerpt(repr(other.get(name)), 80)}"
    pairs: Iterator[tuple[Any, Any]] = zip_longest(one.get("messages", ()), other.get("messages", ()), fillvalue={})
    for number, (before, after) in enumerate(pairs, 1):
        if before != after:
            yield from _text(f"message {number}", _shown(before), _shown(after))


def _shown(message: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in message.items() if name != "content"}
    return f"{rest}\n{message.get('content', '')}" if message else ""


def _came_of(call: CallLine) -> str:
    if call.failure:
        return f"({call.failure.type}: {call.failure.message})\n{call.failure.partial}"
    if call.reply is None:
        return call.output or ""
    more = [f"{name}: {value}" for name, value in (("finish_reason", call.reply.finish_reason),) if value != "stop"]
    more += [f"tool call: {one.name}({one.arguments})" for one in call.reply.tool_calls]
    return "\n".join([call.reply.text, *call.reply.others, *more])


def _text(name: str, before: str, after: str) -> Iterator[str]:
    lines = list(unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=2))
    yield from lines[:LONGEST]
    if len(lines) > LONGEST:
        yield f"... {len(lines) - LONGEST} more lines"
