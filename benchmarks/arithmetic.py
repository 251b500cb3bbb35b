"""What a calculator does for the embedded model on the arithmetic slice of the smoke suite.

    python benchmarks/arithmetic.py FOLDER [ITEMS] [MODEL] [sums]

FOLDER holds the sample data. Each item (one step of arithmetic in words; with `sums`, sums such as "140 - 22", from the
equations and calculations that the data has) is answered by a chain of thought without and with the calculator, and by
ReAct, at temperature 0.
Accuracies come with Wilson's 95 % intervals; `used` counts the items in which a calculator gave a number.
"""

import asyncio
import re
import sys
import time
from pathlib import Path

from disputatio import asolve
from disputatio.agents import Solver
from disputatio.evals import load, score
from disputatio.evals.items import Item
from disputatio.evals.metrics import wilson
from disputatio.graphs import chain_of_thought, react
from disputatio.models import load_model
from disputatio.question import Question
from disputatio.strategies import Strategy
from disputatio.tools import calculator

DATA = Path(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 25
MODEL = load_model(sys.argv[3] if len(sys.argv) > 3 else "local")
WAYS: dict[str, Strategy[...]] = {
    "chain of thought": chain_of_thought,
    "the same with the calculator": chain_of_thought(solver=Solver(tools=[calculator])),
    "react": react,
}


def bare(items: list[Item]) -> dict[str, float]:
    """The expressions of the two slices of arithmetic, each once, with what they come to; no example of the tool."""
    found: dict[str, float] = {}
    for one in items:
        if one.meta.get("suite") == "arith1":
            plain = re.sub(r"\.0\b", "", str(one.meta["equation"]))[1:-1].strip()
            found[plain.replace("( ", "(").replace(" )", ")")] = float(str(one.target))
        for line in one.meta.get("calculations", ()) if one.meta.get("suite") == "arith2" else ():
            expression, _, value = str(line).partition("=")
            found[re.sub(r"(?<=[\d)])([-+*/])", r" \1 ", expression)] = float(value)
    shown = [given["expression"] for given in calculator.examples.values()]
    return {expression: value for expression, value in found.items() if expression not in shown}


async def main() -> None:
    """Print a table in Markdown."""
    smoke = [*load("smoke", data=DATA).items]
    items = [one for one in smoke if one.meta.get("suite") == "arith1"]
    if "sums" in sys.argv[4:]:
        asked = {Question(text=f"What is {one}?", answer_type="number"): value for one, value in bare(smoke).items()}
        items = [items[0].model_copy(update={"question": one, "target": value}) for one, value in asked.items()]
    items = items[:COUNT]
    print("| way | right | 95 % | used | calls an item | seconds an item |\n|---|---|---|---|---|---|")
    for name, strategy in WAYS.items():
        begun, right, used, calls = time.perf_counter(), 0, 0, 0
        for item in items:
            result = await asolve(item.question, strategy=strategy, model=MODEL, temperature=0.0, seed=1)
            right += score(item, result.answer).value == 1
            used += any(one.role == "tool" and not one.data["failed"] for one in result.thoughts)
            calls += result.usage.calls
        low, high = wilson(right, len(items))
        each = (time.perf_counter() - begun) / len(items)
        share = f"{right / len(items):.0%} | {low:.0%} to {high:.0%}"
        print(f"| {name} | {share} | {used} of {len(items)} | {calls / len(items):.1f} | {each:.0f} |", flush=True)


asyncio.run(main())
