"""Recorded runs on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.cli import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def debate(*arguments: Any) -> tuple[str, ...]:
    return ("debate", "Is tea good?", "--rounds", "1", "--claims", "0", "-f", "json", *map(str, arguments))


def test_record_replay_and_resume(serve: Any, tmp_path: Path) -> None:
    path, prompts = tmp_path / "run.jsonl", []

    def reply(prompt: str) -> str:
        prompts.append(prompt)
        return "Because.\n\nAnswer: yes"

    model = serve(reply)
    first = run(*debate("-m", model, "--seed", 3, "--record", path))
    asked = len(prompts)
    assert (first.exit_code, asked > 3) == (0, True)
    again = run(*debate("--replay", path))
    assert (again.stdout, again.exit_code, len(prompts)) == (first.stdout, 0, asked)
    assert "judge (round 1, answer)" in again.stderr
    resumed = run(*debate("-m", model, "--seed", 3, "--record", path))
    assert json.loads(resumed.stdout)["run_id"] == json.loads(first.stdout)["run_id"]
    calls = json.loads(first.stdout)["usage"]["calls"]
    assert (f"{calls} replies came from" in resumed.stderr, len(prompts)) == (True, asked)
    text = run("solve", "Is tea good?", "-s", "debate", "--replay", str(path))
    assert (text.exit_code, "another strategy" in text.stderr) == (2, True)


def test_the_cache(serve: Any, tmp_path: Path) -> None:
    path, model = tmp_path / "cache.sqlite", serve()
    first = run(*debate("-m", model, "--seed", 3, "--cache", path))
    again = run(*debate("-m", model, "--seed", 3, "--cache", path))
    calls = json.loads(first.stdout)["usage"]["calls"]
    usage = json.loads(again.stdout)["usage"]
    assert (usage["calls"], usage["hits"], usage["prompt_tokens"]) == (0, calls, 0)
    assert f"{calls:,} hits (50%), {calls} misses" in again.stderr


@pytest.mark.parametrize("other", ["--record", "--cache"])
def test_a_replay_goes_with_nothing_else(other: str, tmp_path: Path) -> None:
    done = run(*debate("--replay", tmp_path / "a", other, tmp_path / "b"))
    assert (done.exit_code, "cannot be combined" in done.stderr) == (2, True)


def test_the_first_call_that_differs(serve: Any, tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("one", "same", "reply", "seed", "more")}

    sure = 80

    def reply(prompt: str) -> str:
        return f"Because.\n\nAnswer: yes\nConfidence: {sure if '[debater 2]' in prompt else 80}"

    def record(name: str, model: str, *arguments: Any) -> None:
        command = ("solve", "Is tea good?", "-s", "debate", "-p", "debaters=2", "-m", model, "--record", paths[name])
        assert run(*command, *arguments).exit_code in (0, 3)

    model = serve(reply)
    record("one", model, "-p", "rounds=2")
    record("same", model, "-p", "rounds=2")
    record("seed", model, "-p", "rounds=2", "--seed", "4")
    record("more", model, "-p", "rounds=3")
    sure = 70
    record("reply", model, "-p", "rounds=2")
    same = run("runs", "diff", paths["one"], paths["same"])
    assert (same.exit_code, same.stdout) == (0, "no call differs\n")
    for name, shown in {"reply": "-Confidence: 80 \n+Confidence: 70", "seed": "seed: None became"}.items():
        done = run("runs", "diff", paths["one"], paths[name])
        assert done.exit_code == 1
        assert done.stdout.startswith("first difference: debater ")
        assert shown in done.stdout
    longer = run("runs", "diff", paths["one"], paths["more"])
    assert (longer.exit_code, "round 3" in longer.stdout, "only the second run" in longer.stdout) == (1, True, True)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for name, message in (("none", "cannot read the journal"), ("text", "is damaged: line 1")):
        done = run("runs", "diff", tmp_path / name, tmp_path / name)
        assert (done.exit_code, message in done.stderr) == (2, True)
