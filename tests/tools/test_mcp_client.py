"""MCP servers as sources of tools: a reference server from the package index, and one that does everything wrong."""

import asyncio
import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from disputatio.agents import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import run
from disputatio.model import ToolCall
from disputatio.models import ScriptedModel
from disputatio.permission import Permission
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools import McpServer, Toolbox, ToolRuntime, dispatch

pytest.importorskip("mcp", reason="needs the extra mcp: pip install 'disputatio[mcp]'")
needs_time_server = pytest.mark.skipif(
    find_spec("mcp_server_time") is None, reason="needs a reference server: pip install mcp-server-time"
)
FAKE = Path(__file__).with_name("mcp_fake.py")


def time_server() -> McpServer:
    return McpServer(name="time", command=[sys.executable, "-m", "mcp_server_time"], access="read", trusted=True)


@needs_time_server
async def test_a_reference_server_is_used_in_a_run() -> None:
    server = time_server()
    box = Toolbox(server)
    assert {tool.name for tool in box} == {"time__get_current_time", "time__convert_time"}
    arguments = {"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Kolkata"}
    use = {"use": {"tool": "time__convert_time", "arguments": arguments}}
    model = ScriptedModel(lambda prompt: json.dumps(use) if "Use: <" in prompt else "Half past.\nAnswer: 16:30")
    context = Context(models={"default": model})
    result = await run(Question(text="What time?"), chain_of_thought(solver=Solver(tools=box)), context)
    [observed] = [thought for thought in result.thoughts if thought.role == "tool"]
    target = json.loads(observed.text)["target"]["datetime"]  # 3:30 h from Berlin in summer, 4:30 h in winter
    assert target[11:19] in ("15:30:00", "16:30:00")
    assert target.endswith("+05:30")
    assert (observed.data["trusted"], observed.data["source"]) == (False, "tool:time__convert_time")
    assert "| " in model.prompts[-1]
    assert context.taint.untrusted == {"tool:time__convert_time"}
    await server.close()


@needs_time_server
async def test_wrong_arguments_never_reach_the_server_and_its_errors_reach_the_model() -> None:
    server = time_server()
    seen = await called(
        server,
        ("time__convert_time", {"source": "Berlin"}),
        ("time__get_current_time", {"timezone": 5}),
        ("time__get_current_time", {"timezone": "Mars/Base"}),
    )
    assert [one.data["error"] for one in seen] == ["bad_arguments", "bad_arguments", "failed"]
    assert "'source_timezone' is a required property" in seen[0].text
    assert "Mars/Base" in seen[2].text
    await server.close()


async def called(server: McpServer, *wanted: tuple[str, dict[str, Any]], **more: Any) -> list[Thought]:
    """Carry out calls, one after the other."""
    tools = await server.list_tools()
    runtime = ToolRuntime(question=Question(text="?"), author="a", context=Context(**more))
    seen = []
    for name, arguments in wanted:
        seen += await dispatch([ToolCall(id="", name=name, arguments=json.dumps(arguments))], tools, runtime)
    return seen


@pytest.fixture
def fake(tmp_path: Path) -> McpServer:
    return McpServer(
        name="fake", command=[sys.executable, str(FAKE), str(tmp_path)], access="read", trusted=True, timeout_s=10
    )


def starts(folder: Path) -> int:
    return len(list(folder.glob("start*")))


async def test_what_a_server_offers_is_looked_at_first(fake: McpServer) -> None:
    tools = {tool.name: tool for tool in await fake.list_tools()}
    await fake.close()
    offered = "double dies hangs floods blames changing pattern image junk env lies read_resource"
    assert set(tools) == {f"fake__{name}" for name in offered.split()}
    reasons = {
        "linked": "contains itself",
        "remote": "refers to nothing",
        "wrong": "properties",
        "odd": "no JSON schema",
        "bad name!": "at most 64 letters",
        "long": "at most 20000 fit",
    }
    assert set(fake.refused) == set(reasons)
    assert all(reason in fake.refused[name] for name, reason in reasons.items()), fake.refused
    shown = tools["fake__double"].description
    assert shown.startswith("double\\u202exxx")
    assert len(shown) == 1000
    assert "memo://one: a memo" in tools["fake__read_resource"].description


async def test_a_server_that_does_everything_wrong_ends_no_run(fake: McpServer, tmp_path: Path) -> None:
    x = {"x": 21}
    seen = await called(
        fake,
        ("fake__double", x),
        ("fake__junk", x),
        ("fake__floods", x),
        ("fake__blames", x),
        ("fake__lies", x),
        ("fake__image", x),
        ("fake__read_resource", {"uri": "memo://one"}),
        ("fake__read_resource", {"uri": "memo://two"}),
        ("fake__dies", x),
        ("fake__double", x),
        ("fake__changing", x),
    )
    double, junk, floods, blames, lies, image, memo, no_memo, dies, again, changing = seen
    assert [double.text, junk.text, again.text] == ["42"] * 3
    assert "(4,996,000 of 5,000,000 characters left out)" in floods.text
    assert blames.text == "error: no such x"
    assert lies.data["error"] == "failed"
    assert image.data["attachments"] == [{"media_type": "image/png", "base64": "iVBORw0KGgo="}]
    assert memo.text == "buy milk"
    assert no_memo.data["failed"]
    assert dies.text == "error: the server fake failed: it is gone; the next call starts it again"
    assert changing.text == "error: the server changed its tool changing after it was offered"
    assert changing.data["error"] == "refused"
    assert starts(tmp_path) == 2
    await fake.close()


