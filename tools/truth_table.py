"""Truth tables: what follows from premises in propositional logic, decided on every assignment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from disputatio.errors import ToolError
from disputatio.tools.formula import Formula, columns_of, parse_formula
from disputatio.tools.tool import tool

MAX_VARIABLES = 16
MAX_SHOWN = 32
"""The most rows that are written down."""

Verdict = Literal["True", "False", "Uncertain", "Inconsistent"]


@dataclass(frozen=True)
class TruthTable:
    """All assignments of truth values to the variables, and which of them the premises leave."""

    names: tuple[str, ...]
    """The variables, in the order of the columns."""
    premises: tuple[Formula, ...]
    conclusion: Formula
    surviving: tuple[dict[str, bool], ...]
    """The assignments on which all premises are true, in the order of the table, at most `MAX_SHOWN`."""
    count: int
    """How many there are."""
    verdict: Verdict
    """True or False if the conclusion is so on all of them, Uncertain if on some; Inconsistent if there are none."""

    def dropped_by(self, row: dict[str, bool]) -> int | None:
        """The first premise, from 1, that is false on a row; None if the row survives."""
        columns = {name: int(value) for name, value in row.items()}
        false = (place for place, premise in enumerate(self.premises, 1) if not premise.column(columns, 1))
        return next(false, None)


def table_of(premises: Sequence[str], conclusion: str) -> TruthTable:
    """Make the table of premises and a conclusion.

    Raises:
        ToolError: If a formula cannot be read, or there are over 16 variables.
    """
    given, wanted = tuple(map(parse_formula, premises)), parse_formula(conclusion)
    names = sorted({name for formula in (*given, wanted) for name in formula.names})
    if len(names) > MAX_VARIABLES:
        raise ToolError(f"there are {len(names)} variables, a table has at most {MAX_VARIABLES}; use constraints")
    columns, every = columns_of(names)
    left = every
    for premise in given:
        left &= premise.column(columns, every)
    true = left & wanted.column(columns, every)
    verdict: Verdict = "Inconsistent" if not left else "True" if true == left else "False" if not true else "Uncertain"
    rows: list[dict[str, bool]] = []
    bits = left
    while bits and len(rows) < MAX_SHOWN:
        lowest = bits & -bits
        rows.append({name: bool(columns[name] & lowest) for name in names})
        bits ^= lowest
    return TruthTable(tuple(names), given, wanted, tuple(rows), left.bit_count(), verdict)


@tool(access="pure")
def truth_table(premises: list[str], conclusion: str) -> dict[str, Any]:
    """Decide exactly whether a conclusion of propositional logic follows from premises: True, False or Uncertain.

    Args:
        premises: One formula each, with names, not, and, or, xor, ->, <-> and brackets: "rain -> wet".
        conclusion: One formula.
    """
    found = table_of(premises, conclusion)
    rows = [{name: "T" if value else "F" for name, value in row.items()} for row in found.surviving]
    report: dict[str, Any] = {"verdict": found.verdict, "rows": 1 << len(found.names), "surviving": found.count}
    return {**report, "surviving_rows": [" ".join(f"{name}={value}" for name, value in row.items()) for row in rows]}
