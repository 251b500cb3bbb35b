"""Measures what tools cost on top of themselves: making them, dispatching a call, calling ten at once.

python benchmarks/tools.py
"""

import asyncio
import os
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import Literal

from disputatio.context import Context
from disputatio.model import ToolCall
from disputatio.question import Question
from disputatio.tools import Tool, Toolbox, ToolRuntime, dispatch, tool

MADE = 1000
CALLS = 2000
PARALLEL = 10
SECONDS = 0.1


def function(number: int) -> Callable[..., str]:
    """One of many functions, each with types of its own to be looked at."""

    def measure(width: float, height: float, unit: Literal["m", "ft"] = "m", labels: list[str] | None = None) -> str:
        """Area of a field.

        Args:
            width: Width in metres.
            height: Height in metres.
            unit: Unit of the result.
            labels: What it is called.
        """
        return f"{width * height} {unit}"

    measure.__name__ = measure.__qualname__ = f"measure_{number}"
    return measure


def runtime() -> ToolRuntime:
    """A run of its own."""
    return ToolRuntime(question=Question(text="?"), author="benchmark", context=Context())


@tool
async def quick(x: int, y: float = 1.0) -> int:
    """Do nothing, in the event loop."""
    return x


@tool
def blocking(x: int, y: float = 1.0) -> int:
    """Do nothing, in a thread."""
    return x


@tool(access="pure", quick=True)
def at_once(x: int, y: float = 1.0) -> int:
    """Do nothing, in the event loop."""
    return x


@tool(access="pure")
async def pure(x: int, y: float = 1.0) -> int:
    """Do nothing, once."""
    return x


@tool
async def waits(x: int) -> int:
    """Wait for something, in the event loop."""
    await asyncio.sleep(SECONDS)
    return x


@tool
def sleeps(x: int) -> int:
    """Wait for something, in a thread."""
    time.sleep(SECONDS)
    return x


async def each(one: Tool, box: Toolbox) -> float:
    """Microseconds of processor time of one dispatched call: the median of five rounds."""
    run = runtime()
    rounds = []
    for turn in range(5):
        started = time.process_time()
        for number in range(turn * CALLS // 5, (turn + 1) * CALLS // 5):
            x = number if one is at_once else number % 7  # a call that was made before would not be made again
            await dispatch([ToolCall(id="a", name=one.name, arguments=f'{{"x": {x}}}')], box.by_name, run)
        rounds.append((time.process_time() - started) / (CALLS // 5) * 1e6)
    return median(rounds)


async def together(one: Tool) -> float:
    """Milliseconds of ten calls that wait 100 ms each: the median of five."""
    calls = [ToolCall(id=str(n), name=one.name, arguments=f'{{"x": {n}}}') for n in range(PARALLEL)]
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        await dispatch(calls, [one], runtime())
        taken.append((time.perf_counter() - started) * 1e3)
    return median(taken)


def main() -> None:
    """Print the figures with the bars that they are held to."""
    functions = [function(number) for number in range(MADE)]
    started = time.process_time()
    box = Toolbox(functions)
    made = time.process_time() - started
    box.add([quick, blocking, at_once, pure])
    print(f"Python {platform.python_version()}, {len(box)} tools, load {os.getloadavg()[0]:.1f}")
    print("The first five figures are processor time.\n\n| figure | measured | bar |\n|---|---|---|")
    print(f"| {MADE} tools made of functions, with schema and check | {made:.2f} s | 1 s |")
    kinds = {"async": quick, "pure, result kept": pure, "sync and quick": at_once, "sync, in a thread": blocking}
    for what, one in kinds.items():
        bar = "100 us" if one is not blocking else ""
        print(f"| one call through dispatch, {what} | {asyncio.run(each(one, box)):.0f} us | {bar} |")
    for one, what in ((waits, "async"), (sleeps, "sync")):
        print(f"| {PARALLEL} calls of 100 ms at once, {what} | {asyncio.run(together(one)):.0f} ms | 150 ms |")


if __name__ == "__main__":
    main()