async def test_a_call_that_is_never_answered_ends_and_others_go_on(fake: McpServer, tmp_path: Path) -> None:
    fake.timeout_s = 5
    tools = {tool.name: tool for tool in await fake.list_tools()}
    fake.timeout_s = 0.3
    started = time.perf_counter()
    runtime = ToolRuntime(question=Question(text="?"), author="a", context=Context())
    calls = [ToolCall(id=name, name=f"fake__{name}", arguments='{"x": 1}') for name in ("hangs", "double")]
    hangs, double = await dispatch(calls, tools, runtime)
    assert time.perf_counter() - started < 5
    assert hangs.data["error"] == "failed"
    assert double.text == "2"
    assert starts(tmp_path) == 1, "it still lists its tools, so it is not started again"
    await fake.close()


async def test_a_server_that_dies_again_and_again_is_given_up(fake: McpServer, tmp_path: Path) -> None:
    fake.restarts = 1
    seen = await called(fake, *[("fake__dies", {"x": 1})] * 3)
    assert "died 2 times and is not started again" in seen[-1].text
    assert starts(tmp_path) == 2
    await fake.close()


async def test_a_call_is_made_again_where_that_does_no_harm(fake: McpServer, tmp_path: Path) -> None:
    fake.idempotent = True
    tools = {tool.name: tool for tool in await fake.list_tools()}
    runtime = ToolRuntime(question=Question(text="?"), author="a", context=Context())
    os.kill(int((tmp_path / "start0").read_text()), 9)
    [one] = await dispatch([ToolCall(id="a", name="fake__double", arguments='{"x": 4}')], tools, runtime)
    assert (one.text, starts(tmp_path)) == ("8", 2)
    await fake.close()


async def test_a_pattern_of_the_servers_is_not_matched_here(fake: McpServer) -> None:
    tools = {tool.name: tool for tool in await fake.list_tools()}
    started = time.perf_counter()
    assert tools["fake__pattern"].check({"x": "a" * 40 + "!"}).values
    assert time.perf_counter() - started < 0.1
    await fake.close()


async def test_the_environment_is_not_handed_down(fake: McpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    fake.env = {"GIVEN": "1"}
    [one] = await called(fake, ("fake__env", {"x": 1}))
    assert "GIVEN" in one.text.split()
    assert "SOME_API_KEY" not in one.text
    await fake.close()


async def test_a_server_nobody_vouches_for_may_do_nothing_unasked(tmp_path: Path) -> None:
    server = McpServer(name="fake", command=[sys.executable, str(FAKE), str(tmp_path)])
    everything: Any = ("pure", "read", "network", "write")
    [one] = await called(server, ("fake__double", {"x": 1}))
    assert one.data["error"] == "refused"
    [one] = await called(server, ("fake__double", {"x": 1}), permission=Permission(allowed=everything))
    assert "description of fake__" in one.text
    open_ = Permission(allowed=everything, after_untrusted=everything)
    [one] = await called(server, ("fake__double", {"x": 1}), permission=open_)
    assert one.text == "2"
    await server.close()


def test_the_process_ends_with_the_loop(fake: McpServer, tmp_path: Path) -> None:
    assert {tool.name for tool in fake.tools()} >= {"fake__double"}

    async def use() -> str:
        return (await called(fake, ("fake__double", {"x": 5})))[0].text

    assert asyncio.run(use()) == "10"
    assert starts(tmp_path) == 2
    for path in tmp_path.glob("start*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ({"command": ["no-such-program-at-all"]}, "'no-such-program-at-all' cannot be started: No such file"),
        ({"command": [sys.executable, "-c", "raise SystemExit('no key')"]}, "it ended before it was ready: no key"),
        ({"command": [sys.executable, "-c", "print('hello')"]}, "cannot be used"),
        ({"url": "http://127.0.0.1:9/mcp"}, "cannot be used"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named(server: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        McpServer(name="broken", **server).tools()
    assert "\n" not in str(caught.value)


def test_a_server_is_a_command_or_an_address() -> None:
    for wrong in ({}, {"command": ["a"], "url": "b"}, {"command": "python -m x"}):
        with pytest.raises(ConfigurationError):
            McpServer(name="x", **wrong)  # type: ignore[arg-type]
