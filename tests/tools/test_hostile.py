"""Hostile tools: nothing that one raises or returns ends the run."""

import asyncio
import json
from typing import Any

import pytest

from disputatio.thought import Thought
from disputatio.tools import tool

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000002800000001e0806000000")


@tool(access="pure")
def double(x: int) -> int:
    """Double it."""
    return 2 * x


HOSTILE: dict[str, Any] = {
    "KeyError": KeyError("x"),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "CancelledError": asyncio.CancelledError(),
    "StopIteration": StopIteration(),
    "GeneratorExit": GeneratorExit(),
    "RecursionError": RecursionError("deep"),
    "MemoryError": MemoryError(),
    "ExceptionGroup": ExceptionGroup("many", [ValueError("a")]),
    "TimeoutError": TimeoutError("its own"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_nothing_that_a_tool_raises_ends_the_run(calls: Any, name: str) -> None:
    @tool
    def fails() -> None:
        """Fail."""
        raise HOSTILE[name]

    @tool
    async def fails_async() -> None:
        """Fail."""
        raise HOSTILE[name]

    seen = await calls([fails, fails_async, double], ("fails", "{}"), ("fails_async", "{}"), ("double", '{"x": 1}'))
    assert [one.data["error"] for one in seen] == ["failed", "failed", None]
    assert all(len(one.text) < 300 and "\n" not in one.text for one in seen)


class UnreadableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("never")


async def test_hostile_results_and_arguments(calls: Any) -> None:
    def cannot_be_written() -> None:
        """Fail."""
        raise UnreadableError

    def gives(what: str) -> Any:
        """Give."""
        return {
            "gigabyte": lambda: "x" * 10**9,
            "bytes": lambda: b"\xff\x00" * 10,
            "image": lambda: PNG,
            "nan": lambda: float("nan"),
            "huge": lambda: 10**5000,
            "generator": lambda: (n for n in range(3)),
            "surrogate": lambda: "\ud800\x00\x1b]0;title\x07",
            "self": lambda: gives,
        }[what]()

    def long_error() -> None:
        """Fail."""
        raise ValueError("e" * 10**6)

    tools = [tool(one) for one in (cannot_be_written, gives, long_error)]
    kinds = ["gigabyte", "bytes", "image", "nan", "huge", "generator", "surrogate", "self"]
    seen = await calls(tools, *(("gives", json.dumps({"what": one})) for one in kinds))
    texts = dict(zip(kinds, (one.text for one in seen), strict=True))
    assert "(999,996,000 of 1,000,000,000 characters left out)" in texts["gigabyte"]
    assert texts["bytes"].startswith("[application/octet-stream: 20 bytes")
    assert texts["nan"] == "not a number"
    assert texts["huge"].startswith("error: the result cannot be shown")
    assert texts["surrogate"] == "\\ud800\\x00\\x1b]0;title\\x07"
    image = seen[kinds.index("image")].data["attachments"]
    assert [one["media_type"] for one in image] == ["image/png"]
    for one in [*seen, *await calls(tools, ("cannot_be_written", "{}"), ("long_error", "{}"))]:
        assert len(one.text) < 5000
        assert Thought.model_validate_json(one.model_dump_json()) == one
