"""A bench with many runs under way: the same results, the model made for so many, and how fast it went."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.apps import batch, benching, choosing
from disputatio.budget import Budget, Usage
from disputatio.evals.bench import Bench, Trial, contestants
from disputatio.evals.items import Item, Task
from disputatio.evals.report import pace, report
from disputatio.evals.report_text import markdown
from disputatio.graphs import adaptive_consistency, debate
from disputatio.graphs.run import synchronously
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.question import Question

QUESTIONS = [Question(text=f"Which number is number {n}?", answer_type="number") for n in range(3)]
ITEMS = [Item(id=str(n), question=one, target="4", scorer="number") for n, one in enumerate(QUESTIONS)]
TASK = Task(name="numbers", items=ITEMS, source="made here", licence="CC0-1.0", description="numbers")
ROWS = contestants([debate(3, rounds=2), adaptive_consistency])


def outcome(model: Any, workers: int, **more: Any) -> list[dict[str, Any]]:
    """What a bench comes to, in virtual time, without the times."""
    bench = Bench(strategies=ROWS, tasks=[TASK], model=model, workers=workers, **more)
    with TemporaryDirectory() as folder:
        trials = synchronously(bench.run(Path(folder) / "record"), loop_factory=VirtualTimeLoop)
        kept = (Path(folder) / "record").read_bytes().splitlines()
    assert sorted(Trial.model_validate_json(line).key for line in kept) == sorted(trial.key for trial in trials)
    return [trial.model_dump(exclude={"seconds", "ended"}) for trial in trials]


def simulated() -> SimulatedModel:
    return SimulatedModel(accuracy=0.5, conformity=0.4, unreadable=0.1, latency=0.3)


def scripted() -> ScriptedModel:
    return ScriptedModel(lambda prompt: f"So.\nAnswer: {len(prompt) % 3 + 3}\nConfidence: {len(prompt) % 90}")


@pytest.mark.parametrize("model", [simulated, scripted])
@settings(max_examples=8)
@given(
    workers=st.integers(2, 20),
    seed=st.integers(0, 99),
    epochs=st.integers(1, 2),
    tokens=st.integers(50, 900),
    at_once=st.sampled_from([1, 2, None]),
)
def test_what_a_bench_finds_does_not_depend_on_how_many_runs_are_under_way(
    model: Callable[[], Any], workers: int, seed: int, epochs: int, tokens: int, at_once: int | None
) -> None:
    more = {"seed": seed, "epochs": epochs, "budget": Budget(tokens=tokens), "at_once": at_once}
    alone, together = outcome(model(), 1, **more), outcome(model(), workers, **more)
    assert together == alone
    assert len(alone) == len(ROWS) * len(ITEMS) * epochs


@pytest.mark.parametrize(
    ("given_", "models", "expected"),
    [
        (None, ["local"], 8),
        (None, ["local:big.gguf", "openai:gpt-5-mini"], 8),
        (None, ["local", "hf:folder"], 1),
        (3, ["hf:folder"], 3),
        (20, ["local"], 20),
    ],
)
def test_eight_runs_are_under_way_unless_their_company_changes_them(
    given_: int | None, models: list[str], expected: int
) -> None:
    assert choosing.workers(given_, dict(enumerate(models))) == expected  # type: ignore[arg-type]


class MadeError(Exception):
    """Raised where the model would be loaded."""


@pytest.mark.parametrize(("workers", "at_once", "expected"), [(None, 1, 8), (3, 1, 3), (3, 2, 6)])
def test_the_model_of_a_bench_is_made_for_the_calls_that_will_be_under_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int | None, at_once: int, expected: int
) -> None:
    def load(name: str, *, at_once: int) -> None:
        raise MadeError(name, at_once)

    monkeypatch.setattr(benching, "load_model", load)
    monkeypatch.setattr("disputatio.models.load_model", load)
    (tmp_path / "mine.jsonl").write_text('{"question": "1?", "answer": "1", "target_type": "number"}\n', "utf-8")
    task = str(tmp_path / "mine.jsonl")
    asked = benching.Asked(strategies=(), tasks=(task,), at_once=at_once, budget={"tokens": 99.0})
    with pytest.raises(MadeError) as made:
        benching.run(asked, out=tmp_path / "out", data=None, workers=workers, quiet=True)
    assert made.value.args == ("local", expected)
    if at_once == 1:
        with pytest.raises(MadeError) as made:
            batch.batch(questions=Path(task), out=tmp_path / "answers", workers=workers, quiet=True)
        assert made.value.args == ("local", expected)


def trial(ended: float, seconds: float, tokens: int) -> Trial:
    usage = Usage(calls=1, prompt_tokens=tokens - 1, completion_tokens=1)
    return Trial(strategy="a", task="t", item="1", epoch=1, value=1.0, ended=ended, seconds=seconds, usage=usage)


def test_the_pace_counts_time_in_which_something_ran_once() -> None:
    together = [trial(110, 10, 100), trial(112, 8, 200), trial(111, 1, 60)]  # 100 to 112
    later = [trial(1_008, 8, 40)]
    assert pace(together) == pytest.approx(360 / 12)
    assert pace([*later, *together]) == pytest.approx(400 / 20)
    assert "\n20 runs" not in markdown(report(together, {}), "again")
    assert "30 tokens a second were read and written." in markdown(report(together, {}), "again")


def test_a_record_that_does_not_say_when_runs_ended_has_no_pace() -> None:
    for trials in ([], [trial(0, 4, 10)], [trial(0, 4, 10), trial(5, 1, 10)], [trial(5, 0, 10)]):
        assert pace(trials) is None


@given(st.lists(st.tuples(st.integers(1_000, 2_000), st.integers(0, 300), st.integers(1, 99)), min_size=1))
def test_the_pace_is_that_of_a_count_second_by_second(given_: list[tuple[int, int, int]]) -> None:
    trials = [trial(*one) for one in given_]
    busy = {second for ended, seconds, _ in given_ for second in range(ended - seconds, ended)}
    expected = sum(tokens for *_, tokens in given_) / len(busy) if busy else None
    assert pace(trials) == (None if expected is None else pytest.approx(expected))


def test_a_bench_writes_down_when_its_runs_ended(tmp_path: Path) -> None:
    bench = Bench(strategies=ROWS, tasks=[TASK], model=scripted(), budget=Budget(tokens=900))
    trials = asyncio.run(bench.run(tmp_path / "record"))
    assert all(one.ended > 1.7e9 for one in trials)
    assert pace(trials)
