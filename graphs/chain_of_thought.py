"""Chain of thought: one agent thinks step by step, then answers.

START -> solver -> answer -> END
"""

from langgraph.graph import END, START, StateGraph

from disputatio.agents.agent import Agent
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.graphs.conclude import own_answer
from disputatio.question import Question
from disputatio.state import Input, Output, State
from disputatio.strategies import strategy


@strategy(
    source="Kojima et al. 2022, arXiv:2205.11916, section 3 (zero-shot chain of thought)",
    calls=lambda solver: solver.turns if solver else 1,
)
def chain_of_thought(*, solver: Agent | None = None) -> StateGraph[State, Context, Input, Output]:
    """Let one agent think step by step, then answer.

    Args:
        solver: Who thinks; None makes a plain solver.

    Departs from the paper: the answer is asked for with the reasoning, on a line of its own; the paper's second
    prompt, which extracts it, is sent only to models that need two steps. Prompts are reworded.
    """
    thinker = solver or Solver()

    def answer(state: State) -> Output:
        said = [thought for thought in state.get("thoughts", []) if thought.author == thinker.name]
        return {"answer": own_answer(said[-1] if said else None, Question.of(state["question"]))}

    graph = StateGraph(State, Context, input_schema=Input, output_schema=Output)
    graph.add_node(thinker.name, thinker)
    graph.add_node(answer)
    graph.add_edge(START, thinker.name)
    graph.add_edge(thinker.name, "answer")
    graph.add_edge("answer", END)
    return graph
