"""Damaged replies by the thousand, honest books under random faults, and nothing left behind by cancelled requests."""

import asyncio
import gc
import json
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from disputatio.budget import Usage
from disputatio.context import Retried
from disputatio.errors import BudgetExceededError, ModelError, ModelUnavailableError
from disputatio.gate import Gate
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Reply, Request
from disputatio.models import OpenAICompatible
from disputatio.models.gateway import ATTEMPTS, call
from disputatio.models.transport import _SESSIONS, Clocks, Events, Received
from tests.servers import STREAM, USAGE, chunk, completion, event

ASK = Request(messages=[Message(role="user", content="Capital?")], max_tokens=9)
WHO = Spender("a", "r", 1, "m")
Said = Received | list[bytes] | ModelError


class Content:
    """What is left of a reply on the wire."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.content, self._pieces = self, pieces

    async def iter_any(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Wire:
    """Stands for the connection to a server, which says what a function tells it to; nothing is sent."""

    def __init__(self, say: Callable[[], Said]) -> None:
        self.say = say

    async def post(self, path: str, body: bytes) -> Received:
        said = self.say()
        if isinstance(said, ModelError):
            raise said
        assert isinstance(said, Received)
        return said

    @asynccontextmanager
    async def stream(self, path: str, body: bytes) -> AsyncIterator[Received | Events]:
        said = self.say()
        if isinstance(said, ModelError):
            raise said
        async with asyncio.timeout(60) as clock:
            if isinstance(said, list):
                response: Any = Content(said)
                yield Events(response, clock, 60, AssertionError)
            else:
                yield said


def model_on(say: Callable[[], Said]) -> OpenAICompatible:
    model = OpenAICompatible(name="t", base_url="http://127.0.0.1:1/v1", model="m", gate=Gate())
    vars(model)["_transport"] = Wire(say)
    return model


async def ended(said: Said) -> Reply | ModelError:
    """What one call comes to; any error that is not ours fails the test."""
    try:
        return await model_on(lambda: said).complete(ASK, (lambda piece: None) if isinstance(said, list) else None)
    except ModelError as error:
        return error


CALLED = {"index": 0, "id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TOOLS = (
    event({"choices": [{"index": 0, "delta": {"tool_calls": [CALLED]}, "finish_reason": None}]}),
    chunk("", "tool_calls"),
    event(b"[DONE]"),
)
THOUGHT = (
    event({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm, \u00fc."}, "finish_reason": None}]}),
    *STREAM,
)
STREAMS = {
    "plain": STREAM,
    "tools": TOOLS,
    "thought": THOUGHT,
    "comments": (b": ping\n\n", *STREAM[:2], b": ping\n\n", *STREAM[2:]),
}


def cuts() -> Iterator[tuple[str, bytes]]:
    """Every stream, cut at every byte."""
    for name, pieces in STREAMS.items():
        whole = b"".join(pieces)
        yield from ((name, whole[:size]) for size in range(len(whole)))


async def test_a_stream_that_is_cut_at_any_byte_is_whole_or_an_error_of_ours() -> None:
    seen: Counter[str] = Counter()
    random = Random(1)
    for name, data in cuts():
        place = random.randrange(len(data) + 1)  # the pieces that arrive are not those that were sent
        found = await ended([data[:place], data[place:]])
        if isinstance(found, ModelError):
            assert isinstance(found, ModelUnavailableError), found
            seen[found.fault] += 1
        else:  # never a part of the reply
            assert found.text == ("" if name == "tools" else "Paris")
            assert [one.arguments for one in found.tool_calls] == (['{"a": 1}'] if name == "tools" else [])
            seen["whole"] += 1
    assert seen["truncated"] > seen["whole"] > 0
    assert sum(seen.values()) == sum(len(b"".join(pieces)) for pieces in STREAMS.values())


def damaged(body: bytes, random: Random) -> bytes:
    """A reply with one to four things done to its bytes."""
    broken = bytearray(body)
    for _ in range(random.randint(1, 4)):
        place, other = sorted((random.randrange(len(broken) + 1), random.randrange(len(broken) + 1)))
        match random.randrange(6):
            case 0:
                broken[place:place] = random.randbytes(random.randint(1, 4))
            case 1:
                del broken[place:other]
            case 2:
                broken[place:place] = broken[place:other]
            case 3:
                broken[place:other] = random.choice([b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"NaN", b"\\ud800"])
            case 4:
                for one in range(place, min(place + 3, len(broken))):
                    broken[one] ^= 1 << random.randrange(8)
            case _:
                del broken[place:]
    return bytes(broken)


def mutated(value: Any, random: Random) -> Any:
    """The same for values: one somewhere inside is replaced by something of another type."""
    if isinstance(value, dict | list) and value and random.random() < 0.8:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        place, copied = random.choice(places), value.copy()
        copied[place] = mutated(value[place], random)
        return copied
    return random.choice([None, True, -1, 10**30, 1.5, "", "x" * 99, "\ud800", [], {}, [[]], {"type": "text"}, "7"])


async def test_thousands_of_damaged_replies_raise_nothing_but_our_errors() -> None:
    random = Random(2)
    tools = completion()
    tools["choices"][0]["message"] |= {"content": None, "tool_calls": [CALLED]}
    wholes = [completion(usage=USAGE), tools, {"error": {"message": "no", "code": "rate_limit_exceeded"}}]
    for number in range(5_000):
        whole = wholes[number % len(wholes)]
        body = damaged(json.dumps(whole).encode(), random)
        if number % 2:
            body = json.dumps(mutated(whole, random)).encode()
        found = await ended(Received(random.choice([200, 200, 200, 400, 429, 503]), {}, body))
        if isinstance(found, Reply):
            assert isinstance(found.text, str)
            found.text.encode()  # which a lone surrogate does not let be done
            assert found.usage.calls == 1
            assert all(isinstance(one.arguments, str) and one.id for one in found.tool_calls)


async def test_under_random_faults_the_report_has_the_tokens_that_the_server_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("disputatio.models.gateway._wait", lambda state: 0.0)
    monkeypatch.setattr("disputatio.gate.PAUSE", 0.001)
    random, counted, asked = Random(3), Usage(), 0

    def say() -> Said:
        nonlocal counted, asked
        asked += 1
        fault = random.randrange(100)
        prompt, written = random.randint(1, 500), random.randint(1, 99)
        usage = {"prompt_tokens": prompt, "completion_tokens": written}
        match fault:
            case 0 | 1 | 2 | 3 | 4:
                return Received(503, {}, b"<html>")
            case 5 | 6 | 7 | 8 | 9:
                return Received(429, {}, json.dumps({"error": {"message": "slow down"}}).encode())
            case 10 | 11 | 12 | 13 | 14:
                return ModelUnavailableError("reset", fault="transport")
            case 15 | 16 | 17 | 18 | 19:
                return Received(200, {}, b"")
        counted += Usage(prompt_tokens=prompt, completion_tokens=written)
        if fault < 30:  # nobody can use it, yet it was paid for
            return Received(200, {}, json.dumps(completion(choices=[], usage=usage)).encode())
        return Received(200, {}, json.dumps(completion(usage=usage)).encode())

    ledger, gate = Ledger(), Gate(most=50)
    model = model_on(say)
    told: list[list[Retried]] = [[] for _ in range(2_000)]
    calls = [call(model, ASK, ledger=ledger, spender=WHO, gate=gate, on_retry=one.append) for one in told]
    found = await asyncio.gather(*calls, return_exceptions=True)
    fine = [one for one in found if isinstance(one, Reply)]
    assert all(isinstance(one, ModelError) for one in found if not isinstance(one, Reply))
    assert (ledger.total.prompt_tokens, ledger.total.completion_tokens) == (
        counted.prompt_tokens,
        counted.completion_tokens,
    )
    assert not ledger.total.estimated
    assert ledger.total.calls == len(fine)
    assert ledger.lines == {WHO: ledger.total}
    assert ledger._held == Usage()
    assert asked == len(calls) + sum(map(len, told)), "each further request is told of"
    for one, retries in zip(found, told, strict=True):  # all that the rules let be tried again was tried again
        if isinstance(one, ModelError):
            assert len(retries) + 1 >= ATTEMPTS[one.fault]
    assert len(fine) >= 0.9 * len(calls)
    assert asked <= 1.2 * len(calls) / 0.7


async def open_files(least: int) -> int:
    """How many files are open, once closed connections have gone: that takes a moment on a busy machine."""
    for _ in range(100):
        gc.collect()
        if descriptors() < least:
            break
        await asyncio.sleep(0.05)
    return descriptors()


async def test_a_thousand_cancelled_requests_leave_nothing_behind() -> None:
    open_now, asked = 0, 0
    arrived = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, asked
        await reader.readuntil(b"\r\n\r\n")
        open_now, asked = open_now + 1, asked + 1
        arrived.set()
        while await reader.read(65536):
            pass
        open_now -= 1
        writer.close()

    wave = 125

    async def waves(url: str, number: int) -> Ledger:
        ledger = Ledger()
        model = OpenAICompatible(name="t", base_url=url, model="m", clocks=Clocks(), gate=Gate())
        streams = (None, lambda piece: None)
        tasks = [
            asyncio.create_task(call(model, ASK, ledger=ledger, spender=WHO, on_text=streams[one % 2]))
            for one in range(wave)
        ]
        while asked < (number + 1) * wave:
            arrived.clear()
            await arrived.wait()
        if number % 2:
            ledger.stop("cancelled")
            with pytest.raises(BudgetExceededError):
                await call(model, ASK, ledger=ledger, spender=WHO)
        else:
            for task in tasks:
                task.cancel()
        ends = {type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)}
        assert ends == {BudgetExceededError if number % 2 else asyncio.CancelledError}
        while open_now:  # noqa: ASYNC110 - the server counts
            await asyncio.sleep(0.01)
        return ledger

    server = await asyncio.start_server(hang, "127.0.0.1", 0, backlog=1000)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    await waves(url, 0)  # what is opened once, the session for one, is there now
    tasks, threads, files = len(asyncio.all_tasks()), threading.active_count(), descriptors()
    for number in range(1, 8):
        ledger = await waves(url, number)
        assert (ledger._held, ledger._clocks) == (Usage(), set())
    assert asked == 8 * wave == 1_000, "no request began after its run was stopped"
    assert (len(asyncio.all_tasks()), threading.active_count()) == (tasks, threads)
    most = files + 20  # of a thousand connections; what else this process has open may come and go
    assert await open_files(most) < most
    server.close()
    await server.wait_closed()
    assert asyncio.get_running_loop() in _SESSIONS  # closed as the loop ends


def descriptors() -> int:
    """How many files and sockets this process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.is_dir() else 0
