"""How often a structured reply can be read, by how it is asked for, and what holding a model to a schema costs.

    python benchmarks/structured.py [QUESTIONS] [MODEL]

A chain of thought answers small sums with two numbers. A reply is read if an answer of the question's type was found;
what was cut off at its token limit is counted apart. `schema` asks for an object and nothing else in one call: its
replies must all be valid, or end in a typed error. Its speed is in tokens a second, by that of free text.
"""

import asyncio
import json
import sys
import time
from dataclasses import replace
from statistics import median

from disputatio import asolve
from disputatio.model import Message, Request
from disputatio.models import load_model
from disputatio.question import Question

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 30
MODEL = load_model(sys.argv[2] if len(sys.argv) > 2 else "local")
SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "answer": {"type": "integer"}},
    "required": ["reason", "answer"],
    "additionalProperties": False,
}
QUESTIONS = [
    Question(text=f"A shelf holds {7 + n} books and a box {3 * n + 2}. How many is that?", answer_type="number")
    for n in range(COUNT)
]


async def main() -> None:
    """Print a table in Markdown."""
    profile = MODEL.profile
    print("| asked for | read | cut off | seconds a question |\n|---|---|---|---|")
    for structure in ("native", "two_step", "prompted"):
        MODEL.profile = replace(profile, structure=structure)  # type: ignore[misc]
        begun, read, cut = time.perf_counter(), 0, 0
        for number, question in enumerate(QUESTIONS):
            result = await asolve(question, strategy="chain_of_thought", model=MODEL, seed=number)
            read += result.answer.value is not None
            cut += any(thought.cut for thought in result.thoughts)
        seconds = (time.perf_counter() - begun) / COUNT
        print(f"| {structure} | {read / COUNT:.0%} | {cut / COUNT:.0%} | {seconds:.1f} |", flush=True)
    MODEL.profile = profile  # type: ignore[misc]
    valid, whole, ratios = 0, 0, []
    for number, question in enumerate(QUESTIONS):
        messages = [Message(role="user", content=f"{question.text} Give your reason in about 40 words.")]
        speeds = []
        for schema in (None, SCHEMA):
            request = Request(messages=messages, max_tokens=100, seed=number, schema=schema)
            begun = time.perf_counter()
            reply = await MODEL.complete(request)
            speeds.append(reply.usage.completion_tokens / (time.perf_counter() - begun))
        if reply.finish_reason == "stop":
            whole += 1
            valid += set(json.loads(reply.text)) == {"reason", "answer"}
        ratios.append(speeds[1] / speeds[0])
    print(f"\nHeld to a schema: {valid} of {whole} whole replies valid, {COUNT - whole} cut off and marked so;")
    print(f"speed by that of free text {median(ratios):.2f} (median of {COUNT}).")


if __name__ == "__main__":
    asyncio.run(main())
