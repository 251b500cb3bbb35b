"""Kept runs on the command line: `disputatio runs` and all that it offers."""

import json
import re
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.cli import app
from disputatio.run_store import RunStore

TOOLS = '''\
from pathlib import Path

from disputatio.tools import tool


@tool(access="write")
def send(letter: str) -> str:
    """Send a letter."""
    with Path("sent").open("a") as file:
        file.write(letter + "\\n")
    return f"{letter} was sent"
'''


def run(*arguments: Any, input: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], input=input, env={"COLUMNS": "200"})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of runs; the test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "kept.sqlite"
    monkeypatch.setenv("DISPUTATIO_RUNS", str(path))
    return path


@pytest.fixture(params=["file", pytest.param("database", marks=pytest.mark.postgres)], ids=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path | str:
    """The file of runs, or the address of a server."""
    monkeypatch.chdir(tmp_path)
    where: Path | str = request.getfixturevalue(request.param)
    monkeypatch.setenv("DISPUTATIO_RUNS", str(where))
    return where


def solve(model: str, *arguments: Any, question: str = "Is tea good?") -> Result:
    return run("solve", question, "-s", "debate", "-p", "debaters=2", "-p", "rounds=1", "-m", model, *arguments)


def listed(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("runs", "list", "--json", *arguments).stdout.splitlines()]


def test_runs_are_kept_listed_and_shown(serve: Any, place: Path | str) -> None:
    model = serve()
    assert solve(model).exit_code == 0
    assert solve(model, "--no-runs").exit_code == 0
    assert solve(model, "--record", "run.jsonl").exit_code == 0
    [kept] = listed()
    assert (kept["state"], kept["answer"], kept["recipe"]["named"]) == ("finished", "yes", "debate")
    assert kept["manifest"].keys() == {"disputatio", "langgraph", "python", "platform"}
    assert not isinstance(place, Path) or place.stat().st_mode & 0o77 == 0
    table = run("runs", "list").stdout
    assert kept["id"][:8] in table
    assert "Is tea good?" in table
    assert "\x1b" not in table
    shown = run("runs", "show", kept["id"][:4]).stdout
    assert "debater 1" in shown
    assert re.search(r"state +finished\n", shown)
    parts = json.loads(run("runs", "show", "last", "--json").stdout)
    assert sorted(call["author"] for call in parts["calls"]) == ["debater 1", "debater 2"]
    assert parts["result"]["answer"]["text"] == "yes"
    assert "Is tea good?" in run("runs", "show", "last", "--call", "1").stdout
    assert run("runs", "show", "last", "--call", "9").exit_code == 2
    assert (run("runs", "list", "--state", "waiting").stdout, listed("--state", "failed")) == ("", [])


def test_a_list_cuts_what_is_long_instead_of_wrapping_it(serve: Any, file: Path) -> None:
    model = serve(f"Because.\n\nAnswer: {'very ' * 30}good\nConfidence: 80")
    question = "Which of all the many kinds of tea that there are would you call the best of them, and why that one?"
    assert solve(model, question=question).exit_code == 0
    listing = CliRunner().invoke(app, ["runs", "list"], env={"COLUMNS": "80"}).stdout.splitlines()
    assert len(listing) == 2
    assert "Which of all" in listing[1]
    assert listing[1].count("…") == 2
    assert max(map(len, listing)) <= 80
    shown = CliRunner().invoke(app, ["runs", "show", "last"], env={"COLUMNS": "80"}).stdout.splitlines()
    calls = [line for line in shown if "debater " in line]
    assert len(calls) == len(shown) - shown.index("") - 2
    assert all(line.endswith("…") for line in calls)


def test_a_run_that_goes_on_keeps_its_settings(
    serve: Any, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    prompts: list[str] = []

    def reply(prompt: str) -> str:
        prompts.append(prompt)
        return "Because.\n\nAnswer: yes\nConfidence: 80"

    told = ("--cache", "cache.sqlite", "--at-once", "1", "--seed", "3", "--no-memory")
    first = run("solve", "Is tea good?", "-s", "reasoning_bank", "-m", serve(reply), "-f", "json", *told)
    assert json.loads(first.stdout)["settings"]["at_once"] == 1
    recipe = listed()[0]["recipe"]
    assert (recipe["cache"], recipe["no_memory"]) == (str(tmp_path / "cache.sqlite"), True)
    asked = len(prompts)
    monkeypatch.chdir(tmp_path.parent)  # in another folder, too
    branched = run("runs", "branch", "last", "--after", "0", "--resume")
    assert (branched.exit_code, len(prompts)) == (0, asked)  # all of it came from the cache
    assert f"the cache {tmp_path / 'cache.sqlite'}" in branched.stderr
    parts = json.loads(run("runs", "show", "last", "--json").stdout)
    assert parts["result"]["settings"]["at_once"] == 1
    assert parts["result"]["usage"]["hits"] == asked
    assert not list((tmp_path / "home").rglob("memory.sqlite"))
    assert "the cache" not in run("runs", "replay", "last").stderr


def test_replay_resume_and_export_make_no_call(serve: Any, place: Path | str) -> None:
    prompts: list[str] = []

    def reply(prompt: str) -> str:
        prompts.append(prompt)
        return "Because.\n\nAnswer: yes"

    first = solve(serve(reply), "-f", "json", "--seed", "3")
    asked = len(prompts)
    again = run("runs", "replay", "last", "-f", "json", "-q")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    resumed = run("runs", "resume", "last", "-f", "json", "-q")
    said = [sorted(one["id"] for one in json.loads(text)["thoughts"]) for text in (resumed.stdout, first.stdout)]
    assert said[0] == said[1]
    exported = run("runs", "export", "last", "-o", "run.jsonl")
    assert (exported.exit_code, exported.stdout) == (0, "")
    elsewhere = run("solve", "Is tea good?", "-s", "debate", "-p", "debaters=2", "-p", "rounds=1", "--replay",
                    "run.jsonl", "-f", "json", "-q")  # fmt: skip
    assert sorted(one["id"] for one in json.loads(elsewhere.stdout)["thoughts"]) == said[0]
    assert run("runs", "diff", "last", "run.jsonl").stdout == "no call differs\n"
    assert "# " in run("runs", "export", "last", "-f", "markdown").stdout
    assert run("runs", "export", "last", "-f", "html").stdout.startswith("<!")
    assert len(prompts) == asked


def test_branches(serve: Any, place: Path | str) -> None:
    prompts: list[str] = []

    def reply(prompt: str) -> str:
        prompts.append(prompt)
        return f"{'No doubt' if 'coffee' in prompt else 'Because'}.\n\nAnswer: yes\nConfidence: 80"

    model = serve(reply)
    assert solve(model, "-p", "decision=judge").exit_code == 0
    assert len(prompts) == 3
    # Another parameter: the opening round is the same, and is not paid for again.
    done = run("runs", "branch", "last", "-p", "rounds=2", "--resume")
    assert (done.exit_code, len(prompts)) == (0, 6), done.stderr
    [longer, original] = listed()
    assert (longer["origin"], "rounds=2" in longer["strategy"], longer["usage"]["calls"]) == (original["id"], True, 5)
    # Another reply of the second call: only the judge heard it.
    made = run("runs", "branch", original["id"], "--reply", "2=I say no.\n\nAnswer: no\nConfidence: 99").stdout.strip()
    assert listed("--state", "admitted")[0]["id"] == made
    assert run("runs", "resume", made).exit_code == 0
    assert (len(prompts), "I say no." in prompts[-1]) == (7, True)
    # Another question from the third call on: the openings stand as they were said.
    made = run("runs", "branch", original["id"], "--after", "2", "--question", "Is coffee good?").stdout.strip()
    assert run("runs", "resume", made).exit_code == 0
    assert (len(prompts), "Is coffee good?" in prompts[-1], "Because." in prompts[-1]) == (8, True, True)
    differs = run("runs", "diff", original["id"], made)
    assert (differs.exit_code, "Is coffee good?" in differs.stdout) == (1, True)
    for wrong, message in {
        ("--after", "9"): "has 3 calls, there is no call 9",
        ("--reply", "x"): "given as N=TEXT",
        ("--after", "1", "--reply", "2=x"): "call 2 is not kept",
        ("-p", "walls=3"): "unknown parameter",
    }.items():
        refused = run("runs", "branch", original["id"], *wrong)
        assert (refused.exit_code, message in refused.stderr) == (2, True), refused.stderr


def test_a_person_decides_days_later(serve: Any, place: Path | str) -> None:
    Path("letters.py").write_text(TOOLS)

    def reply(prompt: str) -> str:
        if "Use: <" in prompt:
            return json.dumps({"use": {"tool": "send", "arguments": {"letter": "hello"}}})
        return "It is done.\n\nAnswer: yes\nConfidence: 80"

    command = (
        "solve",
        "Write?",
        "-s",
        "chain_of_thought",
        "--tools",
        "letters.py",
        "-m",
        serve(reply, structured=False),
    )
    refused = run(*command)
    assert (refused.exit_code, Path("sent").exists()) == (0, False)
    done = run(*command, "--wait")
    assert done.exit_code == 4, done.stderr
    assert "May solver call send?" in done.stderr
    assert "disputatio runs resume" in done.stderr
    assert "undecided" in run("runs", "show", "last").stdout
    assert run("runs", "resume", "last").exit_code == 4
    assert "it asks for a yes or a no" in run("runs", "resume", "last", "--answer", "perhaps").stderr
    assert run("runs", "resume", "last", "--approve", "--deny").exit_code == 2
    approved = run("runs", "resume", "last", "--approve")
    assert (approved.exit_code, Path("sent").read_text()) == (0, "hello\n"), approved.stderr
    late = run("runs", "resume", "last", "--deny")
    assert (late.exit_code, "asks nothing that is undecided" in late.stderr) == (2, True)
    assert run("runs", "resume", "last").exit_code == 0
    assert Path("sent").read_text() == "hello\n"


def test_clearing_away(serve: Any, place: Path | str) -> None:
    model = serve("A very secret word: xylophone.\n\nAnswer: yes")
    for _ in range(3):
        assert solve(model).exit_code == 0
    [one, two, three] = [kept["id"] for kept in listed()]
    report = json.loads(run("runs", "size", "--json").stdout)
    assert (report["runs"].keys(), report["states"]["finished"]["runs"]) == ({one, two, three}, 3)
    assert "3 runs" in run("runs", "size").stdout
    assert run("runs", "delete", one[:8], "nobody").exit_code == 2
    assert len(listed()) == 3
    assert "deleted 1 run" in run("runs", "delete", one).stderr
    with RunStore(place) as store, store.database.transaction() as database:
        database.execute("UPDATE runs SET updated = ? WHERE id = ?", (time.time() - 10 * 86400, two))
    assert run("runs", "gc", "--older-than", "5", "--dry-run").stdout.startswith(two[:8])
    assert run("runs", "gc", "--older-than", "5").exit_code == 0
    assert [kept["id"] for kept in listed()] == [three]
    run("runs", "delete", three)
    if isinstance(place, Path):
        assert b"xylophone" not in b"".join(path.read_bytes() for path in place.parent.glob("kept.sqlite*"))


def test_a_file_that_cannot_be_used_stops_no_run_that_did_not_ask_for_it(serve: Any, file: Path) -> None:
    file.write_bytes(b"this is no database" * 100)
    model = serve()
    done = solve(model)
    assert (done.exit_code, "this run is not kept" in done.stderr) == (0, True)
    refused = solve(model, "--runs", file)
    assert (refused.exit_code, "damaged" in refused.stderr) == (1, True)
    assert len(refused.stderr.strip().splitlines()) == 1
    doctor = json.loads(run("doctor", "-f", "json").stdout)
    [check] = [one for one in doctor["checks"] if one["name"] == "runs"]
    assert (check["status"], check["advice"]) == ("FAIL", "disputatio runs repair")
    assert file.read_bytes().startswith(b"this is no database")


def test_repair_keeps_what_can_be_read(serve: Any, file: Path) -> None:
    model = serve("x " * 3000 + "\n\nAnswer: yes")
    for number in range(8):
        assert solve(model, question=f"Is tea number {number} good?").exit_code in (0, 3)
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = b"\xff" * 8192
    file.write_bytes(content)
    Path(f"{file}-wal").unlink(missing_ok=True)
    done = run("runs", "repair")
    assert (done.exit_code, "damaged" in done.stderr) == (0, True), done.stderr
    assert list(file.parent.glob("kept.sqlite.damaged-*"))
    left = listed()
    with RunStore(file) as store:
        whole = [one["id"] for one in left if not store.broken(one["id"])]
    assert whole
    assert run("runs", "replay", whole[0], "-q").exit_code in (0, 3)
    assert "is as it should be" in run("runs", "repair").stderr


def test_runs_that_are_not_there(place: Path | str) -> None:
    for command in (("show", "abcd"), ("resume", "last"), ("delete", "abcd"), ("export", "abcd"), ("branch", "abcd")):
        done = run("runs", *command)
        assert (done.exit_code, "there is no run" in done.stderr) == (2, True), command
    assert run("runs", "list", "--runs", "elsewhere.sqlite").exit_code == 2
    assert not Path("elsewhere.sqlite").exists()


@pytest.mark.postgres
def test_an_address_with_a_password_is_nowhere_in_what_is_kept(database: str, serve: Any, file: Path) -> None:
    psycopg = pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    at = ("--runs", database)
    done = solve(serve(), *at)
    assert (done.exit_code, file.exists()) == (0, False), done.output
    sized, exported = run("runs", "size", *at), run("runs", "export", "last", *at)
    assert "1 runs" in sized.stdout
    assert "hidden" not in done.output + sized.output + exported.output
    with psycopg.connect(database, options="-c search_path=disputatio") as connection:
        for table in ("runs", "lines", "texts", "questions"):
            assert "hidden" not in str(connection.execute(f"SELECT {table}::text FROM {table}").fetchall())
    assert "is as it should be" in run("runs", "repair", *at).stderr
    assert run("runs", "diff", "last", "last", *at).stdout == "no call differs\n"
