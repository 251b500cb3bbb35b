"""Result: what a run gives back: the answer, everything that was said, what it cost and why it ended."""

from pathlib import Path

import networkx as nx
from pydantic import BaseModel, ConfigDict, JsonValue

from disputatio import markdown, page
from disputatio.budget import Usage
from disputatio.question import Question
from disputatio.thought import Answer, Link, Thought


class Spent(BaseModel):
    """One line of the cost report: what one agent spent in one round on one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: str
    role: str
    round: int
    model: str
    usage: Usage


class Result(BaseModel):
    """The outcome of one run. `result.model_dump_json()` and `Result.model_validate_json(...)` are its JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    question: Question
    strategy: str
    """The strategy with the parameters that were set, as Python would write it."""
    answer: Answer
    thoughts: tuple[Thought, ...] = ()
    links: tuple[Link, ...] = ()
    usage: Usage = Usage()
    spent: tuple[Spent, ...] = ()
    seconds: float = 0.0
    stop_reason: str = "finished"
    """Why the run ended: finished, agreed, undecided, budget, deadline, cancelled, error, or waiting for a person."""
    settings: dict[str, JsonValue] = {}
    """Models by role, budget, seed, temperature, version."""

    @property
    def graph(self) -> "nx.DiGraph[str]":
        """All thoughts as nodes (attributes as in `Thought`) and all links as edges (attribute `kind`)."""
        graph: nx.DiGraph[str] = nx.DiGraph(question=self.question.text)
        for thought in self.thoughts:
            graph.add_node(thought.id, **thought.model_dump(exclude={"id"}))
        graph.add_edges_from((link.source, link.target, {"kind": link.kind}) for link in self.links)
        return graph

    def show(self) -> None:
        """Print the answer, how it came about and what it cost, in colours where the terminal has them."""
        markdown.show(self)

    def to_markdown(self) -> str:
        """The whole run as a Markdown document."""
        return markdown.document(self)

    def to_mermaid(self) -> str:
        """The graph of thoughts as a Mermaid flowchart."""
        return markdown.mermaid(self)

    def to_html(self, path: str | Path | None = None) -> str:
        """The run as one self-contained page with the graph of thoughts; written to `path` if one is given."""
        return page.write(self, path)

    def _repr_html_(self) -> str:
        return page.embed(self)
