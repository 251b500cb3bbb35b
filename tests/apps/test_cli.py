"""The command line from outside: what it prints where, and the code it ends with."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from disputatio import __version__
from disputatio.apps.cli import app
from disputatio.result import Result as Outcome

UNREACHABLE = "openai-compatible:http://127.0.0.1:9/v1#m"
ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ENVIRONMENT = {"PATH": "", "COLUMNS": "200"}


def run(*arguments: str, **settings: Any) -> Result:
    return CliRunner().invoke(app, arguments, **settings)


def quick(model: str, *arguments: str) -> tuple[str, ...]:
    return ("solve", "Is tea good?", "-s", "debate", "-p", "rounds=1", "-m", model, *arguments)


def test_version_and_help() -> None:
    assert run("--version").stdout == f"disputatio {__version__}\n"
    assert "strategies" in run("--help").stdout
    assert run("debate", "--help").exit_code == 0


@pytest.mark.parametrize(
    "variables",
    [{}, {"_DISPUTATIO_COMPLETE": "complete_bash", "COMP_WORDS": "disputatio debate --", "COMP_CWORD": "2"}],
    ids=["help", "completion"],
)
def test_help_and_completion_import_nothing_heavy(variables: dict[str, str]) -> None:
    code = """\
import sys
from disputatio.apps.cli import main
sys.argv = ["disputatio", "debate", "--help"]
try:
    main()
except SystemExit:
    pass
heavy = {"langgraph", "langchain_core", "openai", "networkx", "xllamacpp", "asyncio"}
sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**ENVIRONMENT, **variables}
    )
    assert done.returncode == 0, done.stderr
    assert "--rounds" in done.stdout


def test_a_debate_from_text_to_answer(serve: Any) -> None:
    done = run("debate", "Is tea good?", "--rounds", "1", "-m", serve())
    assert done.exit_code == 0
    assert done.stdout.startswith("Answer: yes")
    assert "proponent (round 1, debater, claim, 80 % sure):\n  Because." in done.stderr
    assert "(round 1, verdict, supported" in done.stderr


def test_refuted_claims_are_marked(serve: Any) -> None:
    def reply(prompt: str) -> str:
        if "Verdict: <" in prompt:
            return "Reason: no.\nVerdict: refuted\nScore: 0"
        return "Claims:\n1. proponent: tea is blue" if "Claims: <" in prompt else "So.\n\nAnswer: yes\nConfidence: 80"

    done = run("debate", "Is tea good?", "--rounds", "1", "-m", serve(reply, structured=False))
    assert "verdict, REFUTED" in done.stderr
    assert "1 refuted" in done.stdout


def test_debaters_with_stances_and_personas(serve: Any) -> None:
    prompts = []

    def reply(prompt: str) -> str:
        prompts.append(prompt)
        return "So.\n\nAnswer: yes"

    done = run(
        *("debate", "Tea?", "--rounds", "1", "--claims", "0", "--persona", "a physician", "--persona", "a poet"),
        *("--stance", "for tea", "-m", serve(reply)),
    )
    assert done.exit_code == 0
    assert "Physician (round 1" in done.stderr
    assert any("a physician" in prompt and "for tea" in prompt for prompt in prompts)


@pytest.mark.parametrize("given", ["@FILE", "-", None])
def test_questions_from_files_and_pipes(given: str | None, serve: Any, tmp_path: Path) -> None:
    file = tmp_path / "question.md"
    file.write_text("\ufeffIs tea good?\r\n", encoding="utf-8")
    question = [given.replace("FILE", str(file))] if given else []
    done = run("solve", *question, "-s", "chain_of_thought", "-m", serve(), "-f", "json", input=file.read_bytes())
    assert json.loads(done.stdout)["question"]["text"] == "Is tea good?"


def test_formats_and_the_page(serve: Any, tmp_path: Path) -> None:
    page, model = tmp_path / "page.html", serve()
    done = run(*quick(model, "--format", "json", "--html", str(page), "--quiet", "--seed", "3", "--temperature", "1"))
    outcome = Outcome.model_validate_json(done.stdout)
    assert (outcome.answer.value, outcome.settings["seed"], outcome.settings["temperature"]) == ("yes", 3, 1.0)
    assert "Is tea good?" in page.read_text(encoding="utf-8")
    assert done.stderr == ""
    assert run(*quick(model, "-f", "markdown")).stdout.startswith("# Is tea good?")


def test_types_of_answers_and_choices(serve: Any) -> None:
    done = run(*quick(serve("Answer: B"), "--choice", "tea", "--choice", "coffee", "-f", "json"))
    assert json.loads(done.stdout)["answer"]["value"] == "B"
    done = run(*quick(serve("Answer: 1,000"), "--answer-type", "number", "-f", "json"))
    assert json.loads(done.stdout)["answer"]["value"] == "1000"


def test_models_by_role(serve: Any) -> None:
    model, judge = serve("Answer: yes"), serve("Answer: no")
    done = run(*quick(model, "-p", "decision=judge", "-m", f"judge={judge}", "-f", "json"))
    assert json.loads(done.stdout)["answer"]["value"] == "no"


