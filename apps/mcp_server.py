"""Disputatio as an MCP server: its tools, and every strategy as a tool, for any client of the protocol.

What a client may call is what the permission allows; there is nobody to ask. Every call is a run of its own, with a
budget of its own.
"""

import asyncio
import hmac
import json
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from hashlib import sha256
from inspect import getdoc
from io import TextIOWrapper
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, Union

from docstring_parser import parse

import disputatio
from disputatio.apps import choosing
from disputatio.apps.output import complain
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError, DisputatioError, StoreError, ToolError, require
from disputatio.graphs import CATALOGUE
from disputatio.graphs.run import asolve, prepare
from disputatio.model import Model, ToolCall
from disputatio.permission import Permission
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.tools import Tool, Toolbox, ToolRuntime, dispatch
from disputatio.tools.arguments import Parameter
from disputatio.tools.rendering import cut
from disputatio.tools.tool import typed

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

TOKEN = "DISPUTATIO_MCP_TOKEN"
"""The environment variable that holds the token of the HTTP server."""
MAX_BODY = 2**20
"""The most bytes of a request."""
LONGEST_RUN = 3600.0
"""Seconds that a strategy may take, where the budget sets no limit."""

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What is served, and with what."""

    tools: tuple[Tool, ...] = ()
    model: Model | str = "local"
    """The model that answers in the strategies."""
    budget: Budget = field(default_factory=Budget)
    """What each run may spend."""
    permission: Permission = field(default_factory=Permission)
    """What the tools may do."""


def server_of(offered: Offered) -> "Server[Any]":
    """The server, to be connected to a transport.

    Raises:
        ConfigurationError: If a tool has the name of a strategy.
        MissingExtraError: If the extra `mcp` is not installed.
    """
    types = require("mcp", extra="mcp").types
    lowlevel = require("mcp.server.lowlevel", extra="mcp")
    box = Toolbox(offered.tools, [_strategy_tool(one, offered) for one in CATALOGUE.values()])
    listed = [types.Tool(name=one.name, description=one.description, input_schema=one.schema) for one in box]

    async def on_list_tools(_: Any, __: Any) -> Any:
        return types.ListToolsResult(tools=listed)

    async def on_call_tool(_: Any, params: Any) -> Any:
        if params.name in CATALOGUE:
            try:
                found = await box[params.name].run(box[params.name].check(params.arguments or {}).values)
            except ToolError as error:
                return types.CallToolResult(content=[types.TextContent(text=f"error: {error}")], is_error=True)
            return types.CallToolResult(content=[types.TextContent(text=found.text)])
        return _result(types, await _called(params, box, offered))

    return lowlevel.Server(  # type: ignore[no-any-return]
        "disputatio", version=disputatio.__version__, on_list_tools=on_list_tools, on_call_tool=on_call_tool
    )


async def _called(params: Any, box: Toolbox, offered: Offered) -> dict[str, Any]:
    """Carry out one call of a tool, in a context of its own."""
    context = prepare(model=offered.model, budget=offered.budget, permission=offered.permission)
    runtime = ToolRuntime(question=Question(text="(a call by an MCP client)"), author="client", context=context)
    call = ToolCall(id="", name=params.name, arguments=json.dumps(params.arguments or {}))
    [observed] = await dispatch([call], box.by_name, runtime)
    return {"text": observed.text, **observed.data}


def _result(types: Any, observed: dict[str, Any]) -> Any:
    content = [types.TextContent(text=observed["text"])]
    for one in observed.get("attachments", ()):
        if one["media_type"].startswith("image/"):
            content.append(types.ImageContent(data=one["base64"], mime_type=one["media_type"]))
    return types.CallToolResult(content=content, is_error=observed["failed"])


def _strategy_tool(strategy: Strategy[...], offered: Offered) -> Tool:
    """A strategy as a tool that takes a question and those parameters that JSON has a form for."""
    documented = parse(getdoc(strategy.build) or "")
    described = {one.arg_name: " ".join((one.description or "").split()) for one in documented.params}
    takes = {
        "question": Parameter(str, description="the question or motion"),
        "choices": Parameter(list[str], [], "all possible answers, if they are closed"),
        "answer_type": Parameter(
            Literal["text", "number", "boolean", "choice"] | None, None, "how the answer is read and compared"
        ),
        "documents": Parameter(list[str], [], "texts that belong to the question"),
    }
    for name, parameter in strategy.signature.parameters.items():
        kinds = choosing.simple_kinds(parameter.annotation)
        if set(kinds) - {NoneType} and parameter.default is not parameter.empty:
            takes[name] = Parameter(Union[tuple(kinds)], parameter.default, described.get(name, ""))  # noqa: UP007

    async def answer(
        question: str, choices: list[str], answer_type: str | None, documents: list[str], **parameters: Any
    ) -> str:
        kept = {name: value for name, value in parameters.items() if value is not None}
        try:
            asked = choosing.question(question, answer_type=answer_type, choices=choices)
            asked = asked.model_copy(update={"context": tuple(documents)})
            result = await asolve(asked, strategy=strategy, model=offered.model, budget=offered.budget, **kept)
        except DisputatioError as error:
            raise ToolError(str(error)) from error
        return _told(result)

    return typed(
        strategy.name,
        f"{documented.short_description} Source: {strategy.source}. At most {strategy.calls} model calls.",
        takes,
        answer,
        access="network",
        timeout_s=(offered.budget.seconds or LONGEST_RUN) + 60,
        max_output=20_000,
        source=f"strategy {strategy.name}",
    )


def _told(result: Result) -> str:
    """A result in a few lines."""
    answer = result.answer
    sure = "" if answer.confidence is None else f" ({answer.confidence:.0%} sure)"
    lines = [f"Answer: {answer.text}{sure}" if not answer.abstained else "No answer could be read.", answer.rationale]
    lines += [f"Dissent: {one}" for one in answer.dissent]
    spent = f"{result.usage.calls} calls, {result.usage.tokens} tokens, {result.seconds:.1f} s"
    return cut("\n\n".join(line for line in [*lines, f"({result.stop_reason}; {spent})"] if line), 20_000)


def serve(offered: Callable[[], Offered], *, port: int | None = None) -> None:
    """Serve until the client goes (standard input and output), or until the process is ended (HTTP).

    Args:
        offered: Loads what is served.
        port: Of 127.0.0.1, 0 for any; None is standard input and output.

    Raises:
        ConfigurationError: If something cannot be loaded, or a tool has the name of a strategy.
        StoreError: If the port cannot be had.
    """
    if port is not None:
        asyncio.run(_on_http(server_of(offered()), port))
        return
    # What a tool prints must not get between the messages: from here on, it goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as own:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        asyncio.run(_on_stdio(server_of(offered()), TextIOWrapper(own, encoding="utf-8", write_through=True)))


async def _on_stdio(server: "Server[Any]", out: TextIOWrapper) -> None:
    anyio = require("anyio", extra="mcp")
    stdio = require("mcp.server.stdio", extra="mcp")
    async with stdio.stdio_server(stdout=anyio.wrap_file(out)) as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _on_http(server: "Server[Any]", port: int) -> None:
    uvicorn = require("uvicorn", extra="mcp")
    given = os.environ.get(TOKEN, "")
    if given and len(given) < 16:
        raise ConfigurationError(f"the token in {TOKEN} has {len(given)} characters, at least 16 are needed")
    token = given or secrets.token_urlsafe(32)
    listening = socket.socket()
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except OSError as error:
        raise StoreError(f"port {port} of 127.0.0.1 cannot be had: {error.strerror}") from error
    complain(f"serving at http://127.0.0.1:{listening.getsockname()[1]}/mcp")
    complain(f"the token is that of {TOKEN}" if given else f"clients send: Authorization: Bearer {token}")
    app = server.streamable_http_app(max_request_body_size=MAX_BODY)
    config = uvicorn.Config(guarded(app, token), log_level="warning", timeout_keep_alive=10)
    await uvicorn.Server(config).serve(sockets=[listening])


def guarded(app: App, token: str) -> App:
    """The application, for those who have the token."""
    wanted = sha256(f"Bearer {token}".encode()).digest()

    async def guard(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(sha256(given).digest(), wanted):
                headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Bearer")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b"a token is needed\n"})
                return
        await app(scope, receive, send)

    return guard
