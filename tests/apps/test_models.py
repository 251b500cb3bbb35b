"""`disputatio models` and `disputatio models test` from outside."""

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from disputatio.apps.cli import app
from tests.servers import Sent, Server, completion


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "100", **variables})


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "DISPUTATIO_API_KEY", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPUTATIO_PRICES", str(tmp_path / "prices.toml"))


def test_the_list_of_backends_and_servers() -> None:
    with Server([Sent()], models=["qwen3:4b", "\x1b[31mred"]) as server:
        done = run("models", OLLAMA_HOST=server.url.removesuffix("/v1"))
    assert done.exit_code == 0
    assert re.search(r"^  openai:NAME +OpenAI +set OPENAI_API_KEY$", done.stdout, re.MULTILINE)
    assert re.search(r"^  Ollama +127\.0\.0\.1:\d+ +ollama:qwen3:4b$", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout
    assert re.search(r"^  none: there is no\s+/", done.stdout, re.MULTILINE)


def test_more_models_than_fit_are_counted() -> None:
    with Server([Sent()], models=[f"m{number}" for number in range(15)]) as server:
        done = run("models", OLLAMA_HOST=server.url.removesuffix("/v1"))
    assert "ollama:m11" in done.stdout
    assert "ollama:m12" not in done.stdout
    assert "and 3 more" in done.stdout


def test_the_list_as_json(tmp_path: Path) -> None:
    secret = "planted-3c77aa19"
    (tmp_path / "prices.toml").write_text('["openai:*"]\nprompt = 1\ncompletion = 2\n')
    done = run("models", "--format", "json", OPENAI_API_KEY=secret)
    listed = json.loads(done.stdout)
    by_name = {one["provider"]: one for one in listed["backends"]}
    assert by_name["openai"] == {
        "provider": "openai",
        "spec": "openai:NAME",
        "what": "OpenAI",
        "installed": True,
        "install": None,
        "key": "OPENAI_API_KEY",
        "key_set": True,
        "needs_key": True,
    }
    assert [one["kind"] for one in listed["servers"]] == ["Ollama", "vLLM", "llama.cpp", "LM Studio"]
    assert listed["prices"] == {"file": str(tmp_path / "prices.toml"), "entries": 1}
    assert secret not in done.output


def test_a_wrong_price_table_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("[m")
    done = run("models")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


def test_a_model_is_tested(serve: Any) -> None:
    done = run("models", "test", serve("Yes indeed."))
    assert done.exit_code == 0, done.output
    lines = dict(re.findall(r"^  (\w[\w -]*?) {2,}(yes|no|unknown) ", done.stdout, re.MULTILINE))
    assert lines["text reply"] == lines["streaming"] == lines["seed"] == lines["usage reported"] == "yes"
    assert lines["tools"] == lines["log-probabilities"] == "no"
    assert re.search(r"^first token after [\d.]+ s, then [\d,]+ tokens/s; \d+ calls, [\d,]+ tokens$", done.stdout, re.M)


def test_a_test_as_json() -> None:
    with Server([Sent(completion("Yes.\x1b[2J"))]) as server:
        done = run("models", "test", f"vllm:{server.url}", "--format", "json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["replies"], report["model"]) == (0, True, f"vllm:{server.url}")
    assert {one["name"] for one in report["findings"]} >= {"reachable", "text reply", "tools", "context window"}
    assert report["usage"]["calls"] > 0


def test_a_model_that_cannot_reply() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = run("models", "test", f"vllm:http://127.0.0.1:{port}/v1#m", "--max-seconds", "10")
    assert done.exit_code == 1
    assert re.search(r"^  reachable  no ", done.stdout, re.MULTILINE)
    assert done.stderr.splitlines()[-1].endswith("does not reply")


@pytest.mark.parametrize("spec", ["opnai:x", "openai:gpt-5-mini", "vllm:nowhere", "local:/no/such.gguf"])
def test_model_strings_that_cannot_be(spec: str) -> None:
    done = run("models", "test", spec)
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_the_option_trace_needs_a_collector() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otel")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    asked = ("solve", "Tea?", "-s", "chain_of_thought", "-m", "sim:accuracy=1", "--trace")
    done = run(*asked, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://user:planted-3c77aa19@127.0.0.1:{port}")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert f"no OpenTelemetry collector at 127.0.0.1:{port}" in done.stderr
    assert "planted" not in done.output
    assert "DISPUTATIO_TRACE" not in os.environ
