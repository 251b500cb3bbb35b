"""Permission: what the run does not allow is asked or refused, and decided once."""

import asyncio
import json
from typing import Any

import pytest

from disputatio.context import Context
from disputatio.permission import Approval, Permission
from disputatio.tools import tool

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000002800000001e0806000000")


@tool(access="pure")
def double(x: int) -> int:
    """Double it."""
    return 2 * x


@tool(access="write")
def send(to: str, tags: list[str] | None = None) -> str:
    """Send a letter."""
    SENT.append(to)
    if tags is not None:
        tags.clear()
    return "sent"


SENT: list[str] = []


@pytest.fixture(autouse=True)
def nothing_sent() -> None:
    SENT.clear()


async def test_what_the_run_does_not_allow_is_refused_or_asked(calls: Any, context: Context) -> None:
    call = ("send", '{"to": "Ann", "tags": ["a"]}')
    [one] = await calls([send], call)
    assert one.text == "error: send was not called: the run does not allow write, and nobody approved it"
    assert (one.data["error"], one.data["approved"], SENT) == ("refused", False, [])

    asked: list[Approval] = []

    def approve(approval: Approval) -> bool:
        asked.append(approval)
        approval.arguments["tags"].append("changed")  # what is called was fixed before
        return True

    context.permission = Permission(approve=approve)
    [one] = await calls([send], call)
    assert (one.text, one.data["approved"], one.data["arguments"]) == ("sent", True, {"to": "Ann", "tags": ["a"]})
    assert (asked[0].tool, asked[0].access, asked[0].author) == ("send", {"write"}, "solver")
    assert asked[0].reason == "the run does not allow write"

    context.permission = Permission(allowed={"write"}, after_untrusted={"write"})
    assert [one.text for one in await calls([send, double], call, ("double", '{"x": 1}'))] == [
        "sent",
        "error: double was not called: the run does not allow pure, and nobody approved it",
    ]


@pytest.mark.parametrize("answer", [False, None, "yes", 1, ValueError("broken")])
async def test_only_a_clear_yes_is_one(calls: Any, context: Context, answer: Any) -> None:
    async def later(approval: Approval) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def at_once(approval: Approval) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    for approve in (later, at_once):
        context.permission = Permission(approve=approve)
        [one] = await calls([send], ("send", '{"to": "Ann"}'))
        assert (one.data["error"], SENT) == ("refused", [])


async def test_nobody_is_asked_about_arguments_that_are_wrong(calls: Any, context: Context) -> None:
    asked: list[Approval] = []
    context.permission = Permission(approve=lambda approval: not asked.append(approval))  # type: ignore[func-returns-value]
    for arguments in ('{"to": NaN}', "{}", '{"to": 1}', '{"to": "a", "to": "b"}', "["):
        [one] = await calls([send], ("send", arguments))
        assert one.data["error"] == "bad_arguments"
    assert (asked, SENT) == ([], [])


async def test_a_hundred_decisions_at_once_are_one_each(calls: Any, context: Context) -> None:
    asking, most = 0, 0

    async def approve(approval: Approval) -> bool:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0)
        asking -= 1
        return approval.arguments["to"] == "Ann"

    context.permission = Permission(approve=approve)
    batches = [[("send", json.dumps({"to": ("Ann", "Bob")[n % 2]}), f"{b}/{n}") for n in range(20)] for b in range(5)]
    seen = [one for batch in await asyncio.gather(*(calls([send], *batch) for batch in batches)) for one in batch]
    assert (len(seen), most, SENT) == (100, 1, ["Ann"] * 50)
