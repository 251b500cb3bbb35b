import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from disputatio.errors import ModelError
from disputatio.model import Message, Reply, Request
from disputatio.models.batching import Batcher
from disputatio.models.engine import Channel, hear


@dataclass
class Job:
    request: Request
    channel: Channel[str | Reply] = field(default_factory=Channel)


def job(n: int = 1) -> Job:
    return Job(Request(messages=[Message(role="user", content="?")], max_tokens=1, n=n))


class Echo:
    """Notes the size of each batch, and answers once it may."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, jobs: Sequence[Job]) -> None:
        self.sizes.append(len(jobs))
        self.begun.set()
        self.open.wait(5)
        for one in jobs:
            one.channel.put("so")
            one.channel.put(Reply(text="so"))


async def test_those_that_wait_are_answered_together_and_no_more_than_fit() -> None:
    run = Echo()
    batches = Batcher[Job](run, rows=4)
    run.open.set()
    jobs = [job(), job(), job(n=2), job(n=9), job()]
    for one in jobs:
        batches.submit(one)
    pieces: list[str] = []
    replies = await asyncio.gather(*(hear(one.channel, pieces.append) for one in jobs))
    assert [reply.text for reply in replies] == ["so"] * 5
    assert pieces == ["so"] * 5
    assert run.sizes == [3, 1, 1]  # 1 + 1 + 2 replies, then the 9 alone, then the last
    batches.close()


async def test_who_has_left_is_not_answered() -> None:
    run = Echo()
    batches = Batcher[Job](run, rows=4)
    left, stays = job(), job()
    left.channel.closed = True
    batches.submit(left)
    batches.submit(stays)
    run.open.set()
    await hear(stays.channel, None)
    assert run.sizes == [1]
    batches.close()


async def test_an_error_reaches_all_of_the_batch_and_the_next_is_answered() -> None:
    def fail(jobs: Sequence[Job]) -> None:
        raise ModelError("no memory")

    batches = Batcher[Job](fail, rows=4)
    for _ in range(2):
        jobs = [job(), job()]
        for one in jobs:
            batches.submit(one)
        for one in jobs:
            with pytest.raises(ModelError, match="no memory"):
                await hear(one.channel, None)
    batches.close()


async def test_closing_ends_what_waits_and_what_is_under_way() -> None:
    run = Echo()
    batches = Batcher[Job](run, rows=1)
    jobs = [job(), job()]
    for one in jobs:
        batches.submit(one)
    assert await asyncio.to_thread(run.begun.wait, 5)
    threading.Timer(0.1, run.open.set).start()
    await asyncio.to_thread(batches.close)
    for one in jobs:
        with pytest.raises(ModelError, match="was closed"):
            await hear(one.channel, None)
    assert run.sizes == [1]
    with pytest.raises(ModelError, match="was closed"):
        batches.submit(job())


async def test_a_listener_that_fails_or_leaves_closes_its_channel() -> None:
    def refuse(piece: str) -> None:
        raise ValueError(piece)

    channel: Channel[str | Reply] = Channel()
    channel.put("so")
    with pytest.raises(ValueError, match="so"):
        await hear(channel, refuse)
    assert channel.closed
    other: Channel[str | Reply] = Channel()
    listening = asyncio.create_task(hear(other, None))
    await asyncio.sleep(0)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert other.closed


def test_one_batcher_serves_many_event_loops() -> None:
    run = Echo()
    run.open.set()
    batches = Batcher[Job](run, rows=4)

    async def ask() -> str:
        one = job()
        batches.submit(one)
        return (await hear(one.channel, None)).text

    assert [asyncio.run(ask()) for _ in range(3)] == ["so"] * 3
    batches.close()


def test_what_is_told_to_an_event_loop_that_has_ended_is_dropped() -> None:
    async def make() -> Channel[str]:
        return Channel()

    asyncio.run(make()).put("nobody hears this")
