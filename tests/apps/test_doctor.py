"""`disputatio doctor` from outside: what it finds, and what it says to do."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from disputatio.apps import checks
from disputatio.apps.cli import app
from disputatio.models.weights import FILE

SECRET = "planted-9b81cc02"
INSTALL = "pip install 'disputatio[an-extra-of-a-long-name]'"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("OTEL", "LANGSMITH", "LANGCHAIN", "DISPUTATIO")) or name == "OPENAI_API_KEY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("DISPUTATIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DISPUTATIO_PRICES", str(tmp_path / "prices.toml"))


def doctor() -> tuple[int, dict[str, dict[str, Any]], str]:
    """The exit code, the checks by name, and all that was printed."""
    done = CliRunner().invoke(app, ("doctor", "--format", "json"))
    report = json.loads(done.stdout)
    found = {one["name"]: one for one in report["checks"]}
    assert report["works"] == (done.exit_code == 0)
    assert all(one["advice"] for one in found.values() if one["status"] != "ok"), "it says what to do"
    return done.exit_code, found, done.output


def test_an_installation_that_works() -> None:
    code, found, _ = doctor()
    assert code == 0
    assert {one["status"] for one in found.values()} <= {"ok", "off", "warn"}
    extras = {name: one for name, one in found.items() if name.startswith("extra ")}
    for name, one in extras.items():
        install = f"pip install 'disputatio[{name.removeprefix('extra ')}]'"
        assert (one["status"], one["found"], one["advice"]) in [
            ("ok", "installed", ""),
            ("off", "not installed", install),
        ] or one["status"] == "warn"
    assert {"Python", "packages", "embedded engine", "weights", "disk", "machine", "prices", "extra png"} <= set(found)
    assert found["Python"]["found"].startswith(f"CPython {sys.version_info.major}.{sys.version_info.minor}")
    assert found["packages"]["found"].endswith("are within their ranges")
    assert found["weights"]["found"].startswith("not there yet")
    assert found["telemetry"]["found"] == "off"
    assert "extra dev" not in found


def test_weights_that_are_others(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / FILE).write_bytes(b"GGUF")
    code, found, _ = doctor()
    assert (code, found["weights"]["status"]) == (1, "FAIL")
    assert found["weights"]["advice"].startswith("delete ")
    assert (tmp_path / "cache" / FILE).exists(), "it changes nothing"


def test_a_cache_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DISPUTATIO_CACHE", str(tmp_path / "file" / "cache"))
    code, found, _ = doctor()
    assert (code, found["cache folder"]["status"]) == (1, "FAIL")
    assert "DISPUTATIO_CACHE" in found["cache folder"]["advice"]


@pytest.mark.parametrize(
    ("table", "status", "found"),
    [
        (None, "ok", "none known"),
        ("[m]\nprompt = 1\ncompletion = 2\n[n]\nprompt = 1\ncompletion = 2\n", "ok", "2 in "),
        ("[m]\nprompt = -1\ncompletion = 2\n", "FAIL", "wrong at m.prompt"),
        ("[m", "FAIL", "is not TOML"),
    ],
)
def test_the_price_table(table: str | None, status: str, found: str, tmp_path: Path) -> None:
    if table is not None:
        (tmp_path / "prices.toml").write_text(table)
    code, all_found, _ = doctor()
    assert (code, all_found["prices"]["status"]) == (int(status == "FAIL"), status)
    assert found in all_found["prices"]["found"]


@pytest.mark.parametrize(
    ("value", "status", "found"),
    [
        ("", "ok", "not set"),
        (SECRET, "ok", "set"),
        (f" {SECRET}", "warn", "set, but"),
        (f"{SECRET}\u200b", "warn", "set, but"),
    ],
)
def test_keys_are_seen_and_never_shown(value: str, status: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    code, checked, output = doctor()
    assert (code, checked["OPENAI_API_KEY"]["status"]) == (0, status)
    assert checked["OPENAI_API_KEY"]["found"].startswith(found)
    assert SECRET not in output


@pytest.mark.parametrize(
    ("wanted", "found", "advice"),
    [
        ("rich<1", r"rich [\d.]+ is not <1", "pip install 'rich<1'"),
        ("no-such-package>=2", "no-such-package is missing", "pip install 'no-such-package>=2'"),
        ("rich>=13", None, None),
        ("rich", None, None),
    ],
)
def test_packages_are_held_against_their_ranges(wanted: str, found: str | None, advice: str | None) -> None:
    check = checks._package(Requirement(wanted))
    assert (check is None) == (found is None)
    if check and found:
        assert check.status == "FAIL"
        assert re.fullmatch(found, check.found)
        assert check.advice == advice


def test_an_engine_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "xllamacpp.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, found, _ = doctor()
    assert (code, found["embedded engine"]["status"]) == (1, "FAIL")
    assert found["embedded engine"]["found"] == "it ended with code -4"


def test_what_is_sent_elsewhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otel")
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("DISPUTATIO_TRACE", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://me:{SECRET}@127.0.0.1:9")
    code, found, output = doctor()
    assert code == 0
    assert found["LangSmith"]["status"] == "warn"
    assert found["telemetry"]["found"] == "on: runs are sent to http://[redacted]@127.0.0.1:9"
    assert SECRET not in output
    monkeypatch.setenv("DISPUTATIO_TRACE", "maybe")
    assert doctor()[1]["telemetry"]["status"] == "FAIL"


def test_a_terminal_of_few_letters() -> None:
    code = "from disputatio.apps.cli import main; main()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80", "OPENAI_API_KEY": " x"}
    done = subprocess.run([sys.executable, "-c", code, "doctor"], env=environment, capture_output=True, timeout=120)
    text = done.stdout.decode("ascii")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^warn  terminal +writes ascii$", text, re.MULTILINE)
    assert re.search(r"^What to do\n(  .+\n)*  terminal: set PYTHONUTF8=1$", text, re.MULTILINE)
    assert text.rstrip().endswith("0 failed, 2 to look at")
    assert max(map(len, text.splitlines())) <= 80


def test_commands_are_whole_in_a_terminal_of_any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(checks, "CHECKS", (*checks.CHECKS, _lacking))
    printed = CliRunner().invoke(app, ("doctor",)).stdout.splitlines()
    assert any(line.split()[:3] == ["off", "an", "extra"] for line in printed)
    assert printed[printed.index("What can be added") :].count(f"  an extra: {INSTALL}") == 1
    assert not [line for line in printed if "'disputatio[" in line and "]'" not in line]


def _lacking() -> Iterator[checks.Check]:
    yield checks.Check("an extra", "off", "not installed", INSTALL)
