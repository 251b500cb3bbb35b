"""What the documentation says is true: its Python runs, its commands parse, its links lead somewhere.

The blocks of a page run one after the other, as a reader would type them. A page says `model = "local"` where the
reader chooses a model; here a scripted one stands in its place.
"""

import doctest
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest
import typer

from disputatio.apps.cli import app
from disputatio.graphs import CATALOGUE, catalogue
from disputatio.models import ScriptedModel

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("core", "models", "tools", "memory", "agents", "graphs", "evals", "apps")
MODULES = [
    ".".join(["disputatio", *path.relative_to(ROOT).with_suffix("").parts])
    .replace("disputatio.core", "disputatio")
    .removesuffix(".__init__")
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
]
NEEDS = {"disputatio.evals.inspect_bridge": "inspect_ai"}
"""Modules that cannot be imported without an extra."""
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, *languages: str) -> Iterator[tuple[int, str]]:
    """The code blocks of a page, those in list items too, with the line that each begins after."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        if found[2] in languages:
            yield text[: found.start(3)].count("\n"), dedent(found[3])


@every_page
def test_python_runs(page: Path, scripted: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page", "scripted": scripted}
    for line, block in blocks(page, "python"):
        code = "\n" * line + re.sub(r'^(\w+) = "local"', r"\1 = scripted", block, flags=re.MULTILINE)
        exec(compile(code, page, "exec"), names)


def commands(page: Path) -> list[list[str]]:
    lines = [line for _, block in blocks(page, "sh", "console") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("disputatio ")]


@every_page
def test_commands_are_ones_that_the_program_knows(page: Path) -> None:
    program = typer.main.get_command(app)
    for name, *arguments in [words[1:] for words in commands(page) if not words[1].startswith("-")]:
        command = program.commands[name]  # type: ignore[attr-defined]
        assert command.make_context(name, arguments)  # parses, and runs nothing


@every_page
def test_make_targets_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"^make ([a-z]+)", text, re.MULTILINE) + re.findall(r"`make ([a-z]+)", text)
    assert set(named) <= targets


@every_page
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", prose):
        assert "://" in target or (page.parent / target).exists(), target


def test_the_strategies_that_the_readme_names_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| | strategies |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(CATALOGUE)


def test_the_readme_names_every_folder() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([a-z]+)/ ", text, re.MULTILINE))
    assert listed == {*FOLDERS, "examples", "tests", "docs", "benchmarks"}


def test_the_catalogue_page_is_current() -> None:
    assert (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8") == catalogue.page(), "run: make docs"


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module: str) -> None:
    if module in NEEDS:
        pytest.importorskip(NEEDS[module], reason=f"{module} needs {NEEDS[module]}", exc_type=ModuleNotFoundError)
    assert doctest.testmod(import_module(module)).failed == 0
