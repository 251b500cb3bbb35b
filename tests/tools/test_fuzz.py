"""10,000 damaged calls: none raises, and no function ever gets arguments that do not meet its types."""

import asyncio
import json
import random
import string
from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel

from disputatio.context import Context
from disputatio.model import ToolCall
from disputatio.permission import Permission
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools import Tool, ToolRuntime, dispatch, tool

PAYLOADS = 10_000


class Item(BaseModel, extra="forbid"):
    name: str
    count: int


def tools(unvalidated: list[Any]) -> list[Tool]:
    """Tools that note whatever they get that they should not have got."""

    def note(right: bool, *values: Any) -> str:
        if not right:
            unvalidated.append(values)
        return "fine"

    @tool(access="pure")
    async def add(a: int, b: float = 1.0) -> str:
        """Add."""
        return note(type(a) is int and type(b) is float and b - b == 0, a, b)

    @tool
    async def order(items: list[Item], mode: Literal["now", "later"] = "now", note_: str | None = None) -> str:
        """Order."""
        whole = all(type(one) is Item and type(one.count) is int and type(one.name) is str for one in items)
        encodable = note_ is None or bool(note_.encode()) or not note_
        return note(type(items) is list and whole and mode in ("now", "later") and encodable, items, mode, note_)

    @tool(access="write")
    async def delete(path: str) -> str:
        """Delete."""
        return note(False, path)  # never allowed

    return [add, order, delete]


RIGHT = [
    ("add", {"a": 1, "b": 2.5}),
    ("add", {"a": -7}),
    ("order", {"items": [{"name": "bolt", "count": 3}], "mode": "later"}),
    ("order", {"items": [], "note_": "é😀"}),
    ("delete", {"path": "/"}),
]
WRONG: list[Any] = [
    None, True, "", "now", "NaN", -1, 0, 1e308, 10**399, [], {}, [[[]]], {"a": {}}, "\x00", "\u202e", "9" * 500,
]  # fmt: skip
RAW = [
    "NaN", "Infinity", "-Infinity", "1e999", "9" * 401, '"\\ud800"', "\ud800", '{"a":1,"a":2}', "[" * 70 + "]" * 70,
    "'x'", "undefined", "None", "{", "}", "\\", '"', "\x00", "/*", "01", "+1", ".5", "\ufeff",
]  # fmt: skip


def damaged(chance: random.Random) -> ToolCall:
    """A call, right in one of twenty cases, otherwise damaged as a value, as a text, or both."""
    name, arguments = chance.choice(RIGHT)
    arguments = json.loads(json.dumps(arguments))
    if chance.random() < 0.5:
        key = chance.choice([*arguments, "extra", "", "__class__", "self", "runtime"])
        arguments[key] = chance.choice(WRONG)
    text = json.dumps(arguments, ensure_ascii=chance.random() < 0.5)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 5])):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text = text[:at] + chance.choice(RAW) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randrange(1, 9) :]
            case 2:
                text = text[:at] + chance.choice(string.printable) + text[at + 1 :]
            case _:
                text = text[:at]
    if chance.random() < 0.1:
        name = chance.choice(["", "ADD", "add ", "eval", "__init__", "\ud800", "a" * 10_000, "add\n"])
    return ToolCall(id=chance.choice(["", "a", "b", "\ud800", "x" * 1000]), name=name, arguments=text)


async def test_ten_thousand_damaged_calls_crash_nothing_and_reach_nothing() -> None:
    chance = random.Random(20261121)
    unvalidated: list[Any] = []
    offered = tools(unvalidated)
    runtime = ToolRuntime(question=Question(text="?"), author="fuzz", context=Context(permission=Permission()))
    found: Counter[str | None] = Counter()
    made = 0
    while made < PAYLOADS:
        batch = [damaged(chance) for _ in range(chance.randrange(1, 9))]
        seen = await dispatch(batch, offered, runtime)
        assert len(seen) == len(batch)
        for one in seen:
            assert Thought.model_validate_json(one.model_dump_json()).text == one.text
            assert len(one.text) < 5000
            found[one.data["error"]] += 1
        made += len(batch)
    assert unvalidated == []
    assert set(found) == {None, "bad_arguments", "unknown_tool", "refused"}, found
    assert min(found.values()) > 200, found  # each way was really taken


def test_the_check_of_the_arguments_is_what_keeps_them_out() -> None:
    unvalidated: list[Any] = []
    add, order, _ = tools(unvalidated)
    asyncio.run(add(a="1", b=float("nan")))
    asyncio.run(order(items=[{"name": 1}], mode="never"))
    assert len(unvalidated) == 2
