"""Nothing is written twice: no run of statements stands in two places of the package."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("agents", "apps", "core", "evals", "graphs", "memory", "models", "tools")
MOST = 6
"""Lines in a row that may stand in two places, each a statement in one line, without imports and docstrings."""


def statements(source: str) -> list[str]:
    """The code as Python itself would write it, so that layout and comments tell no two pieces apart."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_passed_over(one)] or [ast.Pass()]  # type: ignore[attr-defined]
    return [line.strip() for line in ast.unparse(tree).splitlines() if line.strip()]


def _is_passed_over(node: ast.stmt) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def repeated(sources: dict[str, str], most: int) -> list[str]:
    """Where a run that is longer stands again."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, source in sources.items():
        lines = statements(source)
        for first in range(len(lines) - most):
            places[tuple(lines[first : first + most + 1])].append(name)
    return [f"{' and '.join(found)}: {run[0]}" for run, found in places.items() if len(found) > 1]


def test_nothing_is_written_twice() -> None:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(paths) > 200
    assert not repeated({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}, MOST)


def test_a_copy_would_be_found_whatever_its_layout() -> None:
    lines = [f"x{number} = f({number}, {number + 1})" for number in range(MOST + 1)]
    copy = "import os\n\n# another comment\n" + "\n\n".join(line.replace(", ", ",\n") for line in lines)
    assert repeated({"one.py": "\n".join(lines), "other.py": copy}, MOST) == ["one.py and other.py: x0 = f(0, 1)"]
    assert repeated({"one.py": "\n".join(lines[1:]), "other.py": copy}, MOST) == []
