"""Ranking, worked by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.memory.ranking import decayed, matches, maximal_marginal_relevance, reciprocal_rank_fusion


@pytest.mark.parametrize(
    ("value", "wanted", "met"),
    [
        ({"n": 1, "m": 2}, {"n": 1}, True),
        ({"n": 1}, {"n": 1, "m": None}, True),
        ({"n": 1}, {"n": {"$gt": 0, "$lte": 1}}, True),
        ({"n": 1}, {"n": {"$gt": 1}}, False),
        ({"n": "1"}, {"n": {"$gt": 0}}, False),
        ({}, {"n": {"$lt": 5}}, False),
        ({}, {"n": {"$ne": 5}}, True),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": 3}, {"a": {"b": 1}}, False),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
    ],
)
def test_filters(value: dict[str, Any], wanted: dict[str, Any], met: bool) -> None:
    assert matches(value, wanted) is met


def test_reciprocal_rank_fusion() -> None:
    # a: 1/61 + 1/63, b: 1/62 + 1/61, c: 1/63 + 1/62
    fused = reciprocal_rank_fusion(["abc", "bca"])
    assert list(fused) == ["b", "a", "c"]
    assert fused["b"] == pytest.approx(1 / 62 + 1 / 61)
    assert reciprocal_rank_fusion(["a"], constant=1) == {"a": 0.5}
    assert reciprocal_rank_fusion([]) == {}


@given(st.lists(st.permutations("abcd"), min_size=1, max_size=4))
def test_what_all_rank_first_is_first(rankings: list[list[str]]) -> None:
    ranked = [["z", *ranking] for ranking in rankings]
    assert next(iter(reciprocal_rank_fusion(ranked))) == "z"


def test_decay() -> None:
    assert [decayed(8, age, 10) for age in (0, 10, 20, -5)] == [8, 4, 2, 8]


def test_maximal_marginal_relevance() -> None:
    relevance = [0.9, 0.8, 0.5]
    alike = {(0, 1): 0.95, (0, 2): 0.1, (1, 2): 0.2}

    def similarity(one: int, other: int) -> float:
        return alike[min(one, other), max(one, other)]

    # First 0 in any case. At 0.5: place 1 has 0.40 - 0.475 = -0.075, place 2 has 0.25 - 0.05 = 0.20.
    assert maximal_marginal_relevance(relevance, similarity, 3, 0.5) == [0, 2, 1]
    # At 0.1: place 1 has 0.72 - 0.095 = 0.625, place 2 has 0.45 - 0.01 = 0.44.
    assert maximal_marginal_relevance(relevance, similarity, 2, 0.1) == [0, 1]
    assert maximal_marginal_relevance([], similarity, 2, 0.1) == []


@given(st.lists(st.floats(0, 1), max_size=8), st.integers(0, 9))
def test_without_diversity_it_is_the_order_of_relevance(relevance: list[float], k: int) -> None:
    chosen = maximal_marginal_relevance(relevance, lambda a, b: 0.5, k, 0)
    assert chosen == sorted(range(len(relevance)), key=lambda place: -relevance[place])[:k]
