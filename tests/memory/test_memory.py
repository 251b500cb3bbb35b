"""Items and their provenance: stored without secrets, counted, corrected, forgotten for good, handed on."""

import json
import time
from pathlib import Path

import pytest
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from disputatio.context import Context
from disputatio.errors import ConfigurationError, StoreError
from disputatio.memory import Memory, MemoryItem, SqliteStore
from disputatio.memory.transfer import export, import_file


@pytest.fixture(params=["ours", "langgraph's"])
def any_store(request: pytest.FixtureRequest, store: SqliteStore) -> BaseStore:
    return store if request.param == "ours" else InMemoryStore()


@pytest.fixture
def memory(store: SqliteStore) -> Memory:
    return Memory(store, "ana/sql")


def texts(items: list[MemoryItem]) -> list[str]:
    return [item.text for item in items]


async def test_an_item_keeps_where_it_comes_from(any_store: BaseStore) -> None:
    memory, context = Memory(any_store), Context()
    context.taint.untrusted |= {"tool:search", "document"}
    item = MemoryItem.of_run(context, "tea", kind="fact", author="judge", thoughts=("t1", "t2"), data={"task": "sql"})
    await memory.put(item)
    found = await memory.get(item.id)
    assert found == item
    assert (found.run_id, found.thoughts, found.untrusted) == (
        context.run_id,
        ("t1", "t2"),
        ("document", "tool:search"),
    )


async def test_counts_and_edits_on_any_store(any_store: BaseStore) -> None:
    memory = Memory(any_store)
    await memory.put(MemoryItem(id="a", text="tea"), MemoryItem(id="b", text="milk", kind="fact"))
    await memory.used("a", "b", "gone")
    await memory.used("a")
    await memory.helped("a")
    assert [(item.uses, item.helped) for item in (await memory.get("a"), await memory.get("b"))] == [(2, 1), (1, 0)]
    await memory.edit("a", text="green tea", kind="drink")
    await memory.edit("b", text="oat milk")
    undone = await memory.undo()
    assert undone
    assert (undone.id, undone.text) == ("b", "milk")
    undone = await memory.undo()
    assert undone
    assert (undone.id, undone.text, undone.kind, undone.uses) == ("a", "tea", "note", 2)
    assert await memory.undo() is None
    assert {item.id for item in await memory.items(kind="fact")} == {"b"}
    await memory.forget("a")
    with pytest.raises(ConfigurationError, match="there is no memory item 'a' in 'default'"):
        await memory.get("a")


async def test_spaces_share_nothing(store: SqliteStore) -> None:
    spaces = ("ana", "ana/sql", "an", "ana/sql/deep", "memory")
    for space in spaces:
        await Memory(store, space).put(MemoryItem(id="same", text=f"tea {space}"))
    for space in spaces:
        memory = Memory(store, space)
        assert texts(await memory.items()) == [f"tea {space}"]
        assert [match.item.text for match in await memory.search("tea", 99)] == [f"tea {space}"]
    await Memory(store, "ana").forget("same")
    assert texts(await Memory(store, "ana/sql").items()) == ["tea ana/sql"]
    for wrong in ("", "a.b", "a\x00"):
        with pytest.raises(ConfigurationError, match="a memory space is a name without a full stop"):
            Memory(store, wrong)


async def test_secrets_are_not_stored(store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "tok-9876543210")
    memory = Memory(store, secrets=["my own secret"])
    text = "use tok-9876543210, my own secret, sk-abcdefghijklmnop1234 and https://ana:pass99word@host/x"
    await memory.put(MemoryItem(id="1", text=text, data={"key": "tok-9876543210"}, source="http://a:b12345678@c/"))
    await memory.edit("1", text=f"again {text}")
    await memory.search("tok")
    held = b"".join(one.read_bytes() for one in path.parent.iterdir())
    for secret in (b"tok-9876543210", b"my own secret", b"sk-abcdefghijklmnop1234", b"pass99word", b"b12345678"):
        assert secret not in held


