"""Self-consistency: several chains of thought are sampled, and the most frequent answer wins.

START -> sample, all at once -> vote -> END
"""

from dataclasses import replace

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import positions, settled, votes
from disputatio.graphs.decisions import plurality
from disputatio.question import Question
from disputatio.state import Input, Output, State, Update
from disputatio.strategies import strategy


class Sample(State):
    """What one sample sees."""

    number: int
    """Which sample it is, from 1."""


@strategy(
    source="Wang et al. 2022, arXiv:2203.11171, sections 2 and 3.1",
    calls=lambda samples, temperature, solver: samples * (solver.turns if solver else 1),
)
def self_consistency(
    *, samples: int = 40, temperature: float = 0.7, solver: Agent | None = None
) -> StateGraph[State, Context, Input, Output]:
    """Sample several chains of thought and take the most frequent answer.

    Args:
        samples: How many chains are sampled, at least 1.
        temperature: Randomness of the samples, above 0 unless there is only one.
        solver: Who thinks; None makes a plain solver.

    Raises:
        ConfigurationError: If there are no samples, or several that would all be the same.

    Departs from the paper: zero-shot prompts instead of few-shot ones; a sample without a readable answer abstains;
    ties are drawn by seed and marked.
    """
    if samples < 1:
        raise ConfigurationError(f"self_consistency needs at least 1 sample, got {samples}")
    if temperature < 0 or (temperature == 0 and samples > 1):
        raise ConfigurationError(f"samples at temperature {temperature} would all be the same")
    thinker = replace(solver or Solver(), temperature=temperature)
    names = [f"sample {number}" for number in range(1, samples + 1)]

    def fan_out(state: State) -> list[Send]:
        return [Send("sample", Sample(**{**state, "number": number})) for number in range(1, samples + 1)]

    async def sample(state: Sample, runtime: Runtime[Context]) -> Update:
        return await replace(thinker, name=names[state["number"] - 1])(state, runtime)

    def vote(state: State, runtime: Runtime[Context]) -> Output:
        question = Question.of(state["question"])
        held = positions(state.get("thoughts", []), question, names)
        tally = plurality(list(votes(held, question, names).values()))
        return {"answer": settled(tally, held, question, seed=runtime.context.seed)}

    graph = StateGraph(State, Context, input_schema=Input, output_schema=Output)
    graph.add_node(sample)
    graph.add_node(vote)
    graph.add_conditional_edges(START, fan_out, ["sample"])
    graph.add_edge("sample", "vote")
    graph.add_edge("vote", END)
    return graph
