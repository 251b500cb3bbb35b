"""Measures one contender in a process of its own; prints one line of JSON.

python benchmarks/client.py {by_hand,solve,graph} http://127.0.0.1:PORT
"""

import asyncio
import gc
import json
import resource
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from importlib import import_module
from statistics import median

from job import CALLS, QUESTION, STEPS

from disputatio.apps.collector import swept_seldom

DEBATES = 30
"""Debates behind one figure of processor time."""
SLOW_MS, SLOW_DEBATES = 100, 5
"""The latency at which the wall time is taken, and over how many debates."""
MANY = (50, 200)
"""Debates at the same time."""


def tell(url: str, path: str) -> dict[str, float]:
    """Ask the server for something."""
    with urllib.request.urlopen(f"{url}{path}", data=b"" if path != "/stats" else None) as reply:
        return dict(json.load(reply))


def cpu() -> float:
    """Seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> float:
    """The most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(make: Callable[[str], Callable[[str], Awaitable[str]]], url: str) -> dict[str, float]:
    """All figures of one contender."""
    debate = make(url)
    tell(url, "/latency/0")
    tell(url, "/reset")
    assert await debate(QUESTION.format(n=40))
    cold = tell(url, "/stats")
    assert cold["calls"] == CALLS
    await debate(QUESTION.format(n=41))
    gc.collect()  # what the imports have left would else be swept once, in the middle of what is measured
    used, begun = cpu(), time.perf_counter()
    for number in range(DEBATES):
        await debate(QUESTION.format(n=42 + number))
    used, took = cpu() - used, time.perf_counter() - begun
    tell(url, f"/latency/{SLOW_MS}")
    tell(url, "/reset")
    walls = []
    for number in range(SLOW_DEBATES):
        begun = time.perf_counter()
        await debate(QUESTION.format(n=100 + number))
        walls.append(time.perf_counter() - begun)
    slow = tell(url, "/stats")
    many: dict[str, float] = {}
    for debates in MANY:
        many |= await at_once(debate, debates, url)
    memory = peak()
    with swept_seldom():  # as `disputatio batch` and `bench` have it
        for debates in MANY:
            seldom = await at_once(debate, debates, url)
            many |= {f"{key}_seldom": value for key, value in seldom.items() if not key.startswith("in_flight")}
    return {
        **many,
        "cpu_us": used / DEBATES / CALLS * 1e6,
        "wall_us": took / DEBATES / CALLS * 1e6,
        "over_ideal": median(walls) / (STEPS * SLOW_MS / 1000),
        "in_flight": slow["most_in_flight"],
        "words": cold["words"],
        "shared": cold["shared"],
        "memory_mb": memory,
        "memory_mb_seldom": peak(),
    }


async def at_once(debate: Callable[[str], Awaitable[str]], debates: int, url: str) -> dict[str, float]:
    """So many debates at the same time."""
    tell(url, "/reset")
    used, begun = cpu(), time.perf_counter()
    await asyncio.gather(*(debate(QUESTION.format(n=1000 + number)) for number in range(debates)))
    used, took = cpu() - used, time.perf_counter() - begun
    return {
        f"cpu_us_{debates}": used / debates / CALLS * 1e6,
        f"over_ideal_{debates}": took / (STEPS * SLOW_MS / 1000),
        f"in_flight_{debates}": tell(url, "/stats")["most_in_flight"],
    }


async def main() -> None:
    """Measure the contender that the command line names."""
    name, url = sys.argv[1:]
    contender = import_module(name)
    found = await measure(contender.make, url)
    if name == "graph":
        tell(url, "/latency/0")
        found["supersteps"] = await contender.supersteps(url, QUESTION.format(n=40))
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
