# /// script
# dependencies = ["autogen-core==0.7.5", "autogen-ext[openai]==0.7.5"]
# ///
"""AutoGen: the design patterns "Multi-Agent Debate" and "Mixture of Agents" of its documentation, on autogen-core.

They are examples there, not functions, so they are written here anew: solvers that publish to their neighbours' topics
and a vote over their last answers; workers that an orchestrator asks directly, and a synthesis of what they said.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from autogen_core import (
    AgentId,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TypeSubscription,
    default_subscription,
    message_handler,
)
from autogen_core.models import AssistantMessage, ChatCompletionClient, SystemMessage, UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from peer import KEY, MODEL, SYSTEM, URL, Method, answer_in, serve

SOLVERS, ROUNDS, WORKERS = 3, 2, 4
OTHERS = "These are the solutions of other agents:\n\n{said}\n\nUse them as additional information. {prompt}"
SYNTHESIS = (
    "Below are several replies to the user's task. Some may be wrong. Judge them, and write one better reply.\n\n"
)


@dataclass
class Task:
    """What is asked of an agent."""

    text: str


@dataclass
class Said:
    """What a solver said in a round; of a worker, what it said."""

    text: str
    round: int = 0


@default_subscription
class Solver(RoutedAgent):
    """Answers, publishes to its neighbours, and answers again when all of them have spoken."""

    def __init__(self, client: ChatCompletionClient, name: str, prompt: str, last: Callable[[str], None]) -> None:
        super().__init__("a solver")
        self._client, self._name, self._prompt, self._last = client, name, prompt, last
        self._history: list[Any] = [SystemMessage(content=SYSTEM)]
        self._heard: dict[int, list[str]] = {}
        self._round = 0

    @message_handler
    async def on_task(self, message: Task, ctx: MessageContext) -> None:
        """Answer, to the neighbours or for good."""
        self._history.append(UserMessage(content=message.text, source="user"))
        reply = await self._client.create(self._history)
        self._history.append(AssistantMessage(content=reply.content, source=self._name))
        self._round += 1
        if self._round == ROUNDS:
            self._last(reply.content)
        else:
            await self.publish_message(Said(reply.content, self._round), DefaultTopicId(type=self._name))

    @message_handler
    async def on_said(self, message: Said, ctx: MessageContext) -> None:
        """Collect what the neighbours said."""
        heard = self._heard.setdefault(message.round, [])
        heard.append(message.text)
        if len(heard) == SOLVERS - 1:
            task = OTHERS.format(said="\n\n".join(heard), prompt=self._prompt)
            await self.send_message(Task(task), self.id)


class Worker(RoutedAgent):
    """Answers once."""

    def __init__(self, client: ChatCompletionClient) -> None:
        super().__init__("a worker")
        self._client = client

    @message_handler
    async def on_task(self, message: Task, ctx: MessageContext) -> Said:
        """Answer."""
        reply = await self._client.create([UserMessage(content=message.text, source="user")])
        return Said(reply.content)


class Orchestrator(RoutedAgent):
    """Asks all workers, and makes one reply of theirs."""

    def __init__(self, client: ChatCompletionClient) -> None:
        super().__init__("the orchestrator")
        self._client = client

    @message_handler
    async def on_task(self, message: Task, ctx: MessageContext) -> Said:
        """Dispatch and synthesise."""
        workers = [AgentId("worker", str(number)) for number in range(WORKERS)]
        said = await asyncio.gather(*(self.send_message(message, worker) for worker in workers))
        listed = "\n\n".join(f"{number}. {one.text}" for number, one in enumerate(said, 1))
        task = [SystemMessage(content=SYNTHESIS + listed), UserMessage(content=message.text, source="user")]
        return Said((await self._client.create(task)).content)


async def debate(client: ChatCompletionClient, prompt: str) -> str:
    """Solvers in a ring, each the neighbour of the two others, and a vote."""
    runtime, texts = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False), list[str]()
    names = [f"solver{number}" for number in range(SOLVERS)]
    for name in names:
        await Solver.register(runtime, name, lambda name=name: Solver(client, name, prompt, texts.append))
    for name in names:
        for other in names:
            if other != name:
                await runtime.add_subscription(TypeSubscription(name, other))
    runtime.start()
    await runtime.publish_message(Task(prompt), DefaultTopicId())
    await runtime.stop_when_idle()
    read = Counter(filter(None, map(answer_in, texts)))
    return f"Answer: {read.most_common(1)[0][0]}" if read else ""


async def mixture(client: ChatCompletionClient, prompt: str) -> str:
    """One layer of workers, and the synthesis."""
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    await Worker.register(runtime, "worker", lambda: Worker(client))
    await Orchestrator.register(runtime, "orchestrator", lambda: Orchestrator(client))
    runtime.start()
    said = await runtime.send_message(Task(prompt), AgentId("orchestrator", "default"))
    await runtime.stop_when_idle()
    return str(said.text)


def alone(pattern: Callable[[ChatCompletionClient, str], Coroutine[Any, Any, str]]) -> Method:
    """A method with an event loop and a client of its own."""

    async def run(prompt: str) -> str:
        features = dict.fromkeys(("vision", "function_calling", "json_output", "structured_output"), False)
        info: Any = {**features, "family": "unknown"}
        client = OpenAIChatCompletionClient(model=MODEL, base_url=URL, api_key=KEY, model_info=info)
        try:
            return await pattern(client, prompt)
        finally:
            await client.close()

    return lambda item: asyncio.run(run(item["prompt"]))


if __name__ == "__main__":
    serve({"debate": alone(debate), "mixture": alone(mixture)})
