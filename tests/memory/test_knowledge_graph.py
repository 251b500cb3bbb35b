"""Knowledge graphs: merging, aliases, contradictions, names, retraction; and one file that loses nothing."""

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError, StoreError
from disputatio.memory import Fact, KnowledgeGraph, Step, Triple, load_graph, save_graph

Given = tuple[str, str, str, str, float, bool]
names = st.sampled_from(["Ana", "Rui", "Eva", "Oslo"])
facts = st.lists(
    st.tuples(names, st.sampled_from(["knows", "born_in"]), names, st.sampled_from("pq"), st.sampled_from([0.5, 0.9]),
              st.booleans()),
    max_size=12,
)  # fmt: skip


def made(given_: list[Given]) -> KnowledgeGraph:
    graph = KnowledgeGraph()
    for head, relation, tail, source, confidence, negated in given_:
        graph.add(head, relation, tail, source=source, confidence=confidence, negated=negated)
    return graph


def content(graph: KnowledgeGraph) -> tuple[object, ...]:
    held = {(fact.triple, fact.negated): dict(fact.sources) for fact in graph.facts()}
    nodes = {name: (node["label"], node["types"]) for name, node in graph.asserted.nodes(data=True)}
    return held, nodes, graph.aliases, graph.relations


def test_a_fact_keeps_all_its_sources_and_the_surest_counts() -> None:
    graph = KnowledgeGraph()
    for source, confidence in (("p", 0.4), ("q", 0.7), ("p", 0.6), ("p", 0.1)):
        graph.add(" Ana ", "knows", "Rui", source=source, confidence=confidence)
    fact = graph.fact(("Ana", "knows", "Rui"))
    assert fact == Fact(Triple("Ana", "knows", "Rui"), {"p": 0.6, "q": 0.7})
    assert (fact.confidence, len(graph)) == (0.7, 1)
    graph.add("Ana", "likes", "Rui")
    assert len(graph) == 2, "another relation is another fact"


@given(facts, facts)
def test_merging_is_idempotent_and_its_order_does_not_matter(one: list[Given], other: list[Given]) -> None:
    forth, back, both = made(one), made(other), made([*one, *other])
    forth.merge(made(other))
    back.merge(made(one))
    assert content(forth) == content(back) == content(both)
    forth.merge(made(other))
    forth.merge(forth)
    assert content(forth) == content(both)


@given(facts)
def test_retracting_all_sources_leaves_no_fact(given_: list[Given]) -> None:
    graph = made(given_)
    before = {(fact.triple, fact.negated): set(fact.sources) for fact in graph.facts()}
    gone = graph.retract("p")
    assert sorted(gone) == sorted(triple for (triple, _), sources in before.items() if sources == {"p"})
    assert not any("p" in fact.sources for fact in graph.facts())
    graph.retract("q")
    assert len(graph) == 0


def test_an_alias_makes_one_entity_of_two_with_all_their_facts() -> None:
    graph = KnowledgeGraph()
    graph.add("Curie", "won", "Nobel Prize", source="p")
    graph.add("Marie Curie", "won", "Nobel Prize", source="q")
    graph.add("Warsaw", "birthplace of", "Curie", source="p")
    graph.add("Curie", "born in", "Paris", source="p", negated=True)
    graph.add_entity("Curie", label="Mme Curie", types=["person"])
    graph.alias("Curie", of="Marie Curie")
    assert set(graph.fact(("Curie", "won", "Nobel Prize")).sources) == {"p", "q"}
    assert graph.fact(("Warsaw", "birthplace of", "Marie Curie")).sources == {"p": 1.0}
    assert graph.fact(("Marie Curie", "born in", "Paris"), negated=True).negated
    assert "Curie" not in graph.entities
    assert [graph.find(name) for name in ("curie", "Mme Curie", "MARIE CURIE")] == ["Marie Curie"] * 3
    assert graph.asserted.nodes["Marie Curie"]["types"] == ("person",)
    graph.add("Curie", "discovered", "polonium")
    assert ("Marie Curie", "discovered", "polonium") in graph
    with pytest.raises(ConfigurationError, match="already means"):
        graph.alias("Curie", of="Marie Curie")


def test_graphs_with_different_aliases_are_not_merged_in_silence() -> None:
    one, other = KnowledgeGraph(), KnowledgeGraph()
    for graph, who in ((one, "Marie"), (other, "Pierre")):
        graph.add_entity(who)
        graph.alias("Curie", of=who)
    with pytest.raises(ConfigurationError, match="'Curie' means 'Marie' here and 'Pierre' there"):
        one.merge(other)
    assert one.entities == ["Marie"]


def test_contradictions_are_reported_and_stay() -> None:
    graph = KnowledgeGraph()
    graph.describe("born_in", functional=True)
    graph.add("Ana", "born_in", "Oslo", source="p")
    graph.add("Ana", "knows", "Rui", source="p")
    assert graph.contradictions() == []
    graph.add("Ana", "born_in", "Rome", source="q")
    graph.add("Ana", "knows", "Rui", source="q", negated=True)
    functional, negation = graph.contradictions()
    assert functional.kind == "functional"
    assert [(fact.triple.tail, list(fact.sources)) for fact in functional.facts] == [("Oslo", ["p"]), ("Rome", ["q"])]
    assert negation.kind == "negation"
    assert [(fact.negated, list(fact.sources)) for fact in negation.facts] == [(False, ["p"]), (True, ["q"])]
    assert len(graph) == 4
    graph.retract("q")
    assert graph.contradictions() == []


