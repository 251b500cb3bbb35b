"""Escalation: cheap strategies first; a dearer one is asked only where the answer so far is not accepted.

START -> 1st part -+-> conclude -> END             accepted
                   +-> 2nd part -+-> ...           not accepted
"""

from collections.abc import Callable
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import Concluded, Part, nested, numbered, turns_of
from disputatio.graphs.conclude import own_answer, positions, reported
from disputatio.graphs.wiring import Graph, joined, new_graph
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Answer, Thought

Acceptance = float | Agent | Callable[[Answer], bool]
"""When an answer is good enough: at least this confidence, by a verifier's verdict, or by a function."""


class Stage(State, total=False):
    """What the stages of an escalation share."""

    accepted: bool
    """Whether the last answer was accepted."""


def _most_turns(parts: tuple[Part, ...], accept: Acceptance = 0.8) -> int:
    checks = (len(parts) - 1) * accept.turns if isinstance(accept, Agent) else 0
    return turns_of(*parts) + checks


@strategy(source="Chen et al. 2023, arXiv:2305.05176, section 3 (FrugalGPT: LLM cascade)", calls=_most_turns)
def escalate(*parts: Part, accept: Acceptance = 0.8) -> Graph:
    """Ask one strategy after the other, the cheapest first, until an answer is accepted.

    None of them sees what another said. An abstention is never accepted. If nothing is accepted the last strategy
    decides; where it abstains, the last answer that was given stands.

    Args:
        parts: At least one, from cheap to dear: `escalate(chain_of_thought, self_consistency, debate)`.
        accept: When an answer is good enough: a number is the least confidence, stated or as a share of votes; an
            agent is a verifier that must support it (or score it at least 50 %); a function is asked.

    Raises:
        ConfigurationError: If there is no part, or the least confidence is not from 0 to 1.

    Departs from the paper: acceptance is by stated confidence, agreement or a prompted verifier instead of a trained
    scorer; the order and the threshold are given and not learned.
    """
    if not parts:
        raise ConfigurationError("an escalation needs at least one strategy or agent")
    if isinstance(accept, int | float) and not 0 <= accept <= 1:
        raise ConfigurationError(f"the least confidence is from 0 to 1, not {accept}")
    names = numbered(parts)

    def stage(place: int) -> Callable[..., Any]:
        run = nested(parts[place], names[place])

        async def ask(state: Stage, runtime: Runtime[Context]) -> dict[str, Any]:
            given = [one for one in state.get("thoughts", []) if one.author not in heard]
            concluded: Concluded = await run({**state, "thoughts": given}, runtime)
            is_last = place == len(parts) - 1
            accepted, checked = (False, Update()) if is_last else await _check(accept, concluded, state, runtime)
            return {**concluded, **joined(concluded, checked), "accepted": accepted, "round": place + 1}

        return ask

    heard = {*names, *([accept.name] if isinstance(accept, Agent) else [])}

    def conclude(state: Stage) -> Output:
        question, answer = Question.of(state["question"]), state["answer"]
        if answer.abstained:
            held = list(positions(state.get("thoughts", []), question, names).values())
            answer = own_answer(held[-1], question) if held else answer
        report = {"stages": state["round"], "accepted": state["accepted"]}
        return {"answer": reported(answer, report)}

    graph = new_graph(conclude, state=Stage)
    for place, name in enumerate(names):
        graph.add_node(name, stage(place))
        if place:
            graph.add_conditional_edges(names[place - 1], _next(name), ["conclude", name])
    return graph.add_edge(START, names[0]).add_edge(names[-1], "conclude").add_edge("conclude", END)


async def _check(
    accept: Acceptance, concluded: Concluded, state: State, runtime: Runtime[Context]
) -> tuple[bool, Update]:
    """Whether an answer is accepted, and what a verifier said of it."""
    answer = concluded["answer"]
    if answer.abstained:
        return False, Update()
    if isinstance(accept, Agent):
        checked = await accept(State(question=state["question"], thoughts=concluded["thoughts"]), runtime)
        return any(approves(verdict) for verdict in checked.get("thoughts", [])[-1:]), checked
    return accept(answer) if callable(accept) else (answer.confidence or 0) >= accept, Update()


def approves(verdict: Thought) -> bool:
    """Whether a verifier accepts what it checked: by its verdict, or else by a score of at least 50 %."""
    ruling = verdict.data.get("verdict")
    return ruling == "supported" if ruling is not None else (verdict.score or 0) >= 0.5


def _next(name: str) -> Callable[[Stage], Any]:
    async def route(state: Stage) -> str:
        return "conclude" if state["accepted"] else name

    return route