async def test_search_by_kind_field_age_and_diversity(memory: Memory) -> None:
    now = time.time()
    await memory.put(
        MemoryItem(id="old", text="tea tea", created=now - 100, data={"task": "sql"}),
        MemoryItem(id="new", text="tea milk", kind="fact", created=now),
        MemoryItem(id="twin", text="tea", created=now - 100),
        MemoryItem(id="rain", text="rain", created=now),
    )

    async def found(query: str, k: int = 5, **options: object) -> list[str]:
        return [match.item.id for match in await memory.search(query, k, **options)]  # type: ignore[arg-type]

    assert set((await found("tea"))[:2]) == {"old", "twin"}
    assert await found("tea", kind="fact") == ["new"]
    assert await found("tea", filter={"data": {"task": "sql"}}) == ["old"]
    assert (await found("tea", half_life_s=10))[0] == "new"  # the others' scores are halved ten times
    # Twins have one vector: once one of them is chosen, the other is as like to it as can be.
    assert (await found("tea", 2, diversity=0.9))[1] == "rain"
    for wrong in ({"k": 0}, {"diversity": 2.0}, {"half_life_s": 0.0}):
        with pytest.raises(ConfigurationError, match="k is at least 1"):
            await memory.search("tea", **wrong)  # type: ignore[arg-type]


async def test_forgetting_really_deletes(memory: Memory, path: Path) -> None:
    await memory.put(MemoryItem(id="1", text="the xylographer drinks tea"), MemoryItem(id="2", text="rain"))
    await memory.edit("1", text="the zymurgist drinks tea")
    await memory.search("zymurgist")
    held = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert b"xylographer" in held  # kept for undo
    await memory.forget("1")
    held = b"".join(one.read_bytes() for one in path.parent.iterdir()).lower()
    assert b"xylographer" not in held
    assert b"zymurgist" not in held
    assert await memory.undo() is None
    with pytest.raises(ConfigurationError, match="there is no memory item '3'"):
        await memory.forget("2", "3")
    assert texts(await memory.items()) == ["rain"]


async def test_all_that_a_run_wrote_can_be_forgotten(memory: Memory, path: Path) -> None:
    bad, good = Context(), Context()
    await memory.put(*(MemoryItem.of_run(bad, f"marker-{number} tea") for number in range(50)))
    await memory.put(MemoryItem.of_run(good, "tea"))
    await memory.search("tea marker")
    assert len(await memory.forget_run(bad.run_id)) == 50
    assert await memory.forget_run(bad.run_id) == []
    assert texts(await memory.items()) == ["tea"]
    assert b"marker" not in b"".join(one.read_bytes() for one in path.parent.iterdir())


async def test_an_edit_keeps_to_the_rules(memory: Memory) -> None:
    await memory.put(MemoryItem(id="1", text="tea"))
    with pytest.raises(ConfigurationError, match="run_id, uses of a memory item cannot be edited"):
        await memory.edit("1", uses=3, run_id="x")
    with pytest.raises(ConfigurationError, match="is no memory item: String should have at least 1 character"):
        await memory.edit("1", text="")
    with pytest.raises(ConfigurationError, match="there is no memory item '11' in 'ana/sql'; did you mean '1'"):
        await memory.edit("11", text="milk")
    assert texts(await memory.items()) == ["tea"]


async def test_export_and_import(memory: Memory, store: SqliteStore, tmp_path: Path) -> None:
    context = Context()
    await memory.put(MemoryItem.of_run(context, "tea\n\u2028 Grüße 😀", data={"n": [1, None]}), MemoryItem(text="rain"))
    file = tmp_path / "shared.jsonl"
    file.write_text("".join(await export(memory)))
    other = Memory(store, "bea")
    assert await import_file(other, file) == (2, 0)
    assert await import_file(other, file) == (0, 2)
    known = {item.id: item for item in await memory.items()}
    for item in await other.items():  # the same, but marked as coming from a file that nobody vouches for
        assert item == known[item.id].model_copy(update={"untrusted": ("import:shared.jsonl",)})
    await import_file(memory, file)
    assert {item.untrusted for item in await memory.items()} == {()}  # what was there stays as it was


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "\xff"}', "line 2 of .* is not UTF-8"),
        (b"{", "line 2 of .* is no memory item"),
        (b'{"text": "a", "mine": 1}', "Extra inputs are not permitted"),
        (b'{"id": "x"}', "Field required"),
        (b'["tea"]', "a JSON object is needed"),
        (b"SQLite format 3\x00", "line 2 of .* is no memory item"),
        (json.dumps({"text": "x" * 2_000_000}).encode(), "at most 1000000 fit"),
    ],
)
async def test_a_bad_line_imports_nothing(memory: Memory, tmp_path: Path, line: bytes, message: str) -> None:
    file = tmp_path / "shared.jsonl"
    file.write_bytes(b'{"text": "tea"}\n' + line + b"\n")
    with pytest.raises(StoreError, match=message) as caught:
        await import_file(memory, file)
    assert "\n" not in str(caught.value)
    assert "nothing was imported" in str(caught.value)
    assert await memory.items() == []


async def test_a_file_that_is_not_there(memory: Memory, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read .*: No such file"):
        await import_file(memory, tmp_path / "none.jsonl")
