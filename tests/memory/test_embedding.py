"""Embedding models: the embedded one for real, a server on this machine, and what is not there."""

import asyncio
import builtins
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from operator import mul
from pathlib import Path

import pytest

from disputatio.errors import ConfigurationError, MissingExtraError, ModelError, StoreError
from disputatio.memory import SqliteStore, load_embedder
from disputatio.memory.embedding import LONGEST, Endpoint, WordLlama, default_embedder
from tests.servers import Asked, Sent, Server

needs_wordllama = pytest.mark.skipif(
    importlib.util.find_spec("wordllama") is None, reason="needs the extra `memory`: pip install 'disputatio[memory]'"
)


@needs_wordllama
def test_the_embedded_model_finds_by_meaning(path: Path) -> None:
    with SqliteStore(path, fields=["text"]) as store:  # the default
        assert store.index.embedder == WordLlama()
        for text in ("Paris is the capital of France", "Tea is made of leaves", "Rain fell on the roof", "", "é" * 9):
            store.put(("a",), text or "empty", {"text": text})
        found = store.search(("a",), query="Which city governs the French?", limit=1)
    assert [item.key for item in found] == ["Paris is the capital of France"]
    with SqliteStore(path) as store:  # the file says what it is embedded by
        assert store.index.embedder == WordLlama()


@needs_wordllama
def test_the_embedded_model_needs_no_network_and_comes_late() -> None:
    code = (
        "import sys; from disputatio.memory import SqliteStore; store = SqliteStore(); "
        "store.put(('a',), '1', {'text': 'tea'}); "
        "print({'numpy', 'wordllama'} & {*sys.modules}); print(len(store.search(('a',), query='tea')))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("set()\n1\n", "")


def lengths(asked: Asked) -> Sent:
    """Embeddings in the wrong order: the length of the text, and 100."""
    data = [{"index": at, "embedding": [len(text), 100]} for at, text in enumerate(asked.body["input"])]
    return Sent({"data": data[::-1]})


def test_a_server_embeds_many_texts_in_parts(path: Path) -> None:
    with Server(lengths) as server:
        name = f"openai-compatible:{server.url}#small"
        with SqliteStore(path, embedder=name, fields=["text"]) as store:
            for number in range(1, 201):
                store.put(("a",), str(number), {"text": "x" * number})

            async def search() -> list[str]:  # also within an event loop
                return [item.key for item in store.search(("a",), query="x" * 200, limit=2)]

            assert asyncio.run(search()) == ["200", "199"]
        sizes = [len(asked.body["input"]) for asked in server.asked]
        assert sizes == [1, 128, 72]
        assert {asked.body["model"] for asked in server.asked} == {"small"}
        model = load_embedder(name)
        assert model
        model.embed(["x" * 50_000])
        assert len(server.asked[-1].body["input"][0]) == LONGEST


@pytest.mark.parametrize("sent", [Sent({"data": []}), Sent({"data": [{"index": 0}]}), Sent({}, status=500)])
def test_a_server_without_embeddings(path: Path, sent: Sent) -> None:
    with Server([sent]) as server, SqliteStore(path, embedder=f"vllm:{server.url}#small") as store:
        store.put(("a",), "1", {"text": "tea"})
        with pytest.raises(ModelError):
            store.search(("a",), query="tea")
        assert store.get(("a",), "1")


def test_openai_is_asked_at_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdefghij")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    model = load_embedder("openai:text-embedding-3-small")
    assert isinstance(model, Endpoint)
    assert (model.name, model.model.base_url) == ("openai:text-embedding-3-small", "https://api.openai.com/v1")
    assert "sk-" not in repr(model)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("worldllama", "unknown embedding model 'worldllama'; did you mean 'wordllama'"),
        ("wordllama:large", "wordllama is one model; leave out 'large'"),
        ("sentence-transformers", "name a model: sentence-transformers:all-MiniLM-L6-v2"),
        ("vllm:nowhere", "needs an address"),
    ],
)
def test_names_that_name_none(path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        SqliteStore(path, embedder=name)


def test_without_the_extra_search_is_by_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    absent = ("wordllama", "numpy", "sentence_transformers")
    monkeypatch.setattr("disputatio.memory.embedding.find_spec", lambda name: None if name in absent else find(name))
    real = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("disputatio.errors.import_module", refuse)
    assert default_embedder() is None
    with SqliteStore(path) as store:
        store.put(("a",), "1", {"text": "tea leaves"})
        assert [item.key for item in store.search(("a",), query="leaves")] == ["1"]
        assert [found.item.key for found in store.hybrid(("a",), "leaves", limit=1)] == ["1"]
    with pytest.raises(MissingExtraError, match=r"pip install 'disputatio\[memory\]'"):
        SqliteStore(path, embedder="wordllama")
    model = load_embedder("sentence-transformers:x")
    assert model
    with pytest.raises(MissingExtraError, match="pip install sentence-transformers"):
        model.embed(["tea"])


def test_sentence_transformers(path: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers", reason="needs: pip install sentence-transformers")
    bag = pytest.importorskip("sentence_transformers.sentence_transformer.modules").BoW  # a model that needs no hub
    modules: Sequence[object] = [bag(vocab=["tea", "milk", "rain"], word_weights={})]
    library.SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "model"))
    with SqliteStore(path, embedder=f"sentence-transformers:{tmp_path / 'model'}", fields=["text"]) as store:
        store.put(("a",), "1", {"text": "tea tea milk"})
        store.put(("a",), "2", {"text": "rain"})
        assert [item.key for item in store.search(("a",), query="milk")] == ["1", "2"]


@pytest.mark.embedded
def test_a_gguf_file_embeds_in_this_process() -> None:
    try:
        embedder = load_embedder("local")
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    assert embedder is not None
    cat, dog, price = embedder.embed(["A cat sat on the mat.", "A dog lay on the rug.", "Prices rose by 2 %."])
    assert sum(map(mul, cat, dog)) > sum(map(mul, cat, price))
