"""The web: pages as text, and no connection to an address that is not public, whatever leads there."""

import gzip
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from disputatio.errors import ConfigurationError, ToolError
from disputatio.tools import fetching, read_page, search_web, web
from disputatio.tools.addresses import is_public
from disputatio.tools.fetching import MAX_BYTES, Page, fetch
from disputatio.tools.web import text_of

pytest.importorskip("selectolax", reason="needs the extra web: pip install 'disputatio[web]'")
PAGE = """<html><head><title>A  title</title><script>evil()</script></head><body><nav>Menu</nav><main><h1>Rye</h1>
<p>Rye rises <b>slowly</b>.</p><style>p{}</style></main><footer>Imprint</footer></body></html>"""


@dataclass
class Site:
    """A web server on this machine, and what came to it."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.place}/{path}"


def sent(path: str, port: int) -> tuple[int, dict[str, str], bytes]:
    """What the server has at a path."""
    hits = [{"title": f"T{n}", "url": f"https://x.example/{n}", "content": "c" * 900} for n in range(20)]
    found = {
        "bomb": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 10**8)),
        "packed": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"<p>unpacked</p>")),
        "brotli": (200, {"Content-Encoding": "br"}, b"x"),
        "broken": (200, {"Content-Encoding": "gzip"}, b"no gzip"),
        "long": (200, {}, b"x" * (MAX_BYTES + 1)),
        "loop": (302, {"Location": "/loop"}, b""),
        "away": (302, {"Location": f"http://localhost:{port}/secret"}, b""),
        "hop": (301, {"Location": "page"}, b""),
        "file": (302, {"Location": "file:///etc/passwd"}, b""),
        "pdf": (200, {"Content-Type": "application/pdf"}, b"x"),
        "latin": (200, {"Content-Type": "text/plain; charset=iso-8859-1"}, b"caf\xe9"),
        "odd": (200, {"Content-Type": "text/plain; charset=no-such"}, b"caf\xc3\xa9"),
        "missing": (404, {}, b""),
        "search": (200, {"Content-Type": "application/json"}, json.dumps({"results": ["junk", *hits]}).encode()),
    }
    return found.get(path, (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE.encode()))


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            made.asked.append(self.path)
            status, headers, body = sent(self.path.partition("?")[0].strip("/"), made.port)
            self.send_response(status)
            for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


async def test_a_page_is_read_as_text_when_its_host_is_allowed(site: Site) -> None:
    read = read_page(private=[site.place])
    assert read.access == {"network"}
    seen = await read.call({"url": site.url("page")})
    assert seen == f"{site.url('page')}\nA title\nRye\nRye rises\nslowly\n."
    assert await read.call({"url": site.url("hop")}) == seen
    assert (await read.call({"url": site.url("packed")})).endswith("unpacked")
    assert (await read.call({"url": site.url("latin")})).endswith("café")
    assert (await read.call({"url": site.url("odd")})).endswith("café")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("bomb", "over 5,242,880 bytes"),
        ("long", "over 5,242,880 bytes"),
        ("loop", "more than 5 redirects"),
        ("away", "port .* is not asked|not public"),
        ("file", "is no address of a page"),
        ("pdf", "is application/pdf, of which no text can be read"),
        ("missing", "answered with status 404"),
        ("brotli", "packed as br"),
        ("broken", "cannot be read"),
    ],
)
async def test_a_page_that_is_too_much_is_told(site: Site, path: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        await read_page(private=[site.place]).call({"url": site.url(path)})
    assert "/secret" not in site.asked


async def test_a_long_page_is_read_on_and_only_named_hosts_are_asked(site: Site) -> None:
    page = Page("http://x.example/", "text/plain", b"0123456789" * 1000)
    assert len(await text_of(page)) == 10_000
    with pytest.raises(ToolError, match="the page has 30 characters"):
        await read_page(private=[site.place]).call({"url": site.url("page"), "start": 500})
    with pytest.raises(ToolError, match=r"127\.0\.0\.1 is none of the hosts that may be read: docs\.example"):
        await read_page(hosts=["docs.example"]).call({"url": site.url("page")})
    assert len(site.asked) == 1


TARGETS = [
    "127.0.0.1", "localhost", "127.1", "127.0.1", "0.0.0.0", "0", "2130706433", "017700000001", "0177.0.0.1",
    "0x7f.0.0.1", "0x7f000001", "127.0.0.1.", "127.127.127.127", "10.0.0.1", "172.16.0.1", "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "168.63.129.16", "224.0.0.1", "255.255.255.255",
    "240.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::]", "[fe80::1]", "[fec0::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[2001:0:7f00:1::]", "[fe80::5efe:7f00:1]", "[2a00::200:5efe:7f00:1]", "[ff02::1]",
    "[0:0:0:0:0:0:0:1]", "[::1%25lo]", "private.test", "mapped.test", "rebinds.test",
    "\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021", "127.0.0.1:80@private.test", "private.test#@x.example",
]  # fmt: skip


@pytest.mark.parametrize("host", TARGETS, ids=range(len(TARGETS)))
async def test_no_connection_to_an_address_that_is_not_public(
    site: Site, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_PORTS", {"http": site.port, "https": site.port})  # as if it were the usual one
    monkeypatch.setattr(fetching, "SECONDS", 5.0)
    really, asked = socket.getaddrinfo, []

    def resolve(name: Any, *rest: Any, **more: Any) -> Any:
        named = {"private.test": "127.0.0.1", "mapped.test": "::ffff:127.0.0.1"}
        if name == "rebinds.test":  # a look-up to check would see the first address, one to connect the second
            asked.append(name)
            named[name] = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return really(named.get(name, name), *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for scheme in ("http", "https"):
        asked.clear()
        with pytest.raises(ToolError) as caught:
            await fetch(f"{scheme}://{host}:{site.port}/secret")
        assert "\n" not in str(caught.value)
        assert len(asked) <= 1
    assert site.asked == []


@pytest.mark.parametrize(
    "url", ["", "x", "file:///etc/passwd", "ftp://x.example/", "gopher://x", "http://", "http:///x", "//x.example",
            "http://x.example:22/", "http://x.example:99999/", "http://a b/", "http://x.example\r\nHost: y",
            "javascript:1",
            "http://user:pw@x.example/", "http://[::1", "data:text/html,x", "http://x.example\\@y", "h" * 5000],
)  # fmt: skip
async def test_what_is_no_address_of_a_page_is_refused(url: str) -> None:
    with pytest.raises(ToolError, match=r"is no address of a page|is not asked|with a user name"):
        await fetch(url)


def test_public_addresses_are_public() -> None:
    for address in ("93.184.215.14", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808", "1.1.1.1"):
        assert is_public(address), address
    assert not is_public("no address")


async def test_the_web_is_searched_by_an_engine_of_ones_own(site: Site) -> None:
    find = search_web(site.url(""))
    seen = await find.call({"query": "rye & bread"})
    assert site.asked == ["/search?q=rye+%26+bread&format=json"]
    assert seen.startswith("T0\nhttps://x.example/0\nccc")
    assert seen.count("https://") == 8
    with pytest.raises(ToolError, match="is its format json enabled"):
        await search_web(site.url("page")).call({"query": "x"})
    with pytest.raises(ConfigurationError, match="'nowhere' is no address of a search engine"):
        search_web("nowhere")


async def test_html_of_all_kinds_becomes_text() -> None:
    for html in ("<" * 10_000, "\x00<p>a", "<main></main>", "", "<p>" + "&lt;" * 1000, "<body " * 999, "<p \ud800>"):
        assert isinstance(await text_of(Page("http://x.example", "text/html", html.encode("utf-8", "replace"))), str)


async def test_a_page_that_no_parser_gets_through_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "PATIENCE", 0.5)
    started = time.monotonic()
    with pytest.raises(ToolError, match=r"http://x\.example is built so that"):
        await text_of(Page("http://x.example", "text/html", b"<div>" * 1_000_000))
    assert time.monotonic() - started < 20
