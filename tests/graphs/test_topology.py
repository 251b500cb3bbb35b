"""Topologies: shapes, places and names, and what is refused."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.graphs.topology import TOPOLOGIES, readers

NAMES = ["ann", "bob", "cid", "dan"]


@settings(deadline=None)
@given(size=st.integers(1, 9), shape=st.sampled_from(TOPOLOGIES))
def test_the_named_shapes_have_their_degrees(size: int, shape: str) -> None:
    names = [f"debater {seat}" for seat in range(size)]
    graph = readers(shape, names)
    assert list(graph) == names
    degrees = [graph.out_degree(name) for name in names]
    expected = {"full": [size - 1] * size, "ring": [min(2, size - 1)] * size}
    assert degrees == expected.get(shape, [size - 1] + [1] * (size - 1))
    assert all(graph.has_edge(author, reader) for reader, author in graph.edges)
    assert nx.number_of_selfloops(graph) == 0


def test_an_edge_goes_from_a_reader_to_whom_it_reads() -> None:
    graph = readers(nx.DiGraph([("ann", "bob"), ("bob", "cid"), ("cid", "dan")]), NAMES)
    assert list(graph.successors("ann")) == ["bob"]
    assert list(graph.successors("dan")) == []


def test_an_undirected_graph_is_read_both_ways() -> None:
    assert set(readers(nx.path_graph(3), NAMES[:3]).edges) == {
        ("ann", "bob"), ("bob", "ann"), ("bob", "cid"), ("cid", "bob")
    }  # fmt: skip


def test_places_and_names_mean_the_same() -> None:
    by_place = readers(nx.DiGraph([(0, 1), (1, 2), (2, 3)]), NAMES)
    by_name = readers(nx.DiGraph([("ann", "bob"), ("bob", "cid"), ("cid", "dan")]), NAMES)
    assert set(by_place.edges) == set(by_name.edges)


def test_one_debater_needs_no_edges() -> None:
    lonely: nx.Graph[str] = nx.Graph()
    lonely.add_node("ann")
    assert list(readers(lonely, ["ann"]).edges) == []


def test_the_users_graph_is_left_as_it_was() -> None:
    mine = nx.path_graph(4)
    readers(mine, NAMES)
    assert set(mine.edges) == {(0, 1), (1, 2), (2, 3)}


@pytest.mark.parametrize(
    ("topology", "message"),
    [
        ("mesh", "unknown topology 'mesh'; known: full, ring, star"),
        ("rings", "did you mean 'ring'"),
        (nx.path_graph(3), "lacks 'dan'"),
        (nx.path_graph(5), "unknown debater in the topology '4'"),
        (nx.DiGraph([("ann", "zoe")]), "unknown debater in the topology 'zoe'"),
        (nx.DiGraph([(-1, 0)]), "unknown debater in the topology '-1'"),
        (nx.Graph([("ann", "bob"), ("bob", "cid"), ("dan", "dan")]), None),
        (nx.empty_graph(4), "'ann' reads nobody and is read by nobody"),
    ],
)
def test_what_does_not_fit_the_panel_is_refused(topology: "str | nx.Graph[str]", message: str | None) -> None:
    with pytest.raises(ConfigurationError, match=message or "'dan' reads nobody"):
        readers(topology, NAMES)
