"""Vote: several strategies answer the same question at once, and a decision rule makes one answer of theirs.

START -> every part at once -> settlement -> END
"""

from collections.abc import Callable, Sequence
from typing import Any

from langgraph.graph import START
from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.agents.judge import Judge
from disputatio.agents.verifier import Verifier
from disputatio.context import Context
from disputatio.errors import ConfigurationError, unknown
from disputatio.graphs.compose import Part, nested, numbered, turns_of
from disputatio.graphs.decisions import RULES
from disputatio.graphs.settlement import Settlement
from disputatio.graphs.wiring import Graph, joined, new_graph
from disputatio.state import State, Update
from disputatio.strategies import strategy

RULES_OF_PARTS = [name for name, rule in RULES.items() if rule.needs in ("votes", "confidences", "scores", "judge")]
"""The rules that need nothing of a part but its answer; strategies cast no ballots and dispute nobody."""


def _settlement(parts: Sequence[Part], decision: str, judge: Agent | None, verifier: Agent | None) -> Settlement:
    voters = [Agent(name=name, role="strategy", instruction="") for name in numbered(parts)]  # names are all it reads
    return Settlement(voters, decision, judge or Judge(), verifier or Verifier())


def _most_turns(
    parts: Sequence[Part], decision: str = "plurality", judge: Agent | None = None, verifier: Agent | None = None
) -> int:
    return turns_of(*parts) + _settlement(parts, decision, judge, verifier).turns


@strategy(source="Disputatio; the rules name their sources", calls=_most_turns)
def vote(*parts: Part, decision: str = "plurality", judge: Agent | None = None, verifier: Agent | None = None) -> Graph:
    """Run several strategies at once on the same question, and decide between their answers.

    None of them sees what another says. A strategy that abstains has no vote.

    Args:
        parts: At least one; `vote(chain_of_thought, debate)`.
        decision: A rule of `disputatio.graphs.decisions.RULES` that needs answers only: plurality, majority,
            supermajority, unanimity, confidence_weighted, verifier_weighted, judge.
        judge: Who decides under the rule "judge"; None makes one.
        verifier: Who scores the answers under the rule "verifier_weighted"; None makes one.

    Raises:
        ConfigurationError: If there is no part, or the rule is unknown or needs ballots.
    """
    if not parts:
        raise ConfigurationError("a vote needs at least one strategy or agent")
    if decision not in RULES_OF_PARTS:
        raise unknown("decision rule of a vote over strategies", decision, RULES_OF_PARTS)
    settlement = _settlement(parts, decision, judge, verifier)
    graph = new_graph()
    for name, part in zip(settlement.names, parts, strict=True):
        graph.add_node(name, _voter(part, name))
        graph.add_edge(START, name)
        graph.add_edge(name, settlement.entry)
    settlement.add_to(graph)
    return graph


def _voter(part: Part, name: str) -> Callable[..., Any]:
    """A node that runs a part and leaves the answer to the settlement."""
    run = nested(part, name)

    async def conclude(state: State, runtime: Runtime[Context]) -> Update:
        return joined(await run(state, runtime))

    return conclude
