"""Virtual time: waits are counted and not waited for."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from tenacity import retry, stop_after_attempt, wait_fixed

from disputatio.errors import ToolError
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.tools import tool


def passed(work: Coroutine[Any, Any, Any]) -> float:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(work)
        return runner.get_loop().time()


def test_parallel_waits_count_once_and_successive_ones_add_up() -> None:
    async def wait() -> None:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(1800))
        await asyncio.sleep(0.5)

    started = time.monotonic()
    assert passed(wait()) == pytest.approx(3600.5)
    assert time.monotonic() - started < 10


def test_work_counts_nothing_in_the_loop_or_in_a_thread() -> None:
    async def work() -> None:
        other = asyncio.create_task(asyncio.sleep(10))
        time.sleep(0.05)  # noqa: ASYNC251 - the work
        assert await asyncio.to_thread(lambda: time.sleep(0.05) or 7) == 7
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        await other

    assert passed(work()) == pytest.approx(10)


def test_no_tool_is_out_of_time_because_the_time_of_its_work_was_skipped() -> None:
    @tool(timeout_s=5)
    def slow(fails: bool) -> str:
        """Work."""
        time.sleep(0.05)
        if fails:
            raise ToolError("no")
        return threading.current_thread().name

    async def work() -> None:
        assert await slow.call({"fails": False}) == threading.current_thread().name
        with pytest.raises(ToolError, match=r"^no$"):
            await slow.call({"fails": True})

    assert passed(work()) == 0


def test_time_outs_and_retries_run_in_virtual_time() -> None:
    attempts = 0

    @retry(wait=wait_fixed(60), stop=stop_after_attempt(3), reraise=True)
    async def slow() -> None:
        nonlocal attempts
        attempts += 1
        async with asyncio.timeout(5):
            await asyncio.sleep(7)

    async def work() -> None:
        with pytest.raises(TimeoutError):
            await slow()

    assert passed(work()) == pytest.approx(3 * 5 + 2 * 60)
    assert attempts == 3
