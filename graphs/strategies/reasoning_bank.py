"""ReasoningBank: what earlier tasks taught is recalled, and every task, gone well or not, teaches the next ones.

START -> recall -> act -+-> judge -> extract -> keep -> END
                        +-> keep                             nothing is to be learned, or there is no store
"""

from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.graphs.compose import Part, nested
from disputatio.graphs.learning import Learner, Outcome
from disputatio.graphs.strategies.chain_of_thought import chain_of_thought
from disputatio.graphs.trajectories import Learning
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.state import Output
from disputatio.strategies import strategy


def _most_turns(**given: Any) -> int:
    learner = Learner(name="reasoning_bank", **given)
    attempt, judge, extraction = learner.turns
    return attempt + (judge + extraction if learner.learn else 0)


@strategy(source="Ouyang et al. 2025, arXiv:2509.25140, section 3 (ReasoningBank)", calls=_most_turns, remembers=True)
def reasoning_bank(
    part: Part = chain_of_thought,
    *,
    judge: Outcome | Agent | None = None,
    learn: bool = True,
    failures: bool = True,
    tasks: int = 1,
    space: str = "default",
) -> Graph:
    """Answer with what was learned from the most similar task of the past, then learn from this one.

    Calls: those of the part, one that judges, one that extracts, and one more only where what was extracted cannot be
    read or holds strings of the task itself. What was recalled is a document of the question, which all agents of the
    part see. The store is that of the run (`solve(..., store=...)`); without one the part answers alone. The answer's
    data says which items were used and learned, under `memory`.

    Args:
        part: What answers: a strategy or an agent.
        judge: Who says whether an answer is a success: an agent that judges or verifies, or a function that knows;
            None makes a judge that goes by the attempt alone. In doubt it is a failure.
        learn: Whether this task is learned from; without it the memory is only read.
        failures: Whether failures are learned from, too.
        tasks: How many past tasks are recalled, at least 1, each with all its items.
        space: Whose memory it is: "user", or "user/project".

    Raises:
        ConfigurationError: If no task is to be recalled.

    Departs from the paper: what is recalled is a document of the question and not in the system prompt, which all
    agents share; the judge's rules are those for any question and not for web tasks; an item with strings of its own
    task is found by a rule, written anew once and then dropped. Prompts are reworded.
    """
    learner = Learner(
        name="reasoning_bank", part=part, judge=judge, learn=learn, failures=failures, tasks=tasks, space=space
    )
    run = nested(part, part.name)

    async def act(state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        return await learner.attempt(run, part.name, state, runtime)

    async def learns(state: Learning) -> str:
        return "judge" if learner.learns(state) else "keep"

    async def check(state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        return await learner.judged(state["trajectories"][-1], state, runtime)

    async def extract(state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        source = learner.source(state["trajectories"][-1])
        return await learner.extract(source, state, runtime) if source else {}

    async def keep(state: Learning, runtime: Runtime[Context]) -> Output:
        return await learner.keep(state["trajectories"][-1], state, runtime)

    graph = new_graph(learner.recall, act, state=Learning)
    graph.add_node("judge", check).add_node(extract).add_node(keep)
    graph.add_edge(START, "recall").add_edge("recall", "act")
    graph.add_conditional_edges("act", learns, ["judge", "keep"])
    return graph.add_edge("judge", "extract").add_edge("extract", "keep").add_edge("keep", END)
