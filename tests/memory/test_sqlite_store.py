"""The store keeps LangGraph's contract: it does what `InMemoryStore` does, and its file outlives it."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import GetOp, InvalidNamespaceError, ListNamespacesOp, MatchCondition, Op, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from disputatio.errors import ConfigurationError
from disputatio.memory import SqliteStore

labels = st.sampled_from(["a", "b", "a-b", "a/b", "é"])
namespaces = st.lists(labels, min_size=1, max_size=3).map(tuple)
keys = st.sampled_from(["1", "2", "k y", "%_"])
values = st.fixed_dictionaries(
    {"n": st.integers(-3, 3)},
    optional={"tag": st.sampled_from(["x", "y"]), "in": st.fixed_dictionaries({"m": st.integers(0, 2)})},
)
filters = st.one_of(
    st.none(),
    st.builds(lambda n: {"n": n}, st.integers(-3, 3)),
    st.builds(
        lambda n, op: {"n": {op: n}}, st.integers(-3, 3), st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$ne", "$eq"])
    ),
    st.just({"in": {"m": 1}}),
    st.just({"tag": {"$ne": "x"}}),
)
conditions = st.builds(
    MatchCondition,
    match_type=st.sampled_from(["prefix", "suffix"]),
    path=st.lists(st.one_of(labels, st.just("*")), min_size=1, max_size=2).map(tuple),
)
operations = st.one_of(
    st.builds(PutOp, namespaces, keys, st.one_of(values, st.none())),
    st.builds(GetOp, namespaces, keys),
    st.builds(
        SearchOp,
        st.one_of(st.just(()), namespaces),
        filter=filters,
        limit=st.just(1000),
        offset=st.just(0),
        query=st.none(),
    ),
    st.builds(
        ListNamespacesOp,
        st.one_of(st.none(), st.lists(conditions, max_size=2).map(tuple)),
        max_depth=st.one_of(st.none(), st.integers(1, 3)),
        limit=st.integers(0, 4),
        offset=st.integers(0, 2),
    ),
)


def plain(result: Any) -> Any:
    """A result without times, and without the order in which items are found."""
    if isinstance(result, list) and result and not isinstance(result[0], tuple):
        return sorted((one.namespace, one.key, str(one.value)) for one in result)
    return (result.namespace, result.key, result.value) if hasattr(result, "key") else result


def namespaces_kept(theirs: InMemoryStore) -> None:
    """Forget namespaces that are empty now: `InMemoryStore` goes on listing them."""
    for namespace in [one for one, items in theirs._data.items() if not items]:
        del theirs._data[namespace]


@given(st.lists(operations, max_size=25))
def test_it_does_what_the_store_in_memory_does(ops: list[Op]) -> None:
    theirs = InMemoryStore()
    with SqliteStore(embedder=None) as ours:
        for op in ops:
            namespaces_kept(theirs)
            [found], [expected] = ours.batch([op]), theirs.batch([op])
            assert plain(found) == plain(expected)


def test_pages_of_a_search(store: SqliteStore) -> None:
    for number in range(7):
        store.put(("a",), str(number), {"n": number})
    pages = [store.search(("a",), filter={"n": {"$gte": 2}}, limit=2, offset=at) for at in (0, 2, 4)]
    assert [[item.key for item in page] for page in pages] == [["6", "5"], ["4", "3"], ["2"]]


def test_times_and_values_outlive_the_process(path: Path) -> None:
    value = {"text": "Grüße", "n": 10**30, "deep": [{"a": None}], "f": 0.1}
    with SqliteStore(path, embedder=None) as store:
        store.put(("a",), "1", {"n": 1})
        first = store.get(("a",), "1")
        store.put(("a",), "1", value)
    with SqliteStore(path, embedder=None) as store:
        found = store.get(("a",), "1")
    assert first
    assert found
    assert (found.value, found.created_at) == (value, first.created_at)
    assert found.updated_at >= first.updated_at
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_the_async_interface(store: SqliteStore) -> None:
    async def use() -> list[str]:
        await asyncio.gather(*(store.aput(("a",), str(n), {"text": "tea"}) for n in range(20)))
        await store.adelete(("a",), "3")
        return [item.key for item in await store.asearch(("a",), query="tea", limit=100)]

    assert sorted(asyncio.run(use()), key=int) == [str(n) for n in range(20) if n != 3]


def test_a_batch_reads_before_it_writes_and_the_last_put_wins(store: SqliteStore) -> None:
    ops = [PutOp(("a",), "1", {"n": 1}), GetOp(("a",), "1"), PutOp(("a",), "1", {"n": 2})]
    assert store.batch(ops) == [None, None, None]
    assert store.get(("a",), "1").value == {"n": 2}  # type: ignore[union-attr]


@pytest.mark.parametrize("namespace", [("a.b",), ("",), ("a", "b\x00")])
def test_labels_that_langgraph_refuses(store: SqliteStore, namespace: tuple[str, ...]) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.batch([PutOp(namespace, "1", {})])


def test_an_unknown_operator_is_named(store: SqliteStore) -> None:
    store.put(("a",), "1", {"n": 1})
    with pytest.raises(ConfigurationError, match=r"unknown filter operator '\$gr'; did you mean '\$gt'"):
        store.search(("a",), filter={"n": {"$gr": 1}})


def test_what_is_indexed(path: Path) -> None:
    with SqliteStore(path, embedder=None) as store:  # the whole value, unless a put says otherwise
        store.put(("a",), "all", {"text": "tea", "note": "milk"})
        store.put(("a",), "part", {"text": "tea", "note": "milk"}, index=["text"])
        store.put(("a",), "none", {"text": "tea", "note": "milk"}, index=False)
        found = {query: {item.key for item in store.search(("a",), query=query)} for query in ("tea", "milk")}
    assert found == {"tea": {"all", "part"}, "milk": {"all"}}


def test_a_change_sees_the_latest_value(store: SqliteStore) -> None:
    store.put(("a",), "1", {"text": "tea", "n": 1})
    assert store.change(("a",), "1", lambda value: {**value, "n": value["n"] + 1})
    assert not store.change(("a",), "2", lambda value: value)
    assert store.get(("a",), "1").value == {"text": "tea", "n": 2}  # type: ignore[union-attr]
