"""Virtual time: waits are counted and not waited for."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from tenacity import retry, stop_after_attempt, wait_fixed

from disputatio.models.virtual_time import VirtualTimeLoop


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
