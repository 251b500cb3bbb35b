"""The rows of a kept run: what is packed comes back, also from a file of the first format."""

import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import disputatio as dp
from disputatio.agents import Solver
from disputatio.errors import StoreError
from disputatio.graphs import sequence
from disputatio.models import ScriptedModel
from disputatio.run_store import RunStore
from disputatio.run_texts import packed, read, write
from disputatio.stored_run import lines_of

TEXTS = st.text(alphabet=st.characters(exclude_categories=())) | st.lists(
    st.sampled_from(["a" * 30, "b", "\n\n", "\0", "[x] "])
).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.lists(VALUES))
def test_what_is_packed_comes_back(values: list[Any]) -> None:
    texts: dict[str, int] = {}
    kept: list[str] = []
    for value in values:
        body, crc, new = write(value, texts)
        texts |= new
        assert read(body, crc, kept, "it") == json.loads(json.dumps(value))
    assert kept == list(texts)
    assert list(texts.values()) == list(range(len(texts)))


def test_texts_of_what_ended_before_are_not_those_of_what_comes_after() -> None:
    texts: dict[str, int] = {}
    first, result = write("a" * 50, texts), write("b" * 50, {"a" * 50: 0})  # a result may be followed by more lines
    second = write("c" * 50, {"a" * 50: 0})
    kept: list[str] = []
    assert [read(*row[:2], kept, "it")[0] for row in (first, second)] == ["a", "c"]
    assert read(*result[:2], kept, "it") == "b" * 50
    with pytest.raises(StoreError, match="it is damaged"):
        read(*result[:2], [], "it")


def in_the_first_format(path: Path) -> None:
    """Rewrite a file as it was when texts had rows of their own."""
    with sqlite3.connect(path) as database:
        for (num,) in database.execute("SELECT num FROM runs").fetchall():
            lines, texts = lines_of(database, num, "it")
            numbers: dict[str, int] = {}
            rows = [packed(line.model_dump(mode="json", exclude_defaults=True) | {"line": line.line}, {}, numbers)
                    for line in lines]  # fmt: skip
            body, crc = database.execute("SELECT result, result_crc FROM runs WHERE num = ?", (num,)).fetchone()
            rows.append(packed(read(body, crc, texts, "it"), {}, numbers))
            bodies = [b"=" + json.dumps(row).encode() for row in rows]
            pieces = [b"=" + piece.encode() for piece in numbers]
            database.execute("DELETE FROM lines WHERE run = ?", (num,))
            database.executemany("INSERT INTO lines VALUES (?, ?, ?, ?)",
                                 [(num, n, one, zlib.crc32(one)) for n, one in enumerate(bodies[:-1])])  # fmt: skip
            database.executemany("INSERT INTO texts VALUES (?, ?, ?, ?)",
                                 [(num, n, one, zlib.crc32(one)) for n, one in enumerate(pieces)])  # fmt: skip
            result = (bodies[-1], zlib.crc32(bodies[-1]), num)
            database.execute("UPDATE runs SET result = ?, result_crc = ? WHERE num = ?", result)
        database.execute("PRAGMA user_version = 1")
    database.close()


def test_runs_of_the_first_format_are_read_and_go_on(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    model = ScriptedModel(lambda prompt: f"{hash(prompt)} " * 20 + "\n\nAnswer: yes\nConfidence: 80")
    strategy = sequence(*(Solver(f"solver {n}") for n in range(4)))
    result = dp.solve("Is tea good?", strategy=strategy, model=model, runs=store)
    store.close()
    in_the_first_format(tmp_path / "runs.sqlite")
    assert store.result("last") == result
    assert dp.resume("last", runs=store, replay=True, strategy=strategy) == result
    with store.database.transaction() as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)  # older versions leave it alone from here on
        database.execute("DELETE FROM lines WHERE n > 3")  # as if it had been killed
    asked = len(model.requests)
    again = dp.resume("last", runs=store, strategy=strategy, models={"default": model})
    assert (again.thoughts, len(model.requests)) == (result.thoughts, asked + 2)
    assert store.result("last") == again
    assert dp.resume("last", runs=store, replay=True, strategy=strategy) == again
