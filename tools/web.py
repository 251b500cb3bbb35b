"""Web: a page as text, and a search of the web by a search engine of your own."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from disputatio.errors import ConfigurationError, ToolError, require
from disputatio.tools.fetching import SECONDS, Page, fetch
from disputatio.tools.rendering import MAX_OUTPUT
from disputatio.tools.tool import Tool, tool

PATIENCE = 10.0
"""Seconds in which a page must become text."""
MAX_HITS = 8
MAX_SNIPPET = 400
"""Characters."""
_TEXTUAL = ("application/json", "application/xml", "application/xhtml+xml", "application/javascript")


def read_page(*, hosts: Collection[str] | None = None, private: Collection[str] = (), name: str = "read_page") -> Tool:
    """A tool that reads a page of the public internet as text. Needs the extra `web`.

    Addresses that are not public are refused, whatever name or redirect leads to them; see
    `disputatio.tools.fetching`.

    Args:
        hosts: The only hosts that may be read, without ports; None is all public ones.
        private: Hosts with ports ("127.0.0.1:8080") that may be read though they are not public.
        name: What the tool is called.

    Raises:
        MissingExtraError: If the extra `web` is not installed.
    """
    require("selectolax.lexbor", extra="web")

    @tool(name=name, access="network", timeout_s=SECONDS + 10, idempotent=True)
    async def read_page(url: str, start: int = 0) -> str:
        """Read a web page as text.

        Args:
            url: Its whole address, with http:// or https://.
            start: From which character on; 0 is the beginning.
        """
        page = await fetch(url, hosts=hosts, private=private)
        text = await text_of(page)
        if not 0 <= start < max(len(text), 1):
            raise ToolError(f"the page has {len(text)} characters; start is at least 0 and less than that")
        end = start + MAX_OUTPUT - 300
        rest = f"\n(characters {start} to {end} of {len(text)}; read on from {end})" if end < len(text) else ""
        return f"{page.url}\n{text[start:end]}{rest}"

    return read_page


def search_web(endpoint: str, *, name: str = "search_web") -> Tool:
    """A tool that searches the web by a SearXNG server, whose JSON format must be enabled.

    There is no search engine to be used by anybody without a key, so this asks yours.

    Args:
        endpoint: Its address, such as http://127.0.0.1:8080; it may be private, since you chose it.
        name: What the tool is called.

    Raises:
        ConfigurationError: If that is no address.
    """
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{endpoint!r} is no address of a search engine, such as http://127.0.0.1:8080")
    place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @tool(name=name, access="network", timeout_s=SECONDS + 5, idempotent=True)
    async def search_web(query: str) -> str:
        """Search the web: titles, addresses and the beginnings of pages.

        Args:
            query: What to look for.
        """
        asked = f"{endpoint.rstrip('/')}/search?{urlencode({'q': query[:400], 'format': 'json'})}"
        page = await fetch(asked, hosts=[parts.hostname or ""], private=[place])
        try:
            hits = [one for one in json.loads(page.content)["results"] if isinstance(one, dict)]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ToolError("the search engine sent no results as JSON; is its format json enabled?") from error
        shown = (
            "\n".join(str(one.get(key) or "")[:MAX_SNIPPET] for key in ("title", "url", "content")) for one in hits
        )
        return "\n\n".join(list(shown)[:MAX_HITS]) or "(nothing was found)"

    return search_web


async def text_of(page: Page) -> str:
    """The text of a page: of its main part, if it names one, without menus and programs.

    Raises:
        ToolError: If it is none that holds text, or takes too long to read.
    """
    if page.media_type in ("text/html", "application/xhtml+xml"):
        return await _text_of_html(_decoded(page), page.url)
    if page.media_type.startswith("text/") or page.media_type in _TEXTUAL:
        return _decoded(page)
    raise ToolError(f"{page.url} is {page.media_type[:60]}, of which no text can be read")


async def _text_of_html(html: str, url: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(Path(__file__).with_name("html_worker.py")), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE):
            text, _ = await process.communicate(html.encode("utf-8", "replace"))
    except TimeoutError as error:
        raise ToolError(f"{url} is built so that reading it takes too long") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ToolError(f"{url} is built so that it cannot be read")
    return text.decode("utf-8", "replace")


def _decoded(page: Page) -> str:
    try:
        return page.content.decode(page.charset or "utf-8", "replace")
    except (LookupError, UnicodeError):  # no such encoding
        return page.content.decode("utf-8", "replace")