def test_an_unknown_entity_comes_with_the_nearest_names() -> None:
    graph = KnowledgeGraph()
    for name in ("acquired&abnormality", "anatomical_abnormality", "virus", "Virus"):
        graph.add_entity(name)
    assert graph.find("Acquired Abnormality") == "acquired&abnormality"
    with pytest.raises(ConfigurationError, match=r"no entity 'aquired abnormality'; the nearest names: 'acquired&abn"):
        graph.find("aquired abnormality")
    with pytest.raises(ConfigurationError, match="no entity 'zzz'; it has 4 others"):
        graph.find("zzz")
    assert graph.find("virus") == "virus", "spelt as it is"
    with pytest.raises(ConfigurationError, match="means several entities: 'Virus', 'virus'"):
        graph.find("VIRUS")


def test_entities_are_found_in_a_text_the_longest_first() -> None:
    graph = KnowledgeGraph()
    for name in ("body", "body_part", "virus", "7"):
        graph.add_entity(name)
    graph.add_entity("Q42", label="Douglas Adams")
    graph.alias("the author", of="Q42")
    assert graph.names.mentioned("Does a Virus harm a body part, or the body, or 7?") == [
        "virus",
        "body_part",
        "body",
        "7",
    ]
    assert graph.names.mentioned("Is the author Douglas  adams?") == ["Q42"]
    assert graph.names.mentioned("17 viruses") == []


def test_hops_are_told_in_the_relations_words_both_ways() -> None:
    graph = KnowledgeGraph()
    graph.add("aspirin", "treats", "pain")
    graph.add("{tail}", "may_treat", "pain")
    assert graph.words("aspirin", Step("treats"), "pain") == "aspirin treats pain"
    assert graph.words("pain", Step("treats", inverse=True), "aspirin") == "aspirin treats pain"
    graph.describe("treats", backward="{tail} is treated by {head}")
    assert graph.words("pain", Step("treats", inverse=True), "aspirin") == "pain is treated by aspirin"
    assert graph.words("{tail}", Step("may_treat"), "pain") == "{tail} may treat pain"
    with pytest.raises(ConfigurationError, match=r"hold \{head\} and \{tail\}"):
        graph.describe("treats", forward="{head} treats")


@pytest.mark.parametrize("bad", [("", "r", "b"), ("a", " ", "b"), ("a", "r", "x" * 1001)])
def test_empty_and_endless_names_are_refused(bad: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigurationError, match="1 to 1000 characters"):
        KnowledgeGraph().add(*bad)
    for confidence in (0, 1.1, float("nan")):
        with pytest.raises(ConfigurationError, match="above 0 and at most 1"):
            KnowledgeGraph().add("a", "r", "b", confidence=confidence)


def full() -> KnowledgeGraph:
    graph = made([("Ana", "knows", "Rui", "p", 0.5, False), ("Ana", "knows", "Rui", "q\n\u2028", 0.9, True)])
    graph.add_entity("lonely", label="Lonely \u00e9", types=["thing", "word"])
    graph.describe("knows", forward="{head} knows {tail}", backward="{tail} is known to {head}", functional=True)
    graph.alias("R.", of="Rui")
    return graph


@settings(max_examples=25)
@given(facts)
def test_what_is_saved_is_read(tmp_path_factory: pytest.TempPathFactory, given_: list[Given]) -> None:
    path = tmp_path_factory.mktemp("graph") / "a.kg"
    graph = full()
    graph.merge(made(given_))
    save_graph(graph, path)
    assert content(load_graph(path)) == content(graph)
    graph.retract("p")
    save_graph(graph, path)
    assert content(load_graph(path)) == content(graph)


def test_what_another_one_saved_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.kg"
    save_graph(full(), path)
    mine, yours = load_graph(path), load_graph(path)
    yours.add("Eva", "knows", "Ana", source="yours")
    save_graph(yours, path)
    mine.add("Oslo", "knows", "Ana", source="mine")
    with pytest.raises(StoreError, match="changed by another since this graph was read; read it again and merge"):
        save_graph(mine, path)
    newest = load_graph(path)
    newest.merge(mine)
    save_graph(newest, path)
    assert {("Eva", "knows", "Ana"), ("Oslo", "knows", "Ana")} <= set(load_graph(path).triples())


def test_files_that_are_not_ours_are_told_apart(tmp_path: Path) -> None:
    text, other, later, gone = (tmp_path / name for name in ("text.kg", "other.kg", "later.kg", "gone.kg"))
    text.write_text("no database\n" * 100)
    with sqlite3.connect(other) as file:
        file.execute("CREATE TABLE facts (a)")
    file.close()
    save_graph(full(), later)
    with sqlite3.connect(later) as file:
        file.execute("PRAGMA user_version = 9")
    file.close()
    before = text.read_bytes(), other.read_bytes()
    for path, message in (
        (text, "file is not a database"),
        (other, "holds no knowledge graph"),
        (later, "of version 9, which is later than 1"),
        (gone, "there is no file"),
    ):
        with pytest.raises(StoreError, match=message):
            load_graph(path)
    for path in (text, other):
        with pytest.raises(StoreError):
            save_graph(full(), path)
    assert (text.read_bytes(), other.read_bytes()) == before


def test_a_damaged_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.kg"
    save_graph(full(), path)
    content_ = bytearray(path.read_bytes())
    content_[4096:] = os.urandom(len(content_) - 4096)
    path.write_bytes(content_)
    with pytest.raises(StoreError, match="cannot be used"):
        load_graph(path)


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        save_graph(full(), tmp_path / "nowhere" / "a.kg")
