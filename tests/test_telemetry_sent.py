"""What leaves the process: nothing, unless it is asked for."""

import gzip
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import pytest

from disputatio.errors import ConfigurationError
from disputatio.telemetry import from_environment

pytest.importorskip("opentelemetry.sdk.trace", reason="needs the package opentelemetry-sdk, of the extra otel")


def test_the_environment_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    for value, on in [("", False), ("0", False), ("off", False), ("1", True), (" True ", True)]:
        monkeypatch.setenv("DISPUTATIO_TRACE", value)
        assert (from_environment() is not None) == on
    monkeypatch.setenv("DISPUTATIO_TRACE", "perhaps")
    with pytest.raises(ConfigurationError, match="DISPUTATIO_TRACE is 1 or 0, not 'perhaps'"):
        from_environment()


def outside(code: str, **variables: str) -> str:
    """Run Python in a process of its own, without what this one has in its environment for tracing."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL", "LANG", "DISPUTATIO_TRACE"))
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **variables}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SOLVE = "import disputatio as dp, sys\nr = dp.solve('Tea?', strategy='chain_of_thought', model='sim:accuracy=1')\n"


def test_nothing_is_imported_without_being_asked_for() -> None:
    # LangSmith's own package imports OpenTelemetry where it is installed, so here it cannot be imported at all.
    assert outside("import sys\nsys.modules['opentelemetry'] = None\n" + SOLVE + "print(r.usage.calls)") == "1\n"


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"])
def test_a_missing_extra_is_named(missing: str) -> None:
    # Other packages bring parts of OpenTelemetry along, so any part can be the one that is not there.
    code = f"""\
import sys
sys.modules[{missing!r}] = None
import disputatio as dp
try:
    dp.solve("Tea?", strategy="chain_of_thought", model="sim:accuracy=1")
except dp.MissingExtraError as error:
    print(error)
"""
    assert "pip install 'disputatio[otel]'" in outside(code, DISPUTATIO_TRACE="1")


class Collector(ThreadingHTTPServer):
    """Takes whatever is sent to it, and remembers the paths and the bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.taken: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_GET(self) -> None:
        self.take()

    def do_POST(self) -> None:
        self.take()

    def take(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        plain = gzip.decompress(content) if self.headers["Content-Encoding"] == "gzip" else content
        self.server.taken.append((self.path, plain))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing about requests."""


def test_spans_reach_a_collector_and_only_where_it_is_asked_for() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otel")
    with Collector() as collector:
        outside(SOLVE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        assert collector.taken == []
        outside(SOLVE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, DISPUTATIO_TRACE="1")
        [(path, content)] = collector.taken
    assert path == "/v1/traces"
    for name in (b"invoke_workflow chain_of_thought", b"invoke_agent solver", b"chat accuracy=1", b"disputatio"):
        assert name in content


@pytest.mark.parametrize("asked", [False, True])
def test_langsmith_hears_nothing_unless_it_is_asked_for(asked: bool) -> None:
    with Collector() as collector:
        variables = {"LANGSMITH_ENDPOINT": collector.url, "LANGSMITH_API_KEY": "lsv2_none"}
        wait = SOLVE + "from langchain_core.tracers.langchain import wait_for_all_tracers\nwait_for_all_tracers()"
        outside(wait, **variables, **({"LANGSMITH_TRACING": "true"} if asked else {}))
        assert any(path.startswith("/runs") for path, _ in collector.taken) == asked
        assert bool(collector.taken) == asked
