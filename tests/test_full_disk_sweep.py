"""A part of the sweep over full disks, which `make test-kill` makes whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def can_mount(path: Path) -> bool:
    try:
        command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def test_a_full_disk_is_told_of_and_nothing_is_lost(tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("no disk of its own can be mounted here: that takes `unshare` and user namespaces")
    script = Path(__file__).with_name("full_disk_sweep.py")
    command = [sys.executable, "-W", "ignore", str(script), "--every", "16"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(line)["sweep"] for line in done.stdout.splitlines()] == ["run", "journal", "memory", "batch"]
