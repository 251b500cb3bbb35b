"""Search finds what a brute-force search finds, whoever stored it, and never compares vectors of two models."""

import logging
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import StoreError
from disputatio.memory import SqliteStore
from tests.counting import Counting

WORDS = Counting().words
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


def cosine(one: str, other: str) -> float:
    a, b = Counting().embed([one, other])
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


changes = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.one_of(st.none(), texts)), max_size=25)


@given(changes, texts, st.integers(1, 12))
def test_the_nearest_are_those_of_brute_force(history: list[tuple[str, int, str | None]], query: str, k: int) -> None:
    kept: dict[tuple[str, str], str] = {}
    with SqliteStore(embedder=Counting(), fields=["text"]) as store:
        for at, (label, number, text) in enumerate(history):
            if text is None:
                store.delete((label,), str(number))
                kept.pop((label, str(number)), None)
            else:
                store.put((label,), str(number), {"text": text})
                kept[label, str(number)] = text
            if at % 5 == 0:
                store.search(("a",), query=query)  # brings the index up to date half-way
        for prefix in ((), ("a",)):
            found = store.search(prefix, query=query, limit=k)
            there = {key: text for key, text in kept.items() if key[:1] == prefix or not prefix}
            best = sorted((cosine(query, text) for text in there.values()), reverse=True)[:k]
            assert [item.score for item in found] == pytest.approx(best, abs=1e-6)
            for item in found:
                assert item.score == pytest.approx(cosine(query, there[item.namespace[0], item.key]), abs=1e-6)


def test_a_filter_is_met_by_all_that_is_found_and_misses_nothing(store: SqliteStore) -> None:
    for number in range(300):
        store.put(("a",), str(number), {"text": "tea milk" if number % 2 else "tea", "n": number})
    found = store.search(("a",), query="tea", filter={"n": {"$gte": 290}}, limit=8)
    assert [item.key for item in found[:5]] == ["298", "296", "294", "292", "290"]  # cosine 1, the newest first
    assert [item.key for item in found[5:]] == ["299", "297", "295"]


def test_hybrid_search_joins_meaning_and_words(store: SqliteStore, counting: Counting) -> None:
    counting.words = ("tea", "milk", "rain", "sun")
    store.put(("a",), "near", {"text": "rain rain"})
    store.put(("a",), "both", {"text": "rain ORA-00942"})
    store.put(("a",), "word", {"text": "sun ORA-00942"})
    found = store.hybrid(("a",), "rain ORA-00942", limit=3)
    # By meaning near (cosine 1), both (1; older equals come later), word (0); by words both, then word and near.
    assert found[0].item.key == "both"
    assert {one.item.key for one in found} == {"near", "both", "word"}
    assert found[0].vector is not None
    assert list(map(float, found[0].vector)) == [0, 0, 1, 0]


def test_words_that_everything_has_are_not_looked_up(path: Path) -> None:
    with SqliteStore(path, embedder=None, fields=["text"]) as store:
        for number in range(600):
            store.put(("a",), str(number), {"text": f"the row {number}"})
        assert [item.key for item in store.search(("a",), query="the row 77?", limit=3)] == ["77"]
        assert len(store.search(("a",), query="the", limit=3)) == 3  # all there is to go by
        assert store.search(("a",), query="nothing-here \"quoted' *", limit=3) == []


def test_texts_are_embedded_once_and_many_at_a_time(store: SqliteStore, counting: Counting) -> None:
    for number in range(5):
        store.put(("a",), str(number), {"text": f"tea {number}"})
    assert counting.asked == []
    store.search(("a",), query="rain")
    assert sorted(counting.asked) == ["rain", *(f"tea {number}" for number in range(5))]
    store.put(("a",), "1", {"text": "tea 1", "uses": 3})  # the text is the same
    store.search(("a",), query="rain")
    assert len(counting.asked) == 7


