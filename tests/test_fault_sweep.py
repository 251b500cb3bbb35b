"""A part of the fault sweep, which `make test-kill` makes whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres_server import binaries

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fork and signals are not there")


@pytest.mark.parametrize("sweep", ["resumers", "fenced", "faults", "together", "approvals", "secrets"])
def test_no_promise_is_broken(sweep: str) -> None:
    made(sweep, "--part", "20")


@pytest.mark.postgres
@pytest.mark.parametrize("sweep", ["resumers", "fenced", "together", "approvals"])
def test_no_promise_is_broken_on_a_server(sweep: str) -> None:
    assert binaries()
    made(sweep, "--part", "10", "--postgres")


def made(sweep: str, *options: str) -> None:
    script = Path(__file__).with_name("fault_sweep.py")
    command = [sys.executable, "-W", "ignore", str(script), sweep, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["sweep"] == sweep
