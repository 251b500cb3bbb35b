"""Load a task by its name or from a file, and list the names."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path

from disputatio.errors import StoreError, unknown
from disputatio.evals.items import Task

Loader = Callable[[Path | None, int | None, int], Task]
"""Takes the data folder, how many items at most, and the seed."""


def tasks() -> dict[str, Loader]:
    """All tasks that have a name, in order."""
    return {}


def load(
    name_or_path: str | PathLike[str],
    *,
    data: str | PathLike[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Task:
    """Load a task.

    Args:
        name_or_path: A name that `tasks` lists, or a JSON or JSON Lines file of your own (docs/tasks.md).
        data: The folder that holds the data sets; None takes the environment variable DISPUTATIO_DATA.
        limit: How many items at most, drawn by the seed; None takes all of a data set, and 100 generated ones.
        seed: Draws the sample, and makes generated items.

    Raises:
        ConfigurationError: If there is no such task.
        StoreError: If its data is not there, or no items can be read from it.
    """
    known = tasks()
    if str(name_or_path) not in known:
        raise unknown("task", str(name_or_path), known)
    folder = Path(data) if data is not None else None
    if folder is not None and not folder.is_dir():
        raise StoreError(f"the data folder {str(folder)!r} is not there")
    return known[str(name_or_path)](folder, limit, seed)
