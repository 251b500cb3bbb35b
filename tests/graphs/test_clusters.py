"""Clusters against hand-made vectors and laws."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.graphs.clusters import clusters, cosine

PLANE = {"a": (1, 0), "b": (0.99, 0.1), "c": (0.95, 0.3), "d": (0.98, 0.2), "x": (0, 1), "y": (0.1, 1), "zero": (0, 0)}


def plane(texts: object) -> list[tuple[float, float]]:
    return [PLANE[text] for text in texts]  # type: ignore[attr-defined]


def test_two_bundles_of_four_and_two() -> None:
    found = clusters(["x", "a", "b", "c", "y", "d"], embed=plane)
    assert [one.members for one in found] == [(1, 2, 3, 5), (0, 4)]
    assert [len(one.members) for one in found] == [4, 2]
    # d lies at 11.5 degrees, between b (5.8), c (17.5) and a (0); b is nearer to all of them together than a and c.
    assert found[0].medoid in (2, 5)
    assert found[1].medoid == 0, "the first of two that are as good"


def test_links_go_through_others() -> None:
    assert cosine({0: 1.0}, {0: 0.7, 1: 0.714}) < 0.9
    chain = {"p": (1, 0), "q": (0.88, 0.475), "r": (0.55, 0.835)}
    found = clusters(["p", "q", "r"], threshold=0.85, embed=lambda texts: [chain[one] for one in texts])
    assert [(one.members, one.medoid) for one in found] == [((0, 1, 2), 1)]


def test_what_has_no_direction_is_alone() -> None:
    assert [one.members for one in clusters(["zero", "zero", "a"], embed=plane)] == [(0,), (1,), (2,)]


def test_words_are_counted_whatever_their_case_and_order() -> None:
    found = clusters(["Add the prices.", "the prices: ADD", "ask the seller"])
    assert [one.members for one in found] == [(0, 1), (2,)]


texts = st.lists(st.text("abc ", max_size=8), max_size=12)


@settings(max_examples=60, deadline=None)
@given(texts=texts, threshold=st.sampled_from([0.3, 0.6, 0.85, 1.0]))
def test_every_text_is_in_one_cluster_the_largest_first(texts: list[str], threshold: float) -> None:
    found = clusters(texts, threshold=threshold)
    assert sorted(place for one in found for place in one.members) == list(range(len(texts)))
    assert [len(one.members) for one in found] == sorted((len(one.members) for one in found), reverse=True)
    for one in found:
        assert one.medoid in one.members
        assert 0 <= one.tightness <= 1 + 1e-9
    words = [text.split() for text in texts]
    for place, group in enumerate(words):
        for other in range(place):
            if group and sorted(group) == sorted(words[other]):
                assert any({place, other} <= set(one.members) for one in found)


@settings(max_examples=40, deadline=None)
@given(texts=texts)
def test_a_higher_threshold_only_splits(texts: list[str]) -> None:
    loose, tight = clusters(texts, threshold=0.5), clusters(texts, threshold=0.9)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(texts)))
    for one in loose:
        nx.add_path(graph, one.members)
    assert all(nx.has_path(graph, one.members[0], member) for one in tight for member in one.members)


def test_bad_settings_are_refused() -> None:
    for threshold in (0.0, -1.0, 1.1):
        with pytest.raises(ConfigurationError, match="above 0 and at most 1"):
            clusters(["a"], threshold=threshold)
    with pytest.raises(ConfigurationError, match="0 vectors for 1 texts"):
        clusters(["a"], embed=lambda texts: [])
