"""Measures how calls share a server that refuses what is above its capacity, which nobody is told.

    python benchmarks/rate_limit.py [CALLS] [CAPACITY]

A real server on this machine answers so many requests at a time, each after 50 ms, and all others with 429. The calls
begin together and go through the whole gateway, without a limit of their own: all at once, as it is unless a gate is
given, or by a gate that begins with 20. Ideal is the time in which a client that knows the capacity would be done.
"""

import asyncio
import json
import sys
import time

from aiohttp import web

from disputatio.budget import Budget
from disputatio.errors import ModelError
from disputatio.gate import Gate
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Request
from disputatio.models import OpenAICompatible
from disputatio.models.gateway import call

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 600
CAPACITY = int(sys.argv[2]) if len(sys.argv) > 2 else 8
SECONDS = 0.05
STARTS = (None, None, None, 20, 20, 20)
SAID = {
    "choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1},
}


class Busy:
    """A server with a capacity."""

    def __init__(self) -> None:
        self.now = self.asked = self.refused = 0

    async def answer(self, _: web.Request) -> web.Response:
        """An answer, or a refusal."""
        self.asked += 1
        if self.now >= CAPACITY:
            self.refused += 1
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "0.1"})
        self.now += 1
        try:
            await asyncio.sleep(SECONDS)
            return web.json_response(text=json.dumps(SAID))
        finally:
            self.now -= 1


async def main() -> None:
    """Print one line a turn, each on a server of its own."""
    print("| at first | requests | refused | failed calls | seconds, ideal = 1 |\n|---|---|---|---|---|")
    for start in STARTS:
        busy, application = Busy(), web.Application()
        application.router.add_post("/v1/chat/completions", busy.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        model = OpenAICompatible(name="busy", base_url=f"{site.name}/v1", model="small", gate=Gate(start=start))
        ledger = Ledger(Budget())
        asked = Request(messages=[Message(role="user", content="Capital?")], max_tokens=9)
        begun = time.monotonic()
        calls = [call(model, asked, ledger=ledger, spender=Spender("a", "r", 1, "busy")) for _ in range(CALLS)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        ratio = (time.monotonic() - begun) / (CALLS * SECONDS / CAPACITY)
        failed = sum(isinstance(one, ModelError) for one in ended)
        share = f"{busy.refused} ({busy.refused / busy.asked:.1%})"
        print(f"| {start or CALLS} | {busy.asked} | {share} | {failed} | {ratio:.2f} |", flush=True)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
