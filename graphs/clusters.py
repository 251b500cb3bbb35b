"""Clusters: texts that say nearly the same, and the one that stands for each cluster. Pure functions, no model."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import networkx as nx

from disputatio.errors import ConfigurationError
from disputatio.memory.bag_of_words import Embed

Vector = Mapping[Any, float]
"""Numbers by dimension; those left out are 0."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Texts that are alike, by their places in the list."""

    members: tuple[int, ...]
    """In order."""
    medoid: int
    """The member that is most like the others, the first of several."""
    tightness: float
    """How alike the members are to the medoid: the mean cosine, its own left out; 1 for a single member."""


def clusters(texts: Sequence[str], *, threshold: float = 0.85, embed: Embed | None = None) -> list[Cluster]:
    """Link texts whose cosine is at least the threshold; what is linked, also through others, is one cluster.

    Args:
        texts: What is sorted.
        threshold: From which cosine two texts are linked, above 0, at most 1.
        embed: Turns texts into vectors; None counts words, whatever their case and order, and sees no synonyms.

    Returns:
        The largest first; of equal sizes the tightest, then the one with the earliest member.

    Raises:
        ConfigurationError: If the threshold is out of range, or there is not one vector for each text.
    """
    if not 0 < threshold <= 1:
        raise ConfigurationError(f"a threshold of similarity is above 0 and at most 1, got {threshold}")
    vectors: list[Vector] = [{**dict(enumerate(vector))} for vector in embed(texts)] if embed else [*map(_words, texts)]
    if len(vectors) != len(texts):
        raise ConfigurationError(f"got {len(vectors)} vectors for {len(texts)} texts")
    alike = [[cosine(one, other) for other in vectors] for one in vectors]
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(texts)))
    graph.add_edges_from(
        (one, other)
        for one in range(len(texts))
        for other in range(one)
        if alike[one][other] >= threshold - 1e-9  # equal texts are alike at any threshold, in floats too
    )
    made = [_cluster(sorted(members), alike) for members in nx.connected_components(graph)]
    return sorted(made, key=lambda one: (-len(one.members), -one.tightness, one.members))


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of the angle between two sparse vectors; 0 where one is empty."""
    length = sqrt(sum(value * value for value in one.values()) * sum(value * value for value in other.values()))
    return sum(value * other.get(key, 0.0) for key, value in one.items()) / length if length else 0.0


def _words(text: str) -> Vector:
    return {**Counter(re.findall(r"\w+", text.casefold()))}


def _cluster(members: Sequence[int], alike: Sequence[Sequence[float]]) -> Cluster:
    def likeness(member: int) -> float:
        return round(sum(alike[member][other] for other in members if other != member), 9)

    medoid = max(members, key=likeness)
    others = len(members) - 1
    return Cluster(members=tuple(members), medoid=medoid, tightness=likeness(medoid) / others if others else 1.0)
