"""Sampling: one agent answers the same question many times over, at once or in batches until a rule stops it.

START -> sample, all at once -> conclude -> END                        without a stop
START -> sample, a batch at once -> gather -+-> the next batch         until the rule or the budget
                                            +-> conclude -> END        stops it, or all are drawn
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import positions, votes
from disputatio.graphs.wiring import Graph, Seat, all_at_once, new_graph
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.thought import Thought

Stop = Callable[[Sequence[str | None]], bool]
"""Whether these votes, one a sample in the order of drawing, are enough; None is a sample that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """So many samples of one agent.

    Raises:
        ConfigurationError: If there are none, or several that would all be the same.
    """

    samples: int
    temperature: float
    solver: Agent | None = None
    batch: int | None = None
    """How many are drawn at once; None draws all."""
    stop: Stop | None = None
    """Asked after each batch."""

    def __post_init__(self) -> None:
        if self.samples < 1 or (self.batch is not None and self.batch < 1):
            raise ConfigurationError(f"sampling needs at least 1 sample, got {min(self.samples, self.batch or 1)}")
        if self.temperature < 0 or (self.temperature == 0 and self.samples > 1):
            raise ConfigurationError(f"samples at temperature {self.temperature} would all be the same")

    @property
    def thinker(self) -> Agent:
        """The agent that is sampled."""
        return replace(self.solver or Solver(), temperature=self.temperature)

    @property
    def names(self) -> list[str]:
        """The names of the samples."""
        return [f"sample {number}" for number in range(1, self.samples + 1)]

    @property
    def turns(self) -> int:
        """The most turns that it takes."""
        return self.samples * self.thinker.turns

    def graph(self, conclude: Callable[..., Any]) -> Graph:
        """The graph that samples, and ends with a node that answers from the samples."""
        graph, then = new_graph(), conclude.__name__
        graph.add_node("sample", self._sample)
        graph.add_conditional_edges(START, self._fan_out, ["sample"])
        if self.stop is None:
            graph.add_edge("sample", then)
        else:
            graph.add_node("gather", _gather)
            graph.add_edge("sample", "gather")
            graph.add_conditional_edges("gather", self._next(then), ["sample", then])
        return graph.add_node(then, conclude).add_edge(then, END)

    def drawn(self, state: State) -> int:
        """How many samples were drawn."""
        size = self.batch or self.samples
        return min(state.get("round", 0) * size, self.samples) if self.stop else self.samples

    def held(self, state: State) -> dict[str, Thought]:
        """The samples with a readable answer, by name."""
        return positions(state.get("thoughts", []), Question.of(state["question"]), self.names)

    def votes(self, state: State) -> list[str | None]:
        """The canonical answer of each sample that was drawn."""
        given = votes(self.held(state), Question.of(state["question"]), self.names[: self.drawn(state)])
        return list(given.values())

    async def _fan_out(self, state: State) -> list[Send]:
        first = self.drawn(state) if self.stop else 0
        last = min(first + (self.batch or self.samples), self.samples)
        return all_at_once("sample", state, last)[first:]

    def _next(self, then: str) -> Callable[..., Any]:
        async def go_on(state: State, runtime: Runtime[Context]) -> str | list[Send]:
            assert self.stop is not None
            is_over = self.drawn(state) >= self.samples or runtime.context.ledger.stopped
            return then if is_over or self.stop(self.votes(state)) else await self._fan_out(state)

        return go_on

    async def _sample(self, state: Seat, runtime: Runtime[Context]) -> Update:
        return await replace(self.thinker, name=self.names[state["place"] - 1])(state, runtime)


async def _gather(state: State) -> dict[str, Any]:
    """Wait for the batch, and count it."""
    return {"round": state.get("round", 0) + 1}
