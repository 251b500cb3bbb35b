"""Search policies against brute force: random trees with all their values known, walked by a policy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import log, sqrt

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.graphs.search import (
    ROOT,
    Node,
    Policy,
    beam,
    best_first,
    depth_first,
    found,
    furthest,
    monte_carlo,
    path,
)

Whole = dict[str, list[Node]]
"""A tree that is known in full: the children of each node. Leaves are final, or dead ends that open onto nothing."""


@st.composite
def trees(draw: st.DrawFn) -> Whole:
    """Trees of up to 25 nodes with values in quarters, so that ties are frequent."""
    whole: Whole = {ROOT: []}
    depth = {ROOT: 0}
    for number in range(draw(st.integers(0, 24))):
        parent = draw(st.sampled_from(sorted(whole)))
        name = f"n{number:02}"
        value = draw(st.integers(0, 4)) / 4
        depth[name] = depth[parent] + 1
        whole[parent].append(Node(id=name, parent=parent, depth=depth[name], value=value))
        if not (final := draw(st.booleans())):
            whole[name] = []
        whole[parent][-1] = replace(whole[parent][-1], status="final" if final else "open")
    return whole


def walk(whole: Whole, policy: Policy) -> Iterator[tuple[list[str], list[Node]]]:
    """What the policy picks, with all that it knew; then the final state with no pick."""
    nodes = [Node(id=ROOT, parent=None, depth=0)]
    while True:
        picked = policy(nodes)
        yield picked, nodes
        if not picked:
            return
        known = [replace(node, status="expanded") if node.id in picked else node for node in nodes]
        nodes = [*known, *(child for name in picked for child in whole[name])]


def picks(whole: Whole, policy: Policy) -> list[str]:
    return [name for picked, _ in walk(whole, policy) for name in picked]


def last(whole: Whole, policy: Policy) -> list[Node]:
    *_, (_, nodes) = walk(whole, policy)
    return nodes


def graph_of(nodes: Sequence[Node]) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(node.id for node in nodes)
    graph.add_edges_from((node.parent, node.id) for node in nodes if node.parent is not None)
    return graph


POLICIES = [best_first(), beam(1), beam(3), depth_first(), depth_first(0.5), monte_carlo(), monte_carlo(0)]


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_every_policy_expands_each_node_once_and_comes_to_an_end(policy: Policy, whole: Whole) -> None:
    expanded = picks(whole, policy)
    assert expanded[0] == ROOT
    assert len(set(expanded)) == len(expanded) <= len(whole)


@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_best_first_never_leaves_a_better_node_behind(whole: Whole) -> None:
    for picked, nodes in walk(whole, best_first()):
        left = [node for node in nodes if node.status in ("open", "final")]
        for name in picked:
            [chosen] = [node for node in nodes if node.id == name]
            assert chosen.value == max(node.value for node in left)
            same = [node for node in left if node.value == chosen.value]
            assert chosen.depth == max(node.depth for node in same)
            assert chosen == next(node for node in same if node.depth == chosen.depth)


@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_best_first_ends_at_a_final_node_as_good_as_all_that_is_left(whole: Whole) -> None:
    nodes = last(whole, best_first())
    left = [node for node in nodes if node.status in ("open", "final")]
    best = found(nodes)
    assert (best is None) == (not left)
    assert best is None or best.value == max(node.value for node in left)


def test_best_first_on_the_worked_frontier() -> None:
    def node(name: str, parent: str, depth: int, value: float) -> Node:
        return Node(id=name, parent=parent, depth=depth, value=value)

    whole = {
        ROOT: [node("a", ROOT, 1, 0.5), node("b", ROOT, 1, 0.75), node("c", ROOT, 1, 0.625)],
        "a": [],
        "b": [node("b1", "b", 2, 0.25), node("b2", "b", 2, 0.875)],
        "c": [],
        "b1": [],
        "b2": [],
    }
    assert picks(whole, best_first()) == [ROOT, "b", "b2", "c", "a", "b1"]


@settings(max_examples=40, deadline=None)
@given(whole=trees(), width=st.integers(1, 4))
def test_a_beam_keeps_the_best_of_each_level(whole: Whole, width: int) -> None:
    made = [Node(id=ROOT, parent=None, depth=0)]
    expected = []
    for depth in range(len(whole) + 1):
        running = [node for node in made if node.status == "final" or node.depth == depth]
        kept = sorted(running, key=lambda node: -node.value)[:width]  # stable: the older of two equals is kept
        opened = [node.id for node in kept if node.status == "open"]
        if not opened:
            break
        expected += opened
        made += [child for name in opened for child in whole[name]]
    assert picks(whole, beam(width)) == expected


@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_a_beam_without_bounds_is_breadth_first(whole: Whole) -> None:
    levels = [sorted(picked) for picked, _ in walk(whole, beam(100)) if picked]
    everything = [Node(id=ROOT, parent=None, depth=0), *(node for children in whole.values() for node in children)]
    layers = nx.bfs_layers(graph_of(everything), ROOT)
    expected = [sorted(name for name in layer if name in whole) for layer in layers]
    assert levels == [layer for layer in expected if layer]


@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_depth_first_visits_in_preorder_by_value_until_it_meets_an_answer(whole: Whole) -> None:
    ordered: nx.DiGraph[str] = nx.DiGraph()
    ordered.add_node(ROOT)
    for name, children in whole.items():
        ordered.add_edges_from((name, child.id) for child in sorted(children, key=lambda node: -node.value))
    expected = []
    for name in nx.dfs_preorder_nodes(ordered, ROOT):
        if name in whole:
            expected.append(name)
            if any(child.status == "final" for child in whole[name]):
                break
    assert picks(whole, depth_first()) == expected


@settings(max_examples=40, deadline=None)
@given(whole=trees(), threshold=st.sampled_from([0.25, 0.5, 0.75]))
def test_depth_first_prunes_what_is_below_its_threshold(whole: Whole, threshold: float) -> None:
    values = {node.id: node.value for children in whole.values() for node in children}
    assert all(name == ROOT or values[name] >= threshold for name in picks(whole, depth_first(threshold)))


@settings(max_examples=40, deadline=None)
@given(whole=trees(), exploration=st.sampled_from([0.0, 0.5, 1.5]))
def test_monte_carlo_follows_the_highest_bound_at_each_level(whole: Whole, exploration: float) -> None:
    for picked, nodes in walk(whole, monte_carlo(exploration)):
        graph, by_id = graph_of(nodes), {node.id: node for node in nodes}

        def below(name: str) -> list[Node]:
            return [by_id[one] for one in sorted({name, *nx.descendants(graph, name)}) if one != ROOT]  # noqa: B023

        def bound(node: Node) -> float:
            inside, above = below(node.id), below(node.parent or ROOT)
            mean = sum(one.value for one in inside) / len(inside)
            return mean + exploration * sqrt(log(len(above)) / len(inside))

        for step in path(nodes, picked[0]) if picked else []:
            rivals = [by_id[name] for name in graph.successors(step.parent or ROOT)]
            open_ = [one for one in rivals if any(other.status == "open" for other in below(one.id))]
            assert bound(step) >= max(bound(one) for one in open_) - 1e-9


@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_monte_carlo_expands_everything_in_the_end(whole: Whole) -> None:
    assert sorted(picks(whole, monte_carlo())) == sorted(whole)


def test_exploration_visits_what_greed_passes_by() -> None:
    # Below a (0.75) everything is worth 0.5; b is worth 0.25 and has one visit only.
    nodes = [Node(id=ROOT, parent=None, depth=0, status="expanded")]
    nodes += [Node(id="a", parent=ROOT, depth=1, value=0.75, status="expanded")]
    nodes += [Node(id="b", parent=ROOT, depth=1, value=0.25)]
    nodes += [Node(id=f"a{n}", parent="a", depth=2, value=0.5) for n in range(3)]
    # a: mean 2.25 / 4 = 0.5625, 4 of 5 visits; b: 0.25, 1 of 5.
    bonus = sqrt(log(5)) * (1 - 1 / 2)
    turn = (0.5625 - 0.25) / bonus
    assert monte_carlo(turn - 0.01)(nodes) == ["a0"]
    assert monte_carlo(turn + 0.01)(nodes) == ["b"]


@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_the_answer_and_the_partial_solution_are_the_best_there_are(whole: Whole) -> None:
    nodes = last(whole, monte_carlo())
    finals = [node for node in nodes if node.status == "final"]
    best = found(nodes)
    assert best == (min(finals, key=lambda node: (-node.value, nodes.index(node))) if finals else None)
    graph = graph_of(nodes)
    leaves = [node for node in nodes if not graph.out_degree(node.id) and node.status != "final" and node.depth]
    far = furthest(nodes)
    assert (far is None) == (not leaves)
    assert far is None or (far.value, far.depth) == max((node.value, node.depth) for node in leaves)


@settings(max_examples=40, deadline=None)
@given(whole=trees())
def test_a_path_is_the_way_from_the_root(whole: Whole) -> None:
    nodes = last(whole, beam(100))
    for node in nodes:
        assert [ROOT, *(one.id for one in path(nodes, node.id))] == nx.shortest_path(graph_of(nodes), ROOT, node.id)


def test_settings_without_meaning_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 1 wide"):
        beam(0)
    with pytest.raises(ConfigurationError, match="negative"):
        monte_carlo(-1)
