"""The endpoint that all share: the embedded model behind a proxy that counts, and that makes sampling the same."""

import asyncio
import threading
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiohttp import ClientSession, ClientTimeout, web

from disputatio.models.local import Endpoint

TEMPERATURE, TOP_P, REPEAT_PENALTY = 0.7, 0.9, 1.1
COOL = 0.5
"""A temperature up to this one is meant for judging, not for sampling, and is left as it is."""


@dataclass
class Counts:
    """What came since the last reset, by the endpoint's own usage."""

    calls: int = 0
    replies: int = 0
    """More than the calls, where one call asks for several (`n`)."""
    cut: int = 0
    """Replies that met the token limit."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Proxy:
    """A loopback server before an endpoint, with the endpoint's key."""

    def __init__(self, behind: Endpoint, *, max_tokens: int) -> None:
        self.behind, self.max_tokens = behind, max_tokens
        self.base_url = ""
        self.reset()

    def reset(self) -> None:
        """Begin to count anew, and with the same seeds."""
        self.counts, self._seeds = Counts(), count(1)

    def start(self) -> None:
        """Serve in a thread of its own, until the process ends."""
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True).start()
        ready.wait()

    async def _serve(self, ready: threading.Event) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        headers = {"Authorization": f"Bearer {self.behind.api_key}"}
        async with ClientSession(headers=headers, timeout=ClientTimeout(total=None)) as self._session:
            ready.set()
            await asyncio.Event().wait()

    async def _complete(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.behind.api_key}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        body = self._evened(await request.json())
        if body.pop("stream", False):
            return web.json_response({"error": {"message": "streams are not counted here"}}, status=400)
        # One seed for several replies would make them alike, so each is a request of its own.
        several = range(body.pop("n", None) or 1)
        found = await asyncio.gather(*(self._one({**body, "seed": next(self._seeds)}) for _ in several))
        self.counts.calls += 1
        for status, reply in found:
            if status != 200:
                return web.json_response(reply, status=status)
        return web.json_response(self._merged([reply for _, reply in found]))

    def _evened(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = body.get("temperature")
        most = body.pop("max_completion_tokens", None) or body.get("max_tokens") or self.max_tokens
        return {
            **body,
            "temperature": asked if asked is not None and asked <= COOL else TEMPERATURE,
            "top_p": TOP_P,
            "repeat_penalty": REPEAT_PENALTY,
            "max_tokens": min(most, self.max_tokens),
        }

    async def _one(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        async with self._session.post(f"{self.behind.base_url}/chat/completions", json=body) as answer:
            return answer.status, await answer.json()

    def _merged(self, replies: list[dict[str, Any]]) -> dict[str, Any]:
        """One reply with all choices; its prompt counts once, as OpenAI counts it."""
        choices = [{**reply["choices"][0], "index": place} for place, reply in enumerate(replies)]
        prompt = replies[0]["usage"]["prompt_tokens"]
        written = sum(reply["usage"]["completion_tokens"] for reply in replies)
        self.counts.replies += len(replies)
        self.counts.cut += sum(choice["finish_reason"] == "length" for choice in choices)
        self.counts.prompt_tokens += prompt
        self.counts.completion_tokens += written
        usage = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
        return {**replies[0], "choices": choices, "usage": usage}
