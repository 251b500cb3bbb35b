"""Reading of code and truth tables that a model wrote: what there is to run, and what a table says when it is exact."""

import ast
import re
from collections.abc import Sequence

from disputatio.errors import ToolError
from disputatio.question import Question
from disputatio.tools.truth_table import TruthTable, Verdict, table_of

_CODE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_CELL = re.compile(r"([A-Za-z_]\w*)\s*=\s*(T|F|1|0)(?:rue|alse)?\b", re.IGNORECASE)
_WORDS = {
    "True": ("true", "yes"),
    "False": ("false", "no"),
    "Uncertain": ("uncertain", "unknown", "undetermined", "cannot be determined"),
}
"""How a question may call what follows from premises; inconsistent premises count as uncertain."""
_WORKING = (ast.BoolOp, ast.Compare, ast.If, ast.IfExp, ast.Not, ast.BinOp, ast.For, ast.While, ast.comprehension)


def last_code(text: str) -> str | None:
    """The last block of code in a reply; None if there is none."""
    blocks = _CODE.findall(text)
    return str(blocks[-1]).strip() or None if blocks else None


def computes(code: str) -> bool:
    """Whether code works anything out: compares, decides, counts or joins conditions."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # the sandbox says what is wrong with it
    return any(isinstance(node, _WORKING) for node in ast.walk(tree))


def label_of(verdict: Verdict | None, question: Question) -> str | None:
    """The words in which an answer to the question says a verdict; None if it has none for it."""
    words = _WORDS.get("Uncertain" if verdict == "Inconsistent" else verdict or "", ())
    if question.choices:
        found = [choice for choice in question.choices if choice.strip().casefold() in words]
        return found[0] if len(found) == 1 else None
    return question.canonical(words[0]) if words and question.answer_type == "boolean" else None


def checked_table(premises: Sequence[str], conclusion: str, rows: Sequence[str]) -> tuple[Verdict | None, str]:
    """What follows from premises, and in words what is wrong with the rows that were written down.

    Args:
        premises: Formulas.
        conclusion: A formula.
        rows: Such as "a=T b=F: dropped"; those that are not whole are passed over.

    Returns:
        The verdict, None if a formula cannot be read, and what there is to say.
    """
    try:
        table = table_of(premises, conclusion)
    except ToolError as error:
        return None, f"The table cannot be checked: {error}."
    shown = "; ".join(
        " ".join(f"{name}={'T' if value else 'F'}" for name, value in row.items()) for row in table.surviving
    )
    parts = [f"{table.count} of {1 << len(table.names)} rows survive: {shown or 'none'}.", f"Verdict: {table.verdict}."]
    parts += filter(None, (_wrong(row, table) for row in rows))
    return table.verdict, " ".join(parts)


def _wrong(row: str, table: TruthTable) -> str:
    """What is wrong with a row; empty if nothing is, or if it cannot be read."""
    values = {name: value.upper() in ("T", "1") for name, value in _CELL.findall(row)}
    is_kept = None if not (said := re.search(r"\b(kept|keep|dropped|drop)", row, re.IGNORECASE)) else said[1][0] in "kK"
    if is_kept is None or set(values) != set(table.names):
        return ""
    premise = table.dropped_by(values)
    if is_kept == (premise is None):
        return ""
    why = f"premise {premise} is false on it" if premise else "no premise is false on it"
    return f"The row {' '.join(row.split())[:100]!r} is wrong: {why}."
