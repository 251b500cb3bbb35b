"""The scan over rounded vectors finds just what a comparison with every vector finds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.memory.vectors import Vectors, unit


def brute_force(rows: "np.ndarray", ids: list[int], query: "np.ndarray", k: int) -> list[float]:
    """The k highest cosines."""
    return sorted((float(rows[id_ - 1].astype(float) @ query) for id_ in ids), reverse=True)[:k]


@st.composite
def spaces(draw: st.DrawFn) -> tuple["np.ndarray", "np.ndarray"]:
    """Vectors of one of several shapes, some of them twice, and a query near one of them."""
    dimensions, count = draw(st.integers(1, 70)), draw(st.integers(1, 700))
    dice = np.random.default_rng(draw(st.integers(0, 2**32)))
    centres = dice.standard_normal((draw(st.integers(1, 5)), dimensions))
    rows = centres[dice.integers(0, len(centres), count)]
    rows = rows + draw(st.sampled_from([0, 1e-4, 0.1, 1])) * dice.standard_normal((count, dimensions))
    rows[dice.random(count) < 0.1] = 0
    rows[dice.random(count) < 0.2, draw(st.integers(0, dimensions - 1))] *= draw(st.sampled_from([1, 100, 1e6]))
    query = rows[dice.integers(count)] + draw(st.sampled_from([0, 0.1, 3])) * dice.standard_normal(dimensions)
    return unit(rows.tolist(), count, "m"), unit([query.tolist()], 1, "m")[0]


@given(spaces(), st.integers(0, 800), st.integers(1, 9))
def test_the_nearest_are_exact_also_after_some_are_dropped(
    space: tuple["np.ndarray", "np.ndarray"], k: int, kept: int
) -> None:
    rows, query = space
    block, ids = Vectors(rows.shape[1]), list(range(1, len(rows) + 1))
    for at in range(0, len(rows), 300):
        block.add(ids[at : at + 300], rows[at : at + 300])
    for there in (ids, ids[::kept]):
        block.keep(there)
        found = block.nearest(query, k)
        cosines = [score for _, score in found]
        assert cosines == pytest.approx(brute_force(rows, there, query.astype(float), k), abs=1e-6)
        assert len({id_ for id_, _ in found} & {*there}) == len(found) == min(k, len(there))
        for (id_, score), (after, lower) in pairwise(found):
            assert (-score, -id_) < (-lower, -after)  # of equals the newest first
        for id_, score in found:
            assert score == pytest.approx(float(rows[id_ - 1].astype(float) @ query), abs=1e-6)
            assert (block.row(id_) == rows[id_ - 1]).all()


def test_a_scan_compares_few_vectors_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(1)
    centres = dice.standard_normal((200, 256))
    rows = unit((centres[dice.integers(0, 200, 20_000)] + dice.standard_normal((20_000, 256))).tolist(), 20_000, "m")
    block, compared = Vectors(256), []
    block.add(range(1, 20_001), rows)
    vecdot = np.vecdot
    monkeypatch.setattr(np, "vecdot", lambda some, query: compared.append(len(some)) or vecdot(some, query))
    for query in rows[:50]:
        block.nearest(query, 10)
    assert len(compared) == 50
    assert max(compared) < 500
