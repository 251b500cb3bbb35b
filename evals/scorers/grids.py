"""Scorer of grids: rows of cells."""

import re
from typing import cast

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored
from disputatio.evals.scorers.sets import LONGEST, json_list
from disputatio.thought import Answer

Grid = list[list[int]]


def grid(item: Item, answer: Answer) -> Score:
    """A grid of whole numbers, such as in the Abstraction and Reasoning Corpus: right if every cell is.

    The answer is a JSON list of lists, or one line for each row, its cells separated by spaces, commas or nothing.
    """
    right = item.target
    if not _is_grid(right):
        raise ConfigurationError(f"item {item.id!r}: the target is no grid")
    said = _read((answer.text or answer.value or "")[:LONGEST])
    if said is None:
        return abstained("no grid")
    if said == right:
        return scored(1, "every cell is right")
    same_size = _size(said) == _size(cast(Grid, right))
    return scored(0, "some cells are wrong" if same_size else "the grid has another size")


def _is_grid(value: object) -> bool:
    rows = value if isinstance(value, list) else []
    return bool(rows) and all(isinstance(row, list) and row and all(type(one) is int for one in row) for row in rows)


def _size(grid: Grid) -> list[int]:
    return [len(row) for row in grid]


def _read(text: str) -> Grid | None:
    text = re.sub(r"^\s*```\w*|```\s*$", "", text).strip()
    listed = json_list(text)
    if listed is not None:
        return cast(Grid, listed) if _is_grid(listed) else None
    lines = [line.strip("|[](), \t\r") for line in text.splitlines() if line.strip()]
    if not lines or not all(re.fullmatch(r"\d+(?:[\s,|]+\d{1,9})*", line) for line in lines):
        return None
    rows = [re.split(r"[\s,|]+", line) for line in lines]
    # Without separators every digit is a cell.
    return [[int(cell) for cell in (row[0] if len(row) == 1 else row)] for row in rows]
