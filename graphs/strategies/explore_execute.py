"""Explore and execute: many short plans are sampled, few are selected, and only those are carried out.

START -> explore, all at once -> select -> execute, all at once -> vote -> END
"""

from dataclasses import replace
from random import Random
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.agents.explorer import Explorer, leaks, steps_of
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError, unknown
from disputatio.graphs.clusters import clusters
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import own_answer, positions, reported, settled, votes
from disputatio.graphs.decisions import weighted
from disputatio.graphs.speaking import last_of
from disputatio.graphs.strategies.explorations import (
    Group,
    PlanJudge,
    adherence,
    choosing,
    chosen,
    executing,
    group,
    heaviest,
)
from disputatio.graphs.wiring import Graph, Seat, all_at_once, new_graph
from disputatio.memory.bag_of_words import Embed
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Answer

SELECTIONS = ("judge", "clusters", "random")


class Exploration(Seat):
    """The state of the strategy; `place` is that of one explorer or executor."""

    groups: list[Group]


class Selected(Update, total=False):
    """What a selection adds."""

    groups: list[Group]


def _turns(plans: int, select: str, executed: int, judge: Agent | None, solver: Agent | None, **_: Any) -> int:
    once = turns_of(solver)
    rest = {"judge": turns_of(judge) + once, "clusters": min(executed, plans) * once}
    return plans + rest.get(select, once)


@strategy(source="Yang et al. 2025, arXiv:2509.23946, section 3 (test-time selection of explorations)", calls=_turns)
def explore_execute(
    *,
    plans: int = 8,
    select: str = "judge",
    executed: int = 4,
    share: float = 0.8,
    threshold: float = 0.85,
    embed: Embed | None = None,
    explorer: Agent | None = None,
    judge: Agent | None = None,
    solver: Agent | None = None,
) -> Graph:
    """Sample short plans, select among them before anything is worked out, and carry out only what was selected.

    Costs plans + 2 calls with a judge, plans + 1 with a random choice, and at most plans + executed with clusters.
    In tokens: plans times the length of a plan, plus that of a solution for each plan that is carried out.

    Args:
        plans: How many plans are sampled, at least 1; the paper reports 32.
        select: How it is selected: "judge" (a model picks one, or writes a better one), "clusters" (one of each group
            of plans that are alike, weighted by its size), or "random", the control.
        executed: The most clusters that are carried out, at least 1.
        share: Clusters are carried out, the largest first, until they hold this share of the plans.
        threshold: From which cosine two plans are alike.
        embed: Turns plans into vectors; None counts words.
        explorer: Who plans; None makes one at temperature 1 and 200 tokens a plan.
        judge: Who chooses, by the fields `choice` and `plan`; None makes one.
        solver: Who carries a plan out; None makes one. It works at temperature 0.

    Raises:
        ConfigurationError: If a number or the selection is not allowed.

    Departs from the paper: the paper trains a model to plan and to keep to its plan; here both are asked for in
    prompts, so adherence is measured: an execution that says before half of its plan that the plan failed has no
    vote. Steps that give an answer away are dropped. A judge who names no plan gets the largest cluster's. If no plan
    can be read, a plain chain of thought answers. Limits, threshold and share are ours. Prompts are zero-shot.
    """
    _check(plans, executed, share, threshold, select)
    planner, chooser = explorer or replace(Explorer(), max_tokens=200), judge or PlanJudge()
    worker = replace(solver or Solver("executor"), temperature=0.0)
    names = [f"{planner.name} {place}" for place in range(1, plans + 1)]

    async def explore(state: Exploration, runtime: Runtime[Context]) -> Update:
        return await replace(planner, name=names[state["place"] - 1])(state, runtime)

    async def choose(state: State, runtime: Runtime[Context]) -> Selected:
        found = [one for one in state.get("thoughts", []) if one.author in names and steps_of(one)]
        alike = clusters([" ".join(steps_of(one)) for one in found], threshold=threshold, embed=embed)
        draw = Random(runtime.context.seed)
        if not found:
            return {"groups": [group(None)]}
        if select == "clusters":
            return {"groups": heaviest(found, alike, executed, share)}
        if select == "random":
            return {"groups": [group(draw.choice(found))]}
        shown = draw.sample(found, len(found))
        said = await choosing(chooser, shown)(state, runtime)
        return {**said, "groups": [chosen(last_of(said), shown) or group(found[alike[0].medoid])]}

    async def execute(state: Exploration, runtime: Runtime[Context]) -> Update:
        plan = state["groups"][state["place"] - 1]
        about = [one for one in state["thoughts"] if one.id == plan["plan"]]
        before = [one for one in state["thoughts"] if one.author not in (*names, chooser.name)]
        agent = executing(worker, plan, about, f"{worker.name} {state['place']}")
        return await agent(State(question=state["question"], thoughts=before), runtime)

    async def vote(state: Exploration, runtime: Runtime[Context]) -> Output:
        sampled = [one for one in state.get("thoughts", []) if one.author in names]
        answer = _voted(state, worker.name, runtime.context.seed)
        report = {"plans": sum(bool(steps_of(one)) for one in sampled), "leaks": sum(map(leaks, sampled))}
        return {"answer": reported(answer, report)}

    graph = new_graph(explore, choose, execute, vote)
    graph.add_conditional_edges(START, lambda state: all_at_once("explore", state, plans), ["explore"])
    graph.add_conditional_edges(
        "choose", lambda state: all_at_once("execute", state, len(state["groups"])), ["execute"]
    )
    return graph.add_edge("explore", "choose").add_edge("execute", "vote").add_edge("vote", END)


def _check(plans: int, executed: int, share: float, threshold: float, select: str) -> None:
    if plans < 1 or executed < 1 or not 0 < share <= 1:
        raise ConfigurationError(
            f"explore_execute needs plans and executed of at least 1 and a share above 0 and at most 1, got "
            f"plans={plans}, executed={executed}, share={share}"
        )
    if select not in SELECTIONS:
        raise unknown("selection", select, SELECTIONS)
    clusters([], threshold=threshold)


def _voted(state: Exploration, worker: str, seed: int | None) -> Answer:
    """The answer of the one execution, or that with the most weight; a plan that failed early has none."""
    question, groups = Question.of(state["question"]), state["groups"]
    authors = [f"{worker} {place}" for place in range(1, len(groups) + 1)]
    held = positions(state.get("thoughts", []), question, authors)
    kept = {name: adherence(held[name], one) for name, one in zip(authors, groups, strict=True) if name in held}
    if len(groups) == 1:
        answer = own_answer(held.get(authors[0]), question)
    else:
        weights = [one["weight"] * (kept.get(name, 0) >= 0.5) for name, one in zip(authors, groups, strict=True)]
        tally = weighted(list(votes(held, question, authors).values()), weights)
        answer = settled(tally, held, question, seed=seed)
    ended = "planned" if groups[0]["steps"] else "no plan"
    return reported(answer, {"weights": [one["weight"] for one in groups], "adherence": kept, "ended": ended})
