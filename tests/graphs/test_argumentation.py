"""The grounded semantics against Dung's definitions, spelled out over all subsets, and the decision made with it."""

from itertools import chain, combinations
from time import perf_counter

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from disputatio.graphs.argumentation import grounded_extension, grounded_labelling
from disputatio.graphs.decisions import grounded


@st.composite
def frameworks(draw: st.DrawFn) -> "nx.DiGraph[int]":
    size = draw(st.integers(0, 6))
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(draw(st.permutations(range(size))))
    if size:
        nodes = st.integers(0, size - 1)
        graph.add_edges_from(draw(st.lists(st.tuples(nodes, nodes), max_size=15)))
    return graph


def attackers(graph: "nx.DiGraph[int]", argument: int) -> set[int]:
    return {source for source, target in graph.edges if target == argument}


def defended(graph: "nx.DiGraph[int]", chosen: set[int]) -> set[int]:
    """Dung's characteristic function."""
    return {
        argument
        for argument in graph
        if all(attackers(graph, attacker) & chosen for attacker in attackers(graph, argument))
    }


def complete_extensions(graph: "nx.DiGraph[int]") -> list[set[int]]:
    subsets = chain.from_iterable(combinations(graph, size) for size in range(len(graph) + 1))
    return [
        set(subset)
        for subset in subsets
        if defended(graph, set(subset)) == set(subset)
        and not any(attackers(graph, argument) & set(subset) for argument in subset)
    ]


def attacks(*pairs: str) -> "nx.DiGraph[str]":
    return nx.DiGraph([(pair[0], pair[1]) for pair in pairs])


@given(frameworks())
def test_it_is_the_least_complete_extension(graph: "nx.DiGraph[int]") -> None:
    found = grounded_extension(graph)
    complete = complete_extensions(graph)
    assert found in complete
    assert all(found <= other for other in complete)
    assert [other for other in complete if other <= found] == [found], "the least one is unique"


@given(frameworks())
def test_it_is_what_iterating_the_characteristic_function_from_nothing_reaches(graph: "nx.DiGraph[int]") -> None:
    reached: set[int] = set()
    while defended(graph, reached) != reached:
        reached = defended(graph, reached)
    assert grounded_extension(graph) == reached


@given(frameworks())
def test_labels_are_a_complete_labelling(graph: "nx.DiGraph[int]") -> None:
    labels = grounded_labelling(graph)
    assert list(labels) == list(graph)
    for argument, label in labels.items():
        against = {labels[attacker] for attacker in attackers(graph, argument)}
        assert (label == "in") == (against <= {"out"})
        assert (label == "out") == ("in" in against)


@given(frameworks())
def test_it_is_free_of_conflict_and_holds_all_that_nobody_attacks(graph: "nx.DiGraph[int]") -> None:
    found = grounded_extension(graph)
    assert not any(source in found and target in found for source, target in graph.edges)
    assert {argument for argument in graph if not attackers(graph, argument)} <= found


def test_an_empty_framework_accepts_nothing() -> None:
    assert grounded_labelling(attacks()) == {}


def test_an_attacked_attacker_reinstates() -> None:
    assert grounded_labelling(attacks("ab", "bc")) == {"a": "in", "b": "out", "c": "in"}


def test_an_attacker_that_falls_twice_is_one_attacker_less() -> None:
    labels = grounded_labelling(attacks("xa", "ya", "ab", "cb", "cc"))
    assert labels == {"x": "in", "y": "in", "a": "out", "b": "undecided", "c": "undecided"}


def test_cycles_stay_open_until_something_outside_breaks_them() -> None:
    assert grounded_extension(attacks("ab", "ba")) == set()
    assert grounded_labelling(attacks("ab", "bc", "ca")) == dict.fromkeys("abc", "undecided")
    assert grounded_labelling(attacks("xa", "ab", "bc", "ca")) == {"x": "in", "a": "out", "b": "in", "c": "out"}


def test_a_self_attack_is_never_accepted() -> None:
    assert grounded_labelling(attacks("aa")) == {"a": "undecided"}
    assert grounded_labelling(attacks("aa", "ab")) == {"a": "undecided", "b": "undecided"}
    assert grounded_labelling(attacks("xa", "aa", "ab")) == {"x": "in", "a": "out", "b": "in"}


def test_a_floating_defence_is_not_grounded() -> None:
    """Whichever of a and b stands, c falls and d would stand; the cautious answer does not say so."""
    assert grounded_extension(attacks("ab", "ba", "ac", "bc", "cd")) == set()


def test_any_hashable_is_an_argument() -> None:
    graph: nx.DiGraph[tuple[int, str]] = nx.DiGraph()
    graph.add_edge((1, "ü"), (2, "🜚"))
    assert grounded_extension(graph) == {(1, "ü")}


def test_time_grows_with_the_attacks_and_long_chains_do_not_overflow() -> None:
    graph = nx.path_graph(100_000, create_using=nx.DiGraph)
    started = perf_counter()
    assert grounded_extension(graph) == set(range(0, 100_000, 2))
    assert perf_counter() - started < 10, "a quadratic algorithm takes minutes"


def test_grounded_counts_the_positions_that_stand() -> None:
    votes = {"ann": "x", "bob": "y", "cem": "y", "dee": None}
    tally = grounded(votes, [("ann", "bob"), ("ann", "cem")])
    assert (tally.winner, tally.scores, tally.votes, tally.abstained) == ("x", {"x": 1, "y": 0}, 3, 1)
    assert tally.labels == {"ann": "in", "bob": "out", "cem": "out"}
    mutual = grounded(votes, [("ann", "bob"), ("bob", "ann"), ("ann", "cem"), ("cem", "ann")])
    assert (mutual.winner, mutual.tie, set(mutual.labels.values())) == (None, (), {"undecided"})
    assert grounded({"ann": "x", "bob": "y"}, []).tie == ("x", "y")


def test_grounded_ignores_attacks_without_a_position_and_between_allies() -> None:
    votes = {"ann": "x", "bob": "x", "cem": "y", "dee": None}
    pointless = [("dee", "ann"), ("eve", "ann"), ("ann", "eve"), ("bob", "ann"), ("ann", "ann")]
    assert grounded(votes, pointless) == grounded(votes, [])
    assert grounded(votes, pointless).winner == "x"
