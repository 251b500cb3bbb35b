"""Files of graphs: every format, and everything that is broken is named by its line, while nothing else is lost."""

import gzip
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import StoreError
from disputatio.memory import Broken, KnowledgeGraph, Step, read_graph, save_graph
from disputatio.memory.knowledge_graph_formats import open_graph

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_tables_with_and_without_header(tmp_path: Path) -> None:
    for name, text in (
        ("a.tsv", "a\tr\tb\nb\tr\tc\n"),
        ("b.tsv", "\ufeffhead\trelation\ttail\r\na\tr\tb\r\n\r\nb\tr\tc"),
        ("c.csv", 'object,"subject",predicate,note\r\n"b",a,r,"two\nlines"\r\nc,b,r,\r\n'),
    ):
        graph = read_graph(written(tmp_path / name, text))
        assert set(graph.triples()) == {("a", "r", "b"), ("b", "r", "c")}, name
    assert graph.fact(("b", "r", "c")).sources == {"c.csv:4": 1.0}, "the line, not the row"
    (tmp_path / "d.tsv.gz").write_bytes(gzip.compress(b"a\tr\tb\n", mtime=0))
    assert len(read_graph(tmp_path / "d.tsv.gz")) == 1


def test_columns_for_what_is_known_of_a_fact(tmp_path: Path) -> None:
    text = "head,relation,tail,confidence,provenance,negated\na,r,b,0.5,a book,\na,s,b,,,true\n"
    graph = read_graph(written(tmp_path / "a.csv", text))
    assert graph.fact(("a", "r", "b")).sources == {"a book": 0.5}
    assert graph.fact(("a", "s", "b"), negated=True).sources == {"a.csv:3": 1.0}


BROKEN = b"head\trelation\ttail\na\tr\tb\na\tr\na\tr\tb\tc\n\tr\tb\na\t\xff\tb\na\tr\t" + b"x" * 1001 + b"\nc\tr\td\n"


def test_broken_lines_are_named_and_the_others_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", BROKEN)
    broken: list[Broken] = []
    graph = read_graph(path, on_broken=broken.append)
    assert set(graph.triples()) == {("a", "r", "b"), ("c", "r", "d")}
    assert [one.line for one in broken] == [3, 4, 5, 6, 7]
    assert str(broken[0]) == "line 3: 2 fields where 3 are needed"
    assert "UTF-8" in broken[3].reason
    with pytest.raises(StoreError, match=r"a\.tsv' holds what is no fact: line 3: 2 fields .*; line 5: .* and 2 more"):
        read_graph(path)


def test_a_quote_that_is_never_closed_takes_no_other_line_with_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'a,r,b\n"a,r,c\nb,r,c\nc,r,"d"\ne,r,f,g\na,r,b,0\n')
    broken: list[Broken] = []
    graph = read_graph(path, on_broken=broken.append)
    assert [triple.tail for triple in graph.triples()] == ["b", "c", "d"]
    assert [one.line for one in broken] == [2, 5, 6]


@given(st.binary(max_size=200), st.sampled_from([".tsv", ".csv"]))
def test_any_bytes_are_read_or_reported(tmp_path_factory: pytest.TempPathFactory, content: bytes, end: str) -> None:
    path = written(tmp_path_factory.mktemp("any") / f"a{end}", b"a\tr\tb\n" + content if end == ".tsv" else content)
    broken: list[Broken] = []
    graph = read_graph(path, on_broken=broken.append)
    if end == ".tsv":
        lines = [line for line in path.read_bytes().split(b"\n")]
        kept = {int(source.rpartition(":")[2]) for fact in graph.facts() for source in fact.sources}
        for number, line in enumerate(lines, 1):
            blank = not line.rstrip(b"\r").decode("utf-8", "replace").strip()
            assert blank or number in kept or number in {one.line for one in broken} or number == 1


def test_a_confidence_that_is_none(tmp_path: Path) -> None:
    broken: list[Broken] = []
    text = "head,relation,tail,confidence\na,r,b,high\na,r,c,0\na,r,d,nan\n"
    read_graph(written(tmp_path / "a.csv", text), on_broken=broken.append)
    assert [one.line for one in broken] == [2, 3, 4]


