"""The index of a long text in layers: passages with their facts, summaries of clusters, summaries along the story.

    veridical    passages, ranked by a walk over the graph of their facts
    semantic     summaries of what belongs together, and summaries of these, up to five levels
    episodic     a summary of each stretch of passages, in the order of the story

It is made once for a text; a text that has changed needs another one. Source: see `comorag`.
"""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import replace
from math import ceil, log2
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict

from disputatio.agents.agent import Agent
from disputatio.agents.summariser import Summariser
from disputatio.agents.triple_extractor import TripleExtractor, learn
from disputatio.context import Context
from disputatio.errors import ConfigurationError, StoreError, require
from disputatio.graphs.speaking import last_of
from disputatio.graphs.wiring import together
from disputatio.memory.bag_of_words import Embed, embedding
from disputatio.memory.clustering import soft_clusters
from disputatio.memory.knowledge_graph import KnowledgeGraph, Triple
from disputatio.memory.passage_graph import PassageGraph
from disputatio.memory.vectors import Vectors, unit
from disputatio.memory.workspace import content_hash
from disputatio.question import Question
from disputatio.state import State
from disputatio.tools.folder import Folder
from disputatio.tools.passages import Passage, cut_up, passages_of

LAYERS = ("veridical", "semantic", "episodic")
LEVELS = 5
TOGETHER = "Sum up what the documents have in common: who, what and where, with all key details."
STORY = "Sum up what happens in the documents, in order: events, turning points, and what leads to what."


