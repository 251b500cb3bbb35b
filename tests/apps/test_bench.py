"""`disputatio bench` and `disputatio batch` from outside: their files, their ends, and kill -9 in the middle."""

import json
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.benching import Asked, separated
from disputatio.apps.cli import app
from disputatio.evals.bench import FILLED, Trial
from tests.apps.conftest import Serve
from tests.apps.test_terminal import on_terminal

MAIN = [sys.executable, "-c", "from disputatio.apps.cli import main; main()"]
ITEMS = 12


def answer(prompt: str) -> str:
    """Right about every second item."""
    number = int(re.findall(r"Item (\d+):", prompt)[0])
    time.sleep(0.02)
    return f"So.\nAnswer: {number if number % 2 else 0}\nConfidence: 60"


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task file as a user writes it."""
    path = tmp_path / "mine.jsonl"
    numbers = range(1, ITEMS + 1)
    lines = [{"question": f"Item {n}: which number is it?", "answer": str(n), "target_type": "number"} for n in numbers]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "160"})


def bench(task: Path, model: str, out: Path, *more: object) -> Result:
    return call("bench", "--tasks", task, "--model", model, "--budget-calls", 3, "--out", out, *more)


def killed_after(lines: int, record: Path, *command: object) -> int:
    """Run a command until its record has so many lines, and kill it; gives how many lines were whole."""
    with subprocess.Popen([*MAIN, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and (not record.exists() or record.read_bytes().count(b"\n") < lines):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was too fast to be killed"
    return record.read_bytes().count(b"\n")


def asked(prompts: list[str]) -> Counter[str]:
    """How often each item was asked."""
    return Counter(re.findall(r"Item (\d+):", prompt)[0] for prompt in prompts)


def test_a_report_and_all_that_it_was_made_from(task: Path, serve: Serve, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = bench(task, serve(answer), out, "--strategies", "debate(rounds=1)")
    assert done.exit_code == 0, done.stderr
    named = ("manifest.json", "record.jsonl", "report.json", "report.md", "report.html", "front.svg")
    assert all((out / name).is_file() for name in named)
    rows = {row["strategy"]: row for row in json.loads((out / "report.json").read_text("utf-8"))["rows"]}
    assert list(rows) == ["chain_of_thought", FILLED, "debate(rounds=1)"]
    assert [row["accuracy"] for row in rows.values()] == [0.5] * 3
    assert [row["usage"]["calls"] for row in rows.values()] == [ITEMS, 3 * ITEMS, 3 * ITEMS]
    assert "No winner" in done.stdout
    assert re.search(r"chain_of_thought +50\.0 % +25\.4 to 74\.6 +0 +0 +0 +1\.0", done.stdout)
    assert "36 of 36" in done.stderr


def test_a_bench_that_was_killed_repeats_no_finished_item(
    task: Path, serve: Serve, came: Callable[[], list[str]], tmp_path: Path
) -> None:
    out, model = tmp_path / "out", serve(answer)
    words = ("bench", "--tasks", task, "--model", model, "--budget-calls", 3, "--out", out, "--workers", 2, "-q")
    whole = killed_after(7, out / "record.jsonl", *words)
    kept = [Trial.model_validate_json(line) for line in (out / "record.jsonl").read_bytes().splitlines()[:whole]]
    before = len(came())
    assert call(*words).exit_code == 0
    trials = [Trial.model_validate_json(line) for line in (out / "record.jsonl").read_bytes().splitlines()]
    assert trials[:whole] == kept
    assert len({trial.key for trial in trials}) == len(trials) == 2 * ITEMS
    spent = sum(trial.usage.calls for trial in trials[whole:])
    assert len(came()) - before == spent, "only what was not finished is asked"
    assert call(*words).exit_code == 0
    assert len(came()) - before == spent, "and nothing where all is"


def test_a_batch_that_was_killed_loses_and_repeats_nothing(
    task: Path, serve: Serve, came: Callable[[], list[str]], tmp_path: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    words = ("batch", task, "--model", serve(answer), "--out", out, "--workers", 2, "-q")
    whole = killed_after(4, out, *words)
    finished = {json.loads(line)["number"] for line in out.read_bytes().splitlines()[:whole]}
    assert call(*words).exit_code == 0
    answers = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [one["number"] for one in answers] == list(range(1, ITEMS + 1))
    counts = asked(came())
    assert {number: counts[str(number)] for number in finished} == dict.fromkeys(finished, 1)
    assert set(counts) == {str(number) for number in range(1, ITEMS + 1)}


def test_a_bench_is_run_again_from_its_manifest(task: Path, serve: Serve, tmp_path: Path) -> None:
    first, second, model = tmp_path / "first", tmp_path / "second", serve(answer)
    given = ("--strategies", "react", "--epochs", 2, "--limit", 3, "--seed", 4, "--temperature", 0.5, "-q")
    assert bench(task, model, first, *given).exit_code == 0
    done = call("bench", "--again", first / "manifest.json", "--out", second, "-q")
    assert done.exit_code == 0, done.stderr
    reports = [json.loads((out / "report.json").read_text("utf-8")) for out in (first, second)]
    for row in [*reports[0]["rows"], *reports[1]["rows"]]:
        del row["seconds"]
    assert reports[0]["rows"] == reports[1]["rows"]
    assert reports[0]["manifest"]["options"] == reports[1]["manifest"]["options"]
    task.write_text(re.sub(r'"answer": "\d+"', '"answer": "0"', task.read_text("utf-8")), encoding="utf-8")
    done = call("bench", "--again", first / "manifest.json", "--limit", "3", "--out", tmp_path / "third", "-q")
    assert done.exit_code == 2
    assert "is of another bench: sha256 was" in done.stderr


def test_the_folder_of_another_bench_is_left_alone(task: Path, serve: Serve, tmp_path: Path) -> None:
    out, model = tmp_path / "out", serve(answer)
    assert bench(task, model, out, "--limit", 1, "-q").exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = bench(task, model, out, "--limit", 1, "--epochs", 2)
    assert done.exit_code == 2
    assert "is of another bench: epochs was 1, is 2" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bench", "--budget-tokens", 100), "which tasks?"),
        (("bench", "--tasks", "TASK"), "one ceiling"),
        (("bench", "--tasks", "TASK", "--budget-tokens", 0), "--max-tokens is a number above 0"),
        (("bench", "--tasks", "nope", "--budget-tokens", 100), "unknown task 'nope'"),
        (("bench", "--tasks", "TASK", "--budget-tokens", 100, "--strategies", "debat"), "did you mean 'debate'?"),
        (("bench", "--tasks", "TASK", "--agents", "verifer"), "did you mean 'verifier'?"),
        (("bench", "--tasks", "TASK", "--agents", "verifier"), "'mine' holds nothing that an agent can rule on"),
        (("bench", "--tasks", "TASK", "--agents", "judge", "--strategies", "react"), "give one of them"),
        (("bench", "--tasks", "TASK", "--grader", "sim", "--max-calls", 1), "give it with --agents"),
        (("bench", "--again", "missing.json", "--tasks", "TASK"), "leave them out"),
        (("bench", "--again", "missing.json"), "cannot read 'missing.json'"),
        (("bench", "--again", "TASK"), "is no manifest"),
        (("batch", "missing.txt", "--out", "answers.jsonl"), "cannot read the questions from 'missing.txt'"),
        (("batch", "TASK", "--out", "missing/answers.jsonl"), "cannot write"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(task: Path, words: tuple[object, ...], message: str) -> None:
    done = call(*(task if word == "TASK" else word for word in words), "--model", "sim:accuracy=1")
    assert done.exit_code in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_agents_are_examined_and_the_report_says_where_they_find_faults(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("bench", "--agents", "verifier,judge", "--tasks", "planted_errors", "--limit", 6, "--out", out)
    done = call(*words, "--model", "sim:verifier_hit=0.9")
    assert done.exit_code == 0, done.stderr
    found = json.loads((out / "report.json").read_text("utf-8"))
    assert [row["strategy"] for row in found["rows"]] == ["verifier", "judge"], "no strategy is run beside them"
    assert [row["usage"]["calls"] for row in found["rows"]] == [6, 6]
    assert [one["right"] + one["wrong"] for one in found["rulings"]] == [6, 6]
    assert found["manifest"]["budget"] == {"calls": 4}
    text = (out / "report.md").read_text("utf-8")
    assert "## Solutions" in text
    assert "disputatio bench --agents verifier,judge --tasks planted_errors" in text
    assert "first error found" in done.stdout
    again = call("bench", "--again", out / "manifest.json", "--out", tmp_path / "again", "-q")
    assert again.exit_code == 0, again.stderr


def test_reasons_can_be_graded_later_and_no_agent_is_asked_again(serve: Serve, tmp_path: Path) -> None:
    prompts: list[str] = []

    def speak(prompt: str) -> str:
        prompts.append(prompt)
        if "You grade an explanation" in prompt:
            truth = prompt.partition("[truth] ")[2].partition("\n")[0]
            return f"So.\nVerdict: {'correct' if truth in prompt.partition('[explanation]')[2] else 'wrong'}"
        return f"Steps:\n{''.join(_checked(line) for line in re.findall('Step .*', prompt))}\nVerdict: refuted"

    model = serve(speak, structured=False)
    words = ("bench", "--agents", "critic", "--tasks", "planted_errors", "--limit", 6, "--out", tmp_path / "out")
    done = call(*words, "--model", model)
    assert done.exit_code == 0, done.stderr
    assert "there is no MR-Score where an agent found a first error" in done.stdout
    asked = len(prompts)
    done = call(*words, "--model", model, "--grader", model)
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    (row,), grader = found["rulings"], found["grader"]
    assert row["reasons"]["value"] == row["first_error"]["value"] == 1
    assert row["score"] == pytest.approx(0.2 * row["mcc"] + 0.8)
    assert (grader["accepted"]["value"], grader["refused"]["value"]) == (1, 1)
    assert asked == 6
    assert len(prompts) == asked + grader["usage"]["calls"]
    assert f"--grader '{model}'" in (tmp_path / "out" / "report.md").read_text("utf-8")
    done = call("bench", "--again", tmp_path / "out" / "manifest.json", "--out", tmp_path / "again", "-q")
    assert done.exit_code == 0, done.stderr
    again = json.loads((tmp_path / "again" / "report.json").read_text("utf-8"))
    assert again["rulings"] == found["rulings"]


def _checked(line: str) -> str:
    """What a critic who can count says of a step: "Step 2: 3 + 4 = 7"."""
    number, sum_ = re.fullmatch(r"Step (\d+): (.+)", line).groups()  # type: ignore[union-attr]
    left, sign, right, _, given = sum_.split()
    true = {"+": int(left) + int(right), "-": int(left) - int(right), "*": int(left) * int(right)}[sign]
    wrong = f"wrong: {left} {sign} {right} is {true}, not {given}"
    return f"{number}. {'correct' if true == int(given) else wrong}\n"


def test_a_grader_without_reasons_to_hold_others_against_is_refused(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(json.dumps({"question": "Which?", "choices": ["x", "y"], "answer": "x"}) + "\n", encoding="utf-8")
    done = call("bench", "--tasks", pairs, "--agents", "judge", "--grader", "sim", "--model", "sim")
    assert done.exit_code == 2
    assert "no task has the reasons of first wrong steps" in done.stderr


def test_the_front_is_also_a_png(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="front.png needs resvg-py, of the extra png")
    done = call("bench", "--agents", "judge", "--tasks", "planted_errors", "--limit", 2, "--model", "sim", "-q",
                "--out", tmp_path)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    if "no font" in done.stderr:
        pytest.skip("this machine has no font to write with")
    content = (tmp_path / "front.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    svg = (tmp_path / "front.svg").read_text("utf-8")
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert size
    assert width / height == pytest.approx(int(size[1]) / int(size[2]), rel=0.01)
    assert len(set(_pixels(content, width))) > 10, "something is drawn"


def _pixels(png: bytes, width: int) -> Iterator[bytes]:
    """Its rows, as they are compressed: those of an empty picture are all alike."""
    place, packed = 8, b""
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        packed += png[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += size + 12
    raw, stride = zlib.decompress(packed), 4 * width + 1
    assert len(raw) % stride == 0
    return (raw[start : start + stride] for start in range(0, len(raw), stride))


def test_a_terminal_shows_a_live_table_and_then_the_report(task: Path, serve: Serve, tmp_path: Path) -> None:
    model, out = serve(answer, delay=0.02), str(tmp_path / "out")
    words = ["bench", "--tasks", str(task), "--model", model, "--budget-calls", "2", "--out", out, "--workers", "1"]
    code, shown = on_terminal(*words, columns=140)
    assert code == 0
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown)
    done = [int(number) for number in re.findall(rf"chain_of_thought +[━╸╺ ]* +(\d+) of {ITEMS}", plain)]
    assert done[0] < done[-1] == ITEMS, "it was drawn anew while the runs were finished"
    assert done == sorted(done)
    assert re.search(rf"\d+ of {2 * ITEMS} runs, (?:unknown time|\d+:\d\d:\d\d) left", plain)
    assert "; chain_of_thought:" not in plain, "the lines of a pipe do not get into it"
    live, _, report = plain.rpartition("writing the report")
    assert "unparsed" in live
    assert re.search(r"chain_of_thought +50\.0 %", report), "what stays is the report"
    assert "\x1b[?25h" in shown.rpartition("\x1b[?25l")[2], "the cursor is back"
    assert "\x1b[2K" in shown, "the table is taken away"


def test_commas_separate_but_for_those_in_brackets() -> None:
    assert separated("debate, react(rounds=2, x=1) ,a") == ["debate", "react(rounds=2, x=1)", "a"]
    assert separated(" , ") == []


def test_the_command_that_makes_a_report_again_is_one_that_parses() -> None:
    budget = {"tokens": 4000, "seconds": 1.5}
    given = Asked(strategies=("a(b='c d')", "e"), tasks=("t",), model=("sim:", "judge=sim:"), epochs=2, budget=budget)
    assert given.command == (
        "disputatio bench --strategies 'a(b='\"'\"'c d'\"'\"'),e' --tasks t --model sim: --model judge=sim: "
        "--budget-tokens 4000 --budget-seconds 1.5 --epochs 2"
    )
