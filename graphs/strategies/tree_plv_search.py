"""Tree-PLV's tree: steps valued by their rollouts, the best one expanded next, and pairs of siblings to learn from.

The graph is that of `tree_search`.
"""

from collections import defaultdict
from itertools import permutations

from pydantic import BaseModel, ConfigDict

from disputatio.agents.agent import Agent
from disputatio.agents.proposer import step_of
from disputatio.graphs.compose import turns_of
from disputatio.graphs.tree_search import tree_search
from disputatio.graphs.valuation import rollouts as by_rollouts
from disputatio.graphs.wiring import Graph
from disputatio.result import Result
from disputatio.strategies import strategy
from disputatio.thought import Thought

GAP = 3 / 8
"""The least difference of rewards that makes a pair: the paper's alpha."""


@strategy(
    source="Disputatio, on the tree construction of He et al. 2024, arXiv:2407.00390, section 3.1 (Tree-PLV)",
    calls=lambda expansions, children, rollouts, target, proposer, solver: (
        expansions * children * (turns_of(proposer) + rollouts * turns_of(solver)) + 1
    ),
)
def tree_plv_search(
    *,
    expansions: int = 10,
    children: int = 3,
    rollouts: int = 8,
    target: str | None = None,
    proposer: Agent | None = None,
    solver: Agent | None = None,
) -> Graph:
    """Build a tree of steps best first, each valued by its rollouts, and answer by the best path (our extension).

    Costs at most expansions * children * (1 + rollouts) + 1 turns; the last one finishes the best partial solution
    where no path came to an answer. `preferences` makes the paper's training pairs of a finished run.

    Args:
        expansions: The most nodes that are built upon, at least 1.
        children: Steps proposed at each, at least 1.
        rollouts: Solutions finished from each step, at least 1: its value is the share that comes to the goal.
        target: The right answer, where it is known, as in the paper; None takes the most frequent one as the goal.
        proposer: Who proposes steps; None makes one.
        solver: Who finishes solutions; None makes one.

    Raises:
        ConfigurationError: If a number is too small.

    Departs from the paper: the paper builds its trees only for training, with the right answer as the goal, and uses
    the trained verifier to choose among whole samples; to search at inference, without the right answer, is ours, and
    a goal by majority is self-consistency in disguise. Nothing is trained. The numbers of children and expansions
    are ours. Equal siblings are merged. Prompts are zero-shot and ours.
    """
    value = by_rollouts(rollouts, target=target, solver=solver)
    return tree_search(value, children=children, expansions=expansions, proposer=proposer).graph()


class StepPair(BaseModel):
    """Two next steps after the same steps, of which one is clearly better: an example for a verifier in training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    prefix: tuple[str, ...]
    """The steps that both go on from."""
    better: str
    worse: str
    gap: float
    """By how much the reward of the better one is higher, from 0 to 1."""


def preferences(result: Result, *, gap: float = GAP) -> list[StepPair]:
    """The pairs of siblings whose rewards are at least so far apart, in the order of the tree.

    Args:
        result: A finished run of `tree_plv_search`, or of another tree search.
        gap: The least difference of rewards, above 0. A set of siblings without one gives no pair.
    """
    values = result.answer.data.get("values")
    rewards: dict[str, float] = {id: value for id, value in values.items()} if isinstance(values, dict) else {}  # type: ignore[misc]
    said = {one.id: one for one in result.thoughts}
    parents = {link.source: link.target for link in result.links if link.kind == "refines"}
    siblings: dict[str | None, list[str]] = defaultdict(list)
    for id in rewards:
        siblings[parents.get(id)].append(id)
    return [
        StepPair(
            question=result.question.text,
            prefix=_steps_before(better, parents, said),
            better=step_of(said[better]),
            worse=step_of(said[worse]),
            gap=rewards[better] - rewards[worse],
        )
        for group in siblings.values()
        for better, worse in permutations(group, 2)
        if rewards[better] - rewards[worse] >= max(gap, 1e-9)
    ]


def _steps_before(id: str, parents: dict[str, str], said: dict[str, Thought]) -> tuple[str, ...]:
    steps: list[str] = []
    while id in parents:
        id = parents[id]
        steps.insert(0, step_of(said[id]))
    return tuple(steps)
