"""ReEx-SQL: a query is found by running others on the way to it, on a tree of paths that share their beginnings.

    START -> look -> write, all at once -> execute -+-> write
                                                    +-> elect -> END

A node is what was written up to a result. From each, several continuations are sampled; each ends in an intermediate
query, whose result makes a new node, or in a final one, which is a leaf.
"""

import json
import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send
from pydantic import JsonValue
from typing_extensions import TypedDict

from disputatio.agents.agent import Agent
from disputatio.agents.tool_step import observe
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.compose import turns_of
from disputatio.graphs.speaking import last_of, told
from disputatio.graphs.strategies.sql_paths import Leaf, Segment, elected, segment_of
from disputatio.graphs.wiring import Graph, new_graph, together
from disputatio.memory.transcript import of_kind, words
from disputatio.question import Question
from disputatio.state import Output, State, Update
from disputatio.strategies import strategy
from disputatio.thought import Answer, Link, Thought
from disputatio.tools.database import Database
from disputatio.tools.sql import opened, schema_text
from disputatio.tools.sql_results import block, is_ordered, read, same, shown_rows, single
from disputatio.tools.sqlite import SqliteDatabase
from disputatio.tools.tool import Tool, tool

MAX_ROWS = 20_000
"""Rows by which two results are compared."""
SECONDS = 30.0
RULES = """\
You write the one SQL query that answers the question on the tables above. Think first, as <think>...</think>. To see \
something of the data, such as the values of a column, a count or the size of a join, write one query as \
<intermediate_sql>...</intermediate_sql> and stop: its result is then shown to you as <result>...</result>, which you \
never write yourself. When you know enough, write <final_sql>...</final_sql> and stop."""
LAST = "No further intermediate query can be run. Think, and write <final_sql>...</final_sql> now."


class Node(TypedDict):
    """What was written up to a result."""

    id: str
    """Of the last thought of it; empty for the root."""
    depth: int
    """How many results are in it."""
    weight: int
    """How many samples came to it: equal ones are merged."""
    text: str


class Written(TypedDict):
    """One continuation."""

    id: str
    node: str


class Paths(State):
    """The state of the tree."""

    schema: str
    """The tables, as the model reads them."""
    nodes: list[Node]
    """Those that are gone on from now."""
    written: Annotated[list[Written], operator.add]
    leaves: list[Leaf]
    ran: dict[str, str]
    """What each query gave, by the query."""
    segments: int
    node: Node
    place: int
    """Which of those who write now it is, from 1."""


def _segments(samples: int, depth: int, leaves: int, solver: Agent | None, **_: Any) -> int:
    return sum(min(int(samples**level), leaves) for level in range(1, depth + 2)) * turns_of(solver)


