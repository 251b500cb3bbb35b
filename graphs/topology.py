"""Topologies: who reads whom in a debate, as a directed graph over the debaters' names."""

from collections.abc import Sequence

import networkx as nx

from disputatio.errors import ConfigurationError, unknown

TOPOLOGIES = ("full", "ring", "star")


def readers(topology: "str | nx.Graph[str]", names: Sequence[str]) -> "nx.DiGraph[str]":
    """The graph of who reads whom: an edge from a reader to each author it reads.

    Args:
        topology: "full" (all read all), "ring" (each reads its two neighbours), "star" (the first reads all, and all
            read the first), or a networkx graph over the names, or over their places from 0; an undirected one is
            read in both directions.
        names: The debaters.

    Raises:
        ConfigurationError: If the topology is unknown, names a debater who is not there, lacks one, or leaves one
            who neither reads nor is read.
    """
    if isinstance(topology, str):
        return _named(topology, names)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(_name(node, names) for node in topology)
    directed = topology if topology.is_directed() else topology.to_directed()
    edges = [(_name(reader, names), _name(author, names)) for reader, author in directed.edges]
    graph.add_edges_from((reader, author) for reader, author in edges if reader != author)
    if missing := [name for name in names if name not in graph]:
        raise ConfigurationError(f"the topology lacks {', '.join(map(repr, missing))}")
    isolated = [name for name in names if len(names) > 1 and not graph.degree(name)]
    if isolated:
        raise ConfigurationError(f"in the topology {isolated[0]!r} reads nobody and is read by nobody")
    return graph


def _named(topology: str, names: Sequence[str]) -> "nx.DiGraph[str]":
    match topology:
        case "full":
            shape: nx.Graph[int] = nx.complete_graph(len(names))
        case "ring":
            shape = nx.cycle_graph(len(names)) if len(names) > 2 else nx.complete_graph(len(names))
        case "star":
            shape = nx.star_graph(len(names) - 1)
        case _:
            raise unknown("topology", topology, TOPOLOGIES)
    reads: nx.DiGraph[str] = nx.DiGraph()
    reads.add_nodes_from(names)
    reads.add_edges_from((names[reader], names[author]) for reader, author in shape.to_directed().edges)
    return reads


def _name(node: object, names: Sequence[str]) -> str:
    if isinstance(node, int) and 0 <= node < len(names):
        return names[node]
    if node in names:
        return str(node)
    raise unknown("debater in the topology", str(node), names)
