"""The bench: what is asked, what is counted, what is kept, and what a report may say."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from disputatio.agents import Solver
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError, ModelError, ModelUnavailableError, StoreError
from disputatio.evals.bench import FILLED, Bench, Trial, contestants
from disputatio.evals.bench_manifest import check, manifest, prompts
from disputatio.evals.bench_weights import quantisation
from disputatio.evals.items import Item, Task
from disputatio.evals.report import Report, report
from disputatio.evals.report_front import svg, ticks
from disputatio.evals.report_page import page
from disputatio.evals.report_text import markdown
from disputatio.graphs import chain_of_thought, debate, self_consistency
from disputatio.graphs.run import synchronously
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.question import Question
from disputatio.strategies import Strategy

CEILING = Budget(tokens=2_000)


def task_of(size: int, *, target: str = "4", name: str = "sums") -> Task:
    questions = [Question(text=f"Sum number {n} of {name}?", answer_type="number") for n in range(1, size + 1)]
    items = [Item(id=str(n), question=one, target=target, scorer="number") for n, one in enumerate(questions, 1)]
    return Task(name=name, items=items, source="made here", licence="CC0-1.0", description="sums")


def simulated(size: int) -> Task:
    questions = [Question(text=f"Simulated question {n}", answer_type="number") for n in range(1, size + 1)]
    right = [next(iter(SimulatedModel().chances(one))) for one in questions]
    pairs = enumerate(zip(questions, right, strict=True), 1)
    items = [Item(id=str(n), question=one, target=key, scorer="number") for n, (one, key) in pairs]
    return Task(name="simulated", items=items, source="made here", licence="CC0-1.0", description="keys of the model")


def bench_of(model: Any, *tasks: Task, strategies: tuple[Strategy[...], ...] = (), **settings: Any) -> Bench:
    given = {"budget": CEILING, **settings}
    return Bench(strategies=contestants(strategies), tasks=tasks or (task_of(3),), model=model, **given)


def said(text: str = "So.\nAnswer: 4\nConfidence: 50") -> ScriptedModel:
    return ScriptedModel(lambda prompt: text)


def ran(bench: Bench, record: Path) -> list[Trial]:
    return asyncio.run(bench.run(record))


def report_of(trials: list[Trial]) -> Report:
    return report(trials, {"tasks": [{"name": "sums", "source": "<made> | here", "licence": "CC0-1.0"}]})


def test_two_rows_are_always_there_and_a_bare_self_consistency_is_the_one_that_is_filled_up() -> None:
    assert list(contestants([])) == ["chain_of_thought", FILLED]
    rows = contestants([self_consistency, chain_of_thought, debate(rounds=1), self_consistency(samples=5)])
    assert list(rows) == ["chain_of_thought", FILLED, "debate(rounds=1)", "self_consistency(samples=5)"]


def test_self_consistency_is_filled_up_to_the_ceiling_and_never_over_it(tmp_path: Path) -> None:
    trials = ran(bench_of(said(), strategies=(debate(rounds=1),)), tmp_path / "record")
    by_name = {trial.strategy: trial for trial in trials}
    one, filled = by_name["chain_of_thought"].usage.tokens, by_name[FILLED].usage.tokens
    assert CEILING.tokens
    assert CEILING.tokens - 4 * one < filled <= CEILING.tokens  # a prompt is counted with a margin here
    assert by_name[FILLED].usage.calls == filled // one > 20
    assert by_name[FILLED].stop_reason == "budget"
    assert {trial.usage.tokens <= CEILING.tokens for trial in trials} == {True}


def test_agents_that_speak_at_once_do_not_end_a_run_by_what_they_reserve(tmp_path: Path) -> None:
    # Three replies of at most 1,024 tokens each do not fit a ceiling of 2,000; what is said does many times over.
    trials = ran(bench_of(said(), task_of(1), strategies=(debate(3, rounds=2),)), tmp_path / "record")
    last = trials[-1]
    assert (last.strategy, last.usage.calls, last.stop_reason) == ("debate(3, rounds=2)", 6, "finished")
    assert last.roles["debater"] == last.usage


def test_all_are_asked_the_same_and_each_epoch_is_another_draw(tmp_path: Path) -> None:
    model = said()
    trials = ran(bench_of(model, task_of(2), task_of(2, name="more"), epochs=2, seed=5, workers=1), tmp_path / "r")
    keys = [trial.key for trial in trials]
    assert keys[:4] == [(name, "sums", "1", epoch) for epoch in (1, 2) for name in ("chain_of_thought", FILLED)]
    assert len(set(keys)) == len(keys) == 2 * 4 * 2
    seeds = [one.seed for one in model.requests if "Sum number 1 of sums" in one.messages[-1]["content"]]
    assert len(seeds) == len(set(seeds)) > 4


def test_what_is_finished_is_not_asked_again(tmp_path: Path) -> None:
    record, model = tmp_path / "record", said()
    whole = ran(bench_of(model), record)
    asked = len(model.requests)
    lines = record.read_bytes().splitlines(keepends=True)
    assert ran(bench_of(model), record) == whole
    assert len(model.requests) == asked
    record.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])  # killed while it wrote the last line
    heard: list[tuple[str, bool]] = []
    again = asyncio.run(bench_of(model).run(record, lambda trial, is_new: heard.append((trial.item, is_new))))
    assert [trial.key for trial in again] == [trial.key for trial in whole]
    assert len(heard) == len(lines)
    assert [is_new for _, is_new in heard] == [False] * (len(lines) - 1) + [True]


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "record"
    ran(bench_of(said()), record)
    record.write_bytes(b"nonsense\n" + record.read_bytes())
    with pytest.raises(StoreError, match="line 1 is no record"):
        ran(bench_of(said()), record)


def failing(often: int) -> ScriptedModel:
    """A model that fails on the first so many questions, for good."""

    def reply(prompt: str) -> str:
        if any(f"number {n} of" in prompt for n in range(1, often + 1)):
            raise ModelError("it does not work", fault="filtered")
        return "So.\nAnswer: 4\nConfidence: 50"

    return ScriptedModel(reply)


@pytest.mark.parametrize(("failures", "is_scored"), [(0, True), (1, True), (2, False)])
def test_with_more_than_5_percent_errors_there_is_no_score(tmp_path: Path, failures: int, is_scored: bool) -> None:
    found = report_of(ran(bench_of(failing(failures), task_of(20), budget=Budget(calls=2)), tmp_path / "record"))
    for row in found.rows:
        assert (row.errors, row.runs) == (failures, 20)
        assert row.accuracy == ((20 - failures) / 20 if is_scored else None)
        assert (row.interval is None) == (not is_scored)
    assert bool(found.comparisons) == is_scored
    assert "no score" in markdown(found, "") or is_scored


def test_errors_are_tried_again_when_the_bench_goes_on(tmp_path: Path) -> None:
    record = tmp_path / "record"
    assert sum(bool(trial.error) for trial in ran(bench_of(failing(1)), record)) == 2
    model = said()
    trials = ran(bench_of(model), record)
    assert not any(trial.error for trial in trials)
    assert all("Sum number 1 " in prompt for prompt in model.prompts)


def test_a_fault_that_will_not_pass_ends_the_bench(tmp_path: Path) -> None:
    def reply(prompt: str) -> str:
        raise ModelError("no such key", fault="auth")

    with pytest.raises(ModelError, match="no such key"):
        ran(bench_of(ScriptedModel(reply)), tmp_path / "record")


def test_what_cannot_be_read_is_counted_apart_and_never_right(tmp_path: Path) -> None:
    silent = ScriptedModel(lambda prompt: "Well." if "number 1 " in prompt else "So.\nAnswer: 4\nConfidence: 50")
    found = report_of(ran(bench_of(silent, task_of(4)), tmp_path / "record"))
    assert [(row.unparsed, row.errors, row.accuracy) for row in found.rows] == [(1, 0, 0.75)] * 2


def test_epochs_of_an_item_count_as_one_item() -> None:
    given = [("1", 1, 1.0), ("1", 2, 0.0), ("2", 1, 1.0), ("2", 2, None)]
    trials = [Trial(strategy="a", task="t", item=item, epoch=epoch, value=value) for item, epoch, value in given]
    row = report(trials, {}).rows[0]
    assert (row.items, row.runs, row.accuracy, row.unparsed) == (2, 4, 0.5, 1)
    assert row.interval == pytest.approx((0.0945, 0.9055), abs=1e-4)  # Wilson for 1 of 2


@pytest.mark.parametrize("accuracy", [0.3, 0.9])
def test_a_simulated_model_is_measured_as_it_was_made(tmp_path: Path, accuracy: float) -> None:
    alone = {"chain_of_thought": chain_of_thought}
    bench = Bench(strategies=alone, tasks=[simulated(150)], model=SimulatedModel(accuracy=accuracy), budget=CEILING)
    work = bench.run(tmp_path / "record")
    row = report_of(synchronously(work, loop_factory=VirtualTimeLoop)).rows[0]
    assert row.accuracy == pytest.approx(accuracy, abs=3.3 * (accuracy * (1 - accuracy) / 150) ** 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": Budget()}, "one ceiling"),
        ({"epochs": 0}, "at least 1 epoch"),
        ({"tasks": (task_of(1), task_of(2))}, "a name of its own"),
        ({"tasks": ()}, "a name of its own"),
    ],
)
def test_what_cannot_be_compared_is_refused(settings: dict[str, Any], message: str) -> None:
    given = {"strategies": contestants([]), "tasks": (task_of(1),), "model": said(), "budget": CEILING, **settings}
    with pytest.raises(ConfigurationError, match=message):
        Bench(**given)


def test_a_temporary_fault_is_tried_again_within_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("disputatio.models.gateway._wait", lambda state: 0.0)
    faults = iter([True])

    def reply(prompt: str) -> str:
        if next(faults, False):
            raise ModelUnavailableError("busy")
        return "So.\nAnswer: 4\nConfidence: 50"

    assert not any(trial.error for trial in ran(bench_of(ScriptedModel(reply)), tmp_path / "record"))


def made(bench: Bench) -> dict[str, JsonValue]:
    return manifest(bench, {"tasks": ["sums"]})


def test_a_manifest_knows_another_bench() -> None:
    was = made(bench_of(said()))
    assert check(was, made(bench_of(said())), "m") == []
    assert check({**was, "versions": {**dict(was["versions"]), "openai": "0"}}, was, "m")[0].startswith("openai was")  # type: ignore[arg-type]
    for other in (
        bench_of(said(), task_of(4)),
        bench_of(said(), task_of(3, target="5")),
        bench_of(ScriptedModel(str, name="another")),
        bench_of(said(), strategies=(debate,)),
    ):
        with pytest.raises(ConfigurationError, match="m is of another bench: "):
            check(was, made(other), "m")


def test_the_hash_of_prompts_follows_their_words() -> None:
    reworded = chain_of_thought(solver=Solver("solver", instruction="Guess."))
    hashes = [prompts(one, "native") for one in (chain_of_thought, chain_of_thought, reworded, debate)]
    assert hashes[0] == hashes[1]
    assert len({*hashes, prompts(chain_of_thought, "two_step")}) == 4


def test_a_manifest_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret-of-mine")
    model = ScriptedModel(str, name="vllm:http://me:secret-of-mine@host/v1")
    assert "secret-of-mine" not in json.dumps(made(bench_of(model)))


def header(*fields: bytes) -> bytes:
    return b"GGUF" + (3).to_bytes(4, "little") + bytes(8) + len(fields).to_bytes(8, "little") + b"".join(fields)


def text(value: bytes) -> bytes:
    return len(value).to_bytes(8, "little") + value


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")


FILE_TYPE = text(b"general.file_type") + number(4) + number(15)
NAME = text(b"general.name") + number(8) + text(b"a model")
TAGS = text(b"general.tags") + number(9) + number(8) + (2).to_bytes(8, "little") + text(b"x") + text(b"yz")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (header(NAME, TAGS, FILE_TYPE), "Q4_K_M"),
        (header(NAME), None),
        (header(NAME, FILE_TYPE)[:-1], None),
        (b"GGUF", None),
        (b"safetensors", None),
    ],
)
def test_the_quantisation_stands_in_the_header(tmp_path: Path, content: bytes, found: str | None) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    assert quantisation(path) == found


def test_a_report_names_no_winner_where_the_interval_covers_zero() -> None:
    def trials(name: str, right: int) -> list[Trial]:
        return [Trial(strategy=name, task="t", item=str(n), epoch=1, value=float(n < right)) for n in range(40)]

    close = report_of([*trials("a", 21), *trials("b", 19)])
    assert close.winner is None
    assert close.verdict.startswith("No winner: a is ahead of b by +5.0 points")
    assert "covers zero" in close.verdict
    clear = report_of([*trials("a", 35), *trials("b", 5)])
    assert (clear.winner, clear.front) == ("a", ("a",))
    alone = report_of(trials("a", 21))
    assert "nothing to compare" in alone.verdict
    for one in (close, clear, alone):
        assert one.verdict.split(" by ")[0] in markdown(one, "disputatio bench")
        assert Report.model_validate_json(one.model_dump_json()) == one


def test_what_a_label_says_is_shown_and_not_obeyed() -> None:
    label = 'x</script><script>alert(1)</script>|`"\x1b[31m'
    found = report_of([Trial(strategy=label, task="t", item="1", epoch=1, value=1.0)])
    shown = page(found, "disputatio bench <b>")
    assert "<script>alert" not in shown
    assert "\x1b" not in shown + svg(found)
    assert "<script>" not in svg(found) + markdown(found, "")
    assert "<b>" not in shown.partition("<main>")[2]


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1e-9), (0, 3), (0, 1730), (6.7, 41), (0, 1e7), (99.9, 100)])
def test_ticks_span_the_range_in_equal_round_steps(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 8
    steps = {round(b - a, 9) for a, b in pairwise(found)}
    assert len(steps) == 1
