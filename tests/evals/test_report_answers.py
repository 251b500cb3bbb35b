"""What a report tells of answers besides accuracy, and where its picture puts names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.apps.catalogue import find
from disputatio.budget import Usage
from disputatio.evals.bench import Trial
from disputatio.evals.report import Report, report
from disputatio.evals.report_front import spot, svg
from disputatio.evals.report_page import page
from disputatio.evals.report_text import further, markdown
from disputatio.graphs import chain_of_thought


def trial(item: int, epoch: int, value: float | None, confidence: float | None = None, **more: object) -> Trial:
    one = {"strategy": "a", "task": "t", "item": str(item), "epoch": epoch, "value": value, "confidence": confidence}
    return Trial.model_validate(one | more)


def report_of(trials: list[Trial]) -> Report:
    return report(trials, {"tasks": []})


def test_confidence_is_held_against_truth() -> None:
    given = [(1, 1.0, 0.9), (2, 1.0, 0.8), (3, 0.0, 0.8), (4, 0.0, 0.1), (5, None, 0.9), (6, 1.0, None)]
    (row,) = report_of([trial(item, 1, value, sure) for item, value, sure in given]).confidences
    assert (row.answers, row.mean, row.right) == (4, 0.65, 0.5)  # what is unread or states none is left out
    # Bins: 0.9 holds one right, 0.8 one right and one wrong, 0.1 one wrong.
    assert row.ece == pytest.approx((0.1 + abs(1 - 1.6) + 0.1) / 4)
    assert row.brier == pytest.approx((0.01 + 0.04 + 0.64 + 0.01) / 4)
    assert row.auroc == pytest.approx(3.5 / 4)  # of four pairs three in order, one level
    assert row.surest_half == pytest.approx(2 / 3)  # two are level at the half, and are answered together


def test_what_epochs_give_is_counted_by_item() -> None:
    right = {1: [0, 0, 1], 2: [1, 1, 1], 3: [0, 0, 0], 4: [0.5, 1, 0]}
    trials = [trial(item, n, value) for item, values in right.items() for n, value in enumerate(values, 1)]
    (row,) = report_of(trials[::-1]).repeats  # the order of a record is that in which runs ended
    assert row.chances == pytest.approx({1: (1 / 3 + 1 + 0 + 1 / 3) / 4, 2: (2 / 3 + 1 + 0 + 2 / 3) / 4, 3: 3 / 4})
    assert row.until == pytest.approx((1 / 3 + 1 + 0 + 1 / 2) / 4)
    assert row.never == 1


def test_one_epoch_and_answers_without_confidence_make_no_table() -> None:
    found = report_of([trial(item, 1, 1.0) for item in range(4)])
    assert (found.confidences, found.repeats, further(found)) == ((), (), {})


def test_a_strategy_without_a_score_is_in_no_such_table() -> None:
    failed = [trial(item, epoch, None, strategy="b", error="no") for item in range(2) for epoch in (1, 2)]
    found = report_of([*failed, *(trial(item, epoch, 1.0, 0.7) for item in range(2) for epoch in (1, 2))])
    assert [row.strategy for row in (*found.confidences, *found.repeats)] == ["a", "a"]
    for text in (markdown(found, "x"), page(found, "x")):
        assert ("pass@2" in text, "AUROC" in text, "&gt; 5 % errors" in text or "> 5 % errors" in text) == (True,) * 3


Points = st.lists(st.tuples(st.floats(70, 836), st.floats(56, 456), st.floats(20, 420)), min_size=1, max_size=8)


@given(Points)
def test_names_in_the_picture_never_hide_one_another(points: list[tuple[float, float, float]]) -> None:
    names: list[tuple[float, float, float, float]] = []
    for x, y, width in points:
        left, top, right, bottom = box = spot((x, y), width, names, [])
        assert left >= 70
        assert right <= 856 + 1e-6
        assert 56 <= top < bottom <= 456
        for a, b, c, d in names:
            assert left >= c or a >= right or top >= d or b >= bottom
        names.append(box)


def test_a_name_is_beside_its_point_where_there_is_room_and_has_a_line_where_not() -> None:
    def lines(tokens: list[int]) -> int:
        trials = [
            trial(n, 1, n % 2, strategy=f"strategy_{name}", usage=Usage(calls=1, prompt_tokens=spent))
            for name, spent in enumerate(tokens)
            for n in range(8)
        ]
        picture = svg(report_of(trials))
        assert all(f">strategy_{name}<" in picture for name in range(len(tokens)))
        return len(re.findall(r'stroke-width="0.8"', picture))

    assert lines([100, 500, 900]) == 0
    assert lines([1000] * 6) > 0


def test_cot_is_chain_of_thought() -> None:
    assert find("cot") is chain_of_thought
