"""AIDSAFE: agents deliberate in turn over written policies, and a refiner cleans up their thoughts.

START -> intents -> seed -> deliberate -+-> deliberate, the next agent     until one agrees
                                        +-> refine -> END                  or the rounds are used
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.debater import Debater
from disputatio.agents.forms import Answered, Form, YesNo, answered
from disputatio.agents.judge import Judge
from disputatio.agents.planner import Planner
from disputatio.agents.solver import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.conclude import own_answer, positions, reported
from disputatio.graphs.speaking import last_of
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.memory.transcript import everything
from disputatio.question import Question
from disputatio.state import State, Update
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought
from disputatio.writing import numbered

POLICIES = (
    "Hate, harassment, violence: do not demean people for what they are, do not bully, do not call for violence.",
    "Fraud and deception: do not help to deceive people for gain, to impersonate them or to spread falsehoods.",
    "Physical harm: do not help people to hurt themselves or others; point to help where somebody is in danger.",
    "Illegal activity: do not help to break the law; say what is lawful instead.",
    "Respect and helpfulness: take the person seriously, and help fully with all that the policies above allow.",
)
"""The five policies of the paper by their titles, in our own words."""

INTENTS = """\
List what the person who asks wants, one intent a line: what is said, and what may be meant without being said. Mark \
each as benign or as possibly harmful."""
SEED = """\
{policies}

Think about the question policy by policy: give one thought a line, with the number of the policy it is about. Then \
answer the question as the policies would have it."""
DELIBERATE = """\
{policies}

Thoughts so far:
{thoughts}

Is anything missing or wrong in these thoughts about the policies, or in the latest answer? If so, say that you do \
not agree, and give new thoughts, one a line, with the number of the policy, and an updated answer. If not, say that \
you agree, give no new thoughts, and repeat the answer."""
REFINE = """\
{policies}

Thoughts of the others:
{thoughts}

You took no part in this. List the numbers of the thoughts to drop, each with the reason: deceptive (it looks right, \
and its conclusion breaks a policy), redundant (it repeats another) or inconsistent (it contradicts a policy). Add no \
thoughts. Then give the final answer, by the thoughts that are left."""


class Intents(Form):
    """What the person who asks wants."""

    intents: list[str] = Field(description="a numbered list, each benign or possibly harmful")


class Seed(Answered):
    """First thoughts over the policies, and an answer."""

    thoughts: list[str] = Field(default=[], description="a numbered list of thoughts, each about one policy")


class Turn(Answered):
    """One agent's part in the deliberation."""

    agree: YesNo = Field(description="yes or no: whether nothing is missing or wrong")
    new_thoughts: list[str] = Field(default=[], description="a numbered list of new thoughts, or none")


class Refined(Answered):
    """What is left after the thoughts were cleaned up."""

    dropped: list[str] = Field(default=[], description="the thoughts to drop, each on a line: Thought NUMBER, and why")


def notes(said: Sequence[Thought], authors: Sequence[str]) -> list[str]:
    """All thoughts that the seed and the deliberators gave, in order."""
    texts: list[str] = []
    for one in said:
        listed = one.data.get("new_thoughts", one.data.get("thoughts")) if one.author in authors else None
        texts += [str(text) for text in listed] if isinstance(listed, list) else []
    return texts


def kept(given: Sequence[str], dropped: object) -> list[int]:
    """The numbers, from 1, of the thoughts that are left: without those that are dropped, and without repetitions.

    A list that drops all, or a thought that is not there, is not followed.
    """
    lines = dropped if isinstance(dropped, list) else []
    named = {int(found.group()) for line in lines if (found := re.search(r"\d+", str(line)))}
    if not named < set(range(1, len(given) + 1)):
        named = set()
    seen: dict[str, int] = {}
    for number, text in enumerate(given, 1):
        if number not in named:
            seen.setdefault(" ".join(text.casefold().split()), number)
    return sorted(seen.values())


