"""One connection to an MCP server, made when it is needed and made again when the server died."""

import asyncio
import json
import tempfile
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from disputatio.errors import ToolError, require
from disputatio.tools.rendering import Attachment
from disputatio.writing import visible

if TYPE_CHECKING:
    from mcp import Client

T = TypeVar("T")

MAX_PAGES = 20
"""Pages of a server's list of tools that are read."""
PATIENCE = 3.0
"""Seconds in which a server that did not answer a call must list its tools."""
CHANGED = "notifications/tools/list_changed"


class Offer(NamedTuple):
    """A tool as its server describes it."""

    name: str
    description: str
    schema: Any

    @property
    def digest(self) -> str:
        """Tells whether it is still the same."""
        return sha256(json.dumps(list(self), sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


class Server(Protocol):
    """What a connection needs to know of its server."""

    name: str
    command: Sequence[str]
    url: str
    headers: Mapping[str, str]
    env: Mapping[str, str]
    timeout_s: float
    restarts: int


class Connection:
    """A client of the server, held open by a task of its own, in which it is also closed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._opening = asyncio.Lock()
        self._open: _Held | None = None
        self._times = 0
        self.changes = 0
        """How often the server has said that its tools changed."""
        self._listing: dict[str, Offer] | None = None
        """The tools as they were listed last; None if the server has said since that they changed."""

    async def client(self) -> "Client":
        """The client, connected.

        Raises:
            ToolError: If the server cannot be reached, or died too often.
        """
        async with self._opening:
            if self._open is None:
                if self._times > self._server.restarts:
                    raise ToolError(f"the server {self._server.name} died {self._times} times and is not started again")
                self._times += 1
                held = _Held(self._server, self._forget)
                self._listing = None
                await held.ready
                self._open = held
            return self._open.client

    async def offers(self) -> dict[str, Offer]:
        """The tools of the server by name: asked for once, and again when it says that they changed.

        Raises:
            ToolError: If they cannot be listed.
        """
        client = await self.client()
        while (listing := self._listing) is None:
            changes = self.changes
            listing = await self._alive(lambda: _listed(client))
            if changes == self.changes:
                self._listing = listing
        return listing

    def _forget(self) -> None:
        self._listing = None
        self.changes += 1

    async def resources(self) -> list[tuple[str, str]]:
        """Addresses and names of what the server lets read; templates have gaps in braces."""
        client = await self.client()
        if not client.server_capabilities.resources:
            return []
        fixed = await client.list_resources()
        open_ = await client.list_resource_templates()
        found = [(str(one.uri), one.description or one.name) for one in fixed.resources]
        return [*found, *((one.uri_template, one.description or one.name) for one in open_.resource_templates)]

    async def call(self, offer: Offer, arguments: dict[str, Any]) -> list[str | Attachment]:
        """Call a tool.

        Raises:
            ToolError: If it fails, is gone, or is not what it was when it was offered.
        """
        name, now = offer.name, await self.offers()
        if name not in now:
            raise ToolError(f"the server {self._server.name} no longer has its tool {name}", fault="unknown_tool")
        if now[name].digest != offer.digest:
            raise ToolError(f"the server changed its tool {name} after it was offered", fault="refused")
        client = await self.client()
        limit = self._server.timeout_s
        result = await self._alive(lambda: client.call_tool(name, arguments, read_timeout_seconds=limit))
        parts = [_part(block) for block in result.content]
        if not parts and result.structured_content is not None:
            parts = [json.dumps(result.structured_content, ensure_ascii=False)]
        if result.is_error:
            raise ToolError("\n".join(map(str, parts)) or f"{name} failed and does not say why")
        return parts

    async def read(self, uri: str) -> list[str | Attachment]:
        """Read a resource.

        Raises:
            ToolError: If it cannot be read.
        """
        client = await self.client()
        result = await self._alive(lambda: client.read_resource(uri))
        return [_resource(one) for one in result.contents]

    async def close(self) -> None:
        """Close the connection, if it is open."""
        held, self._open = self._open, None
        if held:
            await held.close()

    async def _alive(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call; if it fails because the server is gone, the connection is given up."""
        held = self._open
        try:
            return await call()
        except Exception as error:
            dead = held is not None and await self._is_dead(held, error)
            if dead and self._open is held:
                await self.close()
            told = "it is gone; the next call starts it again" if dead else " ".join(visible(str(error)).split())[:300]
            raise ToolError(f"the server {self._server.name} failed: {told}") from error

    async def _is_dead(self, held: "_Held", error: Exception) -> bool:
        """Whether the connection is closed, or the server does not even list its tools any more."""
        types = require("mcp", extra="mcp").types
        code = getattr(getattr(error, "error", None), "code", None)
        if code != types.REQUEST_TIMEOUT:
            return code == types.CONNECTION_CLOSED or isinstance(error, OSError) or type(error).__module__ == "anyio"
        try:
            async with asyncio.timeout(PATIENCE):
                await held.client.list_tools(cache_mode="refresh")
        except Exception:  # noqa: BLE001 - whatever it is, there is no answer
            return True
        return False


async def _listed(client: "Client") -> dict[str, Offer]:
    found: dict[str, Offer] = {}
    cursor = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        for one in page.tools:
            found.setdefault(one.name, Offer(one.name, one.description or "", one.input_schema))
        cursor = page.next_cursor
        if not cursor:
            break
    return found


class _Held:
    """A client that a task keeps open: it must be closed in the task that opened it."""

    client: "Client"

    def __init__(self, server: Server, forget: Callable[[], None]) -> None:
        self._forget = forget
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._done = asyncio.Event()
        self._task = asyncio.create_task(self._hold(server), name=f"MCP server {server.name}")

    async def close(self) -> None:
        self._done.set()
        with suppress(Exception):
            await self._task

    async def _listen(self, stack: AsyncExitStack) -> None:
        """Ask to be told when the tools change; servers of protocols before 2026-07-28 tell without being asked."""
        offered = self.client.server_capabilities.tools
        if offered and offered.list_changed:
            with suppress(Exception):
                async with asyncio.timeout(PATIENCE):
                    await stack.enter_async_context(self.client.listen(tools_list_changed=True))
                self._forget()  # they may have changed before it was heard

    async def _heard(self, message: Any) -> None:
        if getattr(message, "method", "") == CHANGED:
            self._forget()

    async def _hold(self, server: Server) -> None:
        try:
            async with _client(server, self._heard) as self.client, AsyncExitStack() as stack:
                self.ready.set_result(None)
                await self._listen(stack)
                await self._done.wait()
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the client
            if self.ready.done():
                return  # it died while it was open, which the next call finds out
            reason = _first(error)
            told = reason if isinstance(reason, ToolError) else ToolError(f"{type(reason).__name__}: {reason}")
            self.ready.set_exception(told)


@asynccontextmanager
async def _client(server: Server, heard: Callable[[Any], Awaitable[None]]) -> AsyncIterator["Client"]:
    """Start or reach the server; what it writes to standard error is told only if it does not start."""
    mcp = require("mcp", extra="mcp")
    if server.url:
        http = require("httpx2", extra="mcp")
        transport = require("mcp.client.streamable_http", extra="mcp").streamable_http_client
        limits = http.Timeout(PATIENCE + server.timeout_s, connect=10.0)
        async with (
            http.AsyncClient(headers=dict(server.headers), timeout=limits, trust_env=False) as session,
            mcp.Client(transport(server.url, http_client=session), message_handler=heard) as client,
        ):
            yield client
        return
    program, *arguments = server.command
    process = mcp.StdioServerParameters(
        command=program, args=arguments, env=dict(server.env) or None, encoding_error_handler="replace"
    )
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            async with mcp.Client(mcp.stdio_client(process, errlog=log), message_handler=heard) as client:
                yield client
        except OSError as error:
            raise ToolError(f"{program!r} cannot be started: {error.strerror or error}") from error
        except Exception as error:
            log.seek(0)
            lines = [line.strip() for line in log.read()[-2000:].splitlines() if line.strip()]
            reason = lines[-1] if lines else str(_first(error))
            raise ToolError(f"it ended before it was ready: {visible(reason)[:300]}") from error


def _first(error: BaseException) -> BaseException:
    """The error at the bottom of the groups that structured concurrency wraps it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _part(block: Any) -> str | Attachment:
    """One block of a result."""
    match block.type:
        case "text":
            return str(block.text)
        case "image" | "audio":
            return Attachment(str(block.mime_type), b64decode(block.data))
        case "resource":
            return _resource(block.resource)
        case "resource_link":
            return f"{block.name}: {block.uri}"
    return f"[{block.type}]"


def _resource(resource: Any) -> str | Attachment:
    if hasattr(resource, "text"):
        return str(resource.text)
    return Attachment(str(resource.mime_type or "application/octet-stream"), b64decode(resource.blob))
