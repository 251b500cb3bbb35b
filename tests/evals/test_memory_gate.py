"""The memory gate: what is learned from, what is compared, under which ceiling, and what may be said of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from disputatio.apps.cli import app
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError, ModelError
from disputatio.evals.items import Item, Task
from disputatio.evals.memory_gate import WITH, WITHOUT, GateReport, MemoryGate
from disputatio.graphs import chain_of_thought, matts, reasoning_bank
from disputatio.graphs.run import synchronously
from disputatio.memory import Memory, SqliteStore
from disputatio.models import ScriptedModel
from disputatio.question import Question
from tests.graphs.test_reasoning_bank import items, script

KNOWS = "Always count twice"


def task_of(size: int) -> Task:
    questions = [Question(text=f"Sum {'abcdefghijklmnopqrstuvwxyz'[n]}?", answer_type="number") for n in range(size)]
    made = [Item(id=str(n), question=one, target="4", scorer="number") for n, one in enumerate(questions)]
    return Task(name="sums", items=made, source="made here", licence="CC0-1.0", description="sums")


def learner(right: Any) -> ScriptedModel:
    return script(lambda prompt: "4" if right(prompt) else "5", written=lambda prompt: items("count twice"))


def gate(model: Any, size: int = 16, learn: int = 4, **given: Any) -> GateReport:
    settings = {"strategy": reasoning_bank(), "budget": Budget(calls=4), **given}
    with SqliteStore(embedder=None) as store:
        return synchronously(MemoryGate(task=task_of(size), learn=learn, model=model, **settings).run(store))


def test_a_memory_that_helps_is_found_to_help() -> None:
    model = learner(lambda prompt: KNOWS in prompt)
    report = gate(model)
    assert (report.items, report.learned_from, report.recalled) == (12, 4, 12)
    assert (report.arms[WITH].accuracy, report.arms[WITHOUT].accuracy, report.difference) == (1, 0, 1)
    assert (report.only_with, report.only_without, report.interval, report.better) == (12, 0, (1, 1), WITH)
    assert report.p == 2 / 2**12
    assert report.verdict.startswith("memory helps: +100.0 points, 95 % interval +100.0 to +100.0")
    assert report.learning.calls == 4 * 3
    assert [report.arms[side].usage.calls for side in (WITH, WITHOUT)] == [12, 12]  # nothing is learned any more
    asked = [prompt for prompt in model.prompts if "Think step by" in prompt]
    assert [KNOWS in prompt for prompt in asked[4:]] == [True, False] * 12  # and the memory does not grow


def test_a_memory_that_does_not_help_shows_no_difference() -> None:
    def right(prompt: str) -> bool:  # one is won by it and one is lost
        return any(f"Question: Sum {one}?" in prompt for one in ("fghijk" if KNOWS in prompt else "efghij"))

    report = gate(learner(right))
    assert (report.only_with, report.only_without, report.p, report.better) == (1, 1, 1, None)
    assert report.verdict.startswith("no difference shown: ")
    same = gate(learner(lambda prompt: True))
    assert (same.difference, same.p, same.interval, same.better) == (0, 1, (0, 0), None)


def test_a_memory_that_harms_is_said_to() -> None:
    assert gate(learner(lambda prompt: KNOWS not in prompt)).verdict.startswith("memory harms: -100.0 points")


def test_any_strategy_can_be_compared() -> None:
    model = learner(lambda prompt: KNOWS in prompt)
    assert gate(model, strategy=chain_of_thought).strategy == "reasoning_bank(chain_of_thought())"
    assert gate(model, strategy=matts(k=2), budget=Budget(calls=6)).better == WITH


def test_items_that_are_known_or_fail_are_not_compared() -> None:
    def reply(prompt: str) -> str:
        if "Question: Sum f?" in prompt and KNOWS not in prompt:
            raise ModelError("no")
        return learner(lambda prompt: True).reply(prompt)

    with SqliteStore(embedder=None) as store:
        first = MemoryGate(
            strategy=reasoning_bank(), task=task_of(8), learn=4, model=ScriptedModel(reply), budget=Budget(calls=4)
        )
        report = synchronously(first.run(store))
        assert (report.items, report.known, report.failed) == (3, 0, 1)
        again = MemoryGate(
            strategy=reasoning_bank(), task=task_of(8), learn=0, model=ScriptedModel(reply), budget=Budget(calls=4)
        )
        assert synchronously(again.run(store)).known == 4
        assert len(synchronously(Memory(store).items(kind="task"))) == 4


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ConfigurationError, match="under one ceiling"):
        gate(script(), budget=Budget())
    with pytest.raises(ConfigurationError, match="leave none to compare"):
        gate(script(), size=4)


def test_the_command(tmp_path: Path) -> None:
    lines = [{"question": f"Sum number {n}?", "answer": "4"} for n in range(6)]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ["memory", "compare", str(tmp_path / "mine.jsonl"), "--learn", "2", "-m", "sim:accuracy=0.5"]
    done = CliRunner().invoke(app, [*command, "--max-calls", "8"])
    assert done.exit_code == 0, done.stderr
    assert "no difference shown" in done.stdout
    assert "with memory: item 4" in done.stderr
    file = tmp_path / "memory.sqlite"
    kept = CliRunner().invoke(app, [*command, "--max-calls", "8", "-q", "-f", "json", "--memory", str(file)])
    assert GateReport.model_validate_json(kept.stdout).items == 4
    assert file.exists()
    assert CliRunner().invoke(app, command).exit_code == 2  # no ceiling
