"""Ranking: filters, and the functions that put what was found in order.

    reciprocal_rank_fusion       Cormack, Clarke and Buettcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and
                                 individual Rank Learning Methods", SIGIR, section 2
    maximal_marginal_relevance   Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for
                                 Reordering Documents and Producing Summaries", SIGIR, section 2

Filters are those of LangGraph's stores.
"""

import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from disputatio.errors import unknown

T = TypeVar("T", bound=Hashable)

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def matches(value: Any, wanted: Any) -> bool:
    """Whether a value meets a filter of LangGraph: equal, in each field that it names, or by $gt and its like.

    Args:
        value: What is stored. What is missing, or of another type than a bound, meets only $ne.
        wanted: The filter.

    Raises:
        ConfigurationError: If it names an operator that there is not.
    """
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    if any(str(name).startswith("$") for name in wanted):
        return all(_compares(value, name, bound) for name, bound in wanted.items())
    return isinstance(value, Mapping) and all(matches(value.get(name), one) for name, one in wanted.items())


def _compares(value: Any, name: str, bound: Any) -> bool:
    if name not in _COMPARISONS:
        raise unknown("filter operator", name, _COMPARISONS)
    try:
        return bool(_COMPARISONS[name](value, bound))
    except TypeError:
        return False


def reciprocal_rank_fusion(rankings: Iterable[Sequence[T]], constant: float = 60) -> dict[T, float]:
    """Join rankings into one, the best first: each gives 1 / (constant + rank), where ranks begin at 1.

    Args:
        rankings: Each names its items, the best first.
        constant: How little the first ranks stand out; 60 is that of the paper.
    """
    scores: dict[T, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return dict(sorted(scores.items(), key=lambda one: -one[1]))


def decayed(score: float, age_s: float, half_life_s: float) -> float:
    """A score that halves each time that so many seconds have passed; what lies ahead counts as now."""
    return float(score * 0.5 ** (max(age_s, 0.0) / half_life_s))


def maximal_marginal_relevance(
    relevance: Sequence[float], similarity: Callable[[int, int], float], k: int, diversity: float
) -> list[int]:
    """Choose items one by one: each is relevant, and unlike those that were chosen before.

    Args:
        relevance: How relevant each is, on the scale of the similarity.
        similarity: How alike two are, by their places in `relevance`.
        k: How many are chosen.
        diversity: What being unlike the others counts, from 0 (only relevance) to 1; one less the paper's lambda.

    Returns:
        The places of the chosen, in the order in which they were chosen.
    """
    left = list(range(len(relevance)))
    closest = [0.0] * len(relevance)
    chosen: list[int] = []
    while left and len(chosen) < k:
        best = max(left, key=lambda place: (1 - diversity) * relevance[place] - diversity * closest[place])
        left.remove(best)
        chosen.append(best)
        for place in left:
            closest[place] = max(closest[place], similarity(place, best)) if chosen[1:] else similarity(place, best)
    return chosen
