"""The store of a team: LangGraph's own on a real PostgreSQL server with pgvector; see `tests/postgres_server.py`."""

import pytest

from disputatio.context import Context
from disputatio.errors import ConfigurationError, StoreError
from disputatio.memory import Memory, MemoryItem, open_store, recalled
from tests.counting import Counting

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def driver() -> None:
    pytest.importorskip("langgraph.store.postgres", reason="needs the extra `postgres`")


@pytest.fixture
async def with_vectors(database: str) -> str:
    psycopg = pytest.importorskip("psycopg")
    async with await psycopg.AsyncConnection.connect(database) as connection:
        found = await connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
        if not await found.fetchone():
            pytest.skip("this server has no pgvector")
    return database


async def test_items_outlive_the_connection(database: str) -> None:
    async with open_store(database, embedder=None) as store:
        memory = Memory(store, "ana/sql")
        await memory.put(MemoryItem(id="a", text="tea"), MemoryItem(id="b", text="rain", kind="fact"))
        await Memory(store, "ana").put(MemoryItem(id="a", text="other"))
        await memory.used("a")
        await memory.edit("a", text="green tea")
    async with open_store(database, embedder=None) as store:
        memory = Memory(store, "ana/sql")
        found = await memory.get("a")
        assert (found.text, found.uses) == ("green tea", 1)
        assert [item.id for item in await memory.items(kind="fact")] == ["b"]
        assert [item.text for item in await Memory(store, "ana").items()] == ["other"]
        undone = await memory.undo()
        assert undone
        assert undone.text == "tea"
        await memory.forget("a")
        with pytest.raises(ConfigurationError, match="there is no memory item 'a'"):
            await memory.get("a")


async def test_search_by_meaning(with_vectors: str) -> None:
    async with open_store(with_vectors, embedder=Counting()) as store:
        memory = Memory(store)
        await memory.put(
            MemoryItem(id="a", text="tea tea milk"),
            MemoryItem(id="b", text="milk", data={"n": 1}),
            MemoryItem(id="c", text="rain"),
        )
        found = await memory.search("tea", k=2)
        assert [match.item.id for match in found] == ["a", "b"]
        assert found[0].score == pytest.approx(2 / 5**0.5)
        assert [match.item.id for match in await memory.search("tea", filter={"data": {"n": 1}})] == ["b"]
        context = Context()
        assert "tea tea milk" in recalled([found[0].item], context)


async def test_another_embedding_model_is_refused(with_vectors: str) -> None:
    async with open_store(with_vectors, embedder=Counting()) as store:
        await Memory(store).put(MemoryItem(text="tea"))
    with pytest.raises(StoreError, match="is embedded by counting, not wider; open it with that"):
        async with open_store(with_vectors, embedder=Counting(words=("tea",), name="wider")):
            pass


async def test_the_embedded_model(with_vectors: str) -> None:
    pytest.importorskip("wordllama", reason="needs the extra `memory`")
    async with open_store(with_vectors) as store:
        memory = Memory(store)
        await memory.put(
            MemoryItem(id="a", text="Paris is the capital of France"), MemoryItem(id="b", text="Tea leaves")
        )
        assert [match.item.id for match in await memory.search("the French seat of government", k=1)] == ["a"]


async def test_a_server_that_is_not_there(server: str) -> None:
    with pytest.raises(StoreError, match=r"cannot use the store at 127\.0\.0\.1/none") as caught:
        async with open_store("postgresql://ana:hidden@127.0.0.1:1/none", embedder=None):
            pass
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)
