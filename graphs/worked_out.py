"""Working out what a model only wrote: its code is run in the sandbox, its truth table is checked exactly."""

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from disputatio.agents.tool_step import observation, observe
from disputatio.context import Context
from disputatio.errors import ToolError
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools import python
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


async def executed(said: Thought, question: Question, context: Context) -> Thought | None:
    """Run the code of a reply; the thought has an answer if what it prints last is one."""
    code = last_code(said.text)
    if code is None:
        return None
    asked = json.dumps({"code": code})
    made = await observe(
        [python], "python", asked, question, context, asked_by=said.author, round=said.round, origin=said.id
    )
    printed = (made.text.strip().splitlines() or [""])[-1].strip().strip("'\"")
    label = printed if not made.data["failed"] and question.canonical(printed) is not None else None
    if label is not None and not computes(code):
        result, label = "prints a fixed text", None
    else:
        result = printed if label is not None else "failed" if made.data["failed"] else "prints no answer"
    data = {**made.data, "about": said.author, "result": result, "conflict": _differ(label, said, question)}
    return made.model_copy(update={"answer": label, "data": data})


async def tabulated(said: Thought, question: Question, context: Context) -> Thought | None:
    """Check the table of a reply; the thought has an answer if the question has a label for what follows."""
    premises, conclusion = said.data.get("premises"), str(said.data.get("conclusion") or "")
    if not isinstance(premises, list) or not premises or not conclusion:
        return None
    rows = said.data.get("rows")
    verdict, words = checked_table([str(one) for one in premises], conclusion, [str(one) for one in rows or ()])  # type: ignore[union-attr]
    label = label_of(verdict, question)
    data: dict[str, Any] = {"about": said.author, "result": verdict or "no table", "failed": verdict is None}
    data["conflict"] = _differ(label, said, question)
    made = observation("truth table", words, context, round=said.round, data=data, origin=said.id)
    return made.model_copy(update={"answer": label})


def _differ(label: str | None, said: Thought, question: Question) -> bool:
    """Whether what was worked out is another answer than the one in the reply."""
    return label is not None and question.canonical(label) != question.canonical(said.answer)


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
