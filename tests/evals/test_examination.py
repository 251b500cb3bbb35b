"""Agents on solutions and pairs whose truth is known: what they are shown, what is read, and laws of known rates."""

import re
from collections.abc import Sequence
from math import sqrt
from pathlib import Path

import pytest

from disputatio.budget import Budget
from disputatio.errors import ConfigurationError
from disputatio.evals.bench import Bench, Trial
from disputatio.evals.bench_manifest import manifest
from disputatio.evals.examination import examinations, examined, finding_in
from disputatio.evals.items import Item, Task
from disputatio.evals.metrics import Finding, MetaReasoning, wilson
from disputatio.evals.report import Report, report
from disputatio.evals.report_agents import bootstrap
from disputatio.evals.report_page import page
from disputatio.evals.report_text import markdown
from disputatio.evals.scorers import score
from disputatio.graphs.run import synchronously
from disputatio.model import Model
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.question import Question
from disputatio.thought import Answer

ASKS = "\n\nThe document is a solution of this in steps. Which step is the first wrong one?"
SIZE = 300


def task_of(items: Sequence[Item], name: str = "made") -> Task:
    return examined(Task(name=name, items=items, source="made here", licence="CC0-1.0", description="made"))


def solution(number: int, *, truth: str = "none", steps: str = "Step 1: so it is.\nStep 2: The answer is 7.") -> Item:
    question = Question(text=f"What is number {number}?{ASKS}", context=(steps,))
    return Item(id=str(number), question=question, target=truth, scorer="first_error")


def pair(number: int, *, right: str = "A", responses: tuple[str, str] = ("red", "blue")) -> Item:
    question = Question(text=f"Instruction {number}. Which is better?", choices=responses)
    return Item(id=f"p{number}", question=question, target=right, scorer="choice")


def ran(
    model: Model, record: Path, *tasks: Task, agents: tuple[str, ...] = ("verifier",)
) -> tuple[Report, list[Trial]]:
    bench = Bench(strategies=examinations(agents), tasks=tasks, model=model, budget=Budget(calls=4))
    trials = synchronously(bench.run(record), loop_factory=VirtualTimeLoop)
    return report(trials, {"tasks": []}, examined=bench.tasks), trials


def said(text: str) -> ScriptedModel:
    return ScriptedModel(lambda prompt: text)