def test_an_embedding_model_that_fails_loses_nothing(path: Path) -> None:
    class Failing(Counting):
        def embed(self, texts: object) -> list[list[float]]:
            raise StoreError("no vectors today")

    with SqliteStore(path, embedder=Failing(), fields=["text"]) as store:
        store.put(("a",), "1", {"text": "tea"})
        with pytest.raises(StoreError, match="no vectors today"):
            store.search(("a",), query="tea")
    with SqliteStore(path, embedder=Counting(), fields=["text"]) as store:
        assert [item.key for item in store.search(("a",), query="tea")] == ["1"]


def test_what_others_write_is_noticed(store: SqliteStore, path: Path, counting: Counting) -> None:
    store.put(("a",), "1", {"text": "tea"})
    assert [item.key for item in store.search(("a",), query="tea")] == ["1"]
    with SqliteStore(path, embedder=Counting(), fields=["text"]) as other:
        other.put(("a",), "2", {"text": "tea tea milk"})
        other.put(("a",), "3", {"text": "milk"})
        other.delete(("a",), "1")
    assert [item.key for item in store.search(("a",), query="tea", limit=2)] == ["2", "3"]
    assert [one.item.key for one in store.hybrid(("a",), "milk", limit=1)] == ["3"]


def test_another_model_embeds_anew_and_says_so(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SqliteStore(path, embedder=Counting(), fields=["text"]) as store:
        store.put(("a",), "1", {"text": "tea"})
        store.search(("a",), query="tea")
        wider = Counting(words=("tea", "milk", "rain", "sun", "snow"), name="wider")
        with caplog.at_level(logging.WARNING), SqliteStore(path, embedder=wider, fields=["text"]) as again:
            assert "1 items that counting embedded are embedded anew by wider" in caplog.text
            assert [item.score for item in again.search(("a",), query="tea")] == [1]
            assert wider.asked == ["tea", "tea"]
        store.put(("a",), "2", {"text": "milk"})
        with pytest.raises(StoreError, match=r"another process embeds .* by wider, not counting"):
            store.search(("a",), query="tea")
    caplog.clear()
    with SqliteStore(path, embedder=None, fields=["text"]) as store:  # by words; the vectors stay
        assert store.search(("a",), query="milk")[0].key == "2"
    with SqliteStore(path, embedder=wider, fields=["text"]) as store:
        assert store.search(("a",), query="milk")[0].key == "2"
    assert caplog.text == ""


def test_one_name_with_other_dimensions_is_refused(store: SqliteStore, path: Path) -> None:
    store.put(("a",), "1", {"text": "tea"})
    store.search(("a",), query="tea")
    with (
        SqliteStore(path, embedder=Counting(words=("tea",)), fields=["text"]) as other,
        pytest.raises(StoreError, match=r"counting gave vectors of 1 dimensions, those in .* have 4"),
    ):
        other.search(("a",), query="tea")


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0], [1.0, 2.0]], "different dimensions"),
        ([["a"]], "no number"),
        ([[float("nan")]], "not finite"),
        ([], "one vector a text"),
        ([[]], "one vector a text"),
        ([[1.0], [2.0]], "one vector a text"),
    ],
)
def test_vectors_that_are_none(store: SqliteStore, vectors: list[list[float]], message: str) -> None:
    class Odd(Counting):
        def embed(self, texts: object) -> list[list[float]]:
            return vectors

    store.index.embedder = Odd()
    with pytest.raises(StoreError, match=message):
        store.search(("a",), query="tea")


def test_a_text_without_direction_is_like_nothing(store: SqliteStore) -> None:
    store.put(("a",), "1", {"text": "unheard"})
    assert [item.score for item in store.search(("a",), query="tea")] == [0]
    assert [item.score for item in store.search(("a",), query="unheard")] == [0]


def test_threads_share_a_store_and_namespaces_nothing(store: SqliteStore) -> None:
    def write(label: str) -> list[str]:
        strays = []
        for number in range(25):
            store.put((label,), str(number), {"text": f"tea {label}"})
            found = store.search((label,), query="tea", limit=99)
            found += [one.item for one in store.hybrid((label,), f"tea {label}", limit=9)]
            strays += [item.value["text"] for item in found if item.value["text"] != f"tea {label}"]
        return strays

    labels = [f"n{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(write, labels)) == [[]] * 8
    assert [len(store.search((label,), query="tea", limit=99)) for label in labels] == [25] * 8