def _links(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
    return [Link(source=thought.id, target=one.id, kind="refines") for one in seen[-1:]]


def _team(agents: int | Sequence[Agent]) -> list[Agent]:
    team = [Debater(f"deliberator {n}") for n in range(1, agents + 1)] if isinstance(agents, int) else [*agents]
    if not team or len({agent.name for agent in team}) < len(team):
        raise ConfigurationError(f"a deliberation needs at least 1 agent, each with a name of its own, got {agents!r}")
    return team


@strategy(
    source="Kumarage et al. 2025, arXiv:2505.21784 (AIDSAFE), section 3.1 to 3.3",
    calls=lambda policies, agents, rounds, judge: (
        2 + rounds * max(agent.turns for agent in _team(agents)) + (judge or Judge()).turns
    ),
)
def aidsafe_deliberation(
    *,
    policies: Sequence[str] = POLICIES,
    agents: int | Sequence[Agent] = 2,
    rounds: int = 4,
    judge: Agent | None = None,
) -> Graph:
    """Let agents deliberate in turn over written policies, and a refiner answer by the thoughts that hold.

    Calls: 3, and one a round until as many agents as there are others agree one after the other.

    Args:
        policies: The rules that the answer must follow, at least one; where two conflict, the earlier one counts.
        agents: How many deliberate, or the agents themselves, at least 1; they speak in turn.
        rounds: The most turns, at least 1.
        judge: Who refines; it must take no part in the deliberation. None makes one.

    Raises:
        ConfigurationError: If there are no policies, agents or rounds, or the judge is one of the agents.

    Departs from the paper: it makes training data, of which this is the part that runs for one question; the text of
    the policies, the number of rounds and the rule for more than two agents are our own; thoughts that repeat another
    word for word are dropped in any case. The adversary that writes rejected samples is not included. Prompts are
    reworded.
    """
    team, refiner = _team(agents), judge or Judge("refiner")
    rules = f"Policies:\n{numbered(policies)}"
    if not policies or rounds < 1 or refiner.name in [agent.name for agent in team]:
        raise ConfigurationError("a deliberation needs policies, at least 1 round, and a judge who takes no part in it")
    planner = replace(Planner("intents"), instruction=INTENTS, form=Intents)
    first = replace(
        Solver("seed"),
        instruction=SEED.format(policies=rules),
        form=partial(answered, base=Seed),
        view=everything,
    )
    authors = [first.name, *(agent.name for agent in team)]

    async def deliberate(state: State, runtime: Runtime[Context]) -> Update:
        now = state.get("round", 0) + 1
        thoughts = numbered(notes(state.get("thoughts", []), authors))
        speaker = replace(
            team[(now - 1) % len(team)],
            instruction=DELIBERATE.format(policies=rules, thoughts=thoughts or "none"),
            form=partial(answered, base=Turn),
            relate=_links,
        )
        return {**await speaker({**state, "round": now}, runtime), "round": now}

    async def go_on(state: State) -> str:
        turns = [one for one in state.get("thoughts", []) if one.author in authors[1:] and one.round > 0]
        needed = max(len(team) - 1, 1)
        last = [bool(one.data.get("agree")) and not one.data.get("new_thoughts") for one in turns[-needed:]]
        silent = len(turns) >= 2 and not any(one.data for one in turns[-2:])
        agreed = len(last) == needed and all(last)
        return "refine" if agreed or silent or state["round"] >= rounds else "deliberate"

    async def refine(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        question, said = Question.of(state["question"]), state.get("thoughts", [])
        given = notes(said, authors)
        agent = replace(
            refiner,
            instruction=REFINE.format(policies=rules, thoughts=numbered(given) or "none"),
            form=partial(answered, base=Refined),
            view=everything,
        )
        update = await agent(state, runtime)
        final = last_of(update)
        held = positions([*said, *([final] if final else [])], question, [*authors, refiner.name])
        answer = own_answer(final if refiner.name in held else _last(said, held), question)
        numbers = kept(given, final.data.get("dropped") if final else None)
        report = {
            "kept": numbers,
            "dropped": [number for number in range(1, len(given) + 1) if number not in numbers],
            "chain": [given[number - 1] for number in numbers],
            "rounds": state.get("round", 0),
        }
        return {**update, "answer": reported(answer, report)}

    graph = new_graph()
    graph.add_node("intents", planner).add_node("seed", first).add_node(deliberate).add_node(refine)
    graph.add_edge(START, "intents").add_edge("intents", "seed").add_edge("seed", "deliberate")
    return graph.add_conditional_edges("deliberate", go_on, ["deliberate", "refine"]).add_edge("refine", END)


def _last(said: Sequence[Thought], held: dict[str, Thought]) -> Thought | None:
    """The latest readable answer of those who deliberated."""
    return next((one for one in reversed(said) if one in held.values()), None)
