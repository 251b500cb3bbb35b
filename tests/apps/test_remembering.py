"""A second run on the command line shows which remembered items it used, and from where; only where it should."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.cli import app
from disputatio.memory import default_path
from tests.apps.conftest import Serve
from tests.graphs.test_reasoning_bank import script


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def solve(address: str, question: str, *arguments: object, strategy: str = "reasoning_bank") -> Result:
    done = run("solve", question, "-s", strategy, "-m", address, "-q", *arguments)
    assert done.exit_code == 0, done.stderr
    return done


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_DATA_HOME", "HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    assert str(default_path()).startswith(str(tmp_path))
    return default_path()


def test_the_second_run_shows_what_it_remembers(serve: Serve, tmp_path: Path) -> None:
    address, file = serve(script().reply), tmp_path / "memory.sqlite"
    first = json.loads(solve(address, "How much tea?", "--memory", file, "-f", "json").stdout)
    page = tmp_path / "run.html"
    second = solve(address, "How much milk?", "--memory", file, "--html", page)
    assert 'From memory: "check the units" (' in second.stdout
    assert f'learned from "How much tea?" in run {first["run_id"]}' in second.stdout
    assert "<b>From memory</b>" in page.read_text()
    shown = CliRunner().invoke(app, ["runs", "show", "last"], env={"COLUMNS": "200"}).stdout
    assert re.search(rf'from memory +"check the units" .*in run {first["run_id"]}', shown)
    found = listed(file)
    assert sorted(one["uses"] for one in found) == [0, 1]
    gone = next(one["id"] for one in found if one["uses"])
    assert run("memory", "forget", gone, "--yes", "--memory", file).exit_code == 0
    third = solve(address, "How much tea?", "--memory", file, "-f", "json")
    assert gone not in third.stdout


def test_a_debate_learns_from_earlier_ones_where_it_is_told_to(serve: Serve, came: Any, tmp_path: Path) -> None:
    file = tmp_path / "memory.sqlite"
    short = ("--rounds", "1", "--claims", "0", "-m", serve(script().reply), "-m", "proponent=sim:accuracy=1", "-q")
    assert run("debate", "Is tea good?", *short).exit_code == 0
    assert not any("# Memory item i" in prompt for prompt in came())
    first = run("debate", "Is tea good?", *short, "--memory", file, "-f", "json")
    second = run("debate", "Is milk good?", *short, "--memory", file)
    assert (first.exit_code, second.exit_code) == (0, 0), second.stderr
    learned_in = json.loads(first.stdout)["run_id"]
    assert f'learned from "Is tea good?" in run {learned_in}' in second.stdout
    seen = [prompt for prompt in came() if "Always check the units." in prompt and "Is milk good?" in prompt]
    assert len(seen) > 2  # it is a document of the question, which all debaters see
    again = run("runs", "replay", "last", "-q")
    assert (again.exit_code, again.stdout) == (0, second.stdout), again.stderr
    uses = [one["uses"] for one in listed(file)]
    assert sorted(uses) == [0, 1]  # the replay used nothing


@pytest.mark.embedded
def test_the_embedded_model_shows_what_it_remembers(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "memory.sqlite"
    first = json.loads(solve(serve(script().reply), "How much tea?", "--memory", file, "-f", "json").stdout)
    told = ("-p", "learn=false", "--max-tokens", "1500", "--memory", str(file))
    second = run("solve", "How much milk?", "-s", "reasoning_bank", *told)
    if "embedded model" in second.stderr and second.exit_code == 1:
        pytest.skip(second.stderr)
    assert "memory (strategy" in second.stderr or "memory (" in second.stderr
    assert f'From memory: "check the units" ({first["run_id"][:0]}' in second.stdout
    assert f"in run {first['run_id']}" in second.stdout


def listed(file: Path) -> list[dict[str, Any]]:
    found = run("memory", "list", "--kind", "strategy", "--memory", file, "-f", "json")
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_the_memory_of_the_data_folder_is_there_for_those_who_remember_only(serve: Serve, home: Path) -> None:
    address = serve(script().reply)
    solve(address, "How much tea?", strategy="chain_of_thought")
    solve(address, "How much tea?", "--no-memory")
    assert not home.exists()
    solve(address, "How much tea?")
    assert "From memory" in solve(address, "How much tea?").stdout
    assert "From memory" not in solve(address, "How much tea?", "--no-memory").stdout


def test_what_cannot_be(serve: Serve, tmp_path: Path, home: Path) -> None:
    address, file = serve(script().reply), tmp_path / "other.sqlite"
    told = solve(address, "How much tea?", "--memory", file, strategy="chain_of_thought")
    assert "chain_of_thought remembers nothing" in told.stderr
    assert not file.exists()
    both = run("solve", "Tea?", "-s", "reasoning_bank", "-m", address, "--memory", file, "--no-memory")
    assert (both.exit_code, "contradict" in both.stderr) == (2, True)
    file.write_text("this is no memory, but a note that somebody wrote")
    broken = run("solve", "Tea?", "-s", "reasoning_bank", "-m", address, "--memory", file)
    assert (broken.exit_code, file.read_text()[:4]) == (1, "this")
    home.parent.mkdir(parents=True)
    home.write_text("this is no memory, but a note that somebody wrote")
    without = solve(address, "How much tea?")
    assert "this run remembers nothing" in without.stderr
