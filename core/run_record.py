"""RunRecord: how a run stands; Asked: what it asked a person."""

import os
import socket
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, JsonValue

from disputatio.budget import Usage
from disputatio.question import Question

RunState = Literal["admitted", "running", "waiting", "finished", "failed", "cancelled"]
"""`admitted`: not begun. `running`: begun, and not ended. `waiting`: for the decision of a person. `finished`: it has
ended, with an answer or at its budget. `failed`: an error ended it. `cancelled`: it was told to stop."""
HOST = socket.gethostname()


class RunRecord(BaseModel):
    """One run as its store has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    origin: str = ""
    """The run that it branched from; empty for most."""
    state: RunState
    question: Question
    strategy: str
    """As Python would write it."""
    settings: dict[str, JsonValue]
    """Models by role, budget, seed, temperature."""
    recipe: dict[str, JsonValue] = {}
    """What its strategy can be made from again; empty where only the program that began it can."""
    manifest: dict[str, str] = {}
    """Versions of what it runs on."""
    created: float
    """When, in seconds since 1970; so are `updated` and `expires`."""
    updated: float
    stop_reason: str = ""
    answer: str = ""
    usage: Usage = Usage()
    epoch: int = 0
    """How often somebody took it over: who holds an older number may not write it any more."""
    owner: str = ""
    """Who holds it: machine, process, and two numbers; see `owner`."""
    expires: float = 0.0

    @property
    def is_held(self) -> bool:
        """Whether a process that is alive has it open."""
        return self.expires > time.time() and not gone(self.owner)

    @property
    def standing(self) -> str:
        """The state in one word for a reader: a run whose process has died is interrupted."""
        return "interrupted" if self.state == "running" and not self.is_held else self.state


class Asked(BaseModel):
    """A question to a person, and the decision if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    key: str
    """Stands for the very call that asks."""
    asked: dict[str, Any]
    """`question` in words, and what else is known: `tool`, `arguments`, `author`; `free` if any text may answer."""
    at: float
    decision: str | None = None
    """"approve", "deny", or the answer to a free question; None while nobody has decided."""
    by: str | None = None
    decided: float | None = None


def owner() -> str:
    """A name for who holds a run: machine, process, which boot and space of processes of it, and a random number."""
    return f"{HOST}/{os.getpid()}/{_processes()}/{uuid4().hex[:8]}"


@cache
def _processes() -> str:
    """Tells machines and containers of one name apart, in which a process number means different processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return boot[:8] + os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:  # not Linux
        return ""


def gone(owner: str) -> bool:
    """Whether the process that holds a run is known to have died. Of other machines nothing is known."""
    host, process, processes, *_ = *owner.split("/"), "", ""
    if (host, processes) != (HOST, _processes()) or not process.isdecimal() or sys.platform == "win32":
        return not owner
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
