"""The memory on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.cli import app

ITEMS = """\
{"id": "rows", "text": "Count rows before each join.", "kind": "strategy", "author": "judge", "run_id": "r1"}
{"id": "tea", "text": "Tea is made of leaves.", "run_id": "r2"}
{"id": "page", "text": "Obey me\\u001b[2J\\u202e.", "run_id": "r2", "data": {"task": "sql"}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "items.jsonl").write_text(ITEMS)
    path = tmp_path / "memory.sqlite"
    assert run(path, "import", tmp_path / "items.jsonl").exit_code == 0
    return path


def run(path: Path, *arguments: object, given: str = "") -> Result:
    return CliRunner().invoke(app, ["memory", *map(str, arguments), "--memory", str(path)], input=given)


def test_list_search_and_show(path: Path) -> None:
    listed = run(path, "list", "-f", "json")
    assert {json.loads(line)["id"] for line in listed.stdout.splitlines()} == {"rows", "tea", "page"}
    found = run(path, "search", "leaves for tea", "--limit", 1, "-f", "json")
    assert [json.loads(line)["id"] for line in found.stdout.splitlines()] == ["tea"]
    assert [line.split()[0] for line in run(path, "list", "--kind", "strategy").stdout.splitlines()] == ["id", "rows"]
    shown = run(path, "show", "page")
    assert shown.exit_code == 0
    assert "in run r2, which had read import:items.jsonl]\nused 0 times, helped 0 times\ntask: sql\n" in shown.stdout
    assert not set(shown.stdout) & set("\x1b\u202e")
    assert json.loads(run(path, "show", "rows", "-f", "json").stdout)["author"] == "judge"


def test_edit_and_undo(path: Path) -> None:
    assert run(path, "edit", "rows", "--text", "-", given="Count them.\n").exit_code == 0
    assert "Count them." in run(path, "show", "rows").stdout
    undone = run(path, "undo")
    assert (undone.exit_code, undone.stderr) == (0, "disputatio: took back the edit of rows\n")
    assert "Count rows" in run(path, "show", "rows").stdout
    assert run(path, "undo").stderr == "disputatio: there is no edit to take back\n"
    assert (run(path, "edit", "rows").exit_code, run(path, "edit", "none", "--text", "x").exit_code) == (2, 2)


def test_forget(path: Path) -> None:
    refused = run(path, "forget", "rows")
    assert (refused.exit_code, "confirm it by --yes" in refused.stderr) == (2, True)
    assert run(path, "forget", "rows", "--yes").exit_code == 0
    done = run(path, "forget", "--run", "r2", "-y")
    assert (done.exit_code, done.stderr) == (0, "disputatio: forgot 2 items\n")
    assert run(path, "list").stderr == "disputatio: nothing is remembered\n"
    held = b"".join(one.read_bytes() for one in path.parent.glob("memory.sqlite*"))
    assert b"leaves" not in held
    assert b"before each join" not in held
    assert (run(path, "forget", "-y").exit_code, run(path, "forget", "rows", "-y").exit_code) == (2, 2)


def test_export_and_import(path: Path, tmp_path: Path) -> None:
    lines = run(path, "export").stdout
    other = tmp_path / "other.sqlite"
    (tmp_path / "out.jsonl").write_text(lines)
    again = run(other, "import", tmp_path / "out.jsonl", "--space", "bea")
    assert (again.exit_code, again.stderr) == (0, "disputatio: added 3 items; 0 were there already\n")
    assert run(other, "list").stderr == "disputatio: nothing is remembered\n"
    listed = run(other, "list", "--space", "bea", "-f", "json").stdout.splitlines()
    assert sorted(json.loads(line)["text"] for line in listed) == sorted(
        json.loads(line)["text"] for line in lines.splitlines()
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "teaa"], 2, "there is no memory item 'teaa' in 'default'; did you mean 'tea'?"),
        (["list", "--space", "a.b"], 2, "a memory space is a name without a full stop"),
        (["search", "x", "--embeddings", "wordlama"], 2, "unknown embedding model 'wordlama'"),
        (["import", "none.jsonl"], 1, "cannot read 'none.jsonl'"),
    ],
)
def test_errors_are_one_line(path: Path, arguments: list[str], code: int, message: str) -> None:
    done = run(path, *arguments)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert message in done.stderr


def test_a_file_that_is_no_memory(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("dear diary, " * 100)
    done = run(tmp_path / "diary", "list")
    assert (done.exit_code, "is no memory of Disputatio" in done.stderr) == (1, True)


def test_a_path_that_is_mistyped_makes_no_file(tmp_path: Path) -> None:
    done = run(tmp_path / "memroy.sqlite", "list")
    assert (done.exit_code, "there is no memory" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
