"""Pairwise judge: candidates are compared two by two, in both orders, and the one that wins most is the answer.

START -> candidate, all at once -> pair -+-> compare, every pair and order at once -> rank -> END
                                         +-> rank -> END                               nothing to compare
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.comparison import comparer
from disputatio.agents.judge import Judge
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import Part, repeated, turns_of
from disputatio.graphs.conclude import own_answer, reported
from disputatio.graphs.strategies.chain_of_thought import chain_of_thought
from disputatio.graphs.strategies.duels import duel, orders, ranking
from disputatio.graphs.wiring import Graph, Seat, all_at_once, joined, new_graph
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Thought


class Bout(State):
    """What one comparison sees."""

    places: tuple[int, int]
    """Which two are compared, A first; from 0."""


@strategy(
    source="Hong et al. 2025, arXiv:2505.16265 (Think-RM), judging protocol; criteria and scale of its repository",
    calls=lambda part, n, judge: n * turns_of(part) + n * (n - 1) * (judge or Judge()).turns,
)
def pairwise_judge(part: Part = chain_of_thought, *, n: int = 4, judge: Agent | None = None) -> Graph:
    """Run a strategy several times at once, compare the results two by two, and take the one that wins most.

    Each pair is judged in both orders: where the judge contradicts itself, it is a tie. Most calls: n times those of
    the part, and n * (n - 1); equal texts are not compared.

    Args:
        part: The strategy, or an agent.
        n: How often it runs, at least 1.
        judge: Who compares; None makes a judge.

    Raises:
        ConfigurationError: If n is too small.

    Departs from the paper: it trains the judge and publishes the protocol of one comparison; the tournament around it
    (both orders, everyone against everyone, points as by Copeland) is our own. The rationale is prose before the
    number and not a block of its own. Prompts are reworded.
    """
    if n < 1:
        raise ConfigurationError(f"pairwise_judge needs n of at least 1, got {n}")
    names, runs = repeated(part, n)
    comparing = comparer(judge or Judge())

    def bout(one: int, other: int) -> str:
        return f"{comparing.name} {one + 1}-{other + 1}"  # each with a seed of its own

    async def fan_out(state: State) -> list[Send]:
        return all_at_once("candidate", state, n)

    async def candidate(state: Seat, runtime: Runtime[Context]) -> Update:
        return joined(await runs[state["place"] - 1](state, runtime))

    async def pair(state: State) -> dict[str, Any]:
        return {}  # waits for all candidates

    async def compared(state: State) -> str | list[Send]:
        pairs = orders(_readable(state, names))
        return [Send("compare", Bout(**{**state, "places": order})) for order in pairs] or "rank"

    async def compare(state: Bout, runtime: Runtime[Context]) -> Update:
        found, (one, other) = _readable(state, names), state["places"]
        shown = [found[place].model_copy(update={"author": name}) for place, name in ((one, "A"), (other, "B"))]
        judging = replace(comparing, name=bout(one, other))
        return await judging(State(question=state["question"], thoughts=shown), runtime)

    async def rank(state: State) -> Output:
        question, found = Question.of(state["question"]), _readable(state, names)
        scores = {one.author: one.data.get("preference") for one in state.get("thoughts", []) if one.kind == "vote"}
        duels = {
            (one, other): duel(scores.get(bout(one, other)), scores.get(bout(other, one)))
            for one, other in combinations(range(len(found)), 2)
        }
        values = [question.canonical(one.answer) for one in found]
        order = ranking(len(found), duels, [values.count(value) / len(found) for value in values])
        answer = own_answer(found[order[0]] if found else None, question)
        ties = sum(not result.consistent for result in duels.values())
        data = {"ranking": [found[place].author for place in order], "ties": ties, "duels": len(duels)}
        return {"answer": reported(answer, data)}

    graph = new_graph(candidate, pair, compare, rank)
    graph.add_conditional_edges(START, fan_out, ["candidate"])
    graph.add_conditional_edges("pair", compared, ["compare", "rank"])
    return graph.add_edge("candidate", "pair").add_edge("compare", "rank").add_edge("rank", END)


def _readable(state: State, names: Sequence[str]) -> list[Thought]:
    """The candidates with a readable answer."""
    question, said = Question.of(state["question"]), state.get("thoughts", [])
    return [one for one in said if one.author in names and question.canonical(one.answer) is not None]
