"""Passages ranked by a walk over what they say: facts, entities and passages are one graph, a question restarts it.

Source: Gutierrez et al. 2025, arXiv:2502.14802 (HippoRAG 2), section 3; weights and defaults of the code of ComoRAG
(Wang et al. 2025, arXiv:2508.10419). Entities are one if they have the same words, whatever their case.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import networkx as nx

from disputatio.errors import require
from disputatio.memory.bag_of_words import Embed
from disputatio.memory.knowledge_graph import Triple
from disputatio.memory.names import words_of
from disputatio.memory.vectors import unit

SYNONYMS = 0.8
"""From which cosine on two entities are taken for synonyms."""
DAMPING = 0.5
"""How probably the walk goes on instead of starting again."""
PASSAGE_WEIGHT = 0.005
"""What being near to the question counts for a passage, where a fact counts 1."""


class PassageGraph:
    """The passages of a text with the facts that each states."""

    def __init__(self, passages: int, facts: Sequence[tuple[int, Triple]], embed: Embed) -> None:
        """Make the graph.

        Args:
            passages: How many there are; they are called by their numbers from 0.
            facts: Each with the number of the passage that states it.
            embed: Texts to vectors; entities with near vectors are joined as synonyms.

        Raises:
            MissingExtraError: If numpy is not installed.
        """
        self.facts = list(dict.fromkeys(fact for _, fact in facts))
        """Each fact once; they are called by their places here."""
        self.graph: nx.Graph[int | str] = nx.Graph()
        """Passages are numbers, entities are words."""
        self.graph.add_nodes_from(range(passages))
        met = Counter((words_of(fact.head), words_of(fact.tail)) for _, fact in facts)
        for (head, tail), times in met.items():
            if head != tail:
                # A fact joins its entities in both directions.
                self._join(head, tail, 2 * times + self._weight(head, tail))
        for number, fact in facts:
            for entity in map(words_of, (fact.head, fact.tail)):
                self._join(number, entity, 1.0)
        self._join_synonyms(embed)

    def rank(self, facts: Mapping[int, float], nearness: Sequence[float], *, linked: int = 5) -> list[float]:
        """How probably the walk is at each passage; they are in no order of their own.

        Args:
            facts: The places of the facts that matter, with how near each is to the question, from 0 to 1.
            nearness: How near each passage is to the question, from 0 to 1.
            linked: From how many entities, at most, the walk starts.

        Raises:
            MissingExtraError: If scipy is not installed.
        """
        require("scipy", extra="knowledge")
        means: dict[str, list[float]] = {}
        for place, score in facts.items():
            for entity in map(words_of, (self.facts[place].head, self.facts[place].tail)):
                means.setdefault(entity, []).append(score)
        best = sorted(means, key=lambda entity: (-sum(means[entity]) / len(means[entity]), entity))[:linked]
        starts: dict[int | str, float] = {number: PASSAGE_WEIGHT * near for number, near in enumerate(nearness)}
        # What is in many passages says little about any.
        starts |= {entity: means[entity][-1] / max(1, self._passages_of(entity)) for entity in best}
        if not any(starts.values()):
            return list(nearness)
        ranks = nx.pagerank(self.graph, DAMPING, starts, max_iter=1000, tol=1e-10)
        return [ranks[number] for number in range(len(nearness))]

    def _passages_of(self, entity: str) -> int:
        return sum(isinstance(one, int) for one in self.graph[entity])

    def _weight(self, one: int | str, other: int | str) -> float:
        return float(self.graph[one][other]["weight"]) if self.graph.has_edge(one, other) else 0.0

    def _join(self, one: int | str, other: int | str, weight: float) -> None:
        self.graph.add_edge(one, other, weight=weight)

    def _join_synonyms(self, embed: Embed) -> None:
        told = dict.fromkeys(chain.from_iterable((words_of(one.head), words_of(one.tail)) for one in self.facts))
        entities = [one for one in told if len(one.replace(" ", "")) > 2]
        if len(entities) < 2:
            return
        rows = unit(embed(entities), len(entities), "the embedding")
        for place, row in enumerate(rows[:-1]):
            cosines = rows[place + 1 :] @ row
            for other in (cosines >= SYNONYMS).nonzero()[0]:
                self._join(entities[place], entities[place + 1 + int(other)], 2 * float(cosines[other]))
