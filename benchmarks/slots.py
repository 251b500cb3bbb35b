"""What several slots of the embedded server give, and how long its threads should spin before they sleep.

    python benchmarks/slots.py                  # runs that have nothing in common, a debate, samples of one question
    python benchmarks/slots.py --spins 0 200 500 1000 --turns 3

Contenders take turns, each in a fresh process, since OpenMP asks for its settings once. Tokens are those read and
written, without those found in the cache; ratios are taken turn by turn and hold on a busy machine, the figures do not.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from statistics import median
from typing import NamedTuple

from disputatio import Budget, asolve
from disputatio.budget import Usage
from disputatio.graphs import debate, self_consistency
from disputatio.model import Message, Request
from disputatio.models import load_model
from disputatio.models.local import SPINS

STORY = "Background: the farm was founded long ago by a family from the north, which kept cattle, sheep and bees. " * 7
FARM = "A farmer has {n} fields with {m} cows each and sells {k} cows. How many has he now? Explain each step. "
KINDS = ("calls", "debate", "samples")
STRATEGIES = {"debate": debate(3, rounds=2), "samples": self_consistency(samples=6)}


class Contender(NamedTuple):
    """What is run, and where."""

    kind: str
    slots: int
    spins: int


def main() -> None:
    """Measure what is asked for, or one contender where the command line holds it as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--slots", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--spins", nargs="+", type=int, default=[SPINS])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--one", help="a contender, as JSON")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(asyncio.run(measure(Contender(*json.loads(given.one))))))
        return
    print("| | slots | spins | tokens/s | ratio | tokens/s of CPU |\n|---|---|---|---|---|---|", flush=True)
    for kind in given.kinds:
        contenders = [Contender(kind, slots, spins) for spins in given.spins for slots in given.slots]
        turns = [[in_a_process(one) for one in contenders] for _ in range(given.turns)]
        for place, one in enumerate(contenders):
            walls, processors = (median(turn[place][which] for turn in turns) for which in (0, 1))
            ratio = median(turn[place][0] / turn[0][0] for turn in turns)
            print(f"| {kind} | {one.slots} | {one.spins} | {walls:.0f} | {ratio:.2f} | {processors:.0f} |", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}")


def in_a_process(one: Contender) -> tuple[float, float]:
    """Tokens per second of wall time and of processor time."""
    spinning = {**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": str(one.spins)}
    command = [sys.executable, __file__, "--one", json.dumps(one)]
    done = subprocess.run(command, env=spinning, capture_output=True, text=True, check=True)
    wall, processor = json.loads(done.stdout)
    return wall, processor


async def measure(one: Contender) -> tuple[float, float]:
    """Run it once, after a call that nobody counts."""
    model = load_model("local", at_once=one.slots)

    async def call(number: int, longest: int) -> Usage:
        asked = FARM.format(n=3 + number, m=7 + 2 * number, k=number + 1) + STORY
        messages = [Message(role="user", content=asked)]
        request = Request(messages=messages, max_tokens=longest, seed=number, temperature=0.7)
        return (await model.complete(request)).usage

    await call(99, 2)
    began, worked = time.perf_counter(), time.process_time()
    if one.kind == "calls":
        total = sum(await asyncio.gather(*(call(number, 100) for number in range(8))), Usage())
    else:
        question, budget = FARM.format(n=5, m=12, k=9), Budget(tokens=20_000)
        result = await asolve(question, strategy=STRATEGIES[one.kind], model=model, budget=budget, seed=1)
        total = result.usage
    tokens = total.tokens - (total.cached_tokens if one.kind == "calls" else 0)
    return tokens / (time.perf_counter() - began), tokens / (time.process_time() - worked)


if __name__ == "__main__":
    main()
