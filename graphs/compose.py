"""Composition: strategies and agents as parts of larger strategies.

A nested strategy shares the question, the resources, the budget and the record of its run; what it concludes is one
thought of the whole.
"""

from collections.abc import Callable, Sequence
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.budget import Budget
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import answer_of
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.state import Input, Output, State, Update
from disputatio.strategies import Strategy, strategy
from disputatio.thought import Answer, Link, Thought

Part = Agent | Strategy[...]
"""What compositions are made of."""


def turns_of(*parts: Part | None) -> int:
    """The most turns that the parts take together; None is an agent without tools, which takes one."""
    return sum(part.calls if isinstance(part, Strategy) else part.turns if part else 1 for part in parts)


def numbered(parts: Sequence[Part]) -> list[str]:
    """The names of parts in a composition: "1. debate"."""
    return [f"{number}. {part.name}" for number, part in enumerate(parts, 1)]


def repeated(part: Part, times: int) -> tuple[list[str], list[Callable[..., Any]]]:
    """The names of so many runs of one part, "debate 1" and so on, and a node that runs it for each."""
    names = [f"{part.name} {number}" for number in range(1, times + 1)]
    return names, [nested(part, name) for name in names]


class Concluded(Update, total=False):
    """What a nested strategy adds to the state."""

    answer: Answer
    said: list[str]
    """Ids of what its own agents said, in an order that does not depend on whose reply came first."""


def nested(part: Part, scope: str, budget: Budget | None = None) -> Callable[..., Any]:
    """Make a node that runs a part and adds its conclusion as one thought.

    Args:
        part: A strategy, or an agent, which is run as a sequence of one.
        scope: Its name in the composition, for the record and for seeds of its own.
        budget: What it may spend of the whole; None is all that is left.
    """
    inner = (part if isinstance(part, Strategy) else sequence(part)).compiled

    async def conclude(state: State, runtime: Runtime[Context]) -> Concluded:
        context = runtime.context.within(scope, budget)
        given = Input(question=state["question"], thoughts=state.get("thoughts", []), links=state.get("links", []))
        first = len(context.thoughts)
        output = await inner.ainvoke(given, context=context, output_keys=["answer", "thoughts"])
        answer: Answer = output["answer"]
        if budget and context.ledger.stop_reason:
            answer = answer.model_copy(update={"data": {**answer.data, "stopped_by": context.ledger.stop_reason}})
        text = answer.rationale or answer.text
        thought = Thought(
            id=runtime.context.identify(scope, state.get("round", 0), text),
            author=scope,
            role="strategy",
            kind="answer",
            text=text,
            answer=answer.text or None,
            confidence=answer.confidence,
            scope=runtime.context.scope,
        )
        inside = [one for one in context.thoughts[first:] if one.scope == context.scope and one.answer is not None]
        links = [Link(source=thought.id, target=one.id, kind="aggregates") for one in inside]
        runtime.context.say(thought, links=links)
        return {"thoughts": [thought], "links": links, "answer": answer, "said": [one.id for one in output["thoughts"]]}

    return conclude


@strategy(source="Disputatio", calls=lambda parts: turns_of(*parts))
def sequence(*parts: Part) -> Graph:
    """Run agents and strategies one after the other on the same question; each sees what the ones before it said.

    The answer is that of the last part: a strategy's, or that of an agent's own thought.

    Args:
        parts: At least one; `sequence(Planner(), debate)` plans before it debates.

    Raises:
        ConfigurationError: If there is none.
    """
    if not parts:
        raise ConfigurationError("a sequence needs at least one agent or strategy")
    names = numbered(parts)

    def answer(state: State) -> Output:
        if isinstance(parts[-1], Strategy):
            return {"answer": state["answer"]}
        return {"answer": answer_of(state, parts[-1].name)}

    graph = new_graph()
    for name, part in zip(names, parts, strict=True):
        graph.add_node(name, part if isinstance(part, Agent) else nested(part, name))
    graph.add_node("conclude", answer)
    for source, target in zip([START, *names], [*names, "conclude"], strict=True):
        graph.add_edge(source, target)
    graph.add_edge("conclude", END)
    return graph


@strategy(source="Disputatio", calls=lambda part, budget: min(turns_of(part), budget.calls or turns_of(part)))
def limited(part: Part, budget: Budget) -> Graph:
    """Run a part with a budget of its own, within that of the whole run.

    A part whose budget is used up ends in order and answers from what it has; its answer's data says so, under
    `stopped_by`. Others can go on to spend what is left of the whole.

    Args:
        part: A strategy or an agent.
        budget: What it may spend.
    """
    return new_graph().add_node("part", nested(part, part.name, budget)).add_edge(START, "part").add_edge("part", END)
