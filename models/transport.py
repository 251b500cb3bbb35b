"""HTTP to model servers: aiohttp with clocks, a cap on bytes, and errors of ours.

A server can fail in more ways than by saying so: by silence, by sending a byte now and then, by sending without end,
by a reply that stops early, by pointing elsewhere. Each of them ends here as a `ModelUnavailableError`.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from disputatio.errors import ModelError, ModelUnavailableError
from disputatio.models.loop_end import at_loop_end

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

MAX_BYTES = 16 * 2**20
"""Longest reply that is read."""


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """How long a server may take, in seconds."""

    connect: float = 5.0
    silent: float = 120.0
    """Until the first content of a streamed reply, and between two of them; comments do not count."""
    total: float = 600.0
    """The whole of one attempt."""


class Received(NamedTuple):
    """A reply that was read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class Transport:
    """Requests to one server."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    clocks: Clocks = field(default_factory=Clocks)

    async def get(self, path: str) -> Received:
        """Read what is at a path below the base address.

        Raises:
            ModelUnavailableError: If no whole reply came.
        """
        return await self._received("GET", path, None)

    async def post(self, path: str, body: bytes) -> Received:
        """Send JSON and read the whole reply; see `get`."""
        return await self._received("POST", path, body)

    async def _received(self, method: str, path: str, body: bytes | None) -> Received:
        session = await _session()
        with self._told():
            async with session.request(method, self.base_url + path, data=body, **self._settings) as response:
                return await self._read(response)

    @asynccontextmanager
    async def stream(self, path: str, body: bytes) -> AsyncIterator["Received | Events"]:
        """Send JSON and read the events of the reply as they come; a reply that is no stream is read whole."""
        session = await _session()
        with self._told():
            async with (
                asyncio.timeout(self.clocks.silent) as clock,
                session.post(self.base_url + path, data=body, **self._streaming) as response,
            ):
                if response.status >= 300 or response.content_type != "text/event-stream":
                    yield await self._read(response)
                    return
                yield Events(response, clock, self.clocks.silent, self._too_long)

    async def _read(self, response: "ClientResponse") -> Received:
        content = b""
        async for piece in response.content.iter_any():
            content = content + piece if content else piece
            if len(content) > MAX_BYTES:
                raise self._too_long()
        return Received(response.status, response.headers, content)

    def _too_long(self) -> ModelUnavailableError:
        return ModelUnavailableError(f"{self.base_url} sent more than {MAX_BYTES // 2**20} MiB", fault="bad_reply")

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """Keyword arguments of each request. Redirects would send the prompt to somebody else."""
        from urllib.request import getproxies, proxy_bypass

        from aiohttp import ClientTimeout

        timeout = ClientTimeout(total=self.clocks.total, sock_connect=self.clocks.connect)
        trusted = _trusted() if self.base_url.startswith("https") else True
        settings: dict[str, Any] = {
            "headers": self.headers,
            "timeout": timeout,
            "allow_redirects": False,
            "ssl": trusted,
        }
        try:
            url = urlsplit(self.base_url)
            proxy = None if proxy_bypass(url.hostname or "") else getproxies().get(url.scheme)
        except ValueError:  # not an address: aiohttp says so
            proxy = None
        return {**settings, "proxy": proxy} if proxy else settings

    @cached_property
    def _streaming(self) -> dict[str, Any]:
        """Those of a request for a stream: some servers, llama.cpp among them, hang up after one without saying so."""
        if self.base_url.startswith("https"):  # where a connection is dear
            return self._settings
        return {**self._settings, "headers": {**self.headers, "Connection": "close"}}

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what went wrong in our words."""
        import aiohttp

        url = self.base_url
        try:
            yield
        except ModelError:  # ours already, though some of them are connection errors, too
            raise
        except aiohttp.ClientConnectorCertificateError as error:
            raise ModelError(f"the certificate of {url} cannot be trusted ({error.certificate_error})") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            reason = str(error) if isinstance(error, aiohttp.ClientProxyConnectionError) else _reason(error)
            message = f"cannot reach {url}: is the server running? ({reason})"
            raise ModelUnavailableError(message, fault="transport") from error
        except TimeoutError as error:
            seconds = f"{self.clocks.silent:.0f} s without a word, or {self.clocks.total:.0f} s in all"
            raise ModelUnavailableError(f"{url} took too long: {seconds}", fault="timeout") from error
        except aiohttp.InvalidURL as error:
            raise ModelError(f"{url!r} is not an address: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ModelUnavailableError(f"the connection to {url} broke off ({error})", fault="transport") from error


def _reason(error: OSError) -> str:
    """Why there is no connection, in the system's words: aiohttp's name the address once more, in three ways."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


class Events:
    """The events of a streamed reply."""

    def __init__(self, response: "ClientResponse", clock: asyncio.Timeout, silent: float, too_long: Any) -> None:
        self._response, self._clock, self._silent, self._too_long = response, clock, silent, too_long

    def heard(self) -> None:
        """Let the clock of silence start anew: there was content."""
        self._clock.reschedule(asyncio.get_running_loop().time() + self._silent)

    async def data(self) -> AsyncGenerator[bytes]:
        """The data of each event."""
        rest, size = b"", 0
        async for piece in self._response.content.iter_any():
            size += len(piece)
            if size > MAX_BYTES:
                raise self._too_long()
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    yield line[5:].strip()
        if rest.startswith(b"data:"):
            yield rest[5:].strip()


# All models share the connections of an event loop.
_SESSIONS: "dict[asyncio.AbstractEventLoop, ClientSession]" = {}


async def _session() -> "ClientSession":
    """The connections of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _SESSIONS:
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

        # No limit on connections: how many requests may be under way is the gate's to say.
        connector = TCPConnector(limit=0, keepalive_timeout=30)
        session = ClientSession(connector=connector, cookie_jar=DummyCookieJar(), timeout=ClientTimeout(total=None))
        _SESSIONS[loop] = session

        async def close() -> None:
            _SESSIONS.pop(loop, None)
            await session.close()

        await at_loop_end(close)
    return _SESSIONS[loop]


def _trusted() -> Any:
    """The system's certificates; those of certifi where the system shows none to Python, as on macOS."""
    import ssl

    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        import certifi

        context.load_verify_locations(certifi.where())
    return context
