"""Own process: work of a library that cannot be interrupted, in a process that is killed when its time is over.

The parent reads and checks what a model wrote; a worker, one file of `workers` for each library, gets data as JSON,
has a limit on its memory and processor time, an empty environment, and no part of Disputatio loaded.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from disputatio.errors import ToolError, require

SECONDS = 10.0
"""How long a piece of work may take."""
MEMORY = 2 * 2**30
"""Bytes that it may use, where the system can limit it."""
STARTING = 10.0
"""Seconds on top for the start of the process and the import of the library, on a machine that is busy."""
_OUT_OF_TIME = [getattr(signal, name) for name in ("SIGALRM", "SIGXCPU") if hasattr(signal, name)]
"""Signals by which the system ends a worker whose time is over."""
_RUNNER = Path(__file__).with_name("workers") / "runner.py"


def in_own_process(library: str, worker: str, given: Mapping[str, Any], *, seconds: float = SECONDS) -> dict[str, Any]:
    """Let a worker do a piece of work, and kill it when its time is over.

    Args:
        library: The package that it needs, of the extra `logic`.
        worker: The name of its file in `workers`.
        given: What it is given; JSON.
        seconds: How long the work may take, without the start.

    Returns:
        What its function `work` returned.

    Raises:
        ToolError: If the work fails, or takes too long or too much memory.
        MissingExtraError: If the library is not installed.
    """
    limits = {"seconds": seconds, "memory": MEMORY}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_RUNNER), worker],
            input=json.dumps({"given": given, **limits}).encode(),
            capture_output=True,
            timeout=seconds + STARTING,
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout or b"{}")
    except subprocess.TimeoutExpired as error:
        raise ToolError(_too_long(seconds), fault="timeout") from error
    except ValueError as error:
        raise ToolError("the work ended without a result; ask for something smaller") from error
    if found.get("missing"):
        require(library, extra="logic")
    if -done.returncode in _OUT_OF_TIME:
        raise ToolError(_too_long(seconds), fault="timeout")
    if "error" in found:
        raise ToolError(" ".join(str(found["error"]).split())[:500])
    if "result" not in found:
        raise ToolError(f"the work was stopped (exit {done.returncode}): it needs too much; ask for something smaller")
    result: dict[str, Any] = found["result"]
    return result


def _too_long(seconds: float) -> str:
    return f"it took longer than {seconds:g} s and was stopped; ask for something smaller"
