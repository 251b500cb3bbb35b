"""Measures what tools cost on top of themselves: making them, dispatching a call, calling ten at once.

    python benchmarks/tools.py

A sync tool is called in a thread. What that costs by itself is measured at the same place: an async tool that does
nothing but `loop.run_in_executor`, less one that does nothing.
"""

import asyncio
import os
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Literal

from disputatio.context import Context
from disputatio.model import ToolCall
from disputatio.question import Question
from disputatio.tools import Tool, Toolbox, ToolRuntime, dispatch, tool

MADE = 1000
CALLS = 2000
PARALLEL = 10
SECONDS = 0.1


def function(number: int, units: Any = Literal["m", "ft"]) -> Callable[..., str]:
    """One of many functions."""

    def measure(width: float, height: float, unit: units = "m", labels: list[str] | None = None) -> str:
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


@tool
async def hops(x: int, y: float = 1.0) -> int:
    """Do nothing, in a thread of the event loop's own."""
    await asyncio.get_running_loop().run_in_executor(None, int)
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
    """Microseconds of processor time of one dispatched call: the least of five rounds, since others disturb them."""
    run = runtime()
    rounds = []
    for turn in range(5):
        started = time.process_time()
        for number in range(turn * CALLS // 5, (turn + 1) * CALLS // 5):
            x = number if one is at_once else number % 7  # a call that was made before would not be made again
            await dispatch([ToolCall(id="a", name=one.name, arguments=f'{{"x": {x}}}')], box.by_name, run)
        rounds.append((time.process_time() - started) / (CALLS // 5) * 1e6)
    return min(rounds)


async def together(one: Tool) -> float:
    """Milliseconds of ten calls that wait 100 ms each: the median of five."""
    calls = [ToolCall(id=str(n), name=one.name, arguments=f'{{"x": {n}}}') for n in range(PARALLEL)]
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        await dispatch(calls, [one], runtime())
        taken.append((time.perf_counter() - started) * 1e3)
    return median(taken)


def registered(own: bool) -> float:
    """Seconds of processor time to make tools of functions, each with a type of its own or with those of all."""
    functions = [function(number, Literal[f"m{number}", "m"] if own else Literal["m", "ft"]) for number in range(MADE)]
    started = time.process_time()
    box = Toolbox(functions)
    taken = time.process_time() - started
    assert len(box) == MADE
    return taken


def main() -> None:
    """Print the figures with the bars that they are held to."""
    box = Toolbox([function(number) for number in range(MADE)], [quick, blocking, hops, at_once, pure])
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    print("All but the last two are processor time.\n\n| figure | measured | bar |\n|---|---|---|")
    print(f"| {MADE} tools made of functions, with schema and check | {registered(own=False):.2f} s | 1 s |")
    print(f"| the same, each with a type that no other has | {registered(own=True):.2f} s | 1 s |")
    each_of = {one: asyncio.run(each(one, box)) for one in (quick, pure, at_once, blocking, hops)}
    kinds = {"async": quick, "pure, result kept": pure, "sync and quick": at_once, "sync, in a thread": blocking}
    for what, one in kinds.items():
        bar = "100 us" if one is not blocking else ""
        print(f"| one call through dispatch, {what} | {each_of[one]:.0f} us | {bar} |")
    hop = each_of[hops] - each_of[quick]
    print(f"| `run_in_executor` at the same place | {hop:.0f} us | |")
    print(f"| one call through dispatch, sync, in a thread, less that | {each_of[blocking] - hop:.0f} us | 100 us |")
    for one, what in ((waits, "async"), (sleeps, "sync")):
        print(f"| {PARALLEL} calls of 100 ms at once, {what} | {asyncio.run(together(one)):.0f} ms | 150 ms |")


if __name__ == "__main__":
    main()
