"""Knowledge graphs on the command line: the three strategies that read one, and files that cannot be read."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.cli import app
from tests.apps.conftest import Serve

pytest.importorskip("scipy", reason="rules need the extra `knowledge`: pip install 'disputatio[knowledge]'")
FACTS = [f"u{n}\tbrother\tf{n}\nf{n}\tfather\tc{n}" + f"\nu{n}\tuncle\tc{n}" * (n < 5) for n in range(7)]
RULES = "Rules:\n1. uncle(X, Y) <- brother(X, Z) & father(Z, Y)"


def reply(prompt: str) -> str:
    if "The relation to conclude" in prompt:
        return RULES
    if "Verdict: <" in prompt:
        return "So it is in families.\nVerdict: correct"
    return "By path 1 it is so.\nAnswer: c6"


def solve(question: str, strategy: str, *arguments: Any, model: str = "sim:accuracy=1") -> Result:
    return CliRunner().invoke(app, ["solve", question, "-q", "-m", model, "-s", strategy, *map(str, arguments)])


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "family.tsv"
    path.write_text("head\trelation\ttail\n" + "\n".join(FACTS) + "\n")
    return path


def test_the_strategies_take_their_graph_or_documents_as_a_parameter(
    serve: Serve, came: Any, graph: Path, tmp_path: Path
) -> None:
    model = serve(reply)
    paths = solve("Is u6 an uncle of c6?", "k_paths", "-p", f"graph={graph}", "-p", "hidden=uncle", model=model)
    assert "Answer: c6" in paths.stdout
    assert "1. u6 brother f6 and f6 father c6" in came()[-1]
    rules = solve("Whose uncle is u6?", "chatrule", "-p", f"graph={graph}", "-p", "generations=1", model=model)
    assert "Answer: c6" in rules.stdout
    assert "If X brother Z1 and Z1 father Y, then X uncle Y. (pca 1)" in rules.stdout
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "family.txt").write_text("The brother of u6 is f6. The father of c6 is f6.\n")
    text = solve("Whose uncle is u6?", "comorag", "-p", f"documents={folder}", "-p", "attempts=1", model=model)
    assert "Answer: c6" in text.stdout
    assert any("The father of c6 is f6." in prompt for prompt in came())


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"a\tb\tc\nonly one\n", "g.tsv", "holds what is no fact: line 2: 1 fields where 3 are needed"),
        (b"a\tb\tc\ncaf\xe9\tis\tdrink\n", "g.tsv", "holds what is no fact: line 2: it is not UTF-8"),
        (b"", "g.tsv", "holds no fact"),
        (b'{"a": ', "g.jsonld", "is no JSON: line 1"),
        (b"<graphml", "g.graphml", "is no XML: line 1"),
        (b"dear diary " * 300, "g.kg", "cannot be used: file is not a database"),
    ],
)
def test_a_file_that_is_no_graph(content: bytes, name: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    done = solve("Is a b?", "k_paths", "-p", f"graph={path}")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert message in done.stderr
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("k_paths", "-p", "source=u66"), "the graph has no entity 'u66'; the nearest names: 'u6'"),
        (("chatrule", "-p", "relations=uncel"), "did you mean 'uncle'? known: brother, father, uncle"),
        (("chatrule", "-p", "relations=uncle", "-p", "entity=f66"), "no entity 'f66'; the nearest names: 'f6'"),
        (("k_paths", "-p", "graph=nowhere.tsv"), "the parameter 'graph' is given twice"),
    ],
)
def test_names_that_the_graph_does_not_have(arguments: tuple[str, ...], message: str, graph: Path) -> None:
    done = solve("Is it?", *arguments, "-p", f"graph={graph}")
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr


def test_places_that_hold_no_graph(tmp_path: Path) -> None:
    for place, message in ((tmp_path, "is a folder"), (tmp_path / "g.tsv", "No such file")):
        done = solve("Is it?", "k_paths", "-p", f"graph={place}")
        assert (done.exit_code, message in done.stderr) == (1, True), done.stderr


def test_a_question_that_names_no_relation_is_told_which_there_are(graph: Path) -> None:
    done = solve("What is it?", "chatrule", "-p", f"graph={graph}")
    assert done.exit_code == 3
    assert "the graph has brother, father, uncle." in done.stdout
