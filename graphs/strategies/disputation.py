"""Disputation: a question is disputed in the scholastic way, its claims are checked, and a judge determines it.

    START -> planner -> debaters, all at once -> claim extractor -+-> check, one per claim -+-> critic -+-> debaters
                                                                  +------------------------ +           +-> judge -> END

The planner names the points at issue; the debaters open without seeing one another, then rebut over rounds; after
each round claims of fact are pulled out and checked, and refuted ones are struck out and shown to all; the critic
names the weakest point and says whether another round is worth it; the judge determines the question and replies to
the objections.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from disputatio.agents.agent import Agent
from disputatio.agents.critic import Critic
from disputatio.agents.debater import Debater, contesting
from disputatio.agents.judge import Judge
from disputatio.agents.planner import Planner
from disputatio.agents.verifier import ClaimExtractor, Verifier
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.strategies.debate import panel_of, seat
from disputatio.graphs.strategies.determination import determine
from disputatio.graphs.wiring import Graph, joined, new_graph
from disputatio.state import State, Update
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought

STANCES = (
    ("proponent", "for the motion"),
    ("opponent", "against the motion"),
    ("moderate", "for a middle way"),
)


def _most_turns(
    debaters: int | Sequence[Agent], rounds: int, claims: int, verifier: Agent | None, judge: Agent | None
) -> int:
    speaking = sum(agent.turns for agent in disputants(debaters))
    checking = 1 + claims * (verifier or Verifier()).turns if claims else 0
    judging = 2 * (judge or Judge()).turns
    return 1 + rounds * (speaking + checking) + (rounds - 1) + judging


@strategy(source="Disputatio; the form is that of the medieval quaestio disputata", calls=_most_turns)
def disputation(
    debaters: int | Sequence[Agent] = 3,
    *,
    rounds: int = 2,
    claims: int = 3,
    verifier: Agent | None = None,
    judge: Agent | None = None,
) -> Graph:
    """Dispute a question: points at issue, opening, rebuttal, checked claims, critique, determination with replies.

    Args:
        debaters: How many, or the agents themselves, at least 1. A number makes a proponent, an opponent, a
            moderate, and again.
        rounds: The most rounds, at least 1; the critic may end the disputation earlier.
        claims: The most claims that are checked after each round; 0 checks none.
        verifier: Who checks claims, with its tools; None makes one that has only what the model knows.
        judge: Who determines the question; None makes one.

    Raises:
        ConfigurationError: If a number is too small or a name is taken twice.
    """
    planner, critic, checker, deciding = Planner(), Critic(), verifier or Verifier(), judge or Judge()
    taken = [agent.name for agent in (planner, critic, checker, deciding, ClaimExtractor())]
    panel = [contesting(agent) for agent in panel_of(disputants(debaters), [*taken, "extract", "check", "judge"])]
    if rounds < 1:
        raise ConfigurationError(f"a disputation needs at least 1 round, got {rounds}")
    if claims < 0:
        raise ConfigurationError(f"the number of claims to check cannot be negative, got {claims}")
    names = [agent.name for agent in panel]
    extractor = ClaimExtractor(claims=max(claims, 1), view=_last_round(names))

    async def extract(state: State, runtime: Runtime[Context]) -> Update:
        update = await extractor(state, runtime) if claims else Update()
        said, links = _claims(update.get("thoughts", []), extractor, extractor.view(state), runtime.context)
        runtime.context.say(*said, links=links)
        return joined(update, Update(thoughts=said, links=links))

    async def check(state: State, runtime: Runtime[Context]) -> Update:
        [claim] = state["thoughts"]
        return await replace(checker, preface=f'On "{claim.text}": ')(state, runtime)

    def after_round(state: State) -> str:
        return "judge" if state["round"] >= rounds else critic.name

    def checks(state: State) -> str | list[Send]:
        found = [one for one in state["thoughts"] if _is_claim(one) and one.round == state["round"]]
        sends = [Send("check", State(**{**state, "thoughts": [one]})) for one in found[:claims]]
        return sends or after_round(state)

    def next_round(state: State) -> str | list[str]:
        verdicts = [one.data.get("another_round") for one in state["thoughts"] if one.role == critic.role]
        return "judge" if verdicts and verdicts[-1] is False else names

    graph = new_graph()
    graph.add_node(planner.name, planner).add_node(extract).add_node(check).add_node(critic.name, critic)
    graph.add_node("judge", determine(deciding, panel)).add_edge(START, planner.name).add_edge("judge", END)
    _add_panel(graph, panel, planner.name)
    graph.add_conditional_edges("extract", checks, ["check", critic.name, "judge"])
    graph.add_conditional_edges("check", after_round, [critic.name, "judge"])
    return graph.add_conditional_edges(critic.name, next_round, [*names, "judge"])


def disputants(debaters: int | Sequence[Agent]) -> list[Agent]:
    """The agents of a disputation, made with their stances if only their number is given."""
    if not isinstance(debaters, int):
        return list(debaters)
    made = []
    for number in range(debaters):
        name, stance = STANCES[number % len(STANCES)]
        again = number // len(STANCES) + 1
        made.append(Debater(f"{name} {again}" if again > 1 else name, stance=stance))
    return made


def _add_panel(graph: Graph, panel: Sequence[Agent], after: str) -> None:
    names = [agent.name for agent in panel]
    for agent in panel:
        graph.add_node(agent.name, seat(agent, lambda state: False, visible=names, panel=names))
        graph.add_edge(after, agent.name)
    graph.add_edge(names, "extract")


def _last_round(names: Sequence[str]) -> Callable[[State], list[Thought]]:
    """See what the debaters said in the round that was spoken last."""
    return lambda state: [
        one for one in state.get("thoughts", []) if one.author in names and one.round == state["round"]
    ]


def _is_claim(thought: Thought) -> bool:
    return thought.role == "claim extractor" and thought.kind == "claim"


def _claims(
    extracted: Sequence[Thought], extractor: Agent, statements: Sequence[Thought], context: Context
) -> tuple[list[Thought], list[Link]]:
    """One thought a claim, linked to the statement that made it."""
    made: list[Thought] = []
    links: list[Link] = []
    for thought in extracted:
        listed: Any = thought.data.get("claims", [])
        texts = (re.sub(r"^[(\d.)]+\s+", "", " ".join(str(claim).split())) for claim in listed)
        for text in dict.fromkeys(text for text in texts if len(text.split()) > 2):
            speaker = next((one for one in statements if text.casefold().startswith(one.author.casefold())), None)
            claim = Thought(
                id=context.identify(extractor.name, thought.round, text),
                author=extractor.name,
                role=extractor.role,
                kind="claim",
                text=text,
                round=thought.round,
                scope=context.scope,
                data={"speaker": speaker.author if speaker else None},
                model=thought.model,
            )
            made.append(claim)
            links += [Link(source=claim.id, target=one.id, kind="refines") for one in (speaker or thought,)]
    return made, links
