"""`disputatio mcp` from outside: the official client lists and calls its tools and strategies."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from disputatio.apps.mcp_server import Offered, guarded, server_of
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError
from disputatio.graphs import CATALOGUE
from disputatio.models import ScriptedModel
from disputatio.permission import Permission
from disputatio.tools import McpServer, Tool, Toolbox, tool

mcp = pytest.importorskip("mcp", reason="needs the extra mcp: pip install 'disputatio[mcp]'")
PROGRAM = str(Path(sys.executable).with_name("disputatio"))
TOOLS = '''
import os
from disputatio.tools import tool

print("loading the tools")

@tool(access="pure")
def shout(text: str, times: int = 1) -> str:
    """Say it loudly.

    Args:
        text: What to say.
    """
    print("shouting")
    os.system("echo from a child")
    return text.upper() * times

@tool(access="network")
def fetch(url: str) -> str:
    """Fetch a page."""
    return "fetched"
'''
TOKEN = "a-token-of-this-test"


@pytest.fixture
def tools_file(tmp_path: Path) -> str:
    path = tmp_path / "my_tools.py"
    path.write_text(TOOLS)
    return str(path)


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


async def test_over_standard_input_and_output(tools_file: str) -> None:
    arguments = ["mcp", "--tools", tools_file, "--model", "sim:accuracy=0.9"]
    with Path(os.devnull).open("w") as log:  # noqa: ASYNC230
        process = mcp.stdio_client(mcp.StdioServerParameters(command=PROGRAM, args=arguments), errlog=log)
        async with mcp.Client(process) as client:
            listed = {one.name: one for one in (await client.list_tools()).tools}
            assert set(listed) == {"shout", "fetch", *CATALOGUE}
            assert listed["shout"].input_schema["properties"]["text"]["description"] == "What to say."
            properties = listed["debate"].input_schema["properties"]
            assert (properties["rounds"]["type"], properties["rounds"]["default"]) == ("integer", 2)
            assert properties["rounds"]["description"].startswith("Answers each debater gives, at least 1.")
            assert "judge" not in properties
            assert text_of(await client.call_tool("shout", {"text": "a", "times": 2})) == "AA"
            wrong = await client.call_tool("shout", {"tekst": "a"})
            assert wrong.is_error
            assert "text: Field required" in text_of(wrong)
            refused = await client.call_tool("fetch", {"url": "x"})
            assert refused.is_error
            assert "does not allow network" in text_of(refused)
            unknown = await client.call_tool("shuot", {})
            assert "did you mean 'shout'?" in text_of(unknown)
            debate = await client.call_tool("debate", {"question": "Is it so?", "rounds": 1, "debaters": 2})
            assert not debate.is_error
            assert re.search(r"Answer: (yes|no).*\(finished; 2 calls", text_of(debate), re.DOTALL)
            for wrong_parameter in ({"question": "Is it?", "rounds": 0}, {"question": ""}, {"rounds": 1}):
                assert (await client.call_tool("debate", wrong_parameter)).is_error


def offered(**changed: Any) -> Offered:
    model = ScriptedModel(lambda prompt: "Because.\nAnswer: B\nConfidence: 80")
    return Offered(**{"model": model, "budget": Budget(calls=4), **changed})


async def test_a_question_can_have_choices_and_documents() -> None:
    served = offered()
    async with mcp.Client(server_of(served)) as client:
        given = {"question": "Which?", "choices": ["shark", "whale"], "documents": ["Whales give milk."]}
        told = text_of(await client.call_tool("chain_of_thought", given))
    assert told.startswith("Answer: B (80% sure)")
    [prompt] = served.model.prompts  # type: ignore[union-attr]
    assert "B) whale" in prompt
    assert "Document 1:\nWhales give milk." in prompt


async def test_the_budget_holds_for_each_run() -> None:
    async with mcp.Client(server_of(offered(budget=Budget(calls=2)))) as client:
        for _ in range(2):
            told = text_of(await client.call_tool("debate", {"question": "Which?"}))
            assert "(budget; 2 calls" in told


async def test_images_are_given_as_images() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(16)

    @tool(access="pure")
    def draw() -> bytes:
        """Draw."""
        return png

    async with mcp.Client(server_of(offered(tools=(draw,)))) as client:
        result = await client.call_tool("draw", {})
    assert [block.type for block in result.content] == ["text", "image"]


async def test_what_the_server_allows_is_called() -> None:
    @tool(access="write")
    def save(text: str) -> str:
        """Save."""
        return "saved"

    for permission, is_error in ((Permission(), True), (Permission(allowed={"write"}), False)):
        async with mcp.Client(server_of(offered(tools=(save,), permission=permission))) as client:
            assert (await client.call_tool("save", {"text": "x"})).is_error is is_error


def test_a_tool_cannot_have_the_name_of_a_strategy() -> None:
    @tool(name="debate")
    def mine() -> None:
        """Mine."""

    with pytest.raises(ConfigurationError, match=r"two tools are named 'debate': .*one from strategy debate"):
        server_of(offered(tools=(mine,)))


@pytest.fixture
def address(tools_file: str) -> Iterator[str]:
    command = [PROGRAM, "mcp", "--tools", tools_file, "--model", "sim:accuracy=0.9", "--http", "0"]
    environment = {**os.environ, "DISPUTATIO_MCP_TOKEN": TOKEN}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True
    ) as one:
        assert one.stderr
        try:
            line = next(line for line in one.stderr if "serving at" in line)
            yield line.split()[-1]
        finally:
            one.send_signal(signal.SIGINT)
            one.wait(10)


async def test_over_http_by_our_own_client(address: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    server = McpServer(name="other", url=address, headers=headers, access="read", trusted=True)
    tools: list[Tool] = await server.list_tools()
    box = Toolbox(tools)
    assert {"other__shout", "other__debate"} <= {one.name for one in box}
    assert await box["other__shout"].call({"text": "a"}) == "A"
    assert "Answer: " in await box["other__debate"].call({"question": "Is it so?", "rounds": 1})
    await server.close()
    for wrong in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            await McpServer(name="other", url=address, headers=wrong).list_tools()


async def test_a_page_of_another_origin_is_refused(address: str) -> None:
    httpx2 = pytest.importorskip("httpx2")
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        for headers, status in (
            ({"Authorization": ""}, 401),
            ({"Host": "evil.example"}, 421),
            ({"Origin": "http://evil.example"}, 403),
        ):
            answered = await client.post(address, json=body, headers={**accept, **headers})
            assert answered.status_code == status, answered.text
        huge = await client.post(
            address, content=b"[" * 2_000_000, headers={**accept, "Content-Type": "application/json"}
        )
        assert huge.status_code == 413


async def test_only_the_right_token_opens() -> None:
    inside: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        inside.append(scope["type"])

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    guard = guarded(app, TOKEN)
    for given in (
        b"",
        b"Bearer",
        b"Bearer ",
        TOKEN.encode(),
        b"bearer " + TOKEN.encode(),
        b"Bearer " + TOKEN.encode() + b"x",
    ):
        await guard({"type": "http", "headers": [(b"authorization", given)]}, None, send)
    await guard({"type": "http", "headers": []}, None, send)
    assert inside == []
    assert [one["status"] for one in sent if "status" in one] == [401] * 7
    await guard({"type": "http", "headers": [(b"authorization", f"Bearer {TOKEN}".encode())]}, None, send)
    assert inside == ["http"]


def test_a_token_that_can_be_guessed_is_refused(tools_file: str) -> None:
    done = subprocess.run(
        [PROGRAM, "mcp", "--http", "0"],
        env={**os.environ, "DISPUTATIO_MCP_TOKEN": "short"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "at least 16 are needed" in done.stderr
