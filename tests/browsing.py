"""A headless Chromium that is driven over its own protocol: what a page shows once its script has come to rest."""

import asyncio
import base64
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip
SECONDS = 60
"""After which a page that does not come is given up."""


class Tab:
    """One page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something, and wait for what comes of it."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            said = json.loads(await self._socket.receive_str())
            if said.get("id") == number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    async def value(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = await self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def open(self, address: str, *expected: str) -> str:
        """Go to a page, wait until it shows all these texts, and give all that it shows."""
        await self.send("Page.navigate", url=address)
        shown = ""
        for _ in range(10 * SECONDS):
            await asyncio.sleep(0.1)
            if await self.value("document.readyState") == "complete":
                shown = str(await self.value("document.body.innerText"))
                if all(text in shown for text in expected):
                    return shown
        raise AssertionError(f"{address} shows {shown!r}, and not all of {expected}")

    async def look(self, width: int, height: int, theme: Literal["light", "dark"] = "light") -> None:
        """Give the window this size in pixels, and let it prefer light or dark pages."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    async def picture(self, *, whole: bool = False) -> bytes:
        """What is seen, or the whole page, as a PNG."""
        shot = await self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def tab() -> AsyncIterator[Tab]:
    """A browser with one empty page, which is closed at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            str(CHROMIUM), *OPTIONS, f"--user-data-dir={folder}",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = await asyncio.to_thread(_port, Path(folder) / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as found:
                    pages = [one for one in await found.json() if one["type"] == "page"]
                yield Tab(await session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0))
        finally:
            process.terminate()
            await process.wait()


def _port(file: Path) -> int:
    """The port that the browser writes down as soon as it listens."""
    for _ in range(20 * SECONDS):
        if file.exists() and (words := file.read_text("utf-8").split()):
            return int(words[0])
        time.sleep(0.05)
    raise AssertionError("the browser does not start")
