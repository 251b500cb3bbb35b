"""Best of N: a strategy runs several times, and a verifier chooses among the answers.

START -> candidate, all at once: run, then score -> pick -> END
"""

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.verifier import Verifier
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import Concluded, Part, repeated, turns_of
from disputatio.graphs.conclude import own_answer
from disputatio.graphs.strategies.chain_of_thought import chain_of_thought
from disputatio.graphs.wiring import Graph, Seat, all_at_once, joined, new_graph
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Thought


@strategy(
    source="Cobbe et al. 2021, arXiv:2110.14168, section 4 (best of N by a verifier); weighted: Li et al. 2022, "
    "arXiv:2206.02336, section 3.2",
    calls=lambda part, n, by, weighted: n * turns_of(part, by or Verifier()),
)
def best_of(part: Part = chain_of_thought, *, n: int = 4, by: Agent | None = None, weighted: bool = False) -> Graph:
    """Run a strategy several times at once, let a verifier score each answer, and take the best.

    Args:
        part: The strategy, or an agent.
        n: How often it runs, at least 1.
        by: The agent that scores, by the field `score` of its form; None makes a verifier.
        weighted: Whether equal answers add up their scores, so that two good ones beat a better one.

    Raises:
        ConfigurationError: If n is too small.

    Departs from the paper: the verifier is prompted, not trained; an answer without a readable score is taken only if
    no answer has one; equal scores are settled by how often the answer was given, then by order.
    """
    if n < 1:
        raise ConfigurationError(f"best_of needs n of at least 1, got {n}")
    verifier = by or Verifier()
    _, runs = repeated(part, n)

    async def fan_out(state: State) -> list[Send]:
        return all_at_once("candidate", state, n)

    async def candidate(state: Seat, runtime: Runtime[Context]) -> Update:
        concluded: Concluded = await runs[state["place"] - 1](state, runtime)
        if concluded["answer"].abstained:
            return joined(concluded)
        subject = State(question=state["question"], thoughts=concluded["thoughts"])
        return joined(concluded, await verifier(subject, runtime))

    def pick(state: State) -> Output:
        question, thoughts = Question.of(state["question"]), state.get("thoughts", [])
        by_id = {one.id: one for one in thoughts}
        given = [one for one in thoughts if one.role == "strategy" and question.canonical(one.answer) is not None]
        scores = {
            link.target: by_id[link.source].score
            for link in state.get("links", [])
            if link.source in by_id and by_id[link.source].author == verifier.name
        }
        alike = {one.id: [other.id for other in given if same(one, other, question)] for one in given}

        def rank(one: Thought) -> tuple[float, int]:
            counted = [scores.get(other) for other in (alike[one.id] if weighted else [one.id])]
            known = [score for score in counted if score is not None]
            return (sum(known) if known else -1.0, len(alike[one.id]))

        best = max(given, key=rank, default=None)
        answer = own_answer(best, question)
        score = scores.get(best.id) if best else None
        return {"answer": answer.model_copy(update={"confidence": answer.confidence if score is None else score})}

    graph = new_graph(candidate, pick)
    graph.add_conditional_edges(START, fan_out, ["candidate"])
    return graph.add_edge("candidate", "pick").add_edge("pick", END)


def same(one: Thought, other: Thought, question: Question) -> bool:
    """Whether two thoughts give the same answer."""
    return question.canonical(one.answer) == question.canonical(other.answer)