class Book(BaseModel):
    """An index as a value, which `model_dump_json` writes and `model_validate_json` reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages: tuple[Passage, ...]
    """In the order of the text."""
    facts: tuple[tuple[int, Triple], ...] = ()
    """Each with the place of the passage that states it, from 0."""
    summaries: tuple[str, ...] = ()
    stretches: tuple[tuple[str, str], ...] = ()
    """Summaries along the story, each with its passages: "passages 4 to 6"."""

    def texts(self, layer: str) -> list[tuple[str, str]]:
        """Where each text of a layer is from, and the text."""
        if layer == "veridical":
            return [(one.source, one.text) for one in self.passages]
        if layer == "semantic":
            return [(f"summary {number}", text) for number, text in enumerate(self.summaries, 1)]
        return list(self.stretches)


def passages_in(documents: Sequence[str] | str) -> list[Passage]:
    """The passages of a folder's text files, or of texts; each text once.

    Raises:
        StoreError: If there is no such folder.
    """
    if isinstance(documents, str):
        found = list(passages_of(Folder(Path(documents).expanduser())))
        if not found:
            raise StoreError(f"there is no text to read in {documents!r}")
    else:
        found = [
            Passage(f"document {number}, line {line}", part)
            for number, text in enumerate(documents, 1)
            for part, line in cut_up(text)
        ]
    return list({content_hash(one.text): one for one in reversed(found)}.values())[::-1]


def window(passages: int) -> int:
    """How many passages one summary along the story is of."""
    for most, size in ((5, 2), (20, 3), (50, 5), (100, 8), (200, 10)):
        if passages <= most:
            return size
    return min(20, max(10, int(2 * log2(passages))))


def indexing_calls(passages: int, layers: Collection[str] = LAYERS) -> int:
    """The most calls that it takes to index so many passages."""
    if passages < 2:
        return passages * ("veridical" in layers)
    clusters, left = 0, passages
    for _ in range(LEVELS):
        left = left // 2
        clusters += left
    stretches = ceil(passages / window(passages))
    return passages * ("veridical" in layers) + clusters * ("semantic" in layers) + stretches * ("episodic" in layers)


async def index_book(
    passages: Sequence[Passage],
    context: Context,
    *,
    embed: Embed | None = None,
    layers: Collection[str] = LAYERS,
    extractor: Agent | None = None,
    summariser: Agent | None = None,
) -> Book:
    """Read a text and make its index: a call for each passage, each cluster and each stretch of the story.

    Args:
        passages: The passages of the text, in its order; see `passages_in`.
        context: The resources of the run, its budget among them; see `indexing_calls` for what is needed.
        embed: Texts to vectors, by which passages are clustered; None is what `embedding` finds.
        layers: Which layers are made; passages always are.
        extractor: Who lists the facts of a passage; None makes a triple extractor.
        summariser: Who sums up; None makes a summariser.

    Raises:
        MissingExtraError: If the extra `knowledge` is not installed.
    """
    require("sklearn", extra="knowledge")
    texts = [one.text for one in passages]
    reader = Reader(context, extractor or TripleExtractor(), summariser or Summariser())
    reading: list[Coroutine[Any, Any, Any]] = [
        together(reader.facts(place, text) for place, text in enumerate(texts) if "veridical" in layers),
        reader.summaries(texts if "semantic" in layers else [], embedding(embed)),
        reader.stretches(texts if "episodic" in layers else []),
    ]
    stated, summaries, stretches = await together(reading)
    return Book(
        passages=tuple(passages),
        facts=tuple(fact for facts in stated for fact in facts),
        summaries=tuple(summaries),
        stretches=tuple(stretches),
    )


class Reader:
    """Who reads a text for its index."""

    def __init__(self, context: Context, extractor: Agent, summariser: Agent) -> None:
        """Make one for a run."""
        self.runtime, self.extractor, self.summariser = Runtime(context=context), extractor, summariser

    async def facts(self, place: int, passage: str) -> list[tuple[int, Triple]]:
        """What a passage states."""
        asked = Question(text="Which facts does the document state?", context=(passage,))
        agent = replace(self.extractor, name=f"{self.extractor.name} {place + 1}")
        said = last_of(await agent(State(question=asked), self.runtime))
        known = KnowledgeGraph()
        learnt = learn(known, said, passage) if said else None
        return [(place, fact) for fact in dict.fromkeys(learnt.triples if learnt else ()) if fact in known]

    async def summaries(self, texts: Sequence[str], embed: Embed) -> list[str]:
        """Summaries of clusters, level by level."""
        made: list[str] = []
        for level in range(1, LEVELS + 1):
            if len(texts) < 2:
                break
            vectors = await asyncio.to_thread(embed, texts)
            clusters = await asyncio.to_thread(soft_clusters, vectors)
            names = [f"cluster {level}.{number}" for number in range(1, len(clusters) + 1)]
            groups = [[texts[place] for place in cluster] for cluster in clusters]
            texts = [text for text in await self._summed_up(names, groups, TOGETHER) if text]
            made += texts
        return list(dict.fromkeys(made))

    async def stretches(self, texts: Sequence[str]) -> list[tuple[str, str]]:
        """Summaries along the story."""
        if len(texts) < 2:
            return []
        size = window(len(texts))
        groups = [list(texts[at : at + size]) for at in range(0, len(texts), size)]
        names = [f"passages {at + 1} to {min(at + size, len(texts))}" for at in range(0, len(texts), size)]
        said = await self._summed_up(names, groups, STORY)
        return [(name, text) for name, text in zip(names, said, strict=True) if text]

    async def _summed_up(self, names: Sequence[str], groups: Sequence[Sequence[str]], instruction: str) -> list[str]:
        """One summary a group; of one text that text, and nothing if the budget allows none."""

        async def one(name: str, group: Sequence[str]) -> str:
            if len(group) == 1:
                return group[0]
            agent = replace(
                self.summariser, name=f"{self.summariser.name} of {name}", instruction=instruction, form=None
            )
            asked = Question(text="What is told here?", context=tuple(group))
            said = last_of(await agent(State(question=asked), self.runtime))
            return said.text if said else ""

        return await together(one(name, group) for name, group in zip(names, groups, strict=True))


class Shelves:
    """A book ready to be searched."""

    def __init__(self, book: Book, embed: Embed) -> None:
        """Embed all texts.

        Raises:
            MissingExtraError: If the extra `knowledge` is not installed.
        """
        self.embed = embed
        self.texts = {layer: book.texts(layer) for layer in LAYERS}
        self.graph = PassageGraph(len(book.passages), book.facts, embed)
        self._vectors = {layer: self._rows([text for _, text in texts]) for layer, texts in self.texts.items()}
        self._facts = self._rows([" ".join(fact) for fact in self.graph.facts])

    def facts(self, query: str, k: int = 5) -> dict[int, float]:
        """The facts nearest to a query, with how near each is, from 0 to 1 for the nearest of all."""
        near = _normal(self._near(self._facts, query, len(self.graph.facts)))
        return dict(list(near.items())[:k])

    def find(self, layer: str, query: str, facts: dict[int, float], without: Collection[str], k: int) -> list[int]:
        """The places of the k texts of a layer that fit a query best, without those whose `content_hash` is given."""
        texts = self.texts[layer]
        near = _normal(self._near(self._vectors[layer], query, len(texts)))
        if layer == "veridical" and facts:
            ranks = self.graph.rank(facts, [near[place] for place in range(len(texts))])
            near = dict(enumerate(ranks))
        left = [place for place in near if content_hash(texts[place][1]) not in without]
        return sorted(left, key=lambda place: (-near[place], place))[:k]

    def _rows(self, texts: Sequence[str]) -> Vectors | None:
        if not texts:
            return None
        rows = unit(self.embed(texts), len(texts), "the embedding")
        vectors = Vectors(rows.shape[1])
        vectors.add(range(len(texts)), rows)
        return vectors

    def _near(self, vectors: Vectors | None, query: str, k: int) -> dict[int, float]:
        if vectors is None:
            return {}
        [asked] = unit(self.embed([query]), 1, "the embedding")
        return dict(vectors.nearest(asked, k))


def _normal(scores: dict[int, float]) -> dict[int, float]:
    """Scores moved and stretched to 0 to 1; all 1 if they are equal, as in the released code."""
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {one: (score - low) / (high - low) if high > low else 1.0 for one, score in scores.items()}


def layers_of(layers: Sequence[str] | str) -> tuple[str, ...]:
    """The layers that are named, in their order.

    Raises:
        ConfigurationError: If there are none, or one is unknown.
    """
    named = layers.replace(",", " ").split() if isinstance(layers, str) else list(layers)
    if not named or set(named) - set(LAYERS):
        raise ConfigurationError(f"layers are some of {', '.join(LAYERS)}, got {', '.join(named) or 'none'}")
    return tuple(layer for layer in LAYERS if layer in named)
