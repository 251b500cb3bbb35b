"""What the garbage collector costs where many debates are held at once: processor time, and how much of it is its own.

python benchmarks/collector.py
"""

import asyncio
import gc
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from job import CALLS, QUESTION
from solve import PANEL

from disputatio import asolve
from disputatio.apps.collector import swept_seldom
from disputatio.budget import Usage
from disputatio.model import Profile, Reply, Request

LATENCY_S = 0.1


class Prompt:
    """Answers every prompt after the latency, without a server."""

    name, profile = "prompt", Profile()

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        """Say 43 words and an answer."""
        await asyncio.sleep(LATENCY_S)
        return Reply(text=f"{'word ' * 43}\nAnswer: 4\nConfidence: 80", usage=Usage(calls=1, prompt_tokens=100))


async def debates(number: int) -> tuple[float, float, int]:
    """Microseconds of processor time a call, those of them in the collector, and how many objects it freed."""
    swept, freed, begun = 0.0, 0, 0.0

    def watch(phase: str, told: dict[str, int]) -> None:
        nonlocal swept, freed, begun
        if phase == "start":
            begun = time.thread_time()
        else:
            swept, freed = swept + time.thread_time() - begun, freed + told["collected"]

    gc.callbacks.append(watch)
    used = time.process_time()
    await asyncio.gather(*(asolve(QUESTION.format(n=n), strategy=PANEL, model=Prompt()) for n in range(number)))
    used = time.process_time() - used
    gc.callbacks.remove(watch)
    return used / number / CALLS * 1e6, swept / number / CALLS * 1e6, freed


async def main() -> None:
    """Print a row for each number of debates, as Python has it and swept seldom."""
    await debates(1)
    gc.collect()
    modes: dict[str, Any] = {"as Python has it": nullcontext, "swept seldom": swept_seldom}
    print("| debates at once | collector | CPU of a call, us | of it the collector's | objects freed |")
    print("|---|---|---|---|---|")
    for number in (1, 50, 200):
        for name, mode in modes.items():
            with mode():
                best = min([await debates(number) for _ in range(3)])
            print(f"| {number} | {name} | {best[0]:.0f} | {best[1] / best[0]:.0%} | {best[2]} |")


if __name__ == "__main__":
    asyncio.run(main())
