"""Fetching: a page of the public internet by its address, which a model may have made up or read somewhere.

    check the URL -> look its name up once -> connect to a public address only -> a redirect begins again

Whatever a name leads to, and however it changes, a connection is made to no other address than one that was looked at.
"""

import asyncio
import socket
import zlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from disputatio.errors import ToolError
from disputatio.tools.addresses import is_public

if TYPE_CHECKING:
    import aiohttp

MAX_BYTES = 5 * 2**20
"""Of a page, packed and unpacked."""
MAX_REDIRECTS = 5
MAX_URL = 2000
"""Characters."""
SECONDS = 20.0
"""For all of it."""
_PORTS = {"http": 80, "https": 443}
_HEADERS = {"User-Agent": "disputatio (a program that reads pages for a language model)", "Accept-Encoding": "gzip"}


class Page(NamedTuple):
    """What an address gave."""

    url: str
    """Where it was in the end."""
    media_type: str
    """For example text/html."""
    content: bytes
    charset: str = ""
    """As the server says; empty if it does not."""


class PrivateAddressError(OSError):
    """A connection to an address that is not public was refused."""


async def fetch(url: str, *, hosts: Collection[str] | None = None, private: Collection[str] = ()) -> Page:
    """Get a page.

    Args:
        url: Its address, with http or https.
        hosts: The only hosts that may be asked, without ports; None is all public ones.
        private: Hosts with ports ("127.0.0.1:8080") that may be asked though they are not public.

    Raises:
        ToolError: If it may not be fetched or cannot be; the message is written for the model.
    """
    try:
        async with asyncio.timeout(SECONDS):
            for _ in range(MAX_REDIRECTS + 1):
                found = await _once(_checked(url, hosts, private), is_private=_place(url) in private)
                if isinstance(found, Page):
                    return found
                url = urljoin(url, found)
    except TimeoutError as error:
        raise ToolError(f"{url[:MAX_URL]} did not answer within {SECONDS:g} s") from error
    raise ToolError(f"{url[:MAX_URL]} leads on and on; more than {MAX_REDIRECTS} redirects are not followed")


def _checked(url: str, hosts: Collection[str] | None, private: Collection[str]) -> str:
    parts = _split(url)
    if parts.username or parts.password:
        raise ToolError("an address with a user name is not fetched")
    if hosts is not None and (parts.hostname or "") not in hosts:
        raise ToolError(f"{parts.hostname} is none of the hosts that may be read: {', '.join(sorted(hosts))[:300]}")
    if parts.port not in (None, *_PORTS.values()) and _place(url) not in private:
        raise ToolError(f"port {parts.port} is not asked, only {' and '.join(map(str, _PORTS.values()))}")
    return url


def _split(url: str) -> SplitResult:
    try:
        if len(url) > MAX_URL or any(ord(one) <= 32 or ord(one) == 127 or one == "\\" for one in url):
            raise ValueError
        parts = urlsplit(url)
        _ = parts.port
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError
    except ValueError:
        raise ToolError(f"{url[:200]!r} is no address of a page; it begins with http:// or https://") from None
    return parts


def _place(url: str) -> str:
    parts = _split(url)
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"


async def _once(url: str, *, is_private: bool) -> Page | str:
    """The page, or where it leads to."""
    import aiohttp  # noqa: PLC0415 - takes long

    def connected(info: "aiohttp.connector.AddrInfoType") -> socket.socket:
        """A socket for an address, just before the connection is made to it."""
        family, kind, protocol, _, address = info
        if not is_private and not is_public(str(address[0])):
            raise PrivateAddressError(f"{address[0]} is not public")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    connector = aiohttp.TCPConnector(socket_factory=connected, use_dns_cache=False, force_close=True)
    session = aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        max_line_size=16_384,
        max_field_size=16_384,
    )
    try:
        async with session, session.get(url, allow_redirects=False) as reply:
            if reply.status in (301, 302, 303, 307, 308) and (target := reply.headers.get("Location")):
                return target
            if reply.status >= 400:
                raise ToolError(f"{url} answered with status {reply.status}")
            return Page(url, reply.content_type, await _content(reply), reply.charset or "")
    except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, TimeoutError):
            raise
        refused = any(isinstance(one, PrivateAddressError) for one in _causes(error))
        reason = "it leads to an address that is not public" if refused else f"{type(error).__name__}: {error}"
        raise ToolError(f"{url} cannot be read: {reason[:300]}") from error


async def _content(reply: "aiohttp.ClientResponse") -> bytes:
    """The body, of which no more is unpacked than is read."""
    packing = reply.headers.get("Content-Encoding", "identity").casefold()
    if packing not in ("identity", "gzip", "x-gzip", ""):
        raise ToolError(f"{reply.url} is packed as {packing[:20]}, which is not asked for")
    unpack = zlib.decompressobj(31) if "gzip" in packing else None
    content = bytearray()
    async for piece in reply.content.iter_chunked(65_536):
        content += unpack.decompress(piece, MAX_BYTES + 1 - len(content)) if unpack else piece
        if len(content) > MAX_BYTES or (unpack and unpack.unconsumed_tail):
            raise ToolError(f"{reply.url} has over {MAX_BYTES:,} bytes, which is too much")
    return bytes(content)


def _causes(error: BaseException | None) -> list[Any]:
    """An error with those that it was made of."""
    found: list[Any] = []
    while error is not None and error not in found:
        found += [error, getattr(error, "os_error", None), *getattr(error, "exceptions", ())]
        error = error.__cause__ or error.__context__
    return found
