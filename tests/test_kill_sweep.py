"""A part of the kill sweep, which `make test-kill` makes whole: `kill -9` at some of the events of three graphs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres_server import binaries

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork are not there")


@pytest.mark.parametrize("on_a_server", [False, pytest.param(True, marks=pytest.mark.postgres)], ids=["file", "server"])
@pytest.mark.parametrize(("graph", "every"), [("debate", 13), ("vote", 13), ("tools", 5)])
def test_a_run_that_is_killed_goes_on(graph: str, every: int, on_a_server: bool) -> None:
    command = [
        sys.executable,
        str(Path(__file__).with_name("kill_sweep.py")),
        graph,
        "--every",
        str(every),
        "--twice",
        "2",
        *(["--postgres"] if on_a_server and binaries() else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["finished"] == found["points"] > 5
    kept = ("wrong", "not done", "effect twice", "completed calls redone", "over")
    assert {name: found[name] for name in kept} == dict.fromkeys(kept, 0)
    assert graph != "tools" or found["asked"] > 0
