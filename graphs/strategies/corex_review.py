"""Corex review: a first solution passes through reviewers one after the other, each of whom may rewrite it.

START -> draft -> revise, once a reviewer -> conclude -> END
"""

import re
from collections.abc import Sequence
from random import Random

from disputatio.agents.agent import Agent
from disputatio.agents.solver import Solver
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import reported
from disputatio.graphs.refine import reviser_told
from disputatio.graphs.revision import Revision
from disputatio.graphs.wiring import Graph
from disputatio.state import Output, State
from disputatio.strategies import strategy
from disputatio.thought import Thought

REVIEW = """\
Above stands a solution of the question, which is not yours, after the reviews that it has had before. Check each of \
its steps. Say first what is wrong, or that nothing is. Then write a line with only "Solution:" and below it the whole \
solution, corrected where it has to be, with its answer."""

_MARK = re.compile(r"^[\s*#_]*solution[\s*_]*:[\s*_]*", re.IGNORECASE | re.MULTILINE)


def panel_of(agents: int | Sequence[Agent]) -> list[Agent]:
    """The agents of a review, made if only their number is given.

    Raises:
        ConfigurationError: If they are fewer than two, or two have one name.
    """
    made = [Solver(f"agent {seat}") for seat in range(1, agents + 1)] if isinstance(agents, int) else [*agents]
    if len(made) < 2 or len({agent.name for agent in made}) < len(made):
        raise ConfigurationError(f"corex_review needs at least 2 agents with names of their own, got {agents!r}")
    return made


def review_and_solution(reply: Thought) -> tuple[str, str]:
    """What a reviewer said, and the solution it left; all is the solution where the line between them is missing."""
    marks = list(_MARK.finditer(reply.text))
    if not marks:
        return "", reply.text
    return reply.text[: marks[0].start()].strip(), reply.text[marks[0].end() :].strip()


def solution_after_reviews(draft: Thought, drafts: Sequence[Thought], critique: Thought | None) -> list[Thought]:
    """The reviews so far, without the solutions they were about, and the solution that stands."""
    reviews = [(one, review_and_solution(one)[0]) for one in drafts[1:]]
    said = [one.model_copy(update={"text": f"Review: {text}", "kind": "critique"}) for one, text in reviews if text]
    solution = review_and_solution(draft)[1]
    closing = "" if draft.answer is None or "answer:" in solution.casefold() else f"\nAnswer: {draft.answer}"
    return [*said, draft.model_copy(update={"text": solution + closing})]


def _loop(agents: int | Sequence[Agent]) -> Revision:
    panel = panel_of(agents)

    def drawn(seed: int) -> list[Agent]:
        first = Random(f"corex review/{seed}").randrange(len(panel))
        return [panel[first], *panel[:first], *panel[first + 1 :]]

    return Revision(
        draft=lambda seed: drawn(seed)[0],
        revise=lambda number, seed: reviser_told(REVIEW, drawn(seed)[number]),
        authors=[agent.name for agent in panel],
        rounds=len(panel) - 1,
        show=solution_after_reviews,
    )


@strategy(
    source="Sun et al. 2023, arXiv:2310.00280, Review mode in natural language",
    calls=lambda agents: _loop(agents).turns,
)
def corex_review(agents: int | Sequence[Agent] = 5) -> Graph:
    """Let one agent solve the question and the others review and rewrite the solution, one after the other.

    Each reviewer works on what the one before left. There is no vote: the last solution is the answer. Calls: one for
    each agent.

    Args:
        agents: How many, or the agents themselves, at least 2. Who solves is drawn by seed; the others review in
            their order.

    Raises:
        ConfigurationError: If there are fewer than two, or two have one name.

    Departs from the paper: a review without a readable answer leaves the solution before it in force; reviewing code
    is not included. Prompts are reworded.
    """
    loop = _loop(agents)

    def conclude(state: State) -> Output:
        drafts = loop.drafts(state)
        return {"answer": reported(loop.answer(state), {"primary": drafts[0].author if drafts else None})}

    return loop.graph(conclude)
