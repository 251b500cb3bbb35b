"""Composition: strategies and agents as parts of larger strategies.

A nested strategy shares the question, the resources, the budget and the record of its run; what it concludes is one
thought of the whole.
"""

from collections.abc import Callable
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.verifier import Verifier
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import own_answer
from disputatio.question import Question
from disputatio.state import Input, Output, State, Update
from disputatio.strategies import Strategy, strategy
from disputatio.thought import Answer, Link, Thought

Part = Agent | Strategy[...]
"""What a sequence is made of."""


def turns_of(part: Part) -> int:
    """The most turns that a part takes."""
    return part.turns if isinstance(part, Agent) else part.calls


class Concluded(Update, total=False):
    """What a nested strategy adds to the state."""

    answer: Answer


def nested(part: Strategy[...], scope: str) -> Callable[..., Any]:
    """Make a node that runs a strategy and adds its conclusion as one thought.

    Args:
        part: The strategy.
        scope: Its name in the composition, for the record and for seeds of its own.
    """
    inner = part.compiled

    async def conclude(state: State, runtime: Runtime[Context]) -> Concluded:
        context = runtime.context.within(scope)
        given = Input(question=state["question"], thoughts=state.get("thoughts", []), links=state.get("links", []))
        first = len(context.thoughts)
        answer = (await inner.ainvoke(given, context=context))["answer"]
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
        return {"thoughts": [thought], "links": links, "answer": answer}

    return conclude


@strategy(source="Disputatio", calls=lambda parts: sum(turns_of(part) for part in parts))
def sequence(*parts: Part) -> StateGraph[State, Context, Input, Output]:
    """Run agents and strategies one after the other on the same question; each sees what the ones before it said.

    The answer is that of the last part: a strategy's, or that of an agent's own thought.

    Args:
        parts: At least one; `sequence(Planner(), debate)` plans before it debates.

    Raises:
        ConfigurationError: If there is none.
    """
    if not parts:
        raise ConfigurationError("a sequence needs at least one agent or strategy")
    names = [f"{number}. {part.name}" for number, part in enumerate(parts, 1)]

    def answer(state: State) -> Output:
        if isinstance(parts[-1], Strategy):
            return {"answer": state["answer"]}
        said = [one for one in state.get("thoughts", []) if one.author == parts[-1].name]
        return {"answer": own_answer(said[-1] if said else None, Question.of(state["question"]))}

    graph = StateGraph(State, Context, input_schema=Input, output_schema=Output)
    for name, part in zip(names, parts, strict=True):
        if isinstance(part, Agent):
            graph.add_node(name, part)
        else:
            graph.add_node(name, nested(part, name))
    graph.add_node("conclude", answer)
    for source, target in zip([START, *names], [*names, "conclude"], strict=True):
        graph.add_edge(source, target)
    graph.add_edge("conclude", END)
    return graph


class Candidate(State):
    """What one candidate of `best_of` sees."""

    number: int
    """Which candidate it is, from 1."""


@strategy(
    source="Cobbe et al. 2021, arXiv:2110.14168, section 4 (best of N by a verifier)",
    calls=lambda part, n, by: n * (part.calls + (by or Verifier()).turns),
)
def best_of(part: Strategy[...], *, n: int = 4, by: Agent | None = None) -> StateGraph[State, Context, Input, Output]:
    """Run a strategy several times at once, let a verifier score each answer, and take the best.

    Args:
        part: The strategy.
        n: How often it runs, at least 1.
        by: The agent that scores, by the field `score` of its form; None makes a verifier.

    Raises:
        ConfigurationError: If n is too small.

    Departs from the paper: the verifier is prompted, not trained; an answer without a readable score is taken only if
    no answer has one; equal scores are settled by how often the answer was given, then by order.
    """
    if n < 1:
        raise ConfigurationError(f"best_of needs n of at least 1, got {n}")
    verifier = by or Verifier()
    runs = [nested(part, f"{part.name} {number}") for number in range(1, n + 1)]

    async def fan_out(state: State) -> list[Send]:
        return [Send("candidate", Candidate(**{**state, "number": number})) for number in range(1, n + 1)]

    async def candidate(state: Candidate, runtime: Runtime[Context]) -> Update:
        concluded: Concluded = await runs[state["number"] - 1](state, runtime)
        if concluded["answer"].abstained:
            return {"thoughts": concluded["thoughts"], "links": concluded["links"]}
        subject = State(question=state["question"], thoughts=concluded["thoughts"])
        scored = await verifier(subject, runtime)
        return {
            "thoughts": [*concluded["thoughts"], *scored.get("thoughts", [])],
            "links": [*concluded["links"], *scored.get("links", [])],
        }

    def pick(state: State) -> Output:
        question, thoughts = Question.of(state["question"]), state.get("thoughts", [])
        by_id = {one.id: one for one in thoughts}
        given = [one for one in thoughts if one.role == "strategy" and question.canonical(one.answer) is not None]
        scores = {
            link.target: by_id[link.source].score
            for link in state.get("links", [])
            if link.source in by_id and by_id[link.source].author == verifier.name
        }
        frequent = [question.canonical(one.answer) for one in given]

        def rank(one: Thought) -> tuple[float, int]:
            score = scores.get(one.id)
            return (-1.0 if score is None else score, frequent.count(question.canonical(one.answer)))

        best = max(given, key=rank, default=None)
        answer = own_answer(best, question)
        score = scores.get(best.id) if best else None
        return {"answer": answer.model_copy(update={"confidence": answer.confidence if score is None else score})}

    graph = StateGraph(State, Context, input_schema=Input, output_schema=Output)
    graph.add_node(candidate)
    graph.add_node(pick)
    graph.add_conditional_edges(START, fan_out, ["candidate"])
    graph.add_edge("candidate", "pick")
    graph.add_edge("pick", END)
    return graph
