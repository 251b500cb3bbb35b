"""Wiring: several at once in one node, which end together."""

import asyncio

import pytest

from disputatio.errors import ModelError
from disputatio.graphs.wiring import together


async def test_what_is_done_at_once_comes_back_in_its_order() -> None:
    meeting = asyncio.Barrier(3)

    async def after(seconds: float, value: str) -> str:
        await meeting.wait()
        await asyncio.sleep(seconds)
        return value

    async with asyncio.timeout(20):
        assert await together(after(wait, name) for wait, name in [(0.02, "a"), (0.0, "b"), (0.01, "c")]) == [*"abc"]
    assert await together(iter([])) == []


async def test_one_that_fails_breaks_the_others_off_and_its_own_error_is_raised() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("broken off")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ModelError("it refuses", fault="auth")

    with pytest.raises(ModelError, match="it refuses") as raised:
        await together([endless(), failing(), endless()])
    assert (raised.value.fault, ended) == ("auth", ["broken off"] * 2)


async def test_what_is_cancelled_ends_all_of_it() -> None:
    begun, ended = asyncio.Semaphore(0), list[int]()

    async def endless(number: int) -> None:
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    task = asyncio.create_task(together(endless(number) for number in range(3)))
    for _ in range(3):
        await begun.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2]
