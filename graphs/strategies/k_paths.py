"""K-Paths: few short paths between two entities of a knowledge graph, each along other relations, as evidence.

START -> retrieve -> predict -> conclude -> END
"""

import re
from collections.abc import Sequence
from typing import Literal

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from pydantic import JsonValue

from disputatio.agents.agent import Agent
from disputatio.agents.forms import answered
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import last_by, own_answer, reported
from disputatio.graphs.wiring import Graph, new_graph
from disputatio.memory.knowledge_graph import KnowledgeGraph
from disputatio.memory.knowledge_graph_formats import open_graph
from disputatio.memory.paths import Path, Paths
from disputatio.memory.transcript import of_kind
from disputatio.question import Question
from disputatio.state import Output, State
from disputatio.strategies import strategy
from disputatio.thought import Link, Thought
from disputatio.writing import numbered

EVIDENCE = "knowledge graph"
"""The author of the evidence."""
NEIGHBOURS = 5
"""Facts about each of the two where neighbours are all that is wanted."""
THINK = "Think step by step, then answer the question."
PREDICT = f"""\
The numbered lines above come from a knowledge graph, which may be incomplete; that two things are connected does not \
prove an answer. Say which lines you use, as "path 2", and why. {THINK}"""

Mode = Literal["paths", "all", "neighbours"]


class Retrieved(State):
    """The state of the strategy."""

    found: str
    """What the evidence is: paths, neighbours or nothing."""
    pair: list[str]
    """The two entities that the question is about, as far as they are known."""


@strategy(
    source="Abdullahi et al. 2025, arXiv:2502.13344, section 3; defaults of the released code",
    calls=lambda predictor, **_: turns_of(predictor),
)
def k_paths(
    *,
    graph: KnowledgeGraph | str | None = None,
    source: str | None = None,
    target: str | None = None,
    k: int = 10,
    max_length: int = 3,
    mode: Mode = "paths",
    hidden: Sequence[str] | str = (),
    inverses: bool = True,
    predictor: Agent | None = None,
) -> Graph:
    """Show the shortest paths between two entities of a graph, each along other relations, to who answers.

    Costs one turn. Where there is no path, up to k facts about each of the two are shown, each of another relation;
    where the graph knows only one of them, facts about that one.

    Args:
        graph: A knowledge graph, or the path of a file that `read_graph` reads; None has no evidence, as a baseline.
        source: Name of the one entity; None takes the first that the question names.
        target: Name of the other; None takes the next one that it names.
        k: The most paths, at least 1.
        max_length: The most hops of a path, at least 1.
        mode: What is shown: "paths" that differ in their relations; "all", the control, paths that may be alike; or
            "neighbours", the control without paths, five facts about each entity.
        hidden: Relations that are to be predicted: facts of theirs that join the two directly are never shown.
        inverses: Whether paths may go against the direction of a relation.
        predictor: Who answers; None makes a solver that sees the evidence.

    Raises:
        ConfigurationError: If a number or the mode is not allowed, or the graph has no such entity.
        StoreError: If the graph cannot be read.

    Departs from the paper: paths of one length come in the order of their relations' and entities' names, which makes
    runs repeatable; several relations between two entities are all followed, where the released code keeps one; loops
    are left out. Entities are found in the question by their names. Lines are numbered, and who answers is asked to
    cite them. Test triples must be kept out of the graph by who loads it.
    """
    known = open_graph(graph)
    if k < 1 or max_length < 1 or mode not in ("paths", "all", "neighbours"):
        raise ConfigurationError(
            f"k_paths needs k and max_length of at least 1 and a mode of paths, all or neighbours, got k={k}, "
            f"max_length={max_length}, mode={mode!r}"
        )
    given = {place: known.find(name) for place, name in enumerate((source, target)) if name is not None}
    unseen = [hidden] if isinstance(hidden, str) else list(hidden)
    agent = predictor or Agent(
        name="predictor",
        role="solver",
        instruction=_told,
        form=answered,
        view=of_kind("plan", "observation"),
        relate=_uses,
    )
    snapshots: dict[int, Paths] = {}

    def found(pair: Sequence[str]) -> tuple[str, list[Path]]:
        if known.version not in snapshots:
            snapshots.clear()
            snapshots[known.version] = Paths(known, inverses=inverses)
        paths = snapshots[known.version]
        if mode != "neighbours" and len(pair) == 2:
            between = paths.between(*pair, k=k, max_length=max_length, diverse=mode == "paths", hidden=unseen)
            if between or pair[0] == pair[1]:
                return "paths" if between else "nothing", between
        most = NEIGHBOURS if mode == "neighbours" else k
        others = pair[::-1] if len(pair) == 2 else [""]
        facts = {
            path.triples: path  # a fact that joins the two is one about both
            for one, other in zip(pair, others, strict=False)
            for path in paths.around(one, k=most, besides=other, hidden=unseen)
        }
        return "neighbours" if facts else "nothing", list(facts.values())

    async def retrieve(state: State, runtime: Runtime[Context]) -> dict[str, object]:
        named = iter(
            one for one in known.names.mentioned(Question.of(state["question"]).text) if one not in given.values()
        )
        places = [given.get(place) or next(named, None) for place in (0, 1)]
        pair = [one for one in places if one is not None]
        kind, paths = found(pair)
        evidence = _evidence(known, paths, runtime.context)
        if evidence:
            runtime.context.taint.untrusted.add(EVIDENCE)
            runtime.context.say(evidence)
        return {"thoughts": [evidence] if evidence else [], "found": kind, "pair": pair}

    async def conclude(state: Retrieved) -> Output:
        last, shown = last_by(state, agent.name), last_by(state, EVIDENCE)
        count = len(_listed(shown)) if shown else 0
        cited = sorted({int(one) for one in re.findall(r"\bpath\s+#?(\d{1,4})\b", last.text if last else "", re.I)})
        report = {
            "evidence": state["found"],
            "pair": [*state["pair"]],
            "paths": count,
            "cited": [one for one in cited if 1 <= one <= count],
            "unfounded": [one for one in cited if not 1 <= one <= count],
        }
        return {"answer": reported(own_answer(last, Question.of(state["question"])), report)}

    wired = new_graph(retrieve).add_node("predict", agent).add_node(conclude).add_edge(START, "retrieve")
    return wired.add_edge("retrieve", "predict").add_edge("predict", "conclude").add_edge("conclude", END)


def _told(agent: Agent, question: Question, seen: Sequence[Thought]) -> str:
    return PREDICT if any(one.author == EVIDENCE for one in seen) else THINK


def _uses(thought: Thought, seen: Sequence[Thought]) -> list[Link]:
    return [Link(source=thought.id, target=one.id, kind="uses") for one in seen if one.author == EVIDENCE]


def _listed(evidence: Thought) -> list[JsonValue]:
    listed = evidence.data.get("paths")
    return listed if isinstance(listed, list) else []


def _evidence(graph: KnowledgeGraph, paths: Sequence[Path], context: Context) -> Thought | None:
    """The paths as one observation, with the sources of each of their facts."""
    text = numbered(path.words(graph) for path in paths)
    listed: list[JsonValue] = [
        {
            "entities": list(path.entities),
            "facts": [{"triple": list(one), "sources": dict(graph.fact(one).sources)} for one in path.triples],
        }
        for path in paths
    ]
    if not listed:
        return None
    return Thought(
        id=context.identify(EVIDENCE, 0, text),
        author=EVIDENCE,
        role="tool",
        kind="observation",
        text=text,
        scope=context.scope,
        data={"paths": listed, "trusted": False},
    )
