# /// script
# dependencies = ["pydantic-ai-slim[openai]==2.68.0"]
# ///
"""Pydantic AI: it ships no such method, so this is what one writes by hand with its agents and message histories."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from peer import KEY, MODEL, SYSTEM, URL, Method, answer_in, serve
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

OTHERS = "These are the answers of the others:\n\n{said}\n\nUse them as additional information. {prompt}"


def agent() -> Agent:
    """A plain one."""
    return Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=URL, api_key=KEY)), system_prompt=SYSTEM)


def most_frequent(texts: Iterable[str]) -> str:
    """The answer that was read most often, the first of equals; nothing if none was read."""
    read = Counter(filter(None, map(answer_in, texts)))
    return f"Answer: {read.most_common(1)[0][0]}" if read else ""


async def self_consistency(item: dict[str, str]) -> str:
    """Five samples at once, and a vote."""
    one = agent()
    runs = await asyncio.gather(*(one.run(item["prompt"]) for _ in range(5)))
    return most_frequent(run.output for run in runs)


async def debate(item: dict[str, str]) -> str:
    """Three debaters, each with its own history; a second round in which each reads the others; a vote."""
    debaters = [agent() for _ in range(3)]
    first = await asyncio.gather(*(one.run(item["prompt"]) for one in debaters))
    second = []
    for place, one in enumerate(debaters):
        said = "\n\n".join(run.output for other, run in enumerate(first) if other != place)
        task = OTHERS.format(said=said, prompt=item["prompt"])
        second.append(one.run(task, message_history=first[place].all_messages()))
    return most_frequent(run.output for run in await asyncio.gather(*second))


def alone(method: object) -> Method:
    """A method with an event loop of its own."""
    return lambda item: asyncio.run(method(item))


if __name__ == "__main__":
    serve({"self_consistency": alone(self_consistency), "debate": alone(debate)})
