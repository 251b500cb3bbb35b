"""Wiring: what the graphs of strategies have in common, as LangGraph's own `StateGraph` and `Send`."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from langgraph.graph import StateGraph
from langgraph.types import Send

from disputatio.context import Context
from disputatio.state import Input, Output, State, Update

T = TypeVar("T")
Graph = StateGraph[Any, Context, Input, Output]
"""The graph of a strategy: from a question to an answer."""


class Seat(State):
    """What one of several sees that run the same node at once."""

    place: int
    """Which of them it is, from 1."""


def new_graph(*nodes: Callable[..., Any], state: type[Any] = State) -> Graph:
    """Make a graph with these nodes, each under the name of its function, and without edges.

    Args:
        nodes: Functions or methods.
        state: What the nodes read and write, where that is more than a `State`.
    """
    graph: Graph = StateGraph(state, Context, input_schema=Input, output_schema=Output)
    for node in nodes:
        graph.add_node(node.__name__, node)
    return graph


def all_at_once(node: str, state: Any, places: int) -> list[Send]:
    """Run a node so many times at once on the same state, each with a `place` of its own, from 1."""
    return [Send(node, {**state, "place": place}) for place in range(1, places + 1)]


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all of this at once, inside one node; as soon as one fails, the others are broken off and its error is raised.

    Returns:
        What each came to, in their order.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as errors:  # callers tell errors by their own kind; the first is why the others ended
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def joined(*updates: Any) -> Update:
    """What several have said, as one update; an answer among it is left out."""
    return {
        "thoughts": [thought for update in updates for thought in update.get("thoughts", [])],
        "links": [link for update in updates for link in update.get("links", [])],
    }
