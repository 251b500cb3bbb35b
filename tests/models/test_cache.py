"""The response cache: what is looked up, what a hit costs, what is dropped, and several processes on one file."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import disputatio as dp
from disputatio.budget import Budget, Usage
from disputatio.errors import StoreError
from disputatio.journal import Journal
from disputatio.markdown import facts
from disputatio.model import Message, Profile, Reply, Request, TokenLogprob
from disputatio.models import ScriptedModel
from disputatio.models.cache import Cached, Stats


def asking(text: str = "Why?", **changed: Any) -> Request:
    return Request(**{"messages": [Message(role="user", content=text)], "max_tokens": 50, "seed": 1, **changed})


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Cached]:
    made = Cached(ScriptedModel(lambda prompt: f"So: {prompt}"), tmp_path / "cache.sqlite")
    yield made
    made.close()


def asked(cached: Cached) -> int:
    assert isinstance(cached.model, ScriptedModel)
    return len(cached.model.requests)


async def test_a_hit_costs_nothing_and_is_streamed(cached: Cached) -> None:
    first = await cached.complete(asking())
    heard: list[str] = []
    again = await cached.complete(asking(), heard.append)
    assert (again.text, again.usage, heard) == (first.text, Usage(hits=1), ["So: Why?"])
    assert (asked(cached), cached.name, cached.profile) == (1, "scripted", Profile())
    assert cached.stats() == Stats(hits=1, misses=1, replies=1, size=cached.stats().size)
    assert str(cached.stats()).startswith("1 hits (50%), 1 misses, 1 replies")


@pytest.mark.parametrize(
    ("changed", "times"),
    [({}, 1), ({"seed": None, "temperature": 0.0}, 1), ({"seed": None}, 2), ({"seed": None, "temperature": 0.1}, 2)],
)
async def test_only_what_comes_out_the_same_again_is_looked_up(
    changed: dict[str, Any], times: int, cached: Cached
) -> None:
    for _ in range(2):
        await cached.complete(asking(**changed))
    assert asked(cached) == times
    cached.always = True
    for _ in range(2):
        await cached.complete(asking("always", **changed))
    assert asked(cached) == times + 1


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 2},
        {"max_tokens": 51},
        {"temperature": 1.0},
        {"schema": {}},
        {"stop": ("x",)},
        {"n": 2},
        {"logprobs": 0},
    ],
    ids=str,
)
async def test_any_other_request_is_another(changed: dict[str, Any], cached: Cached) -> None:
    await cached.complete(asking())
    await cached.complete(asking(**changed))
    assert asked(cached) == 2


async def test_a_reply_comes_back_whole_and_others_are_not_kept(tmp_path: Path) -> None:
    class Odd(ScriptedModel):
        finish = "stop"

        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            self.requests.append(request)
            token = TokenLogprob(token="\ud800", logprob=float("-inf"), top=(("a", -1.5),))
            return Reply(text="\ud800\x00", finish_reason=self.finish, logprobs=(token,), others=("b",))

    model = Odd(str)
    cached = Cached(model, tmp_path / "cache.sqlite")
    first, again = [await cached.complete(asking()) for _ in range(2)]
    assert (again.text, again.logprobs, again.others) == (first.text, first.logprobs, first.others)
    model.finish = "content_filter"
    for _ in range(2):
        await cached.complete(asking("other"))
    assert len(model.requests) == 3
    cached.close()


async def test_those_that_were_not_used_for_longest_are_dropped(tmp_path: Path) -> None:
    cached = Cached(ScriptedModel(lambda prompt: prompt[:1] * 1000), tmp_path / "cache.sqlite", limit_mb=0.004)
    for text in "abc":
        await cached.complete(asking(text))
    size = cached.stats().size
    assert 3000 < size < 4000
    await cached.complete(asking("a"))
    await cached.complete(asking("d"))  # b is the one that was not used for longest
    assert (cached.stats().replies, cached.stats().size) == (3, size)
    assert [asked(cached) for text in "acd" if await cached.complete(asking(text))] == [4, 4, 4]
    await cached.complete(asking("b"))
    assert asked(cached) == 5
    cached.close()


async def test_a_run_from_the_cache_has_hits_in_place_of_calls(tmp_path: Path) -> None:
    model = ScriptedModel(lambda prompt: "Answer: 4")
    cached, path = Cached(model, tmp_path / "cache.sqlite"), tmp_path / "run.jsonl"
    first = await dp.asolve("2 + 2?", strategy="debate", model=cached, seed=1)
    limit = Budget(calls=3)  # as many as are asked at once: each is reserved before the cache is asked
    again = await dp.asolve("2 + 2?", strategy="debate", model=cached, seed=1, budget=limit, journal=path)
    assert (again.answer.text, again.answer.value) == (first.answer.text, first.answer.value)
    assert (again.usage, again.stop_reason) == (Usage(hits=first.usage.calls), first.stop_reason)
    assert f"0 calls and {first.usage.calls} from the cache" in ", ".join(facts(again))
    assert "came from the response cache and cost nothing" in again.to_markdown()
    replayed = await dp.asolve("2 + 2?", strategy="debate", journal=Journal(path, replay=True))
    assert replayed.model_dump_json() == again.model_dump_json()
    cached.close()


def test_files_that_are_no_cache(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("plain text, long enough to be taken for a header" * 99)
    database = sqlite3.connect(tmp_path / "other")
    database.execute("CREATE TABLE mine (x)")
    database.close()
    for name, message in (("text", "not a database"), ("other", "no cache of this version"), (".", "directory")):
        before = (tmp_path / name).read_bytes() if name != "." else b""
        with pytest.raises(StoreError, match=message):
            asyncio.run(Cached(ScriptedModel(str), tmp_path / name).complete(asking()))
        assert name == "." or (tmp_path / name).read_bytes() == before


CLIENT = """\
import asyncio, sys
from disputatio.markdown import facts
from disputatio.model import Message, Request
from disputatio.models import ScriptedModel
from disputatio.models.cache import Cached

async def ask(cached, number):
    request = Request(messages=[Message(role="user", content=str(number))], max_tokens=9, seed=1)
    assert (await cached.complete(request)).text == f"so {number}"

async def main():
    cached = Cached(ScriptedModel(lambda prompt: f"so {prompt}"), sys.argv[1])
    for start in range(0, 60, 6):
        await asyncio.gather(*(ask(cached, number) for number in range(start, start + 6)))
    cached.close()

asyncio.run(main())
"""


def test_four_processes_on_one_file(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    clients = [subprocess.Popen([sys.executable, "-c", CLIENT, str(path)], stderr=subprocess.PIPE) for _ in range(4)]
    errors = [client.communicate(timeout=120)[1].decode() for client in clients]
    assert [client.returncode for client in clients] == [0] * 4, errors
    cached = Cached(ScriptedModel(str), path)
    stats = cached.stats()
    assert (stats.hits + stats.misses, stats.replies) == (240, 60)
    assert stats.misses >= 60
    [total] = cached._opened[0].execute("SELECT sum(size) FROM replies").fetchone()
    assert stats.size == total
    cached.close()
