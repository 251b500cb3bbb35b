"""What a calculator does for a model on the arithmetic of the smoke suite without its words.

    python benchmarks/bare_arithmetic.py FOLDER [ITEMS] [MODEL]

FOLDER holds the sample data. The items are the equations of the slice `arith1` and the calculations of `arith2`, as
the data has them: "What is 140 - 22?". Each is answered in three ways, after the same six worked examples as turns of a
conversation: by a chain of thought; by the vote of three of them, which read and write about as many tokens as the next
way; and by calling the calculator and reading what it gave. There the model chooses between the calculator and none and
writes the arguments, and `dispatch` carries the call out. All is at temperature 0, but for the votes at 0.7.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from disputatio.context import Context
from disputatio.evals import load
from disputatio.evals.compare import compare
from disputatio.evals.items import Item
from disputatio.evals.metrics import wilson
from disputatio.model import Message, Reply, Request, ToolCall
from disputatio.models import load_model
from disputatio.question import Question
from disputatio.tools import ToolRuntime, calculator, dispatch

DATA = Path(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else None
MODEL = load_model(sys.argv[3] if len(sys.argv) > 3 else "local")
CALL, READ = 60, 40
"""The most tokens of a call, and of the answer after it; a chain of thought has both."""
VOTES = 3
CHAINS = {
    "the colour of grass": "Grass is green",
    "48 - 19": "48 - 19 = 29",
    "(12 + 7) * 5": "12 + 7 = 19, and 19 * 5 = 95",
    "24 / 3": "24 / 3 = 8",
    "14 + 17": "14 + 17 = 31",
    "60 - (15 + 6)": "15 + 6 = 21, and 60 - 21 = 39",
}
"""What is asked in the examples, and how it is worked out; the first one is nothing for a calculator."""
ONE_OF = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"tool": {"const": "calculator"}, "arguments": calculator.schema},
            "required": ["tool", "arguments"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"tool": {"const": "none"}},
            "required": ["tool"],
            "additionalProperties": False,
        },
    ]
}


def bare(items: list[Item]) -> dict[str, float]:
    """The expressions of the two slices, each once, with what they come to."""
    found: dict[str, float] = {}
    for one in items:
        if one.meta.get("suite") == "arith1":
            plain = re.sub(r"\.0\b", "", str(one.meta["equation"]))[1:-1].strip()
            found[plain.replace("( ", "(").replace(" )", ")")] = float(str(one.target))
        for line in one.meta.get("calculations", ()) if one.meta.get("suite") == "arith2" else ():
            expression, _, value = str(line).partition("=")
            found[re.sub(r"(?<=[\d)])([-+*/])", r" \1 ", expression)] = float(value)
    return {expression: value for expression, value in found.items() if expression not in CHAINS}


def user(content: str) -> Message:
    """A message of the user."""
    return Message(role="user", content=content)


def assistant(content: str) -> Message:
    """A message of the model."""
    return Message(role="assistant", content=content)


def examples(tools: bool) -> list[Message]:
    """The worked examples, with calls or without."""
    messages = [Message(role="system", content="Answer the question.")]
    for asked, chain in CHAINS.items():
        value = chain.rpartition(" ")[2]
        is_sum = any(sign.isdigit() for sign in asked)
        messages.append(user(f"What is {asked}?"))
        if tools:
            use = {"tool": "calculator", "arguments": {"expression": asked}} if is_sum else {"tool": "none"}
            messages += [assistant(json.dumps(use)), user(f"calculator: {value}" if is_sum else "No tool was used.")]
        messages.append(assistant(f"Answer: {value}" if tools else f"{chain}.\nAnswer: {value}"))
    return messages


async def said(messages: list[Message], most: int, schema: dict[str, Any] | None = None, **sampling: Any) -> Reply:
    """The model's reply."""
    drawn = {"temperature": 0.0, "seed": 1, **sampling}
    return await MODEL.complete(Request(messages=messages, max_tokens=most, schema=schema, **drawn))


def answer(text: str) -> float | None:
    """The number behind the first `Answer:`."""
    found = re.search(r"Answer: *(-?\d+(?:\.\d+)?(?:/\d+)?)", text)
    if found is None:
        return None
    above, _, below = found[1].partition("/")
    return float(above) / float(below or 1) if float(below or 1) else None


async def by_thought(expression: str, **sampling: Any) -> tuple[float | None, int]:
    """The answer of a chain of thought, and the tokens that it took."""
    reply = await said([*examples(False), user(f"What is {expression}?")], CALL + READ, **sampling)
    return answer(reply.text), reply.usage.tokens


async def by_vote(expression: str) -> tuple[float | None, int]:
    """The answer that most of several chains of thought give, and the tokens that they took."""
    chains = [await by_thought(expression, temperature=0.7, seed=seed) for seed in range(VOTES)]
    given = Counter(value for value, _ in chains if value is not None)
    return given.most_common(1)[0][0] if given else None, sum(tokens for _, tokens in chains)


async def by_calculator(expression: str) -> tuple[float | None, int, bool]:
    """The answer after a call, the tokens that it took, and whether the calculator gave a number."""
    messages = [*examples(True), user(f"What is {expression}?")]
    chosen = await said(messages, CALL, ONE_OF)
    told, worked = "No tool was used.", False
    try:
        use = json.loads(chosen.text)
    except ValueError:  # the reply was cut
        use = {"tool": "none"}
    if use["tool"] != "none":
        runtime = ToolRuntime(question=Question(text=expression), author="benchmark", context=Context())
        call = ToolCall(id="", name=use["tool"], arguments=json.dumps(use["arguments"]))
        [made] = await dispatch([call], [calculator], runtime)
        told, worked = f"calculator: {made.text}", not made.data["failed"]
    reply = await said([*messages, assistant(chosen.text), user(told)], READ)
    return answer(reply.text), chosen.usage.tokens + reply.usage.tokens, worked


async def main() -> None:
    """Print a table in Markdown."""
    asked = dict(list(bare(list(load("smoke", data=DATA).items)).items())[:COUNT])
    right: dict[str, list[float]] = {"calculator": [], "chain of thought": [], f"{VOTES} chains and a vote": []}
    tokens, used = dict.fromkeys(right, 0), 0
    for number, (expression, value) in enumerate(asked.items(), 1):
        called, spent, worked = await by_calculator(expression)
        ways = [(called, spent), await by_thought(expression), await by_vote(expression)]
        for name, (given, spent) in zip(right, ways, strict=True):
            right[name].append(float(given is not None and abs(given - value) < 1e-6))
            tokens[name] += spent
        used += worked
        print(f"{number}: {expression} = {value:g}: {[given for given, _ in ways]}", file=sys.stderr, flush=True)
    print("| way | right | 95 % | tokens an item |\n|---|---|---|---|")
    for name, values in right.items():
        low, high = wilson(int(sum(values)), len(values))
        share = f"{sum(values):.0f} of {len(values)} | {low:.0%} to {high:.0%}"
        print(f"| {name} | {share} | {tokens[name] / len(values):.0f} |")
    print(f"\nThe calculator gave a number in {used} of {len(asked)}. With it, by paired bootstrap and McNemar's test:")
    for told in compare(right)[:2]:
        low, high = told.interval
        print(f"- {100 * told.difference:+.0f} points against {told.second} ({100 * low:.0f} to {100 * high:.0f}), "
              f"right alone {told.only_first} and {told.only_second}, p = {told.corrected:.0e}")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
