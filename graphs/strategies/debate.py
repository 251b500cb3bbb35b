"""Debate: agents answer alone, read one another, and answer again; a decision rule settles it.

    START -> debaters, round after round -> settlement -> END

A round is one super-step, and all debaters read the state as it was when the round before had ended. They share a node
that leads back to itself: LangGraph's work on a node for each would add a third to the processor time of a debate.
Debaters with tools have one each, since a tool may have to wait for a person, and the answer is given to the node.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import networkx as nx
from langgraph.graph import START
from langgraph.runtime import Runtime
from langgraph.types import Command

from disputatio.agents.agent import Agent
from disputatio.agents.debater import Debater, contesting
from disputatio.agents.judge import Judge
from disputatio.agents.verifier import Verifier
from disputatio.context import Context
from disputatio.errors import ConfigurationError, unknown
from disputatio.graphs.decisions import RULES
from disputatio.graphs.settlement import Settlement
from disputatio.graphs.topology import readers
from disputatio.graphs.wiring import Graph, joined, new_graph, together
from disputatio.memory.transcript import View
from disputatio.state import State, Update
from disputatio.strategies import strategy

Seated = Callable[..., Coroutine[Any, Any, Update]]
"""A debater in its seat: what it adds in one round."""
RESERVED = ("debaters", "judge", "poll", "ballot", "check", "decide", "__start__", "__end__")


def _most_turns(
    debaters: int | Sequence[Agent], rounds: int, decision: str, judge: Agent | None, verifier: Agent | None, **_: Any
) -> int:
    panel = panel_of(debaters)
    settlement = Settlement(panel, decision, judge or Judge(), verifier or Verifier())
    return rounds * sum(agent.turns for agent in panel) + settlement.turns


@strategy(source="Du et al. 2023, arXiv:2305.14325, section 2; defaults of its gsm/gen_gsm.py", calls=_most_turns)
def debate(
    debaters: int | Sequence[Agent] = 3,
    *,
    rounds: int = 2,
    topology: "str | nx.Graph[str]" = "full",
    decision: str = "plurality",
    until_agreed: bool = False,
    judge: Agent | None = None,
    verifier: Agent | None = None,
) -> Graph:
    """Let agents debate for some rounds, then settle the question by a decision rule.

    Args:
        debaters: How many, or the agents themselves, at least 1; one alone checks its own answer each round.
        rounds: Answers each debater gives, at least 1. The first is given alone: one round is plain voting.
        topology: Who reads whom: "full", "ring", "star", or a networkx graph over the names (edges from a reader to
            those it reads).
        decision: A rule of `disputatio.graphs.decisions.RULES`: plurality, majority, grounded, judge, ...
        until_agreed: Whether to stop as soon as all debaters gave the same answer in one round.
        judge: Who decides under the rule "judge"; None makes one.
        verifier: Who scores the answers under the rule "verifier_weighted"; None makes one.

    Raises:
        ConfigurationError: If a number is too small, a name is taken twice, or the topology or the rule is unknown.

    Departs from the paper: debaters read one shared transcript instead of chats of their own, which holds the same
    texts in another layout; a reply without a readable answer leaves the debater's earlier answer in force, or else
    abstains; ties are drawn by seed and marked. Prompts are reworded.
    """
    deciding, scoring = judge or Judge(), verifier or Verifier()
    panel = panel_of(debaters, (*RESERVED, deciding.name, scoring.name))
    if rounds < 1:
        raise ConfigurationError(f"a debate needs at least 1 round, got {rounds}")
    if decision not in RULES:
        raise unknown("decision rule", decision, RULES)
    reads = readers(topology, [agent.name for agent in panel])
    if RULES[decision].needs == "attacks":
        panel = [contesting(agent) for agent in panel]
    settlement = Settlement(panel, decision, deciding, scoring, rounds)

    def is_over(state: State) -> bool:
        # A node that one debater has for itself asks on a state in which only its own words of this round stand. So
        # there agreement shows at the start of the next round, where all see the same, and none speaks.
        return state["round"] >= rounds or (until_agreed and settlement.agreed(state))

    def speaking(agent: Agent) -> Seated:
        return seat(agent, is_over, visible=[agent.name, *reads.successors(agent.name)], panel=settlement.names)

    seats = {agent.name: speaking(agent) for agent in sorted(panel, key=lambda agent: agent.name)}
    nodes = {"debaters": [*seats.values()]}
    if any(agent.tools for agent in panel):
        nodes = {name: [speak] for name, speak in seats.items()}
    graph = new_graph()
    for name, members in nodes.items():
        after = (name, settlement.entry)
        graph.add_node(name, _round_after_round(members, is_over, *after), destinations=after)
        graph.add_edge(START, name)
    settlement.add_to(graph)
    return graph


def panel_of(debaters: int | Sequence[Agent], taken: Sequence[str] = RESERVED) -> list[Agent]:
    """The agents of a debate, made if only their number is given.

    Args:
        debaters: Their number, or the agents.
        taken: Names that none of them may have.

    Raises:
        ConfigurationError: If there are none, or two have one name, or a name is taken by a node of the graph.
    """
    if isinstance(debaters, int):
        # One width for all numbers: LangGraph orders what is said at once by name.
        panel = [Debater(f"debater {seat:0{len(str(debaters))}}") for seat in range(1, debaters + 1)]
    else:
        panel = [*debaters]
    if not panel:
        raise ConfigurationError(f"a debate needs at least 1 debater, got {debaters!r}")
    names = [agent.name for agent in panel]
    for name in names:
        if names.count(name) > 1 or name in taken or not name.strip() or set("|:") & set(name):
            raise ConfigurationError(f"debaters need names of their own, without | and :, and not {name!r}")
    return panel


def seat(agent: Agent, is_over: Callable[[State], bool], *, visible: Sequence[str], panel: Sequence[str]) -> Seated:
    """One debater: it speaks one round, unless the debate is over.

    Args:
        agent: The debater.
        is_over: Whether no further round is spoken.
        visible: Which debaters it reads, itself included.
        panel: All debaters.
    """
    hidden = set(panel) - set(visible)
    author = replace(agent, view=_hiding(agent.view, hidden)) if hidden else agent

    async def speak(state: State, runtime: Runtime[Context]) -> Update:
        if is_over(state):
            return {}
        now = state["round"] + 1
        said = await author({**state, "round": now}, runtime)
        return {**said, "round": now}

    return speak


def _hiding(view: View, authors: set[str]) -> View:
    return lambda state: [thought for thought in view(state) if thought.author not in authors]


def _round_after_round(
    members: Sequence[Seated], is_over: Callable[[State], bool], name: str, then: str
) -> Callable[..., Any]:
    """A node in which debaters speak at once, and that leads back to itself until the debate is over."""

    # It says itself where to go: LangGraph runs a conditional edge as a task of its own, for a tenth of its time.
    async def node(state: State, runtime: Runtime[Context]) -> Command[str]:
        updates = await together(speak(state, runtime) for speak in members)
        said, now = joined(*updates), max(one.get("round", state["round"]) for one in updates)
        after: State = {**state, "thoughts": [*state.get("thoughts", []), *said["thoughts"]], "round": now}
        return Command(update={**said, "round": now}, goto=then if is_over(after) else name)

    return node
