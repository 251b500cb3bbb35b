"""What the layout of prompts saves on the embedded server: ours against a chat of its own for each debater.

    python benchmarks/embedded.py [REPETITIONS]

Three debaters with personas, three rounds and a judge, on one slot. `computed` is the share of the prompt tokens sent
that the server had to read, since it did not find them in its cache.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, replace
from statistics import median

from job import PERSONAS, QUESTION, ROUNDS, RULES

from disputatio import asolve
from disputatio.agents import Debater
from disputatio.budget import Usage
from disputatio.graphs import debate
from disputatio.model import Message, Request
from disputatio.models import OpenAICompatible, load_model

PANEL = debate([Debater(name, persona=persona) for name, persona in PERSONAS.items()], rounds=ROUNDS, decision="judge")
MODEL = load_model("local")
assert isinstance(MODEL, OpenAICompatible)
MODEL.profile = replace(MODEL.profile, structure="native")  # ten calls for both: no second step


@dataclass
class Figures:
    """What one debate took."""

    computed: float
    sent: int
    seconds: float


async def ours(question: str) -> Figures:
    """The strategy as it comes."""
    begun = time.perf_counter()
    result = await asolve(question, strategy=PANEL, model=MODEL, seed=1, temperature=0.6)
    return figures(result.usage, time.perf_counter() - begun)


async def chats(question: str) -> Figures:
    """Persona first, then the debater's own chat; all of a round at once, as in by_hand.py."""
    total, begun = Usage(), time.perf_counter()

    async def say(chat: list[Message]) -> str:
        nonlocal total
        reply = await MODEL.complete(Request(messages=chat, max_tokens=120, seed=1, temperature=0.6))
        total += reply.usage
        return reply.text

    async def turn(chat: list[Message], task: str) -> str:
        chat.append(Message(role="user", content=task))
        said = await say(chat)
        chat.append(Message(role="assistant", content=said))
        return said

    system = {name: f"You are {name}, {persona}. {RULES}" for name, persona in PERSONAS.items()}
    histories = {name: [Message(role="system", content=text)] for name, text in system.items()}
    said: dict[str, str] = {}
    for number in range(ROUNDS):
        tasks = {
            name: "\n\n".join(f"{other} said: {text}" for other, text in said.items() if other != name)
            + f"\n\nTake this as additional information and answer again: {question}"
            if number
            else f"Question: {question}\n\nGive your own answer and your reasons."
            for name in PERSONAS
        }
        spoken = await asyncio.gather(*(turn(histories[name], task) for name, task in tasks.items()))
        said = dict(zip(tasks, spoken, strict=True))
    words = "\n\n".join(f"{name} says: {text}" for name, text in said.items())
    judge = f"You are the judge and took no part in it. Weigh the reasons, not their number. {RULES}"
    await turn([Message(role="system", content=judge)], f"Question: {question}\n\n{words}\n\nDecide.")
    return figures(total, time.perf_counter() - begun)


def figures(usage: Usage, seconds: float) -> Figures:
    """The shares."""
    return Figures(1 - usage.cached_tokens / usage.prompt_tokens, usage.prompt_tokens, seconds)


async def main() -> None:
    """Take turns, and print medians."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[str, list[Figures]] = {"ours": [], "chats": []}
    await ours("Is tea hot?")
    for number in range(repetitions):
        question = QUESTION.format(n=40 + number)
        found["ours"].append(await ours(question))
        found["chats"].append(await chats(question))
    print("| | computed of the prompt tokens sent | sent | seconds |\n|---|---|---|---|")
    for name, rows in found.items():
        cells = (
            median(one.computed for one in rows),
            median(one.sent for one in rows),
            median(one.seconds for one in rows),
        )
        print(f"| {name} | {cells[0]:.2f} | {cells[1]:.0f} | {cells[2]:.1f} |")
    pairs = zip(found["ours"], found["chats"], strict=True)
    print(f"wall, chats = 1: {median(one.seconds / other.seconds for one, other in pairs):.2f}")


if __name__ == "__main__":
    asyncio.run(main())
