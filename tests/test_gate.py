"""The gate: exact limits, fair queues, and what a server's refusals do to it."""

import asyncio
import threading
import time
from dataclasses import dataclass

import pytest

from disputatio.errors import ConfigurationError, Fault, ModelError, ModelUnavailableError
from disputatio.gate import FAILURES, Gate


@dataclass
class Busy:
    """A server that refuses what is above its capacity."""

    capacity: int
    seconds: float = 0.01
    now: int = 0
    most: int = 0
    asked: int = 0
    refused: int = 0

    async def answer(self) -> None:
        self.asked += 1
        if self.now >= self.capacity:
            self.refused += 1
            await asyncio.sleep(0.001)
            raise ModelUnavailableError("slow down", fault="rate_limited", retry_after=0.05)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1


async def through(gate: Gate, server: Busy, patience: int = 50) -> None:
    """One call that is made until it succeeds."""
    for _ in range(patience):
        try:
            async with gate:
                return await server.answer()
        except ModelUnavailableError:
            continue
    raise AssertionError("refused too often")


@pytest.mark.parametrize("most", [1, 3, 64])
async def test_a_given_limit_is_held_exactly_and_used_fully(most: int) -> None:
    gate, server = Gate(most=most), Busy(capacity=1000)
    await asyncio.gather(*(through(gate, server) for _ in range(200)))
    assert (server.most, server.asked, gate.in_flight) == (most, 200, 0)


async def test_without_a_limit_all_are_under_way_together() -> None:
    gate, server = Gate(), Busy(capacity=1000)
    await asyncio.gather(*(through(gate, server) for _ in range(600)))
    assert server.most == 600


async def test_who_waits_is_served_in_order() -> None:
    gate, order = Gate(most=1), []

    async def call(number: int) -> None:
        async with gate:
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert order == list(range(20))


async def test_an_adaptive_gate_finds_the_capacity_with_few_refusals() -> None:
    gate, server = Gate(start=20), Busy(capacity=8)
    await asyncio.gather(*(through(gate, server) for _ in range(600)))
    assert server.refused <= 0.1 * server.asked
    assert server.asked - server.refused == 600
    assert 4 <= gate.limit <= 16


async def test_the_first_refusals_tell_the_capacity() -> None:
    gate, server = Gate(), Busy(capacity=8)
    await asyncio.gather(*(through(gate, server) for _ in range(600)))
    assert server.asked - server.refused == 600
    assert 600 - 8 <= server.refused <= 600 - 8 + 0.1 * 608
    assert 4 <= gate.limit <= 12


async def test_refusals_that_come_late_are_still_of_the_first_calls() -> None:
    gate, slow = Gate(), asyncio.Event()

    async def refused(waits: bool) -> None:
        async with gate:
            await (slow.wait() if waits else asyncio.sleep(0))
            raise ModelUnavailableError("slow down", fault="rate_limited", retry_after=0.01)

    async def served() -> None:
        async with gate:
            await slow.wait()

    calls = [*(refused(False) for _ in range(10)), *(refused(True) for _ in range(10)), *(served() for _ in range(5))]
    first = asyncio.gather(*calls, return_exceptions=True)
    await asyncio.sleep(0.05)  # longer than the server wants
    assert gate.limit == 15
    slow.set()
    await first
    assert gate.limit == 6  # the five that were served, and a step wider


async def test_where_it_was_refused_it_opens_again_with_caution_and_then_forgets() -> None:
    gate = Gate(start=4)

    async def together(served: int, refused: int = 0) -> float:
        """So many calls under way at once; those that are refused come back last. Gives the limit afterwards."""
        all_begun, all_served = asyncio.Barrier(served + refused), asyncio.Semaphore(0)

        async def one(fails: bool) -> None:
            async with gate:
                await all_begun.wait()
                if fails:
                    for _ in range(served):
                        await all_served.acquire()
                    raise ModelUnavailableError("slow down", fault="rate_limited", retry_after=0.001)
            for _ in range(refused):
                all_served.release()

        calls = [one(False) for _ in range(served)] + [one(True) for _ in range(refused)]
        await asyncio.gather(*calls, return_exceptions=True)
        return gate.limit

    assert await together(4) == 8
    assert await together(4, refused=4) == 4
    assert await together(4) == 5
    assert await together(4, refused=1) == 4
    assert [await together(4) for _ in range(8)] == [4, 4, 4, 4, 4, 4, 4, 5]  # not before 4 * 8 passes
    assert await together(5) == 6


async def test_it_opens_by_doubling_until_the_first_refusal() -> None:
    gate, server = Gate(start=2, most=40), Busy(capacity=1000, seconds=0.001)
    limits = []
    for _ in range(6):
        await asyncio.gather(*(through(gate, server) for _ in range(int(gate.limit))))
        limits.append(gate.limit)
    assert limits == [4, 8, 16, 32, 40, 40]


async def test_it_does_not_open_wider_for_calls_that_do_not_need_it() -> None:
    gate, server = Gate(start=8), Busy(capacity=1000, seconds=0)
    for _ in range(100):
        await through(gate, server)
    assert gate.limit == 8


