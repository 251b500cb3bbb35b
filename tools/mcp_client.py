"""MCP servers: the tools and resources of other programs, over the Model Context Protocol.

A server is taken for what it is, somebody else's program. Its tools may do anything unless the program that uses it
says otherwise, its descriptions and results are text from outside, its schemas are checked before they are offered,
and a tool that is no longer what it was when it was offered is not called.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from disputatio.errors import ConfigurationError, ToolError
from disputatio.permission import Access
from disputatio.tools.mcp_connection import Connection, Offer
from disputatio.tools.rendering import MAX_OUTPUT, Attachment
from disputatio.tools.schema_check import check_by_schema, tidy
from disputatio.tools.tool import Tool, accesses
from disputatio.writing import visible

MAX_DESCRIPTION = 1000
"""Characters of a tool's description that a model sees."""
MAX_RESOURCES = 20
"""Resources that the description of the reading tool names."""


@dataclass(kw_only=True, eq=False)
class McpServer:
    """A server that is started as a process, or reached at an address. It is connected when a tool is first called.

    Each event loop has a connection of its own; it ends with the loop, or by `close`.
    """

    name: str
    """Put before the names of its tools, with two underscores."""
    command: Sequence[str] = ()
    """The program with its arguments, for a server on standard input and output."""
    url: str = ""
    """The address of a server that speaks streamable HTTP; it ends in /mcp as a rule."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent to that address: {"Authorization": "Bearer ..."}."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Environment of the process, besides PATH, HOME and the like; nothing else is handed down."""
    access: Access | Collection[Access] = ("network", "write")
    """What its tools may touch."""
    trusted: bool = False
    """Whether its descriptions are vouched for. If not, offering it counts as having read text from outside."""
    idempotent: bool = False
    """Whether its tools can be called again when a call failed."""
    timeout_s: float = 30.0
    """How long it may take to answer a call."""
    max_output: int = MAX_OUTPUT
    restarts: int = 3
    """How often it is connected again after it died, in one event loop."""
    refused: dict[str, str] = field(default_factory=dict, init=False)
    """Its tools that are not offered, with the reason."""
    offers: dict[str, Offer] = field(default_factory=dict, init=False, repr=False)
    """Its tools as they were first listed; what differs later is what nobody has vouched for."""
    _connections: "WeakKeyDictionary[asyncio.AbstractEventLoop, Connection]" = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    def __post_init__(self) -> None:
        if bool(self.command) == bool(self.url):
            raise ConfigurationError(f"the MCP server {self.name!r} needs a command or a URL, and not both")
        if isinstance(self.command, str):
            raise ConfigurationError(f"the command of the MCP server {self.name!r} is a list: program and arguments")

    def tools(self) -> list[Tool]:
        """Connect, list the tools, and disconnect; for programs that are not async.

        Raises:
            ConfigurationError: If the server cannot be reached.
            MissingExtraError: If the extra `mcp` is not installed.
        """
        with ThreadPoolExecutor(1) as pool:  # there may be an event loop in this thread, as in a notebook
            return pool.submit(asyncio.run, self._tools_once()).result()

    async def _tools_once(self) -> list[Tool]:
        try:
            return await self.list_tools()
        finally:
            await self.close()

    async def list_tools(self) -> list[Tool]:
        """The tools of the server, and one that reads its resources if it has any; see `tools`."""
        connection = self._connection()
        try:
            async with asyncio.timeout(self.timeout_s):
                offers = await connection.offers()
                resources = await connection.resources()
        except (ToolError, TimeoutError) as error:
            raise ConfigurationError(f"the MCP server {self.name!r} cannot be used: {error or 'no answer'}") from error
        self.offers = {**offers, **self.offers}
        made = [tool for offer in offers.values() if (tool := self._tool(offer))]
        return [*made, *([self._reader(resources)] if resources else [])]

    @property
    def changes(self) -> int:
        """How often the server has said in this event loop that its tools changed."""
        connection = self._connections.get(asyncio.get_running_loop())
        return connection.changes if connection else 0

    async def close(self) -> None:
        """End the connection of this event loop, and with it the process of the server."""
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection:
            await connection.close()

    def _connection(self) -> Connection:
        loop = asyncio.get_running_loop()
        if loop not in self._connections:
            self._connections[loop] = Connection(self)
        return self._connections[loop]

    def _tool(self, offer: Offer) -> Tool | None:
        name = f"{self.name}__{offer.name}"
        changed = self.offers[offer.name].digest != offer.digest
        try:
            schema = tidy(offer.schema, name)

            async def call(**arguments: Any) -> Any:
                return _content(await self._connection().call(offer, arguments))

            return Tool(
                name=name,
                description=visible(offer.description)[:MAX_DESCRIPTION],
                schema=schema,
                check=check_by_schema(schema, name),
                function=call,
                changed=changed,
                **self._declared(accesses(self.access), f"tool {offer.name!r}", trusted=self.trusted and not changed),
            )
        except ConfigurationError as error:
            self.refused[visible(offer.name)[:100]] = str(error)
            return None

    def _reader(self, resources: Sequence[tuple[str, str]]) -> Tool:
        """The tool that reads resources, by their addresses."""
        listed = "\n".join(f"- {visible(uri)[:200]}: {visible(text)[:100]}" for uri, text in resources[:MAX_RESOURCES])
        name = f"{self.name}__read_resource"
        schema = tidy({"properties": {"uri": {"type": "string"}}, "required": ["uri"]}, name)

        async def read(uri: str) -> Any:
            return _content(await self._connection().read(uri))

        return Tool(
            name=name,
            description=f"Read a resource of {self.name} by its address:\n{listed}",
            schema=schema,
            check=check_by_schema(schema, name),
            function=read,
            **self._declared(
                accesses(self.access) - {"write"} or frozenset(("read",)), "resources", trusted=self.trusted
            ),
        )

    def _declared(self, access: frozenset[Access], what: str, *, trusted: bool) -> dict[str, Any]:
        return {
            "access": access,
            "timeout_s": self.timeout_s + 5,  # the connection's own limit comes first, and looks whether it is alive
            "max_output": self.max_output,
            "idempotent": self.idempotent,
            "trusted": trusted,
            "source": f"{what} of the MCP server {self.name!r}",
        }


def _content(parts: Sequence[str | Attachment]) -> Any:
    texts = [part for part in parts if isinstance(part, str)]
    return list(parts) if len(texts) < len(parts) else "\n".join(texts)
