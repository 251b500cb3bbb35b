"""What the ledger costs, and whether it holds: a thousand debaters on one budget.

    python benchmarks/ledger.py [REPETITIONS]

Each repetition lets 1,000 tasks and then 8 threads spend from one budget as fast as they can. What they spent beyond
it is the overspend; it has to be 0.
"""

import asyncio
import random
import sys
import threading
import time
from statistics import median

from disputatio.budget import Budget, Price, Usage
from disputatio.errors import BudgetExceededError
from disputatio.ledger import Ledger, Spender

AGENTS = 1000
BUDGET = Budget(calls=4_000, tokens=60_000, cost=0.05)
PRICE = Price(0.25e-6, 2e-6, 0.025e-6)


async def agent(ledger: Ledger, number: int, dice: random.Random) -> None:
    """Spend until there is nothing left."""
    spender = Spender(f"debater {number}", "debater", 1, "m")
    while True:
        try:
            held = ledger.reserve(dice.randint(5, 40), 50, PRICE)
        except BudgetExceededError:
            return
        await asyncio.sleep(0)
        ledger.settle(held, spent(held, dice), spender)


def spent(held: Usage, dice: random.Random) -> Usage:
    """What such a call costs in the end: never more than was set aside."""
    usage = Usage(calls=1, prompt_tokens=held.prompt_tokens, completion_tokens=dice.randint(1, held.completion_tokens))
    return usage.model_copy(update={"cost": PRICE.of(usage)})


async def tasks(seed: int) -> Ledger:
    """All agents in one event loop."""
    ledger, dice = Ledger(BUDGET), random.Random(seed)
    await asyncio.gather(*(agent(ledger, number, dice) for number in range(AGENTS)))
    return ledger


def threads(seed: int) -> Ledger:
    """Eight threads, an event loop each."""
    ledger = Ledger(BUDGET)
    workers = [
        threading.Thread(target=lambda number=number: asyncio.run(agent(ledger, number, random.Random(seed + number))))
        for number in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return ledger


def overspent(ledger: Ledger) -> bool:
    """Whether more was spent than there was."""
    assert BUDGET.calls
    assert BUDGET.tokens
    assert BUDGET.cost
    total = ledger.total
    return total.calls > BUDGET.calls or total.tokens > BUDGET.tokens or total.cost > BUDGET.cost + 1e-12


def microseconds() -> float:
    """The CPU of one call: reserve and settle."""
    ledger, spender, dice = (
        Ledger(Budget(calls=10**9, tokens=10**12, cost=1e9)),
        Spender("a", "r", 1, "m"),
        random.Random(1),
    )
    usages = [Usage(calls=1, prompt_tokens=20, completion_tokens=dice.randint(1, 50)) for _ in range(5_000)]
    begun = time.process_time()
    for usage in usages:
        ledger.settle(ledger.reserve(20, 50, PRICE), usage, spender)
    return (time.process_time() - begun) / len(usages) * 1e6


def main() -> None:
    """Print the figures."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    wrong = sum(overspent(asyncio.run(tasks(seed))) + overspent(threads(seed)) for seed in range(repetitions))
    took = median(microseconds() for _ in range(7))
    print(f"overspent: {wrong} of {2 * repetitions} runs; one call: {took:.1f} us of CPU")


if __name__ == "__main__":
    main()
