"""Paths: equal to brute force on random graphs, the worked example of K-Paths, and what is never shown."""

from collections.abc import Iterator
from pathlib import Path as File

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.memory import KnowledgeGraph, Path, Paths, Step, read_graph
from disputatio.memory.knowledge_graph import Triple

DATA = File(__file__).parents[2].parent / "shared" / "data"
EXAMPLE = [
    ("A", "binds", "x1"), ("x1", "associates", "B"), ("A", "binds", "x2"), ("x2", "associates", "B"),
    ("A", "upregulates", "y1"), ("y1", "associates", "B"), ("A", "resembles", "z1"), ("z1", "treats", "z2"),
    ("z2", "resembles", "B"), ("A", "binds", "x3"), ("x3", "associates", "z2"),
]  # fmt: skip


def made(triples: list[tuple[str, str, str]]) -> KnowledgeGraph:
    graph = KnowledgeGraph()
    for triple in triples:
        graph.add(*triple, source="test")
    return graph


def relations(paths: list[Path]) -> list[tuple[str, ...]]:
    return [tuple(map(str, path.steps)) for path in paths]


def test_the_worked_example_of_the_paper_card() -> None:
    paths = Paths(made(EXAMPLE), inverses=False)
    two = [("binds", "associates"), ("upregulates", "associates")]
    three = [("binds", "associates", "resembles"), ("resembles", "treats", "resembles")]
    found = paths.between("A", "B")
    assert relations(found) == [*two, *three]
    assert found[0].entities == ("A", "x1", "B"), "of equal paths the one whose entities come first"
    assert relations(paths.between("A", "B", k=2)) == relations(paths.between("A", "B", max_length=2)) == two
    assert len(paths.between("A", "B", diverse=False)) == 5


def test_a_hundred_equal_paths_are_one() -> None:
    parallel = [("A", "binds", f"x{n}") for n in range(100)] + [(f"x{n}", "associates", "B") for n in range(100)]
    paths = Paths(made(parallel), inverses=False)
    assert relations(paths.between("A", "B")) == [("binds", "associates")]
    assert len(paths.between("A", "B", diverse=False, k=None)) == 100


def test_what_is_to_be_predicted_is_never_shown_in_either_direction() -> None:
    graph = made([*EXAMPLE, ("A", "treats", "B"), ("B", "treats", "A"), ("A", "causes", "B")])
    paths = Paths(graph)
    for source, target in (("A", "B"), ("B", "A")):
        shown = paths.between(source, target, k=None, hidden=("treats",))
        direct = {triple for path in shown for triple in path.triples if {triple.head, triple.tail} == {"A", "B"}}
        assert {triple.relation for triple in direct} == {"causes"}
        near = paths.around(source, besides=target, hidden=("treats",))
        assert not [path for path in near if path.entities == (source, target) and path.steps[0].relation == "treats"]
    assert len([path for path in paths.around("A") if path.steps[0].relation == "treats"]) == 2


def test_test_triples_and_loops_are_left_out_and_denied_facts_are_no_paths() -> None:
    graph = made([("a", "r", "b"), ("b", "s", "b"), ("b", "s", "c")])
    graph.add("a", "t", "c", negated=True)
    assert relations(Paths(graph).between("a", "c")) == [("r", "s")]
    assert Paths(graph, exclude=[("b", "s", "c")]).between("a", "c") == []


def test_neighbours_are_one_of_each_relation() -> None:
    graph = made([("a", "r", f"b{n}") for n in range(9)] + [(f"c{n}", f"s{n}", "a") for n in range(12)])
    near = Paths(graph).around("a")
    assert len(near) == len({path.steps for path in near}) == 10
    assert near[0] == Path(("a", "b0"), (Step("r"),))
    assert near[1].triples == (Triple("c0", "s0", "a"),)


@pytest.mark.parametrize(("given_", "message"), [({"k": 0}, "at least 1"), ({"max_length": 0}, "at least 1")])
def test_numbers_are_checked(given_: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Paths(made(EXAMPLE)).between("A", "B", **given_)  # type: ignore[arg-type]


def test_an_entity_has_no_path_to_itself_and_an_unknown_one_is_an_error() -> None:
    paths = Paths(made(EXAMPLE))
    assert paths.between("A", "A") == []
    with pytest.raises(ConfigurationError, match="no entity 'nobody'"):
        paths.between("A", "nobody")


def brute_force(graph: KnowledgeGraph, source: str, target: str, longest: int, inverses: bool) -> list[Path]:
    """All loop-free paths in the order of the documentation, found by walking."""
    hops: dict[str, list[tuple[Step, str]]] = {name: [] for name in graph.entities}
    for head, relation, tail in graph.triples():
        hops[head].append((Step(relation), tail))
        if inverses:
            hops[tail].append((Step(relation, inverse=True), head))

    def walk(entities: tuple[str, ...], steps: tuple[Step, ...]) -> Iterator[Path]:
        if entities[-1] == target:
            yield Path(entities, steps)
        elif len(steps) < longest:
            for step, after in hops[entities[-1]]:
                if after not in entities:
                    yield from walk((*entities, after), (*steps, step))

    def place(path: Path) -> tuple[object, ...]:
        return len(path.steps), [(step.inverse, step.relation) for step in path.steps], path.entities

    return sorted(walk((source,), ()), key=place)


def first_of_each(paths: list[Path]) -> list[Path]:
    """The first path of each sequence of relations, in their order."""
    first: dict[tuple[Step, ...], Path] = {}
    for path in paths:
        first.setdefault(path.steps, path)
    return list(first.values())


entity = st.sampled_from("abcdefg")
graphs = st.lists(st.tuples(entity, st.sampled_from("rst"), entity), min_size=1, max_size=22)


@settings(max_examples=200)
@given(graphs, st.integers(1, 5), st.booleans(), st.one_of(st.none(), st.integers(1, 6)))
def test_paths_equal_brute_force(
    triples: list[tuple[str, str, str]], longest: int, inverses: bool, k: int | None
) -> None:
    graph = made([*triples, ("a", "r", "a"), ("g", "r", "g")])
    everything = brute_force(graph, "a", "g", longest, inverses)
    wanted = first_of_each(everything)
    paths = Paths(graph, inverses=inverses)
    assert paths.between("a", "g", k=k, max_length=longest) == wanted[:k]
    assert paths.between("a", "g", k=k, max_length=longest, diverse=False) == everything[:k]
    for path in wanted:
        assert len(set(path.entities)) == len(path.entities)
        assert all(triple in graph for triple in path.triples)


@pytest.mark.parametrize("name", ["kg_umls", "kg_codex_s"])
def test_paths_of_real_graphs_equal_brute_force(name: str) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not there")
    graph = read_graph(DATA / name / "train.tsv")
    paths = Paths(graph, inverses=False)
    for triple in sorted(graph.triples())[::6000]:
        wanted = brute_force(graph, triple.head, triple.tail, 2, inverses=False)
        kept = first_of_each(wanted)
        assert paths.between(triple.head, triple.tail, k=None, max_length=2) == kept
