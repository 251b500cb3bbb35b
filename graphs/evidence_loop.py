"""Evidence loop: search, see whether what was found suffices, and if not ask what is missing and search for that.

START -> gather -> attempt -+-> conclude -> END                 answered, or the attempts are used
           ^                +-> probe -+-> gather
           |                           +-> conclude             nothing new to ask
           +-- evidence goes into the run's workspace, each text once, and stays there until it is retracted
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from pydantic import JsonValue

from disputatio.agents.agent import Agent
from disputatio.agents.forms import answered
from disputatio.agents.prober import Prober
from disputatio.agents.proposer import Proposer
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import answer_of, own_answer, reported
from disputatio.graphs.speaking import last_of
from disputatio.graphs.wiring import Graph, joined, new_graph
from disputatio.memory.names import words_of
from disputatio.memory.transcript import View
from disputatio.memory.workspace import content_hash, contents, evidence, retracted, retraction, seen_by
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought

EVIDENCE = "evidence"
SUFFICES = """\
Above stands the evidence that was found. Think about what it says of the question. Answer only if the evidence \
suffices; if anything is missing, answer none."""
FORCED = """\
Above stands all the evidence that could be found. Give the answer that it speaks for most, even if it does not \
suffice."""


class Found(NamedTuple):
    """A text that a search found."""

    text: str
    source: str
    """Where: "chapter 3", an address, a file and line."""
    layer: str = ""
    """What sort of evidence it is, where a search has several."""
    trusted: bool = False
    """Whether somebody vouches for it; if not, it is shown as data."""


Search = Callable[[str, Collection[str]], Sequence[Found]]
"""Finds texts for a query, the best first, without those whose `content_hash` is among the given ones."""


class Gathering(State):
    """The state of the loop."""

    asked: list[str]
    """What was searched for so far."""
    due: list[str]
    """What is searched for next."""
    attempts: int
    ended: str
    """Why the loop is over: answered, attempts or nothing new; empty while it is not."""


@strategy(
    source="Disputatio, after Wang et al. 2025, arXiv:2508.10419",
    calls=lambda answerer, prober, attempts, **_: (
        (attempts + 1) * turns_of(answerer) + (attempts - 1) * turns_of(prober)
    ),
)
def evidence_loop(
    search: Search,
    *,
    attempts: int = 3,
    probes: int = 3,
    answerer: Agent | None = None,
    prober: Agent | None = None,
) -> Graph:
    """Search for evidence, answer once it suffices, and until then ask what is missing and search for that.

    An answer at attempt a costs 2 a - 1 turns. If the last attempt fails, or there is nothing new to ask, one more turn
    gives the answer that the evidence speaks for most, and the data says that it was forced. Evidence is kept in the
    run's workspace: each text once, with where it was found and by which question; what the prober calls wrong is
    retracted, and neither it nor what rests on it is seen again.

    Args:
        search: Finds texts for a query; a function of your own, which reads a book, a graph or an index.
        attempts: The most attempts to answer, at least 1.
        probes: The most new questions after each failed attempt, at least 1.
        answerer: Who answers; its form gives an answer only if the evidence suffices. None makes a solver.
        prober: Who asks, in its fields `probes` and `wrong`; None makes a prober.

    Raises:
        ConfigurationError: If a number is below 1, or both agents have one name.
    """
    if attempts < 1 or probes < 1:
        raise ConfigurationError(f"an evidence loop needs attempts and probes of at least 1, got {attempts}, {probes}")
    solving, asking = _agents(answerer, prober or Prober(probes=probes))

    async def gather(state: Gathering, runtime: Runtime[Context]) -> dict[str, Any]:
        now = state.get("round", 0) + 1
        due = state.get("due") or [Question.of(state["question"]).text]
        found = _gathered(search, due, state.get("thoughts", []), runtime.context, now)
        runtime.context.say(*found)
        asked = [*state.get("asked", []), *due]
        return {"thoughts": found, "asked": asked, "due": [], "round": now, "ended": _ended(found, now)}

    async def attempt(state: Gathering, runtime: Runtime[Context]) -> dict[str, Any]:
        if state["ended"]:
            return {}
        said = await solving(state, runtime)
        last, made = last_of(said), state.get("attempts", 0) + 1
        answer = own_answer(last, Question.of(state["question"]))
        left = "" if made < attempts else "attempts"
        return {**said, "attempts": made, "ended": left if answer.abstained else "answered"}

    async def probe(state: Gathering, runtime: Runtime[Context]) -> dict[str, Any]:
        said = await asking(state, runtime)
        last = last_of(said)
        new = unasked(last, state["asked"], probes)
        taken = _retractions(last, state, runtime.context)
        return {**_both(said, taken, runtime.context), "due": new, "ended": "" if new else "nothing new"}

    async def force(state: Gathering, runtime: Runtime[Context]) -> Any:
        return await replace(solving, instruction=FORCED, form=answered)(state, runtime)

    async def conclude(state: Gathering) -> Output:
        return {"answer": reported(answer_of(state, solving.name), _report(state))}

    def after_attempt(state: Gathering) -> str:
        return {"": "probe", "answered": "conclude"}.get(state["ended"], "force")

    graph = new_graph(gather, attempt, probe, force, conclude)
    graph.add_edge(START, "gather")
    graph.add_edge("gather", "attempt")
    graph.add_conditional_edges("attempt", after_attempt, ["probe", "force", "conclude"])
    graph.add_conditional_edges("probe", lambda state: "force" if state["ended"] else "gather", ["gather", "force"])
    graph.add_edge("force", "conclude")
    graph.add_edge("conclude", END)
    return graph


def _agents(answerer: Agent | None, prober: Agent) -> tuple[Agent, Agent]:
    """Who answers, from the evidence alone, and who asks."""
    solving = answerer or Proposer("answerer", instruction=SUFFICES)
    if prober.name == solving.name:
        raise ConfigurationError(f"both agents of the loop are called {prober.name!r}")
    return replace(solving, view=_all_but(solving.name, prober.name), relate=_uses), prober


def _all_but(reader: str, *authors: str) -> View:
    """The evidence that stands for a reader, and what was said before the loop."""
    standing = seen_by(reader)
    return lambda state: [
        one for one in standing(state) if one.author not in (reader, *authors) and "retracts" not in one.data
    ]


def _uses(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
    return [Link(source=thought.id, target=one.id, kind="uses") for one in seen if one.role == EVIDENCE]


def _found(thoughts: Sequence[Thought]) -> list[Thought]:
    return [one for one in thoughts if one.role == EVIDENCE and "retracts" not in one.data]


def _gathered(
    search: Search, due: Sequence[str], thoughts: Sequence[Thought], context: Context, now: int
) -> list[Thought]:
    """What a search finds that is not in the workspace yet, as evidence."""
    have, first = contents(thoughts), len(_found(thoughts)) + 1
    new: list[Thought] = []
    for query in due:
        for one in search(query, frozenset(have)):
            if (key := content_hash(one.text)) not in have:
                have.add(key)
                new.append(_kept(context, one, query, first + len(new), now))
    return new


def _ended(found: Sequence[Thought], now: int) -> str:
    return "" if found or now == 1 else "nothing new"


def _report(state: Gathering) -> dict[str, JsonValue]:
    found = _found(state.get("thoughts", []))
    fallen = retracted(state.get("thoughts", []), state.get("links", []))
    return {
        "ended": state["ended"],
        "forced": state["ended"] != "answered",
        "attempts": state.get("attempts", 0),
        "probes": [*state["asked"][1:]],
        "evidence": len(found),
        "retracted": [one.author for one in found if one.id in fallen],
    }


def _both(said: Update, taken: Sequence[tuple[Thought, list[Link]]], context: Context) -> Update:
    """What the prober said, with its retractions, which are recorded."""
    for thought, own in taken:
        context.say(thought, links=own)
    return joined(said, *({"thoughts": [thought], "links": own} for thought, own in taken))


def _kept(context: Context, found: Found, query: str, number: int, now: int) -> Thought:
    """What was found as a thought of the workspace, which is called by its number."""
    thought, _ = evidence(
        context,
        found.text,
        source=found.source,
        author=f"{EVIDENCE} {number}",
        layer=found.layer,
        query=query,
        trusted=found.trusted,
        round_=now,
    )
    return thought


def unasked(said: Thought | None, asked: Sequence[str], most: int) -> list[str]:
    """The probes of a prober's field `probes` that were not asked before, each once."""
    listed = said.data.get("probes") if said else None
    known = {words_of(one) for one in asked}
    new: dict[str, str] = {}
    for one in map(str, listed) if isinstance(listed, list) else ():
        if words_of(one) and words_of(one) not in known:
            new.setdefault(words_of(one), one.strip())
    return list(new.values())[:most]


def _retractions(said: Thought | None, state: State, context: Context) -> list[tuple[Thought, list[Link]]]:
    """What takes back the evidence that a prober calls wrong."""
    listed = said.data.get("wrong") if said else None
    if said is None or not isinstance(listed, list):
        return []
    numbers = {int(one) for text in listed for one in re.findall(r"\d+", str(text)[:40])}
    fallen = retracted(state.get("thoughts", []), state.get("links", []))
    by_name = {one.author: one for one in state.get("thoughts", []) if one.role == EVIDENCE}
    named = [by_name[name] for number in sorted(numbers) if (name := f"{EVIDENCE} {number}") in by_name]
    return [
        retraction(context, one.id, author=said.author, reason=f"{one.author} is wrong.", round_=state.get("round", 0))
        for one in named
        if one.id not in fallen
    ]