@strategy(source="ReEx-SQL 2025, sections on execution-aware reasoning and tree decoding", calls=_segments)
def reex_sql(
    *,
    database: Database | str | None = None,
    samples: int = 2,
    depth: int = 3,
    leaves: int = 8,
    solver: Agent | None = None,
) -> Graph:
    """Write SQL with queries in between whose results are seen, on a tree of paths, and vote on what the ends give.

    The answer is what the query gives, if that is one value, and the query itself otherwise; the query is in the
    answer's data, too, as `sql`. A path costs a call for each
    query in it; a tree that never ends early costs samples + samples^2 + ... + samples^(depth + 1) calls, each level
    at most `leaves`. One sample is the linear form of the paper.

    Args:
        database: A file of SQLite, the URL of a server, or a `Database`; it is only read. None makes one in memory of
            the tables that the documents of the question create.
        samples: Continuations of each node, at least 1.
        depth: The most intermediate queries of a path, at least 0.
        leaves: The most final queries, at least 1.
        solver: Who writes; None makes an agent at temperature 0.8, or 0 for one sample.

    Raises:
        ConfigurationError: If a number is too small, or the database is of a kind that cannot be held to reading.
        StoreError: If the database cannot be read.

    Departs from the paper: the paper trains a model for these tags by reinforcement, here they are asked for in the
    prompt; the widths, the merging of equal continuations, the vote on results and all limits are ours, since the
    paper does not give them; the reply is cut behind its first query after it was written, not while it is. A query
    that fails is not repaired, and equal queries are run once.
    """
    if samples < 1 or depth < 0 or leaves < 1:
        raise ConfigurationError(
            f"reex_sql needs samples and leaves of at least 1, and depth of 0 or more: got {samples}, {leaves}, {depth}"
        )
    known = None if database is None else opened(database, seconds=SECONDS, max_rows=MAX_ROWS)
    writer = solver or Agent(
        name="solver",
        role="solver",
        instruction=RULES,
        view=of_kind("plan"),
        temperature=0.8 if samples > 1 else 0.0,
    )

    async def look(state: State, runtime: Runtime[Context]) -> dict[str, object]:
        question = Question.of(state["question"])
        tools = _tools(known or SqliteDatabase.of_statements(question.context))
        shown = await observe(tools, "schema", "{}", question, runtime.context, asked_by=writer.name, round=0)
        runtime.context.say(shown)
        root = Node(id="", depth=0, weight=1, text="")
        tables = f"The tables:\n{words(shown)}"
        return {"thoughts": [shown], "schema": tables, "nodes": [root], "leaves": [], "ran": {}, "segments": 0}

    async def write(state: Paths, runtime: Runtime[Context]) -> dict[str, object]:
        node = state["node"]
        about = [one for one in state["thoughts"] if one.id == node["id"]]
        parts = (state["schema"], node["text"], LAST if node["depth"] == depth else "")
        agent = told(writer, "\n\n".join(filter(None, parts)), name=f"{writer.name} {state['place']}", about=about)
        before = State(question=state["question"], thoughts=[], round=node["depth"] + 1)
        said = await agent(before, runtime)
        last = last_of(said)
        return {**said, "written": [Written(id=last.id, node=node["id"])] if last else []}

    async def execute(state: Paths, runtime: Runtime[Context]) -> dict[str, object]:
        nodes = {node["id"]: node for node in state["nodes"]}
        said = {one.id: one for one in state["thoughts"]}
        new = [(said[one["id"]], nodes[one["node"]]) for one in state["written"][state["segments"] :]]
        read_ = [(thought, node, segment_of(thought.text, cut=thought.cut)) for thought, node in new]
        wanted: dict[str, list[tuple[Thought, Segment]]] = {}
        for thought, node, segment in read_:
            if segment.kind == "final" or (segment.kind == "intermediate" and node["depth"] < depth):
                wanted.setdefault(same(segment.sql), []).append((thought, segment))
        question = Question.of(state["question"])
        tools = _tools(known or SqliteDatabase.of_statements(question.context))
        update, ran = await _executed(tools, wanted, state["ran"], question, runtime.context)
        grown, ended = _grown(read_, ran, depth)
        count = len(state["written"])
        return {**update, "nodes": grown, "leaves": [*state["leaves"], *ended], "ran": ran, "segments": count}

    async def elect(state: Paths) -> Output:
        return {"answer": _answer(state)}

    graph = new_graph(look, write, execute, elect, state=Paths)

    def go_on(state: Paths) -> str | list[Send]:
        room = leaves - len(state["leaves"])
        nodes = [node for _ in range(samples) for node in state["nodes"]][: max(room, 0)]
        shared = {key: state.get(key, []) for key in ("question", "thoughts", "schema")}
        return [Send("write", {**shared, "node": node, "place": n}) for n, node in enumerate(nodes, 1)] or "elect"

    graph.add_conditional_edges("look", go_on, ["write", "elect"])
    graph.add_conditional_edges("execute", go_on, ["write", "elect"])
    return graph.add_edge(START, "look").add_edge("write", "execute").add_edge("elect", END)


