"""MaTTS: several attempts at one task with the same memory, which is then learned from by comparing them.

parallel     START -> recall -> attempt, all at once: act, then judge -> extract -> keep -> END
sequential   START -> recall -> attempt -> attempt ... -> judge -> extract -> keep -> END
"""

from typing import Any, Literal

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import Part, repeated
from disputatio.graphs.learning import Learner, Outcome
from disputatio.graphs.strategies.chain_of_thought import chain_of_thought
from disputatio.graphs.trajectories import Learning, best_of_trajectories, rendered, standing
from disputatio.graphs.wiring import Graph, Seat, all_at_once, joined, new_graph
from disputatio.state import Output
from disputatio.strategies import strategy

EXAMINE = """\
You have worked on this question before; your attempt stands below. Before you answer, re-examine it: does each step \
follow, was everything read and used that matters, is the answer about what was asked? Correct what is wrong.

{attempt}"""
CHECK = """\
You have worked on this question before and checked it; your last attempt stands below. Check it again, as if you saw \
it for the first time. Keep what is right and correct what is not.

{attempt}"""

Mode = Literal["parallel", "sequential"]


class Numbered(Learning, Seat):
    """What one attempt of several sees."""


def _learner(part: Part, judge: Outcome | Agent | None, learn: bool, space: str, temperature: float | None) -> Learner:
    return Learner(
        name="matts", part=part, judge=judge, learn=learn, space=space, temperature=temperature, writes_at=0.7
    )


def _most_turns(
    part: Part, k: int, mode: Mode, judge: Outcome | Agent | None, learn: bool, space: str, temperature: float | None
) -> int:
    learner = _learner(part, judge, learn, space, temperature)
    attempt, judging, extraction = learner.turns
    if mode == "parallel":
        return k * (attempt + judging) + extraction
    return (k + 1) * attempt + (judging + extraction if learn else 0)


@strategy(
    source="Ouyang et al. 2025, arXiv:2509.25140, section 3.3 (MaTTS: memory-aware test-time scaling)",
    calls=_most_turns,
    remembers=True,
)
def matts(
    part: Part = chain_of_thought,
    k: int = 3,
    mode: Mode = "parallel",
    *,
    judge: Outcome | Agent | None = None,
    learn: bool = True,
    space: str = "default",
    temperature: float | None = 0.7,
) -> Graph:
    """Make several attempts with the same memory, answer with the best, and learn by comparing them.

    `parallel`: k attempts at once, each of which is judged; one extraction compares them (at most 5 items); the answer
    is that of the attempt that was judged best. Calls: k times those of the part and one that judges, and one that
    extracts. `sequential`: an attempt is re-examined, then checked again k - 1 times; the last one that has an answer
    is judged and answers, and all are learned from. Calls: k + 1 times those of the part, one that judges, one that
    extracts. One more only where what was extracted cannot be read or holds strings of the task itself. See also
    `reasoning_bank`.

    Args:
        part: What answers: a strategy or an agent.
        k: How many attempts in parallel, or how often the first is gone over, at least 1.
        mode: parallel or sequential.
        judge: Who says whether an answer is a success, and how good it is; see `reasoning_bank`.
        learn: Whether this task is learned from; without it the memory is only read.
        space: Whose memory it is: "user", or "user/project".
        temperature: Of the attempts, where neither their agents nor the run set one.

    Raises:
        ConfigurationError: If k is too small, or the mode is unknown.

    Departs from the paper: as `reasoning_bank` does; the best attempt is that with the highest score of its own
    judgement, and equal ones are settled by how often the answer was given, then by order.
    """
    if k < 1 or mode not in ("parallel", "sequential"):
        raise ConfigurationError(
            f"matts needs k of at least 1 and the mode parallel or sequential, got {k} and {mode!r}"
        )
    learner = _learner(part, judge, learn, space, temperature)
    graph = new_graph(state=Learning)
    graph.add_node("recall", learner.recall)
    graph.add_edge(START, "recall")
    (_parallel if mode == "parallel" else _sequential)(graph, learner, k)
    graph.add_edge("extract", "keep")
    graph.add_edge("keep", END)
    return graph


def _parallel(graph: Graph, learner: Learner, k: int) -> None:
    names, runs = repeated(learner.part, k)

    async def fan_out(state: Learning) -> list[Send]:
        return all_at_once("attempt", state, k)

    async def attempt(state: Numbered, runtime: Runtime[Context]) -> dict[str, Any]:
        place = state["place"]
        made = await learner.attempt(runs[place - 1], names[place - 1], state, runtime, number=place)
        heard: Numbered = {**state, "thoughts": made["thoughts"]}
        judged = await learner.judged(made["trajectories"][0], heard, runtime)
        return {**joined(made, judged), "trajectories": judged.get("trajectories", made["trajectories"])}

    async def extract(state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        judged = any(one["success"] is not None for one in state["trajectories"])
        return await learner.extract("contrast", state, runtime) if judged and learner.learns(state) else {}

    async def keep(state: Learning, runtime: Runtime[Context]) -> Output:
        return await learner.keep(best_of_trajectories(state["trajectories"]), state, runtime)

    for node in (attempt, extract, keep):
        graph.add_node(node)
    graph.add_conditional_edges("recall", fan_out, ["attempt"])
    graph.add_edge("attempt", "extract")


def _sequential(graph: Graph, learner: Learner, k: int) -> None:
    names, runs = repeated(learner.part, k + 1)

    async def attempt(state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        tried = state.get("trajectories", [])
        told = [EXAMINE if len(tried) == 1 else CHECK] if tried else []
        shown = [one.format(attempt=rendered(tried[-1], state["thoughts"])) for one in told]
        place = len(tried)
        return await learner.attempt(runs[place], names[place], state, runtime, number=place + 1, documents=shown)

    async def after(state: Learning) -> str:
        if len(state["trajectories"]) <= k:
            return "attempt"
        return "judge" if learner.learns(state) else "keep"

    async def judge(state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        return await learner.judged(standing(state), state, runtime)

    async def extract(state: Learning, runtime: Runtime[Context]) -> dict[str, Any]:
        source = learner.source(standing(state))
        return await learner.extract(source, state, runtime) if source else {}

    async def keep(state: Learning, runtime: Runtime[Context]) -> Output:
        return await learner.keep(standing(state), state, runtime)

    for node in (attempt, judge, extract, keep):
        graph.add_node(node)
    graph.add_edge("recall", "attempt")
    graph.add_conditional_edges("attempt", after, ["attempt", "judge", "keep"])
    graph.add_edge("judge", "extract")
