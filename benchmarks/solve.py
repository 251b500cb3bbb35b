"""Ours, as an application calls it: `asolve` builds the graph, runs it and reports."""

from collections.abc import Awaitable, Callable

from job import CALLS, PERSONAS, ROUNDS

from disputatio import asolve
from disputatio.agents import Debater
from disputatio.graphs import debate as debating
from disputatio.models import OpenAICompatible

PANEL = debating(
    [Debater(name, persona=persona) for name, persona in PERSONAS.items()], rounds=ROUNDS, decision="judge"
)


def model_at(url: str) -> OpenAICompatible:
    """The model of all agents."""
    return OpenAICompatible(name="mock", base_url=f"{url}/v1", model="mock")


def make(url: str) -> Callable[[str], Awaitable[str]]:
    """Make the function that holds one debate."""
    model = model_at(url)

    async def debate(question: str) -> str:
        result = await asolve(question, strategy=PANEL, model=model)
        assert result.usage.calls == CALLS
        return result.answer.text

    return debate
