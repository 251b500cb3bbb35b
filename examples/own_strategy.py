"""A strategy of your own: a function that wires agents into a LangGraph graph, with its source and what it costs."""

from dataclasses import replace

from langgraph.graph import END, START, StateGraph

import disputatio as dp
from disputatio.agents import Critic, Solver
from disputatio.graphs.conclude import own_answer
from disputatio.memory import everything
from disputatio.models import Model
from disputatio.state import Input, Output


@dp.strategy(source="this example", calls=lambda revisions: 1 + 2 * revisions)
def revise(*, revisions: int = 1) -> StateGraph[dp.State, dp.Context, Input, Output]:
    """Answer, let a critic look for the weakest point, and answer again.

    Args:
        revisions: How often the answer is criticised and revised, at least 1.

    Raises:
        ConfigurationError: If there are no revisions.
    """
    if revisions < 1:
        raise dp.ConfigurationError(f"revise needs at least 1 revision, got {revisions}")
    writer = replace(Solver("writer"), view=everything)  # by default a solver sees only plans

    def conclude(state: dp.State) -> Output:
        drafts = [thought for thought in state["thoughts"] if thought.author == "writer"]
        return {"answer": own_answer(drafts[-1] if drafts else None, dp.Question.of(state["question"]))}

    graph = StateGraph(dp.State, dp.Context, input_schema=Input, output_schema=Output)
    names = ["draft"]
    graph.add_node("draft", writer)
    for number in range(1, revisions + 1):
        graph.add_node(f"critique {number}", Critic())
        graph.add_node(f"revision {number}", writer)
        names += [f"critique {number}", f"revision {number}"]
    graph.add_node("conclude", conclude)
    for source, target in zip([START, *names, "conclude"], [*names, "conclude", END], strict=True):
        graph.add_edge(source, target)
    return graph


def main(model: Model | str = "local") -> dp.Result:
    """Run the strategy: it has the default budget, the record and the page that every strategy has."""
    result = dp.solve("Is a tomato a fruit?", strategy=revise, model=model, seed=1)
    result.show()
    return result


if __name__ == "__main__":
    main()