def test_limits_cut_a_run_short(serve: Any) -> None:
    done = run(*quick(serve(), "--max-calls", "2", "-f", "json"))
    assert json.loads(done.stdout)["usage"]["calls"] == 2
    assert json.loads(done.stdout)["stop_reason"] == "budget"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["debate", ""], 2, "the question is empty"),
        (["debate", " \n "], 2, "the question is empty"),
        (["debate", "q", "--debaters", "0"], 2, "--debaters is a number from 1, not 0"),
        (["debate", "q", "--rounds", "-1"], 2, "at least 1 round, got -1"),
        (["debate", "q", "--claims", "-1"], 2, "cannot be negative"),
        (["debate", "q", "-m", "opnai:x"], 2, "did you mean 'openai'"),
        (["debate", "q", "-m", "jugde=local"], 2, "did you mean 'judge'"),
        (["debate", "q", "-m", "sceptc=local", "--persona", "a sceptic"], 2, "did you mean 'Sceptic'"),
        (["debate", "q", "--max-calls", "0"], 2, "--max-calls is a number above 0, not 0"),
        (["debate", "q", "--max-seconds", "nan"], 2, "--max-seconds is a number above 0, not nan"),
        (["debate", "q", "--temperature", "9"], 2, "from 0 to 5"),
        (["debate", "q", "--html", "/nowhere/at/all.html"], 2, "cannot write the page"),
        (["debate", "@/nowhere"], 1, "there is no file '/nowhere'"),
        (["debate", "@."], 1, "Is a directory"),
        (["debate", f"@{sys.executable}"], 2, "is not text"),
        (["solve", "q", "-s", "debat"], 2, "did you mean 'debate'"),
        (["solve", "q", "-s", "debate", "-p", "decision=jugde"], 2, "did you mean 'judge'"),
        (["solve", "q", "-s", "debate", "-p", "rouds=1"], 2, "did you mean 'rounds'"),
        (["solve", "q", "--answer-type", "choice"], 2, "go together"),
        (["strategies", "show", "debat"], 2, "did you mean 'debate'"),
    ],
)
def test_wrong_input_is_one_line(arguments: list[str], code: int, message: str) -> None:
    done = run(*arguments)
    [*_, line] = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (code, "")
    assert line.startswith("disputatio: error: ")
    assert message in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("piped", "message"), [(b"", "empty"), (b"\xff\xfe", "not text"), (b"a\0b", "not text")])
def test_what_is_piped_in_must_be_text(piped: bytes, message: str) -> None:
    done = run("debate", input=piped)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_model_that_cannot_be_reached(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("debate", "q", "-m", UNREACHABLE, "--html", str(page))
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("disputatio: error: cannot reach http://127.0.0.1:9/v1")
    assert page.exists()


def test_a_refused_key_and_the_traceback_on_demand(serve: Any) -> None:
    model = serve(status=401)
    done = run("debate", "q", "-m", model)
    assert done.exit_code == 1
    assert "refused the key (401)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in run("debate", "q", "-m", model, "--debug").stderr


def test_what_was_said_before_a_failure_is_kept(serve: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    models = ("-m", serve(), "-m", f"judge={serve(status=400)}")
    done = run("debate", "Tea?", "--rounds", "1", *models, "--format", "json", "--html", str(page))
    outcome = Outcome.model_validate_json(done.stdout)
    assert (done.exit_code, outcome.stop_reason) == (1, "error")
    assert "proponent" in {thought.author for thought in outcome.thoughts}
    assert "Because." in page.read_text(encoding="utf-8")
    assert not ESCAPE.search(done.stderr.replace("\n", ""))


@pytest.mark.parametrize(("reply", "reason"), [("", "nothing was said"), ("blah", "no answer could be read")])
def test_no_answer_is_code_3(reply: str, reason: str, serve: Any) -> None:
    done = run(*quick(serve(reply)))
    assert done.exit_code == 3
    assert done.stdout.startswith("Answer: none")
    assert f"disputatio: no answer: {reason}" in done.stderr


def test_text_of_models_is_never_obeyed(serve: Any) -> None:
    hostile = "[red]not markup[/red] [/] \x1b[31mred\x1b[0m \x1b]8;;http://x\x07link \x9b2J\n\nAnswer: yes"
    done = run(*quick(serve(hostile)))
    assert done.exit_code == 0
    assert "[red]not markup[/red] [/]" in done.stderr
    assert not ESCAPE.search((done.stdout + done.stderr).replace("\n", ""))


def test_the_table_of_strategies() -> None:
    table = run("strategies").stdout
    assert "self_consistency" in table
    assert "Wang et al." in table
    assert "\x1b" not in table


def test_one_strategy() -> None:
    shown = run("strategies", "show", "debate").stdout
    for part in ("Du et al. 2023", "at most 6", "until_agreed", "Answers each debater gives", "graph TD"):
        assert part in " ".join(shown.split())
    assert run("strategies", "show", "debate", "--mermaid").stdout.count("graph TD") == 1


def test_diagrams_as_files(tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    pytest.importorskip("resvg_py")
    assert run("strategies", "show", "debate", "--svg", str(svg), "--png", str(png)).exit_code == 0
    assert svg.read_text(encoding="utf-8").startswith("<svg")
    assert png.read_bytes().startswith(b"\x89PNG")
    done = run("strategies", "show", "debate", "--svg", str(tmp_path))
    assert done.exit_code == 1
    assert "Is a directory" in done.stderr