async def test_a_refusal_closes_it_for_all_as_long_as_the_server_says_and_narrows_it_once() -> None:
    gate = Gate(start=16)

    async def refused() -> None:
        async with gate:
            await asyncio.sleep(0.001)
            raise ModelUnavailableError("slow down", fault="rate_limited", retry_after=0.2)

    await asyncio.gather(*(refused() for _ in range(16)), return_exceptions=True)
    assert gate.limit == 8
    begun = time.monotonic()
    async with gate:
        assert time.monotonic() - begun >= 0.15


async def test_a_queue_waits_out_the_pause_too() -> None:
    gate, begun = Gate(most=1), time.monotonic()

    async def refused() -> None:
        async with gate:
            await asyncio.sleep(0.01)
            raise ModelUnavailableError("slow down", fault="rate_limited", retry_after=0.2)

    first = asyncio.create_task(refused())
    await asyncio.sleep(0)
    async with gate:
        assert time.monotonic() - begun >= 0.2
    with pytest.raises(ModelUnavailableError):
        await first


async def test_a_server_that_keeps_failing_is_left_alone() -> None:
    async def failing(gate: Gate, fault: Fault) -> None:
        async with gate:
            raise ModelUnavailableError("broken", fault=fault)

    gate = Gate()
    for number in range(FAILURES):
        if number == FAILURES // 2:
            async with gate:
                pass  # one that goes well starts the count anew
        with pytest.raises(ModelUnavailableError, match="broken"):
            await failing(gate, "overloaded")
    for _ in range(FAILURES - FAILURES // 2):
        with pytest.raises(ModelUnavailableError, match="broken"):
            await failing(gate, "transport")
    with pytest.raises(ModelUnavailableError, match="failed 8 times in a row") as caught:
        await failing(gate, "overloaded")
    assert caught.value.retry_after
    assert caught.value.retry_after > 5


async def test_calls_that_fail_together_are_one_mishap_and_one_that_succeeds_opens_it_again() -> None:
    gate, slow = Gate(), asyncio.Event()

    async def asks(fails: bool, waits: asyncio.Event | None = None) -> None:
        async with gate:
            await (waits.wait() if waits else asyncio.sleep(0))
            if fails:
                raise ModelUnavailableError("broken", fault="overloaded")

    late = asyncio.create_task(asks(False, slow))
    await asyncio.gather(*(asks(True) for _ in range(3 * FAILURES)), return_exceptions=True)
    with pytest.raises(ModelUnavailableError, match="broken"):
        await asks(True)  # together they were 25, with the late one
    with pytest.raises(ModelUnavailableError, match="broken"):
        await asks(True)
    with pytest.raises(ModelUnavailableError, match="failed 26 times in a row"):
        await asks(True)
    slow.set()
    await late
    await asks(False)


async def test_what_is_the_callers_fault_does_not_count_against_the_server() -> None:
    gate = Gate()
    for _ in range(2 * FAILURES):
        with pytest.raises(ModelError, match="wrong"):
            async with gate:
                raise ModelError("wrong")
    async with gate:
        assert gate.in_flight == 1


async def test_who_is_cancelled_while_waiting_leaves_no_hole() -> None:
    gate, server = Gate(most=2), Busy(capacity=1000)
    tasks = [asyncio.create_task(through(gate, server)) for _ in range(50)]
    await asyncio.sleep(0.015)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (gate.in_flight, server.now, len(gate._line)) == (0, 0, 0)
    await through(gate, server)


async def test_calls_can_be_spread_over_the_minute() -> None:
    gate, begun = Gate(per_minute=1200), time.monotonic()
    for _ in range(30):
        async with gate:
            pass
    assert time.monotonic() - begun >= (30 - 1 - 20) * 0.05 * 0.9, "a second's worth may come at once"


async def test_tokens_are_spread_over_the_minute() -> None:
    gate, begun = Gate(tokens_per_minute=60_000), time.monotonic()
    for _ in range(6):
        await gate.afford(50)
    assert time.monotonic() - begun >= 5 * 0.05 * 0.99, "each waits for those before it"
    await Gate().afford(1e9)  # no limit


async def test_tokens_that_were_not_spent_are_given_back() -> None:
    gate, begun = Gate(tokens_per_minute=60_000), time.monotonic()
    await gate.afford(1_000_000)
    await gate.afford(-999_990)
    await asyncio.wait_for(gate.afford(1), 5)
    assert time.monotonic() - begun >= 0.01 * 0.99


def test_threads_share_one_limit() -> None:
    gate, now, seen, lock = Gate(most=3), [0], [], threading.Lock()

    async def call() -> None:
        async with gate:
            with lock:
                now[0] += 1
                seen.append(now[0])
            await asyncio.sleep(0.002)
            with lock:
                now[0] -= 1

    async def many() -> None:
        await asyncio.gather(*(call() for _ in range(20)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(seen), max(seen), gate.in_flight) == (80, 3, 0)


@pytest.mark.parametrize("wrong", [{"most": 0}, {"start": -1}, {"per_minute": 0}, {"tokens_per_minute": 0}])
def test_a_limit_of_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        Gate(**wrong)