def test_graphml_of_networkx_is_read(tmp_path: Path) -> None:
    graph = nx.MultiDiGraph()
    graph.add_node("n1", label="Ana", type="person")
    graph.add_edge("n1", "n2", relation="knows", confidence=0.5)
    graph.add_edge("n1", "n2", relation="likes")
    graph.add_edge("n2", "n1")
    nx.write_graphml(graph, tmp_path / "a.graphml")
    broken: list[Broken] = []
    read = read_graph(tmp_path / "a.graphml", on_broken=broken.append)
    assert set(read.triples()) == {("n1", "knows", "n2"), ("n1", "likes", "n2")}
    assert read.fact(("n1", "knows", "n2")).confidence == 0.5
    assert (read.label("n1"), read.asserted.nodes["n1"]["types"]) == ("Ana", ("person",))
    assert [str(one) for one in broken] == ["the edge from 'n2' to 'n1' has no relation, label, type or name"]


JSON_LD = """{
 "@context": {"name": "http://schema.org/name", "knows": {"@id": "http://schema.org/knows", "@type": "@id"}},
 "@id": "http://example.org/ana", "@type": "http://schema.org/Person", "name": "Ana",
 "knows": ["http://example.org/rui", {"@id": "_:x", "name": "Eva"}]
}"""


def test_json_ld_is_read(tmp_path: Path) -> None:
    pytest.importorskip("rdflib", reason="rdflib is not installed")
    graph = read_graph(written(tmp_path / "a.jsonld", JSON_LD))
    ana, rui, knows = "http://example.org/ana", "http://example.org/rui", "http://schema.org/knows"
    assert (ana, knows, rui) in graph
    assert len(graph) == 2
    assert graph.find("Ana") == ana
    assert graph.asserted.nodes[ana]["types"] == ("Person",)
    told = sorted(graph.words(head, Step(relation), tail) for head, relation, tail in graph.triples())
    assert told == ["Ana knows Eva", "Ana knows rui"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonld", '{"a": 1,\n "b": }', "is no JSON: line 2"),
        ("a.jsonld", '{"@context": "https://schema.org/", "name": "x"}', "needs the context .* from the network"),
        ("a.jsonld", '{"@context": {"@import": "http://x.y/z"}, "a": 1}', "needs the context"),
        ("a.jsonld", '{"@context": {},\n"colour": "red"}', "line 2: the key 'colour' is in no context"),
        ("a.jsonld", b"\xff", "is no JSON"),
        ("a.graphml", "<graphml>\n<graph>\n</grph>", "is no XML: line 3"),
        ("a.graphml", "<html></html>", "is no GraphML"),
        ("a.tsv.gz", b"not gzip", "cannot be read: Not a gzipped file"),
        ("a.tsv.gz", gzip.compress(b"a\tr\tb\n" * 99, mtime=0)[:-9], "cannot be read"),
        ("a.kg", "text" * 99, "file is not a database"),
    ],
)
def test_files_that_cannot_be_read_say_why_in_one_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    if name.endswith("jsonld"):
        pytest.importorskip("rdflib", reason="rdflib is not installed")
    with pytest.raises(StoreError, match=message) as caught:
        read_graph(written(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_a_parameter_is_a_graph_or_a_file_which_is_read_again_when_it_changed(tmp_path: Path) -> None:
    graph = KnowledgeGraph()
    assert open_graph(graph) is graph
    assert len(open_graph(None)) == 0
    path = written(tmp_path / "a.tsv", "a\tr\tb\n")
    first = open_graph(path)
    assert open_graph(str(path)) is first
    written(path, "a\tr\tb\nb\tr\tc\n")
    assert len(open_graph(path)) == 2
    with pytest.raises(StoreError, match="No such file"):
        open_graph(tmp_path / "none.tsv")


@pytest.mark.parametrize(("name", "entities", "facts"), [("kg_umls", 135, 5214), ("kg_family", 2992, 23483)])
def test_real_graphs_are_read_whole_and_survive_saving(name: str, entities: int, facts: int, tmp_path: Path) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not there")
    graph = read_graph(DATA / name / "train.tsv")
    assert (len(graph.entities), len(graph)) == (entities, facts)
    save_graph(graph, tmp_path / "a.kg")
    again = read_graph(tmp_path / "a.kg")
    assert list(again.triples()) == list(graph.triples())
    assert next(again.facts()).sources == {"train.tsv:2": 1.0}
