"""SMT: satisfiability of formulas over numbers, truth values and data types, by z3, in a process of its own.

A script is SMT-LIB 2. Its commands are read here and only those that declare and assert are handed over: z3 itself
carries out others, and `set-option` with an output channel writes files.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from disputatio.errors import ToolError
from disputatio.tools.own_process import in_own_process
from disputatio.tools.syntax import MAX_DEPTH, MAX_DIGITS
from disputatio.tools.tool import tool

MAX_SCRIPT = 50_000
"""Characters."""
MOST_MODELS = 50
SECONDS = 8.0

DECLARING = ("declare-const", "declare-fun", "declare-sort", "declare-datatype", "declare-datatypes", "define-sort")
DEFINING = ("define-fun", "define-fun-rec", "define-const")
AIMING = ("maximize", "minimize", "assert-soft")
SKIPPED = ("check-sat", "get-model", "get-value", "get-unsat-core", "get-objectives", "set-logic", "set-info", "exit")
"""Commands that change nothing here: the answer always has all of these."""
ALLOWED = (*DECLARING, *DEFINING, "assert", *AIMING, *SKIPPED)
_TOKEN = re.compile(r'\s+|;[^\n]*|\(|\)|"(?:[^"]|"")*"|\|[^|\\]*\||[^\s()";|]+')


@dataclass(frozen=True, kw_only=True)
class Solved:
    """What a solver found."""

    status: Literal["sat", "unsat", "unknown"]
    models: tuple[dict[str, str], ...] = ()
    """Values by name, one entry a model, as many as were asked for and found; numbers are exact."""
    complete: bool = False
    """Whether there are no further models."""
    core: tuple[int, ...] = ()
    """Assertions, counted from 0, that contradict one another and of which none can be left out."""
    objectives: tuple[str, ...] = ()
    """The best value of each objective, in order; oo and -oo if there is no best, epsilon if it is only approached."""
    reason: str = ""
    """Why it is unknown."""

    @property
    def model(self) -> dict[str, str]:
        """The first model."""
        return self.models[0] if self.models else {}

    @property
    def unique(self) -> bool:
        """Whether there is exactly one model."""
        return self.complete and len(self.models) == 1


@dataclass(frozen=True)
class Script:
    """Commands of SMT-LIB, each as its text."""

    declared: list[str] = field(default_factory=list)
    asserted: list[str] = field(default_factory=list)
    aims: list[str] = field(default_factory=list)
    """What is maximised, minimised or preferred, in order of importance."""


@tool(access="pure", timeout_s=40)
def smt(script: str, models: int = 1) -> dict[str, Any]:
    """Decide whether an SMT-LIB 2 script can be satisfied: gives a model, or the assertions that contradict each other.

    Args:
        script: Declarations, (assert ...), and if wanted (maximize ...), (minimize ...) or (assert-soft ...).
        models: How many models are looked for; 2 shows whether there is only one.
    """
    read = read_script(script)
    found = solve(read, models=models)
    return reported(found, read.asserted)


def reported(found: Solved, asserted: Sequence[str]) -> dict[str, Any]:
    """What was found, as a model is told of it."""
    report: dict[str, Any] = {"status": found.status}
    if found.status == "sat":
        report["models" if len(found.models) > 1 else "model"] = list(found.models) if found.models[1:] else found.model
        report |= {"only_model": True} if found.unique else {"all_models": True} if found.complete else {}
        report |= {"optimum": list(found.objectives)} if found.objectives else {}
    elif found.status == "unsat":
        report["contradictory"] = [asserted[place] for place in found.core]
    else:
        report["reason"] = found.reason
    return report


def solve(script: Script, *, models: int = 1, over: Sequence[str] = (), seconds: float = SECONDS) -> Solved:
    """Solve a script.

    Args:
        script: What was read.
        models: How many different models are looked for, from 1 to 50; with objectives it is 1.
        over: The constants in which models must differ, all if empty.
        seconds: How long it may take.

    Raises:
        ToolError: If z3 does not understand the script, or it takes too long.
        MissingExtraError: If z3 is not installed.
    """
    if not 1 <= models <= MOST_MODELS:
        raise ToolError(f"between 1 and {MOST_MODELS} models can be asked for, not {models}")
    given = {
        "declared": "\n".join(script.declared),
        "asserted": script.asserted,
        "aims": script.aims,
        "models": models,
        "over": list(over),
        "milliseconds": int(seconds * 1000),
    }
    found = in_own_process("z3", "smt", given, seconds=seconds + 2)
    return Solved(
        status=found["status"],
        models=tuple(found["models"]),
        complete=found["complete"],
        core=tuple(found["core"]),
        objectives=tuple(found["objectives"]),
        reason=found["reason"],
    )


def read_script(text: str) -> Script:
    """Sort the commands of a script.

    Raises:
        ToolError: If the text is no list of commands, too long or too deep, or a command is not allowed.
    """
    if len(text) > MAX_SCRIPT:
        raise ToolError(f"the script has {len(text)} characters, at most {MAX_SCRIPT} fit")
    if "set-option" in text:  # wherever it stands: z3 must not find a command where we see a text
        raise ToolError("options cannot be set; leave (set-option ...) out")
    script = Script()
    for name, command in _commands(text):
        if name in AIMING:
            script.aims.append(command)
        elif name == "assert":
            script.asserted.append(command)
        elif name in DECLARING or name in DEFINING:
            script.declared.append(command)
        elif name not in SKIPPED:
            raise ToolError(f"the command {name[:40]!r} is not allowed; allowed: {', '.join(ALLOWED)}")
    return script


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command at the top, with its name and without comments."""
    place, depth, pieces = 0, 0, list[str]()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise ToolError(f"the script cannot be read at {text[place : place + 40]!r}")
        place = token.end()
        piece = " " if token.group()[0] in "; \t\r\n\f\v" else token.group()
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if not 0 <= depth <= MAX_DEPTH:
            raise ToolError("a bracket is not opened" if depth < 0 else f"over {MAX_DEPTH} brackets are open")
        if len(piece) > MAX_DIGITS and piece[0].isdigit():
            raise ToolError(f"a number has over {MAX_DIGITS} digits")
        pieces += [piece] if piece != " " or pieces[-1:] != [" "] else []
        if depth == 0 and piece == ")":
            yield next((one for one in pieces if one not in "( "), ""), "".join(pieces).strip()
            pieces = []
        elif depth == 0 and piece != " ":
            raise ToolError(f"a script is a list of commands in brackets, not {piece[:40]!r}")
    if depth:
        raise ToolError("a bracket is not closed")
