"""Verified: any strategy answers, and an agent that took no part rules on what it concluded.

START -> part -+-> verify -> END
               +-> END              without an answer there is nothing to rule on
"""

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.agents.verifier import Verifier
from disputatio.context import Context
from disputatio.graphs.compose import Part, nested, turns_of
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.state import State, Update
from disputatio.strategies import strategy


@strategy(source="Disputatio", calls=lambda part, by: turns_of(part, by or Verifier()))
def verified(part: Part, *, by: Agent | None = None) -> Graph:
    """Run a part, and let an agent rule on its conclusion; the answer is the part's, whatever the ruling.

    The ruling is in the record, linked to the conclusion. It decides what is exported of the run (docs/export.md).

    Args:
        part: A strategy or an agent.
        by: Who rules on the last thought that it sees, by the field `verdict` of its form; None makes a verifier.
    """
    verifier = by or Verifier()

    async def verify(state: State, runtime: Runtime[Context]) -> Update:
        conclusion = state.get("thoughts", [])[-1:]
        return await verifier(State(question=state["question"], thoughts=conclusion), runtime)

    async def is_there_one(state: State) -> str:
        return END if state["answer"].abstained else "verify"

    graph = new_graph()
    graph.add_node("part", nested(part, part.name))
    graph.add_node(verify)
    graph.add_edge(START, "part")
    graph.add_conditional_edges("part", is_there_one, ["verify", END])
    graph.add_edge("verify", END)
    return graph
