"""The debate written by hand: asyncio.gather on openai.AsyncOpenAI, a chat of its own for each debater."""

import asyncio
from collections.abc import Awaitable, Callable

from job import PERSONAS, ROUNDS, RULES
from openai import AsyncOpenAI


def make(url: str) -> Callable[[str], Awaitable[str]]:
    """Make the function that holds one debate."""
    # By itself it gives up a connection after 5 seconds, which 600 at once take on a busy machine.
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", timeout=600.0)

    async def ask(chat: list[dict[str, str]]) -> str:
        completion = await client.chat.completions.create(model="mock", messages=chat)  # type: ignore[arg-type]
        return completion.choices[0].message.content or ""

    async def debate(question: str) -> str:
        chats = {
            name: [
                {"role": "system", "content": f"You are {name}, {persona}. {RULES}"},
                {"role": "user", "content": f"Question: {question}\n\nGive your own answer and your reasons."},
            ]
            for name, persona in PERSONAS.items()
        }
        for turn in range(ROUNDS):
            said = dict(zip(chats, await asyncio.gather(*map(ask, chats.values())), strict=True))
            for name, chat in chats.items():
                chat.append({"role": "assistant", "content": said[name]})
                others = "\n\n".join(f"{other} said: {text}" for other, text in said.items() if other != name)
                if turn < ROUNDS - 1:
                    task = f"{others}\n\nTake this as additional information and answer again: {question}"
                    chat.append({"role": "user", "content": task})
        spoken = "\n\n".join(f"{name} says: {text}" for name, text in said.items())
        judge = "You are the judge and took no part in it. Weigh the reasons, not their number. " + RULES
        asked = f"Question: {question}\n\n{spoken}\n\nDecide."
        return await ask([{"role": "system", "content": judge}, {"role": "user", "content": asked}])

    return debate