def test_a_verifier_of_known_rates_is_measured_as_it_was_made(tmp_path: Path) -> None:
    hit, alarm = 0.8, 0.1
    items = []
    for number in range(SIZE):
        right = next(iter(SimulatedModel().chances(Question(text=f"What is number {number}?"))))
        is_right = number % 2 == 0
        steps = f"Step 1: so it is.\nStep 2: The answer is {right if is_right else int(right) + 1}."
        items.append(solution(number, truth="none" if is_right else "2", steps=steps))
    model = SimulatedModel(verifier_hit=hit, verifier_alarm=alarm)
    found, _ = ran(model, tmp_path / "record", task_of(items))
    (row,), (overall,) = found.rulings, found.rows
    law = (1 - alarm + hit - 1) / sqrt((1 + (1 - alarm) - hit) * (1 + hit - (1 - alarm)))
    assert law == pytest.approx(0.7035, abs=5e-5)  # sensitivity 0.9 and specificity 0.8, as on the card
    assert row.mcc_interval
    assert row.mcc_interval[0] < law < row.mcc_interval[1]
    assert row.mcc_interval[1] - row.mcc_interval[0] < 0.2
    assert overall.interval
    assert overall.interval[0] < (1 - alarm + hit) / 2 < overall.interval[1]
    assert row.passed
    assert row.found
    assert row.passed.interval[0] < 1 - alarm < row.passed.interval[1]
    assert row.found.interval[0] < hit < row.found.interval[1]
    assert (row.right, row.wrong, row.unparsed) == (SIZE // 2, SIZE // 2, 0)
    assert row.first_error
    assert row.first_error.value == 0, "it names no step"


def test_a_judge_of_known_position_bias_is_measured_as_it_was_made(tmp_path: Path) -> None:
    bias, accuracy = 0.3, 0.8
    items = [pair(n, right="AB"[n % 2], responses=("So.\nAnswer: red", "So.\nAnswer: blue")) for n in range(SIZE)]
    answers = {item.question.text: ("red", "blue") if item.target == "A" else ("blue", "red") for item in items}
    model = SimulatedModel(accuracy=accuracy, answers=answers, position_bias=bias)
    found, _ = ran(model, tmp_path / "record", task_of(items), agents=("judge",))
    (row,), (overall,) = found.preferences, found.rows
    right_first, right_second = bias + (1 - bias) * accuracy, (1 - bias) * accuracy
    law = {
        "agreement": (right_first + right_second) / 2,
        "first": right_first * (1 - right_second),
        "second": right_second * (1 - right_first),
        "consistent": right_first * right_second + (1 - right_first) * (1 - right_second),
    }
    for name, expected in law.items():
        low, high = wilson(getattr(row, name).value * SIZE, SIZE, z=3.3)  # four shares: none may fall out by chance
        assert low < expected < high, name
    assert overall.accuracy == pytest.approx(row.agreement.value if row.agreement else 0)
    assert overall.usage.calls == 2 * SIZE
    assert row.kappa == pytest.approx(2 * (overall.accuracy or 0) - 1, abs=0.02)  # the key is balanced


def test_what_is_judged_stands_before_the_agent_and_the_key_does_not(tmp_path: Path) -> None:
    model = said("So.\nVerdict: supported\nScore: 80")
    ran(model, tmp_path / "record", task_of([solution(1, truth="2")]))
    (prompt,) = model.prompts
    assert "Question: What is number 1?\n" in prompt
    assert "[solver] Step 1: so it is.\nStep 2: The answer is 7." in prompt
    assert "The document" not in prompt
    assert "wrong one" not in prompt


def test_a_judge_sees_a_pair_in_both_orders(tmp_path: Path) -> None:
    model = said("So.\nPreference: -2")
    found, (trial,) = ran(model, tmp_path / "record", task_of([pair(1)]), agents=("judge",))
    shown = [re.findall(r"^\[(\w)\] (\w+)", prompt, re.MULTILINE) for prompt in model.prompts]
    assert shown == [[("A", "red"), ("B", "blue")], [("A", "blue"), ("B", "red")]]
    assert (trial.answer, trial.value) == ("A B", 0.5)
    assert found.preferences[0].first == found.preferences[0].first.__class__(value=1.0, interval=wilson(1, 1))


@pytest.mark.parametrize(
    ("agent", "reply", "answer"),
    [
        ("verifier", "So.\nVerdict: supported", "right"),
        ("verifier", "So.\nVerdict: refuted", "wrong"),
        ("verifier", "So.\nVerdict: undecided", ""),
        ("verifier", "It looks right to me, step 2 is wrong.", ""),
        ("critic", "Steps:\n1. sum: correct\n2. answer: wrong, it is 8\nVerdict: refuted", "wrong at 2"),
        ("critic", "Steps:\n1. sum: correct\n2. answer: correct\nVerdict: supported", "right"),
        ("critic", "", ""),
        ("judge", "So.\nAnswer: Step 2\nConfidence: 50", "wrong at 2"),
        ("judge", "So.\nAnswer: none\nConfidence: 50", "right"),
        ("judge", "So.\nAnswer: partially correct\nConfidence: 50", ""),
    ],
)
def test_verdicts_on_a_solution(tmp_path: Path, agent: str, reply: str, answer: str) -> None:
    found, (trial,) = ran(said(reply), tmp_path / "record", task_of([solution(1, truth="2")]), agents=(agent,))
    assert trial.answer == answer
    assert trial.value == (None if not answer else float(answer != "right"))
    (row,) = found.rulings
    assert row.unparsed == found.rows[0].unparsed == (not answer)
    assert (row.mcc, row.mcc_interval) == (None, None), "nothing to tell apart"
    assert row.first_error
    assert row.first_error.value == (answer == "wrong at 2")


def test_a_verifier_prefers_what_it_supports_then_what_it_scores_higher(tmp_path: Path) -> None:
    def reply(prompt: str) -> str:
        number, one = re.search(r"Instruction (\d)", prompt), "[A]" in prompt
        verdicts = {
            "1": ("supported\nScore: 50", "refuted\nScore: 90"),
            "2": ("refuted\nScore: 20", "refuted\nScore: 30"),
            "3": ("supported\nScore: 70", "supported\nScore: 70"),
        }
        assert number
        return f"So.\nVerdict: {verdicts[number[1]][not one]}"

    found, trials = ran(ScriptedModel(reply), tmp_path / "record", task_of([pair(1), pair(2), pair(3)]))
    assert [trial.answer for trial in trials] == ["A A", "B B", "? ?"]
    assert [trial.value for trial in trials] == [1, 0, None]
    row = found.preferences[0]
    assert row.agreement
    assert (row.agreement.value, row.unparsed) == (0.5, 1)


def test_praise_and_blame_alone_tell_nothing(tmp_path: Path) -> None:
    items = [solution(n, truth="none" if n < 6 else "1") for n in range(8)]
    for verdict, accuracy in (("supported", 0.75), ("refuted", 0.25)):
        found, _ = ran(said(f"So.\nVerdict: {verdict}"), tmp_path / verdict, task_of(items))
        assert (found.rows[0].accuracy, found.rulings[0].mcc) == (accuracy, 0)


def test_the_interval_of_a_correlation_is_that_of_its_counts() -> None:
    def one(**counts: int) -> MetaReasoning:
        zero = dict.fromkeys(("tp", "tn", "fp", "fn", "unread", "steps", "reasons"), 0)
        return MetaReasoning(**{**zero, **counts}, graded=False)

    def correlation(drawn: MetaReasoning) -> float:
        return drawn.mcc

    assert bootstrap([one(tp=1)] * 20 + [one(tn=1)] * 20, correlation) == (1, 1)
    low, high = bootstrap([one(tp=1)] * 40 + [one(tn=1)] * 30 + [one(fp=1)] * 20 + [one(fn=1)] * 10, correlation)
    assert low < 0.4082 < high
    # The standard error of a correlation of 100 pairs, (1 - r^2) / 10, gives about the same width.
    assert high - low == pytest.approx(2 * 1.96 * (1 - 0.4082**2) / 10, rel=0.2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("right", 0),
        ("wrong", 1),
        ("wrong at 1", 1),
        ("wrong at 9", 1),
        ("right.", None),
        ("incorrect", None),
        ("A", None),
    ],
)
def test_a_ruling_is_read_strictly(text: str, value: float | None) -> None:
    item = solution(1, truth="2").model_copy(update={"scorer": "ruling"})
    assert score(item, Answer(text=text, value=text)).value == value
    assert finding_in(text).correct == (None if value is None else text == "right")
    with pytest.raises(ConfigurationError):
        score(item.model_copy(update={"target": "soon"}), Answer(text=text, value=text))


