"""vLLM for real, in process and as a server; `make test-vllm` runs these, with weights that it converts before."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import disputatio as dp
from disputatio.errors import ModelError
from disputatio.model import Message, Request
from disputatio.models import load_model
from disputatio.models.vllm_engine import VLLMEngine, load
from tests.models.test_same_debate import differences, held, made, row

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]  # vLLM's own warnings
pytest.importorskip("vllm", reason="vLLM is not installed; make test-vllm installs it")

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"enum": ["yes", "no"]}, "reason": {"type": "string", "maxLength": 20}},
    "required": ["answer", "reason"],
    "additionalProperties": False,
}
QUESTION = dp.Question(text="Is 7 a prime number?", answer_type="boolean")


def asking(text: str, **settings: Any) -> Request:
    messages = [Message(role="system", content="Be brief."), Message(role="user", content=text)]
    return Request(**{"messages": messages, "max_tokens": 16, "temperature": 0.0, **settings})


@pytest.fixture(scope="module")
def weights() -> Path:
    folder = Path(os.environ.get("DISPUTATIO_TEST_WEIGHTS", ""))
    if not (folder / "config.json").is_file():
        pytest.skip("DISPUTATIO_TEST_WEIGHTS names no folder with a model; make test-vllm makes one")
    return folder


@pytest.fixture(scope="module")
def server(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server, up after a minute or more."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model", str(weights), "--served-model-name", "smol", "--max-model-len", "4096"]
    command += ["--enable-prompt-tokens-details"]
    log = tmp_path_factory.mktemp("vllm") / "log"
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(200):
                with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
                    break
                if process.poll() is not None:
                    raise AssertionError(log.read_text()[-3000:])
                time.sleep(2)
            yield address
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def engine(weights: Path) -> Iterator[VLLMEngine]:
    model = load(str(weights), arguments={"max_model_len": 4096})
    yield model
    model.close()


def metric(server: str, name: str) -> float:
    with urllib.request.urlopen(f"{server}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    return sum(float(value) for value in re.findall(rf"^vllm:{name}_total\{{.*\}} (\S+)$", text, re.MULTILINE))


# The server


def test_the_server_holds_a_debate_and_finds_shared_prefixes_in_its_cache(server: str) -> None:
    asked, hits = metric(server, "prefix_cache_queries"), metric(server, "prefix_cache_hits")
    budget = dp.Budget(tokens=4000)
    result = dp.solve(QUESTION, strategy="debate", rounds=2, model=f"vllm:{server}/v1", budget=budget, seed=1)
    assert result.thoughts
    assert result.usage.calls >= 2
    assert not result.usage.estimated
    asked, hits = metric(server, "prefix_cache_queries") - asked, metric(server, "prefix_cache_hits") - hits
    assert asked == result.usage.prompt_tokens
    assert 0 < hits < asked
    print(f"\nprefix cache: {hits:.0f} of {asked:.0f} prompt tokens, {hits / asked:.0%}")  # noqa: T201


def test_a_debate_has_the_shape_that_it_has_on_all_models(server: str) -> None:
    first, on_server = (asyncio.run(held(made(name))) for name in ("scripted", f"vllm:{server}/v1#smol"))
    assert differences(row("scripted", first), row("vllm", on_server)) == []


async def test_the_server_keeps_a_schema(server: str) -> None:
    model = load_model(f"vllm:{server}/v1#smol")
    reply = await model.complete(asking("Is tea better?", schema=SCHEMA, max_tokens=100, temperature=1.0, seed=1))
    assert set(json.loads(reply.text)) == {"answer", "reason"}


async def test_the_server_refuses_what_does_not_fit(server: str) -> None:
    with pytest.raises(ModelError, match="context"):
        await load_model(f"vllm:{server}/v1#smol").complete(asking("word " * 5000))


async def test_the_server_gives_logprobs_several_replies_and_stops(server: str) -> None:
    model = load_model(f"vllm:{server}/v1#smol")
    request = asking("Why is the sky blue?", n=3, seed=1, temperature=1.0, logprobs=2)
    reply = await model.complete(request)
    assert len({reply.text, *reply.others}) == 3
    assert "".join(one.token for one in reply.logprobs) == reply.text
    assert all(one.logprob <= 0 and len(one.top) >= 2 for one in reply.logprobs)
    assert reply.usage.completion_tokens <= 48
    whole = (await model.complete(asking("Why is the sky blue?"))).text
    cut = await model.complete(asking("Why is the sky blue?", stop=(whole[20:25],)))
    assert cut.text == whole[: whole.index(whole[20:25])]


# In process


async def test_the_engine_streams_and_counts(engine: VLLMEngine) -> None:
    heard: list[str] = []
    reply = await engine.complete(asking("Why is the sky blue?", logprobs=2), heard.append)
    assert "".join(heard) == reply.text
    assert len(heard) > 4
    assert (reply.usage.completion_tokens, reply.finish_reason) == (16, "length")
    assert "".join(one.token for one in reply.logprobs) == reply.text
    assert all(len(one.top) == 2 and one.top[0][1] >= one.logprob for one in reply.logprobs)


async def test_the_engine_keeps_a_schema(engine: VLLMEngine) -> None:
    reply = await engine.complete(asking("Is tea better?", schema=SCHEMA, max_tokens=100, temperature=1.0, n=2))
    for text in (reply.text, *reply.others):
        assert set(json.loads(text)) == {"answer", "reason"}


async def test_the_engine_repeats_a_seed_and_stops_at_a_text(engine: VLLMEngine) -> None:
    request = asking("Why is the sky blue?", temperature=1.0, seed=7, n=3, max_tokens=30)
    first, again = await engine.complete(request), await engine.complete(request)
    assert (first.text, first.others) == (again.text, again.others)
    assert len({first.text, *first.others}) == 3
    whole = (await engine.complete(asking("Why is the sky blue?"))).text
    cut = await engine.complete(asking("Why is the sky blue?", stop=(whole[20:25],)))
    assert cut.text == whole[: whole.index(whole[20:25])]
    assert cut.finish_reason == "stop"


async def test_the_engine_aborts_what_is_cancelled(engine: VLLMEngine) -> None:
    task = asyncio.create_task(engine.complete(asking("Tell a story", max_tokens=3000, temperature=1.0)))
    await asyncio.sleep(1)
    assert engine._engine.get_num_unfinished_requests() == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(1)
    assert engine._engine.get_num_unfinished_requests() == 0


async def test_the_engine_refuses_in_one_line(engine: VLLMEngine) -> None:
    with pytest.raises(ModelError, match="do not fit the context window of 4096") as error:
        await engine.complete(asking("word " * 5000))
    assert error.value.fault == "context_too_long"
    for settings in ({"n": 2}, {"schema": {"type": "nonsense"}}, {"logprobs": 1000}):
        with pytest.raises(ModelError) as refused:
            await engine.complete(asking("?", **settings))  # type: ignore[arg-type]
        assert "\n" not in str(refused.value)


def test_the_engine_holds_debates_in_several_event_loops(engine: VLLMEngine) -> None:
    for _ in range(2):  # each `solve` has a loop of its own
        result = dp.solve(QUESTION, strategy="debate", rounds=1, model=engine, budget=dp.Budget(tokens=2000), seed=1)
        assert result.thoughts
        assert not result.usage.estimated


async def test_a_closed_engine_refuses(weights: Path, engine: VLLMEngine) -> None:
    assert load(str(weights), arguments={"max_model_len": 4096}) is engine
    waiting = asyncio.create_task(engine.complete(asking("Tell a story", max_tokens=3000, temperature=1.0)))
    await asyncio.sleep(1)
    await asyncio.to_thread(engine.close)
    with pytest.raises(ModelError):
        await waiting
