"""MR-Score, first errors, AIA and MIA: worked numbers, and laws that a verifier cannot cheat."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.evals import Item
from disputatio.evals.metrics import (
    Finding,
    MetaReasoning,
    accuracy,
    found_by,
    identification,
    known_of,
    meta_reasoning,
    solution_of,
    wilson,
)
from disputatio.evals.scorers.score import abstained, scored, unscorable
from disputatio.question import Question
from disputatio.thought import Thought

FINDINGS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([None, 0, 1, 2, 3]), st.booleans()), min_size=1, max_size=12
)


def counted(**counts: int) -> MetaReasoning:
    zero = dict.fromkeys(("tp", "tn", "fp", "fn", "unread", "steps", "reasons"), 0)
    return MetaReasoning(**{**zero, **counts}, graded=True)


def test_worked_numbers() -> None:
    found = counted(tp=40, tn=30, fp=20, fn=10, steps=20, reasons=15)
    assert found.mcc == pytest.approx(0.4082, abs=5e-5)
    assert (found.step_accuracy, found.reason_accuracy) == (0.4, 0.3)
    assert found.score == pytest.approx(0.3516, abs=5e-5)
    assert found.localisation == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("mcc", "step", "reason", "published"),
    [(63.3, 48.8, 46.3, 50.5), (67.2, 51.7, 48.1, 53.0), (51.3, 38.9, 32.7, 38.3), (30.0, 25.2, 19.9, 23.5)],
    ids=["GPT-4-Turbo", "GPT-4-Turbo, 3 shots", "Llama3-70B", "Claude3-Sonnet"],
)
def test_published_rows_come_out_as_published(mcc: float, step: float, reason: float, published: float) -> None:
    # Table of dvlab-research/MR-GSM8K, in per cent, over 1,427 right and 1,573 wrong solutions; the counts of rulings
    # are not published, and any with this correlation give the score.
    rulings = [(1427 - errors, errors, 1573 - errors, errors) for errors in range(700)]
    rows = [counted(tp=tp, fn=fn, tn=tn, fp=fp, steps=round(15.73 * step), reasons=round(15.73 * reason))
            for tp, fn, tn, fp in rulings]  # fmt: skip
    row = min(rows, key=lambda one: abs(one.mcc - mcc / 100))
    assert row.mcc == pytest.approx(mcc / 100, abs=1e-3)
    assert row.score == pytest.approx(published / 100, abs=1.1e-3)


def test_one_who_always_says_wrong_has_no_correlation() -> None:
    known = [Finding(correct=True)] * 50 + [Finding(correct=False, step=1)] * 10 + [Finding(correct=False, step=2)] * 40
    found = meta_reasoning(known, [Finding(correct=False, step=1, reason=False)] * 100)
    assert (found.mcc, found.step_accuracy, found.score) == (0, 0.2, pytest.approx(0.06))
    praise = meta_reasoning(known, [Finding(correct=True)] * 100)
    assert (praise.mcc, praise.step_accuracy, praise.score) == (0, 0, 0)


def test_the_law_for_an_agent_of_known_sensitivity() -> None:
    # 1,000 right and 1,000 wrong solutions; finds 80 % of the wrong, passes 90 % of the right; step right in 60 % of
    # those found, and the reason in 70 % of those.
    found = counted(tp=900, fn=100, tn=800, fp=200, steps=480, reasons=336)
    assert found.mcc == pytest.approx((0.8 + 0.9 - 1) / sqrt((1 + 0.8 - 0.9) * (1 + 0.9 - 0.8)))
    assert found.score == pytest.approx(0.4527, abs=5e-5)


@given(FINDINGS)
def test_shares_are_nested_and_the_inverse_has_the_opposite_correlation(
    cases: list[tuple[int, int | None, bool]],
) -> None:
    known = [Finding(correct=truth == 0, step=truth or None) for truth, _, _ in cases]
    said = [
        Finding(correct=None) if step is None else Finding(correct=step == 0, step=step or None, reason=reason)
        for _, step, reason in cases
    ]
    found = meta_reasoning(known, said)
    assert found.tp + found.tn + found.fp + found.fn == len(cases)
    assert found.reasons <= found.steps <= found.tn
    assert found.score is None or 0 <= found.score <= 1
    assert found.unread == sum(one.correct is None for one in said)
    if not found.unread:
        inverse = meta_reasoning(known, [Finding(correct=not one.correct) for one in said])
        assert inverse.mcc == pytest.approx(-found.mcc)
    hits = sum(
        one.correct is not None and (one.correct, one.step) == (truth.correct, truth.step)
        for truth, one in zip(known, said, strict=True)
    )
    assert found.localisation == pytest.approx(hits / len(cases))


def test_what_was_not_graded_has_no_score() -> None:
    known = [Finding(correct=False, step=2), Finding(correct=True)]
    found = meta_reasoning(known, [Finding(correct=False, step=2), Finding(correct=None)])
    assert (found.step_accuracy, found.reason_accuracy, found.score, found.fn, found.unread) == (1, None, None, 1, 1)
    assert meta_reasoning(known[1:], [Finding(correct=True)]).step_accuracy is None
    with pytest.raises(ConfigurationError):
        meta_reasoning(known, [])
    with pytest.raises(ConfigurationError):
        meta_reasoning([Finding(correct=None)], [Finding(correct=True)])


def verdict(**data: object) -> Thought:
    return Thought(author="critic", role="critic", kind="verdict", text="x", data=data)


@pytest.mark.parametrize(
    ("thought", "finding"),
    [
        (verdict(verdict="supported"), Finding(correct=True)),
        (verdict(verdict="refuted"), Finding(correct=False)),
        (verdict(verdict="undecided"), Finding(correct=None)),
        (verdict(), Finding(correct=None)),
        (verdict(verdict="refuted", steps=["1: correct", "2: wrong"]), Finding(correct=False, step=2)),
        (verdict(verdict="supported", steps=["fine, correct", "incorrect sum"]), Finding(correct=False, step=2)),
        (verdict(verdict="supported", steps=["correct"]), Finding(correct=True)),
    ],
)
def test_what_an_agent_found_is_read_from_its_verdict(thought: Thought, finding: Finding) -> None:
    assert found_by(thought) == finding


def test_an_item_gives_its_solution_and_its_truth() -> None:
    text = "What is 2 + 3?\n\nThe document is a solution of this in steps. Which step is the first wrong one?"
    item = Item(id="1", question=Question(text=text, context=("Step 1: 2 + 3 = 6.",)), target="1", scorer="first_error")
    question, solution = solution_of(item)
    assert (question.text, solution.text) == ("What is 2 + 3?", "Step 1: 2 + 3 = 6.")
    assert known_of(item) == Finding(correct=False, step=1)
    assert known_of(item.model_copy(update={"target": "none"})) == Finding(correct=True)
    for wrong in (item.model_copy(update={"scorer": "text"}), item.model_copy(update={"target": "soon"})):
        with pytest.raises(ConfigurationError):
            known_of(wrong)


def test_identification_keeps_right_and_wrong_options_apart() -> None:
    found = identification(
        [(True, "a", "a"), (True, None, "a"), (False, "b", "b"), (False, "a", "c"), (False, "d", "d")]
    )
    assert (found.aia, found.mia, found.unread) == (0.5, pytest.approx(2 / 3), 1)
    assert found.gap == pytest.approx(-1 / 6)
    assert identification([(True, "a", "a")]).gap is None


def test_accuracy_keeps_abstentions_apart() -> None:
    found = accuracy([scored(1, "x"), scored(0, "x"), abstained(), unscorable("x"), scored(1, "x")])
    assert (found.items, found.right, found.abstained, found.unscorable) == (4, 2, 1, 1)
    assert (found.value, found.coverage, found.interval) == (0.5, 0.75, wilson(2, 4))
    assert accuracy([scored(0.5, "x")]).interval is None
    with pytest.raises(ConfigurationError):
        accuracy([unscorable("x")])