@pytest.mark.parametrize(
    ("text", "value"),
    [("A A", 1), ("A B", 0.5), ("B B", 0), ("A ?", None), ("? ?", None), ("A", None), ("A B A", None), ("None", None)],
)
def test_a_preference_is_read_strictly(text: str, value: float | None) -> None:
    item = pair(1).model_copy(update={"scorer": "preference"})
    assert score(item, Answer(text=text, value=text)).value == value


def test_items_on_which_nobody_can_rule_are_left_out_and_a_task_of_them_is_refused() -> None:
    number = Item(id="n", question=Question(text="How many?"), target="3", scorer="number")
    three = Item(id="c", question=Question(text="Which?", choices=("x", "y", "z")), target="A", scorer="choice")
    kept = task_of([number, solution(1), three, pair(1)])
    assert [(item.id, item.scorer) for item in kept.items] == [("1", "ruling"), ("p1", "preference")]
    with pytest.raises(ConfigurationError, match="'made' holds nothing that an agent can rule on"):
        task_of([number, three])
    with pytest.raises(ConfigurationError, match="did you mean 'verifier'"):
        examinations(("verifer",))


def test_what_was_ruled_is_not_ruled_again_and_the_report_has_its_tables(tmp_path: Path) -> None:
    tasks = (task_of([solution(1), solution(2, truth="1")]), task_of([pair(1)], "pairs"))
    model = said("So.\nAnswer: none\nVerdict: supported\nPreference: 2")
    found, trials = ran(model, tmp_path / "record", *tasks, agents=("critic", "judge"))
    asked = len(model.prompts)
    assert asked == 2 * (2 + 2)
    assert ran(model, tmp_path / "record", *tasks, agents=("critic", "judge"))[1] == trials
    assert len(model.prompts) == asked
    assert Report.model_validate_json(found.model_dump_json()) == found
    text, shown = markdown(found, ""), page(found, "")
    for part in ("Solutions", "Pairs of responses", "0.00 to 0.00"):
        assert part in text
        assert part in shown
    assert "runs of each agent" in text
    assert "2 agents on" in shown
    assert Finding(correct=True) == finding_in(trials[0].answer)


def test_the_manifest_knows_both_prompts_of_a_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    def hashes() -> object:
        bench = Bench(
            strategies=examinations(("verifier", "judge")),
            tasks=[task_of([solution(1)])],
            model=said(""),
            budget=Budget(calls=4),
        )
        return manifest(bench, {})["strategies"]

    was = hashes()
    monkeypatch.setattr("disputatio.agents.comparison.COMPARE", "Which is better, A or B?")
    now = hashes()
    assert isinstance(was, dict)
    assert isinstance(now, dict)
    assert (was["verifier"] == now["verifier"], was["judge"] == now["judge"]) == (True, False)
