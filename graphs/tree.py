"""Trees of thoughts in a run's state: what a search keeps of them, and what is read from it."""

import operator
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import JsonValue
from typing_extensions import TypedDict

from disputatio.agents.proposer import step_of
from disputatio.graphs.conclude import own_answer
from disputatio.graphs.search import ROOT, Node
from disputatio.graphs.valuation import Valuation
from disputatio.question import Question
from disputatio.state import State
from disputatio.thought import Answer, Thought


class Step(TypedDict):
    """A node of the tree: the thought that it is, and the node that it was built on."""

    id: str
    parent: str
    times: int
    """How often the same step was proposed for the same node."""


class Tree(State):
    """The state of a search."""

    given: int
    """How many thoughts there were before the search."""
    proposed: Annotated[list[Step], operator.add]
    """All that was proposed, in the order of the seats."""
    steps: list[Step]
    """The nodes: what was proposed without what is empty or was proposed twice, in the order of their making."""
    expanded: list[str]
    """The nodes that were built upon, those of now included, in order."""
    chosen: list[str]
    """The nodes that are built upon now."""


def nodes_of(state: Tree, value: Valuation, depth: int | None) -> list[Node]:
    """The tree as a policy reads it, the root first.

    Args:
        state: The state of the search.
        value: How its nodes are valued.
        depth: From how many steps on a path is given up; None is no limit.
    """
    said = {one.id: one for one in state.get("thoughts", [])}
    paths = paths_of(state)
    groups = [[paths[one] for one in siblings] for siblings in sets_of(state)]
    values = value.read(Question.of(state["question"]), groups, said, state.get("links", []))
    expanded = state.get("expanded", [])
    nodes = [Node(id=ROOT, parent=None, depth=0, status="expanded" if ROOT in expanded else "open")]
    for step in state.get("steps", []):
        id = step["id"]
        depth_of = len(paths[id])
        if said[id].answer is not None:
            status = "final"
        elif id in expanded:
            status = "expanded"
        else:
            status = "closed" if depth is not None and depth_of >= depth else "open"
        nodes.append(
            Node(id=id, parent=step["parent"], depth=depth_of, value=values.get(id, 0.0), status=status)  # type: ignore[arg-type]
        )
    return nodes


def sets_of(state: Tree, parents: Sequence[str] | None = None) -> list[list[str]]:
    """The sets of siblings, by id: all of them, or those of these parents."""
    sets: dict[str, list[str]] = {}
    for step in state.get("steps", []):
        if parents is None or step["parent"] in parents:
            sets.setdefault(step["parent"], []).append(step["id"])
    return list(sets.values())


def paths_of(state: Tree) -> dict[str, list[Thought]]:
    """The thoughts from the first step to each node; none for the root."""
    said = {one.id: one for one in state.get("thoughts", [])}
    paths: dict[str, list[Thought]] = {ROOT: []}
    for step in state.get("steps", []):  # in the order of their making
        paths[step["id"]] = [*paths[step["parent"]], said[step["id"]]]
    return paths


def merged(proposed: Sequence[Step], said: Mapping[str, Thought], question: Question) -> list[Step]:
    """The steps without those that say the same on the same node, which are counted with the first of them."""
    first: dict[tuple[str, str, str | None], Step] = {}
    for step in proposed:
        thought = said[step["id"]]
        words = " ".join(step_of(thought).casefold().split()).rstrip(".")
        key = (step["parent"], words, question.canonical(thought.answer))
        first[key] = Step(**{**first[key], "times": first[key]["times"] + 1}) if key in first else step
    return list(first.values())


def concluded(state: Tree, nodes: Sequence[Node], best: Node | None, end: Thought | None, most: int) -> Answer:
    """The answer of a search.

    Args:
        state: Its state.
        nodes: The tree.
        best: The final node that was found, if any.
        end: The thought that answers: that node, or what finished a partial solution; None if there is none.
        most: How many nodes could be built upon.
    """
    steps = [node for node in nodes if node.parent is not None]
    if best:
        ended = "found"
    elif steps and not any(node.value for node in steps):
        ended = "no signal"
    else:
        ended = "expansions" if len(state["expanded"]) >= most else "exhausted"
    report: dict[str, JsonValue] = {
        "ended": ended,
        "expansions": len(state["expanded"]),
        "values": {node.id: round(node.value, 6) for node in steps},
        "times": {step["id"]: step["times"] for step in state.get("steps", []) if step["times"] > 1},
    }
    answer = own_answer(end, Question.of(state["question"])).model_copy(update={"data": report})
    if best is None:
        return answer
    rationale = "\n".join(step_of(one) for one in paths_of(state)[best.id])
    return answer.model_copy(update={"rationale": rationale, "confidence": min(max(best.value, 0.0), 1.0)})
