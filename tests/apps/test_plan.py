"""`disputatio plan` from outside."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.cli import app
from disputatio.apps.plan import CAUTION

QUICK = ("--questions", "20", "--accuracy", "0.6")


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(app, ("plan", *arguments), env={"COLUMNS": "200"})


def rows(printed: str) -> dict[str, list[str]]:
    """The figures of each strategy in the table: accuracy, interval, abstained, calls, ..."""
    lines = re.findall(r"^(\w.*?)  +(\d+\.\d.*)$", printed, re.MULTILINE)
    return {name: re.findall(r"[\d.,]+(?: to [\d.]+)?(?: [%s])?", figures) for name, figures in lines}


def test_a_table_with_the_baseline_first() -> None:
    done = plan(*QUICK, "--strategy", "self_consistency", "-p", "samples=5", "--latency", "2")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("A simulation: 20 questions, answered by sim:accuracy=0.6,latency=2.0; no model was")
    assert CAUTION in done.stdout
    table = rows(done.stdout)
    assert list(table) == ["chain_of_thought", "self_consistency(samples=5)"]
    assert re.search(r"Strategy +Accuracy +95 % interval +Abstained +Calls +Tokens +Time\n", done.stdout)
    assert table["chain_of_thought"][2:4] == ["0 %", "1.0"]
    assert table["self_consistency(samples=5)"][3] == "5.0"
    assert table["self_consistency(samples=5)"][-1] == "2.0 s"
    assert done.stderr == ""


def test_json_holds_the_same_and_money_where_there_are_prices() -> None:
    priced = ("--price-in", "1", "--price-out", "10", "--format", "json")
    report = json.loads(plan(*QUICK, "-s", "debate", "-p", "rounds=1", *priced).stdout)
    assert report["simulated"] is True
    assert report["model"] == "sim:accuracy=0.6,latency=1.0"
    alone, debate = report["strategies"]
    assert debate["right"] + debate["wrong"] + debate["abstained"] + debate["failed"] == report["questions"] == 20
    assert debate["interval_95"][0] < debate["accuracy"] < debate["interval_95"][1]
    each = debate["per_question"]
    assert (each["calls"], each["seconds"]) == (3, 1)
    assert each["cost"] == pytest.approx((each["prompt_tokens"] + 10 * each["completion_tokens"]) / 1e6)
    assert each["cost"] > 2 * alone["per_question"]["cost"]
    unpriced = json.loads(plan(*QUICK, "-s", "chain_of_thought", "-f", "json").stdout)
    assert unpriced["prices_per_million_tokens"] is unpriced["strategies"][0]["per_question"]["cost"] is None
    assert len(unpriced["strategies"]) == 1


def test_several_strategies_share_the_parameters_that_they_have() -> None:
    done = plan(*QUICK, "-s", "debate(rounds=1, decision='borda')", "-s", "disputation", "-p", "rounds=2")
    assert done.exit_code == 0, done.stderr
    assert list(rows(done.stdout))[1:] == ["debate(rounds=1, decision='borda')", "disputation(rounds=2)"]


def test_a_perfect_model_and_a_perfect_verifier() -> None:
    perfect = json.loads(plan("--questions", "10", "--accuracy", "1", "-s", "disputation", "-f", "json").stdout)
    assert [row["accuracy"] for row in perfect["strategies"]] == [1, 1]
    failing = plan("--questions", "5", "-s", "chain_of_thought", "-w", "fault_rate=1")
    assert rows(failing.stdout)["chain_of_thought"][2:4] == ["0 %", "100 %"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-s", "nope"), "unknown strategy 'nope'"),
        (("-s", "debate("), 'NAME or "NAME(PARAMETER=VALUE, ...)"'),
        (("-s", "debate(rounds=0)"), "at least 1 round"),
        (("-s", "debate", "-p", "samples=3"), "unknown parameter of these strategies 'samples'"),
        (("-s", "debate", "--accuracy", "2"), "accuracy is from 0 to 1, not 2.0"),
        (("-s", "debate", "-w", "mood=1"), "unknown property of the simulated model 'mood'"),
        (("-s", "debate", "--price-in", "1"), "both --price-in and --price-out"),
        (("-s", "debate", "--price-in", "-1", "--price-out", "1"), "a price is a number from 0"),
        (("-s", "debate", "--questions", "0"), "at least 1 question"),
    ],
)
def test_wrong_input_is_refused_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = plan(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_terminal_gets_a_progress_bar() -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", "from disputatio.apps.cli import main; main()", "plan", *QUICK]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [*command, "-s", "chain_of_thought"], stdout=subprocess.PIPE, stderr=follower, env=environment, timeout=120
    )
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert done.returncode == 0
    assert "chain_of_thought" in shown
    assert "20/20" in shown
    assert b"\x1b" not in done.stdout
