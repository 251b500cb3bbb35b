"""Whether a model can write the sum of a word problem, which is what a calculator asks of it.

    python benchmarks/expressions.py FOLDER [ITEMS] [MODEL]

FOLDER holds the sample data. The items are those of SVAMP that the smoke suite does not have. The model is shown five
worked examples as turns of a conversation and writes the sum as JSON: freely; held to JSON; and held to one operation
on two numbers of the question. The last leaves so little to choose that rules without a model stand beside it, with
what they get on the slice of the smoke suite itself.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

from disputatio.errors import ToolError
from disputatio.evals import load
from disputatio.evals.items import Item
from disputatio.evals.metrics import wilson
from disputatio.model import Message, Request
from disputatio.models import load_model
from disputatio.tools import calculator

DATA = Path(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 60
MODEL = load_model(sys.argv[3] if len(sys.argv) > 3 else "local")
EXAMPLES = {
    "A baker made 48 rolls and sold 19 of them. How many rolls are left?": "48 - 19",
    "A clerk reads 12 pages a day. How many pages does he read in 5 days?": "12 * 5",
    "There are 24 pens in 3 boxes. How many pens are in each box?": "24 / 3",
    "A class has 14 girls and 17 boys. How many children are in the class?": "14 + 17",
    "A girl had some coins. She found 6 more, and now she has 15. How many coins did she have at first?": "15 - 6",
}
RULES: dict[str, Callable[[list[float]], float]] = {
    "no model: the first two numbers added": lambda found: found[0] + found[1],
    "no model: the first two numbers multiplied": lambda found: found[0] * found[1],
    "no model: the largest number less the smallest": lambda found: max(found) - min(found),
}


def schema(**expression: Any) -> dict[str, Any]:
    """The schema of an object with an expression."""
    fields = {"expression": {"type": "string", **expression}}
    return {"type": "object", "properties": fields, "required": ["expression"], "additionalProperties": False}


def numbers(question: str) -> list[str]:
    """The numbers of a question, each once."""
    return list(dict.fromkeys(re.findall(r"\d+(?:\.\d+)?", question)))


def copied(question: str) -> dict[str, Any]:
    """The schema of one operation on two of the question's numbers."""
    pairs = "|".join(f"{re.escape(a)} [-+*/] {re.escape(b)}" for a, b in permutations(numbers(question), 2))
    return schema(pattern=f"^({pairs})$") if pairs else schema(maxLength=40)


WAYS: dict[str, Callable[[str], dict[str, Any] | None]] = {
    "free": lambda question: None,
    "held to JSON": lambda question: schema(maxLength=40),
    "held to one operation on the question's numbers": copied,
}


async def written(question: str, held: dict[str, Any] | None) -> str:
    """What the model writes."""
    messages = [Message(role="system", content="Write the sum that answers the question.")]
    for asked, expression in EXAMPLES.items():
        messages.append(Message(role="user", content=asked))
        messages.append(Message(role="assistant", content=json.dumps({"expression": expression})))
    messages.append(Message(role="user", content=question))
    return (await MODEL.complete(Request(messages=messages, max_tokens=40, temperature=0.0, seed=1, schema=held))).text


def value(text: str) -> float | None:
    """What the expression in a reply comes to."""
    found = re.search(r'"expression": *"([^"]+)"', text)
    try:
        return float(calculator(found[1])) if found else None
    except (ToolError, ValueError, OverflowError):
        return None


def right(values: Sequence[float | None], items: Sequence[Item]) -> str:
    """How many values are the targets, with Wilson's interval."""
    pairs = zip(values, items, strict=True)
    count = sum(value is not None and abs(value - float(one.target)) < 1e-6 for value, one in pairs)
    low, high = wilson(count, len(items))
    return f"{count} of {len(items)} ({low:.0%} to {high:.0%})"


async def main() -> None:
    """Print a table in Markdown."""
    smoke = load("smoke", data=DATA).items
    known = {one.meta.get("original_id") for one in smoke}
    others = [one for one in load("svamp", data=DATA).items if one.id not in known]
    others = Random(7).sample([one for one in others if len(numbers(one.question.text)) > 1], COUNT)
    slice_ = [one for one in smoke if one.meta.get("suite") == "arith1"]
    print("| way | SVAMP | the slice |\n|---|---|---|")
    for name, held in WAYS.items():
        said = [value(await written(one.question.text, held(one.question.text))) for one in others]
        print(f"| {name} | {right(said, others)} | |", flush=True)
    for name, rule in RULES.items():
        by_rule = [[rule([*map(float, numbers(one.question.text))]) for one in items] for items in (others, slice_)]
        print(f"| {name} | {right(by_rule[0], others)} | {right(by_rule[1], slice_)} |")


if __name__ == "__main__":
    asyncio.run(main())
