"""Triple extractor: reads the facts out of a passage; `learn` puts them into a knowledge graph, with the passage.

Only what the passage names is learnt: a model that knows more than the passage says is no source.
"""

import re
from typing import NamedTuple

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.errors import ConfigurationError
from disputatio.memory.knowledge_graph import KnowledgeGraph, Triple
from disputatio.memory.names import words_of
from disputatio.memory.transcript import View
from disputatio.model import Model
from disputatio.thought import Thought

EXTRACT = """\
List the facts that the document states, at most {most}, one a line: "head | relation | tail". Head and tail are names \
as the document writes them, the relation is a short verb phrase. Put "not" before a relation that the document \
denies. Add nothing that it does not say."""
_MARK = re.compile(r"^[\s*\u2022-]*(?:\d+[.)]\s*)?")


class Triples(Form):
    """The facts of a passage."""

    triples: list[str] = Field(description='a numbered list of facts, each as "head | relation | tail"')


class Learnt(NamedTuple):
    """What became of an extractor's lines."""

    triples: list[Triple]
    refused: list[str]
    """The lines that are no facts of the passage, each with the reason."""


def _nothing(state: object) -> list[Thought]:
    return []


def TripleExtractor(
    name: str = "extractor", *, most: int = 15, model: str | Model | None = None, view: View = _nothing
) -> Agent:
    """Make an agent that lists the facts stated in the question's documents, in its field `triples`.

    Args:
        name: Its name.
        most: How many facts it is told to list at most.
        model: A model of its own; None takes the run's.
        view: What it sees besides the documents.
    """
    return Agent(
        name=name,
        role="extractor",
        instruction=EXTRACT.format(most=most),
        kind="observation",
        form=Triples,
        prose=False,
        view=view,
        temperature=0.0,
        model=model,
    )


def learn(graph: KnowledgeGraph, said: Thought, passage: str, *, confidence: float = 0.5) -> Learnt:
    """Add what an extractor read in a passage to a graph. The passage is the source of each fact.

    Args:
        graph: Where the facts go; entities are found there by alias and whatever their case.
        said: The extractor's thought.
        passage: What it read.
        confidence: How sure one reading is, above 0 and at most 1.
    """
    listed, within = said.data.get("triples"), f" {words_of(passage)} "
    added, refused = [], []
    for line in map(str, listed) if isinstance(listed, list) else ():
        parts = [part.strip(" \"'") for part in _MARK.sub("", line).split("|")]
        reason = ""
        if len(parts) != 3 or not all(map(words_of, parts)):
            reason = 'it is not "head | relation | tail"'
        else:
            strange = [part for part in parts[::2] if f" {words_of(part)} " not in within]
            reason = f"the passage does not name {strange[0]!r}" if strange else ""
        if not reason:
            try:
                added.append(_add(graph, parts, passage, confidence))
            except ConfigurationError as error:
                reason = str(error)
        if reason:
            refused.append(f"{line[:200]}: {reason}")
    return Learnt(added, refused)


def _add(graph: KnowledgeGraph, parts: list[str], passage: str, confidence: float) -> Triple:
    head, tail = (meant[0] if len(meant := graph.names.meanings(one)) == 1 else one for one in parts[::2])
    negated = parts[1].casefold().startswith("not ")
    relation = parts[1][4:].strip() if negated else parts[1]
    return graph.add(head, relation, tail, confidence=confidence, source=passage, negated=negated)
