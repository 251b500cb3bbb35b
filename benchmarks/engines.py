"""Speed of a model: tokens a second for one request, and for 16 at once. `python benchmarks/engines.py hf:PATH`."""

import asyncio
import sys
import time

from disputatio.model import Message, Model, Request
from disputatio.models import load_model

TOKENS = 64


async def speed(model: Model, requests: int) -> float:
    """Ask for replies of equal length, of different texts, and count what is written a second."""
    asked = [
        Request(
            messages=[Message(role="user", content=f"Write a long story about the number {number}.")],
            max_tokens=TOKENS,
            temperature=0.7,
            seed=number,
        )
        for number in range(requests)
    ]
    began = time.perf_counter()
    replies = await asyncio.gather(*map(model.complete, asked))
    return sum(reply.usage.completion_tokens for reply in replies) / (time.perf_counter() - began)


async def measure(model: Model) -> None:
    """Print the best of three, after one request that warms up."""
    await speed(model, 1)
    for requests in (1, 16):
        best = max([await speed(model, requests) for _ in range(3)])
        print(f"{model.name}: {requests:2} at once, {best:.0f} tokens/s")


if __name__ == "__main__":
    asyncio.run(measure(load_model(sys.argv[1])))
