"""Search: which nodes of a tree of thoughts are expanded next. Pure functions over what is known; no model.

A policy looks at all nodes that there are, in the order in which they were made, and names those to expand now; it
names none when the search is over. It keeps nothing between calls, so a search can be stopped, stored and gone on
with anywhere. Ties go to the older node, unless a policy says otherwise.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Literal

from disputatio.errors import ConfigurationError

ROOT = ""
"""The id of the root: the question, before any step."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A partial solution, as far as a policy needs to know it."""

    id: str
    parent: str | None
    """None for the root."""
    depth: int
    """Steps from the root, which has none."""
    value: float = 0.0
    """How good it is held to be, from 0 to 1."""
    status: Literal["open", "expanded", "final", "closed"] = "open"
    """Only an open node can be expanded. A final one holds an answer; a closed one is given up."""


Policy = Callable[[Sequence[Node]], list[str]]
"""Names the nodes to expand next; none when the search is over."""


def best_first() -> Policy:
    """Always go on with the most valuable node, wherever it is; over when that one is final.

    Ties go to the deeper node, then to the older one. No node that is left has a higher value than the one expanded.
    """

    def pick(nodes: Sequence[Node]) -> list[str]:
        frontier = [node for node in nodes if node.status in ("open", "final")]
        best = max(frontier, key=lambda node: (node.value, node.depth), default=None)
        return [best.id] if best and best.status == "open" else []

    return pick


def beam(width: int) -> Policy:
    """Go level by level, and keep so many nodes of each; over when all that are kept are final.

    Final nodes of earlier levels stay in the running: they take a place in the beam as long as they are better.

    Raises:
        ConfigurationError: If the width is less than 1.
    """
    if width < 1:
        raise ConfigurationError(f"a beam is at least 1 wide, got {width}")

    def pick(nodes: Sequence[Node]) -> list[str]:
        level = 1 + max((node.depth for node in nodes if node.status == "expanded"), default=-1)
        running = [node for node in nodes if node.status == "final" or (node.depth == level and node.status == "open")]
        kept = sorted(running, key=lambda node: -node.value)[:width]
        return [node.id for node in kept if node.status == "open"]

    return pick


def depth_first(threshold: float = 0.0) -> Policy:
    """Go down the most valuable child first and come back where nothing is left; over at the first final node.

    Nodes below the threshold are pruned: neither expanded nor accepted (Yao et al. 2023, arXiv:2305.10601,
    algorithm 2).
    """

    def pick(nodes: Sequence[Node]) -> list[str]:
        good = [node for node in nodes if node.value >= threshold or node.parent is None]
        left = [node for node in good if node.status == "open"]
        if not left or any(node.status == "final" for node in good):
            return []
        # Children are made when their parent is expanded: the youngest node that is left lies in the branch entered
        # last.
        siblings = [node for node in left if node.parent == left[-1].parent]
        return [max(siblings, key=lambda node: node.value).id]

    return pick


def monte_carlo(exploration: float = sqrt(2)) -> Policy:
    """Go down from the root by upper confidence bounds (UCT; Kocsis and Szepesvari 2006), and expand what is met.

    Each node counts as one visit of itself and of all above it, with its value, so that nothing has to be carried up:
    the mean of a node is that of all values below it, its own included, and its bound is this mean plus
    `exploration` * sqrt(ln(visits of the parent) / visits). Branches in which nothing is open are passed by. It is
    never over before all is expanded.

    Raises:
        ConfigurationError: If the exploration is negative.
    """
    if exploration < 0:
        raise ConfigurationError(f"the exploration cannot be negative, got {exploration}")

    def pick(nodes: Sequence[Node]) -> list[str]:
        children, visits, totals, alive = _summed(nodes)
        here = next((node for node in nodes if node.parent is None), None)
        while here and here.status == "expanded" and alive[here.id]:
            above = log(visits[here.id])

            def bound(node: Node, above: float = above) -> float:
                return totals[node.id] / visits[node.id] + exploration * sqrt(above / visits[node.id])

            here = max((node for node in children[here.id] if alive[node.id]), key=bound)
        return [here.id] if here and here.status == "open" else []

    return pick


def _summed(
    nodes: Sequence[Node],
) -> tuple[dict[str, list[Node]], dict[str, int], dict[str, float], dict[str, bool]]:
    """Children, visits, sums of values and whether something is open, of each node with all below it."""
    children: dict[str, list[Node]] = defaultdict(list)
    visits: dict[str, int] = defaultdict(int)
    totals: dict[str, float] = defaultdict(float)
    alive: dict[str, bool] = defaultdict(bool)
    for node in reversed(nodes):  # children were made after their parents
        alive[node.id] |= node.status == "open"
        if node.parent is not None:
            visits[node.id] += 1
            totals[node.id] += node.value
            visits[node.parent] += visits[node.id]
            totals[node.parent] += totals[node.id]
            alive[node.parent] |= alive[node.id]
            children[node.parent].insert(0, node)
    return children, visits, totals, alive


def found(nodes: Iterable[Node]) -> Node | None:
    """The most valuable final node, the oldest of several; None if there is none."""
    return max((node for node in nodes if node.status == "final"), key=lambda node: node.value, default=None)


def furthest(nodes: Iterable[Node]) -> Node | None:
    """The most valuable partial solution on which nothing was built, ties to the deeper; None if there is none."""
    nodes = list(nodes)
    built_on = {node.parent for node in nodes}
    leaves = [node for node in nodes if node.status != "final" and node.id not in built_on and node.parent is not None]
    return max(leaves, key=lambda node: (node.value, node.depth), default=None)


def path(nodes: Iterable[Node], id: str) -> list[Node]:
    """The nodes from the first step to this one, without the root."""
    by_id = {node.id: node for node in nodes}
    steps = []
    here = by_id[id]
    while here.parent is not None:
        steps.append(here)
        here = by_id[here.parent]
    return steps[::-1]
