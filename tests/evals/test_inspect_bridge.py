"""The bridge to Inspect AI: strategies, the gateway and tasks, run by Inspect itself, and a log that it reads again."""

import json
from pathlib import Path
from typing import Any

import pytest

from disputatio.models import SimulatedModel
from disputatio.question import Question

inspect_ai = pytest.importorskip("inspect_ai", reason="needs the extra eval (inspect-ai)")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("streams_of_inspect")]

from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.log import read_eval_log  # noqa: E402
from inspect_ai.model import get_model  # noqa: E402
from inspect_ai.scorer import choice, match  # noqa: E402
from inspect_ai.solver import generate  # noqa: E402

from disputatio.evals.inspect_bridge import items, reasoning  # noqa: E402

ITEMS = 6


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    """Questions with the keys of the simulated model."""
    path = tmp_path / "mine.jsonl"
    lines = []
    for number in range(1, ITEMS + 1):
        question = Question(text=f"Simulated question {number}", answer_type="number")
        key = next(iter(SimulatedModel().chances(question)))
        lines.append({"id": str(number), "question": question.text, "answer": key, "target_type": "number"})
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def evaluated(task: Any, folder: Path, model: str, **settings: Any) -> Any:
    (log,) = inspect_ai.eval(task, model=get_model(model), log_dir=str(folder), display="none", **settings)
    assert log.status == "success", log.error
    return read_eval_log(log.location)


def accuracy(log: Any) -> float:
    return float(log.results.scores[0].metrics["accuracy"].value)


def test_our_task_our_strategy_and_our_gateway(task_file: Path, tmp_path: Path) -> None:
    model = "disputatio/sim:accuracy=1"
    log = evaluated(items(str(task_file)), tmp_path, model, solver=reasoning("self_consistency", samples=3))
    assert accuracy(log) == 1
    assert len(log.samples) == ITEMS
    calls = [sum(event.event == "model" for event in sample.events) for sample in log.samples]
    assert calls == [3] * ITEMS, "every call stands in the log"
    assert log.samples[0].output.completion.endswith(f"ANSWER: {log.samples[0].target}")


def test_what_cannot_be_read_is_never_right(task_file: Path, tmp_path: Path) -> None:
    log = evaluated(items(str(task_file)), tmp_path, "disputatio/sim:accuracy=1,unreadable=1")
    assert accuracy(log) == 0
    assert {sample.scores["scored"].value for sample in log.samples} == {"N"}


def test_a_ceiling_holds_for_each_sample(task_file: Path, tmp_path: Path) -> None:
    solver = reasoning("self_consistency", samples=9, batch=1, calls=4)
    log = evaluated(items(str(task_file)), tmp_path, "disputatio/sim:accuracy=1", solver=solver)
    assert [sum(event.event == "model" for event in sample.events) for sample in log.samples] == [4] * ITEMS


def test_a_strategy_on_a_task_of_somebody_else(tmp_path: Path) -> None:
    question = Question(text="Which one?", choices=("one", "two", "three"))
    right = next(iter(SimulatedModel().chances(question)))
    closed = MemoryDataset([Sample(input=question.text, choices=list(question.choices), target=right)])
    open_ = MemoryDataset([Sample(input="What?", target="12")])
    model = "disputatio/sim:accuracy=1"
    solver = reasoning("debate", rounds=1)
    assert accuracy(evaluated(inspect_ai.Task(closed, scorer=choice()), tmp_path, model, solver=solver)) == 1
    log = evaluated(inspect_ai.Task(open_, scorer=match(numeric=True)), tmp_path, model, solver=solver)
    assert accuracy(log) == 0


def test_a_solver_of_somebody_else_on_our_task(task_file: Path, tmp_path: Path) -> None:
    log = evaluated(items(str(task_file), limit=2), tmp_path, "disputatio/sim:accuracy=1", solver=generate())
    assert len(log.samples) == 2
    for sample in log.samples:
        assert (sample.scores["scored"].value == 1) == sample.output.completion.endswith(str(sample.target))
