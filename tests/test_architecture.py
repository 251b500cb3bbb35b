"""How the code is laid out: imports point one way, the package map is complete, public names are where they say."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import disputatio as dp

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "core": set(),
    "models": {"core"},
    "tools": {"core"},
    "memory": {"core", "models"},
    "agents": {"core", "models", "tools", "memory"},
    "graphs": {"core", "models", "tools", "memory", "agents"},
    "evals": {"core", "models", "tools", "memory", "agents", "graphs"},
    "apps": {"core", "models", "tools", "memory", "agents", "graphs", "evals"},
}
"""The table of docs/design.md: from which folders a folder may import, besides itself."""
FOLDERS = sorted(MAY_IMPORT)
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
WRITTEN = [*FILES, *(path for folder in ("examples", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))]
every_folder = pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != "core"])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, without the blocks that only type checkers read."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_for_checkers(child):
            yield from at_run_time(child)


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports at run time; of `from a import b` both a and a.b, because b may be a module."""
    for node in at_run_time(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(module: str) -> str | None:
    """The folder that a module of ours lies in."""
    package, *rest = module.split(".")
    if package != "disputatio":
        return None
    return rest[0] if rest and rest[0] in MAY_IMPORT else "core"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    used = {folder_of(module) for module in imported(path)} - {None}
    assert used <= MAY_IMPORT[own] | {own}


def test_an_import_in_the_wrong_direction_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text("def late():\n    from disputatio import graphs\n    import disputatio.agents.agent\n")
    assert {folder_of(module) for module in imported(path)} == {"graphs", "agents"}


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_no_import_by_a_bare_folder(path: Path) -> None:
    # `import agents` works in the repository, and loads a second copy of everything.
    assert not {module.partition(".")[0] for module in imported(path)} & set(FOLDERS)


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_no_file_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_package_map_holds_every_folder_with_code() -> None:
    found = {path.parent.relative_to(ROOT).as_posix() for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py")}
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packages = {"disputatio" if one == "core" else f"disputatio.{one.replace('/', '.')}": one for one in found}
    assert set(setuptools["packages"]) == set(packages)
    assert setuptools["package-dir"] == packages
    assert all((ROOT / folder / "__init__.py").is_file() for folder in found)
    assert not (ROOT / "disputatio").exists(), "it would shadow the installed package"


@every_folder
def test_every_package_exports_all_that_it_gathers(folder: str) -> None:
    package = import_module(f"disputatio.{folder}")
    listed = getattr(package, "__all__", [])
    assert package.__doc__
    assert len(set(listed)) == len(listed)
    assert all(hasattr(package, name) for name in listed)
    gathered = {
        alias.asname or alias.name
        for node in parse(ROOT / folder / "__init__.py").body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"disputatio.{folder}.")
        for alias in node.names
    }
    assert gathered <= set(listed)


def test_the_public_names_live_where_the_package_says() -> None:
    tree = parse(ROOT / "core" / "__init__.py")
    declared = {
        alias.asname: (node.module or "").removeprefix("disputatio.")
        for block in tree.body
        if is_for_checkers(block)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared == dp._HOMES
    assert set(dp.__all__) == {"__version__", *dp._HOMES}
    assert all(getattr(dp, name) is not None for name in dp.__all__)
    assert set(dp.__all__) <= set(dir(dp))
    with pytest.raises(AttributeError, match="no attribute 'debate'"):
        dp.debate  # noqa: B018


def test_importing_the_package_imports_no_library() -> None:
    code = "import disputatio, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"aiohttp", "langchain_core", "langgraph", "networkx", "openai", "pydantic", "rich", "typer", "xllamacpp"}
    assert not heavy & set(done.stdout.split())
