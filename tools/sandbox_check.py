"""Check: whether a sandbox holds, tried out before it is given the first code of a model."""

import os
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from threading import Lock

from disputatio.tools.sandbox import USUAL, Limits, Sandbox, SandboxResult

CANARIES = {
    "it reads files": "with open({file!r}) as file:\n    print(file.read())",
    "it sees the environment": "import os\nprint('PATH is ' + os.environ['PATH'])",
    "it starts processes": "import os\nos.system('echo x > ' + {left!r})",
}
"""What must not work, and code that tries it; each gets through in plain Python."""
LIMITS = Limits(seconds=5.0)


def check(sandbox: Sandbox) -> str:
    """Run a few attacks that would get through in plain Python.

    Returns:
        What the code could do, in words; empty if it could do nothing.
    """
    with TemporaryDirectory(prefix="disputatio-check-") as folder:
        file, left, secret = Path(folder, "file"), Path(folder, "left"), token_hex(16)
        file.write_text(secret, encoding="utf-8")
        places = {"file": str(file), "left": str(left)}
        for worst, code in CANARIES.items():
            result = sandbox.run(code.format(**places), limits=LIMITS)
            said = f"{result.output}\n{result.error}"
            if secret in said or f"PATH is {os.environ.get('PATH')}" in said or left.exists():
                return worst
    return ""


class Checked:
    """A sandbox that is tried out before it runs its first code, and runs none if it does not hold."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.wrong: str | None = None
        """What it lets through; None while it was not tried out."""
        self._lock = Lock()

    @property
    def name(self) -> str:
        """Its name."""
        return self.sandbox.name

    @property
    def offers(self) -> str:
        """What it offers."""
        return self.sandbox.offers

    def run(self, code: str, *, earlier: Sequence[str] | None = None, limits: Limits = USUAL) -> SandboxResult:
        """See `Sandbox.run`."""
        with self._lock:
            if self.wrong is None:
                self.wrong = check(self.sandbox)
        if self.wrong:
            error = f"the sandbox {self.name} does not hold: {self.wrong}; no code is run in it"
            return SandboxResult(error=error, error_kind="unavailable")
        return self.sandbox.run(code, earlier=earlier, limits=limits)

    def close(self) -> None:
        """Close it."""
        self.sandbox.close()
