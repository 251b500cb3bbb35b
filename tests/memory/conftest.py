"""A store whose embedding model counts words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from disputatio.memory import SqliteStore
from tests.counting import Counting

for package in ("numpy", "simsimd"):
    pytest.importorskip(package, reason="vectors need the extra `memory`: pip install 'disputatio[memory]'")


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.sqlite"


@pytest.fixture
def store(path: Path, counting: Counting) -> Iterator[SqliteStore]:
    with SqliteStore(path, embedder=counting, fields=["text"]) as one:
        yield one