async def _executed(
    tools: Sequence[Tool],
    wanted: Mapping[str, list[tuple[Thought, Segment]]],
    ran: Mapping[str, str],
    question: Question,
    context: Context,
) -> tuple[Update, dict[str, str]]:
    """Run the queries that were not run before, all at once, each once."""
    new = {key: asked for key, asked in wanted.items() if key not in ran}
    observed = await together(
        observe(tools, "execute", json.dumps({"statement": segment.sql}), question, context,
                asked_by=thought.author, round=thought.round, origin=thought.id)
        for thought, segment in (asked[0] for asked in new.values())
    )  # fmt: skip
    links: list[Link] = []
    for result, asked in zip(observed, new.values(), strict=True):
        own = [Link(source=result.id, target=thought.id, kind="uses") for thought, _ in asked]
        context.say(result, links=own)
        links += own
    texts = {key: result.text for key, result in zip(new, observed, strict=True)}
    return {"thoughts": list(observed), "links": links}, {**ran, **texts}


def _grown(
    written: Sequence[tuple[Thought, Node, Segment]], ran: Mapping[str, str], depth: int
) -> tuple[list[Node], list[Leaf]]:
    """The nodes and leaves that come of continuations: equal ones of a node become one, with the weight of all."""
    nodes: dict[tuple[str, str], Node] = {}
    leaves: dict[tuple[str, str], Leaf] = {}
    for thought, node, segment in written:
        key = (node["id"], same(segment.sql))
        if segment.kind == "intermediate" and node["depth"] < depth:
            shown = f"{segment.text}\n<result>\n{block(ran[key[1]])}\n</result>\n{segment.note}".strip()
            text = f"{node['text']}\n\n{shown}".strip()
            made = Node(id=thought.id, depth=node["depth"] + 1, weight=node["weight"], text=text)
            nodes[key] = {**nodes[key], "weight": nodes[key]["weight"] + node["weight"]} if key in nodes else made
        elif segment.kind == "final":
            rows, result = read(ran[key[1]]) or (0, "")
            leaf = Leaf(id=thought.id, sql=segment.sql, weight=node["weight"], rows=rows, key=result)
            leaves[key] = {**leaves[key], "weight": leaves[key]["weight"] + node["weight"]} if key in leaves else leaf
        else:
            leaves[thought.id, ""] = Leaf(id=thought.id, sql="", weight=node["weight"], rows=0, key="")
    return list(nodes.values()), list(leaves.values())


def _answer(state: Paths) -> Answer:
    best, weights = elected(state["leaves"])
    leaves: list[JsonValue] = [dict(leaf) for leaf in state["leaves"]]  # type: ignore[arg-type]
    report: dict[str, JsonValue] = {
        "leaves": leaves,
        "weights": dict(weights),
        "segments": state["segments"],
        "executions": len(state["ran"]),
    }
    if best is None:
        return Answer(stop_reason="undecided", data=report)
    report["sql"] = best["sql"]
    result = state["ran"][same(best["sql"])]
    text, rationale = single(result) or best["sql"], f"{best['sql']}\n{result}"
    value = Question.of(state["question"]).canonical(text)
    if value is None:
        return Answer(stop_reason="undecided", rationale=rationale, data=report)
    share = weights[best["key"]] / sum(leaf["weight"] for leaf in state["leaves"])
    return Answer(text=text, value=value, confidence=share, rationale=rationale, data=report)


def _tools(database: Database) -> list[Tool]:
    """The tools of the method: one that shows the tables, and one that runs a query and tells as much as is seen."""

    @tool(name="schema", access="read", timeout_s=SECONDS + 5, max_output=20_000)
    def schema() -> str:
        """Tables of the database."""
        return schema_text(database) or "(there are none)"

    @tool(name="execute", access="read", timeout_s=SECONDS + 5, max_output=8000)
    def execute(statement: str) -> str:
        """Run a query."""
        return shown_rows(database.query(statement), ordered=is_ordered(statement))

    return [schema, execute]
