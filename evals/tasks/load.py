"""Load a task by its name or from a file, and list the names."""

import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from os import PathLike
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from disputatio.errors import ConfigurationError, StoreError, unknown
from disputatio.evals.generators import GENERATORS, gym_records
from disputatio.evals.items import Item, Items, Task
from disputatio.evals.scorers import scorer_of
from disputatio.evals.tasks.building import SCORERS, item_of
from disputatio.evals.tasks.reading import Record, converted, read
from disputatio.question import Question
from disputatio.thought import Answer

FOLDER = "DISPUTATIO_DATA"
"""The environment variable that names the folder of the data sets."""
GENERATED = 100
"""How many items are generated unless a number is given."""
Loader = Callable[..., Task]
"""Takes `part`, `data`, `limit` and `seed` by keyword."""
_PARTS = ("suite", "task", "subject", "subset", "domain", "category")
_IN_WORDS = Question(text="What is it?")


def tasks() -> dict[str, Loader]:
    """All tasks that have a name: data sets and generators."""
    found: dict[str, Loader] = {name: partial(_data_set, name) for name in table()}
    found |= {name: partial(_generated, name) for name in GENERATORS}
    return {**found, "reasoning_gym": _gym}


def load(
    name_or_path: str | PathLike[str],
    *,
    data: str | PathLike[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Task:
    """Load a task.

    Args:
        name_or_path: A name that `tasks` lists, such as "bbh", with a part of it where that is wanted,
            "bbh:navigate"; or a JSON, JSON Lines, CSV or TSV file of your own (docs/tasks.md).
        data: The folder that holds the data sets; None takes the environment variable DISPUTATIO_DATA.
        limit: How many items at most, drawn by the seed; None takes all of a data set, and 100 generated ones.
        seed: Draws the sample, and makes generated items.

    Raises:
        ConfigurationError: If there is no such task, or the limit is below 1.
        StoreError: If its data is not there, or no items can be read from it.
    """
    if limit is not None and limit < 1:
        raise ConfigurationError(f"the limit must be at least 1, got {limit}")
    name, _, part = str(name_or_path).partition(":")
    known = tasks()
    if name in known:
        return known[name](part=part, data=data, limit=limit, seed=seed)
    path = Path(name_or_path)
    if path.suffix in (".json", ".jsonl", ".csv", ".tsv", ".gz"):
        return _own(path, limit, seed)
    raise unknown("task", name, known)


@cache
def table() -> Mapping[str, Mapping[str, Any]]:
    """The table of data sets: datasets.toml."""
    return tomllib.loads(Path(__file__).with_name("datasets.toml").read_text(encoding="utf-8"))


def _data_set(name: str, *, part: str, data: str | PathLike[str] | None, limit: int | None, seed: int) -> Task:
    entry = table()[name]
    folder = _folder(name, data)
    originals = entry.get("original", [])
    records: list[Record] = []
    for path in _files(folder, entry.get("files", ["data.jsonl*"])):
        header = not any(fields["question"] == "{0}" for fields in originals)
        for raw in read(path, header=header):
            try:
                records += converted(raw, originals)
            except KeyError as error:
                raise StoreError(f"{path.name} is no file of {name}: {error.args[0]}") from None
    records = [record for record in records if record.get("target_type") not in entry.get("without", ())]
    parts = sorted({one for record in records for one in _parts(record)})
    records = [record for record in _numbered(name, records) if not part or part in _parts(record)]
    usable = [record for record in records if _is_usable(record)]
    if not usable:
        raise StoreError(f"{name} has no items" + (f" in {part!r}; parts: {', '.join(parts)}" if part else ""))
    left_out = (
        f"; {len(records) - len(usable)} items left out, which no scorer reads" if len(usable) < len(records) else ""
    )
    make = partial(item_of, name=name, fixed=entry.get("fixed", {}), folder=folder)
    return Task(
        name=f"{name}:{part}" if part else name,
        items=_drawn(usable, make, limit, seed),
        source=entry["source"],
        licence=entry["licence"],
        description=entry["description"] + left_out,
    )


def _generated(name: str, *, part: str, data: object, limit: int | None, seed: int) -> Task:
    del part, data  # it has neither

    def make(place: int) -> Item:
        record = GENERATORS[name](Random(f"{name}/{seed}/{place}"))
        return item_of({**record, "id": f"{name}-{seed}-{place}"}, name=name, fixed={})

    # The first sentence of a generator's docstring module says what its items are.
    about = (sys.modules[GENERATORS[name].__module__].__doc__ or "").partition("\n")[0]
    return Task(
        name=name,
        items=Items(range(limit or GENERATED), make),
        source=f"generated by Disputatio, seed {seed}",
        licence="Apache-2.0",
        description=about,
    )


def _gym(*, part: str, data: object, limit: int | None, seed: int) -> Task:
    del data  # it has none
    count = limit or GENERATED
    record = gym_records(part, seed=seed, count=count)
    name = f"reasoning_gym:{part}" if part else "reasoning_gym"

    def make(place: int) -> Item:
        return item_of({**record(place), "id": f"{name}-{seed}-{place}"}, name=name, fixed={})

    return Task(
        name=name,
        items=Items(range(count), make),
        source=f"generated by Reasoning Gym, Stojanovski et al. 2025, arXiv:2505.24760, seed {seed}",
        licence="Apache-2.0",
        description="puzzles of many kinds, made by rules",
    )


def _folder(name: str, data: str | PathLike[str] | None) -> Path:
    given = data if data is not None else os.environ.get(FOLDER)
    if not given:
        raise StoreError(f"task {name!r} needs its data: give a folder, or set {FOLDER}")
    folder = Path(given) / name
    if not folder.is_dir():
        raise StoreError(f"the data of task {name!r} is not there: {str(folder)!r} is no folder")
    return folder


def _files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    for pattern in patterns:
        if found := sorted(folder.glob(pattern)):
            return found
    raise StoreError(f"{str(folder)!r} has none of {', '.join(patterns)}")


def _numbered(name: str, records: list[Record]) -> list[Record]:
    return [{**record, "id": str(record.get("id") or f"{name}-{place}")} for place, record in enumerate(records, 1)]


def _parts(record: Record) -> set[str]:
    fields = record.get("fields") or {}
    return {str(fields[key]) for key in _PARTS if key in fields}


def _is_usable(record: Record) -> bool:
    """Whether a scorer reads such targets, and a strategy can give such an answer: one with words."""
    kind = record.get("target_type")
    if kind in ("text", "error_line") and isinstance(record["answer"], str):
        return _IN_WORDS.canonical(record["answer"]) is not None
    return kind is None or kind in SCORERS


def _drawn(records: list[Record], make: Callable[[Record], Item], limit: int | None, seed: int) -> Items:
    items = Items(range(len(records)), lambda place: make(records[place]))
    return items if limit is None else items.sample(limit, seed)


def _own(path: Path, limit: int | None, seed: int) -> Task:
    """A task from a file of the user's, every item of which is made once, so that faults show before anything runs."""
    if not path.is_file():
        raise StoreError(f"the task file {str(path)!r} is not there")
    records, head = read(path), {}
    if len(records) == 1 and "items" in records[0]:
        head = records[0]
        records = head["items"] if isinstance(head["items"], list) else []
    name = str(head.get("name") or path.name.partition(".")[0])
    for place, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise StoreError(f"{path.name}, item {place}: an object with question and answer is needed, not {record!r}")
    records = _numbered(name, records)
    make = partial(item_of, name=name, fixed={}, folder=path.parent)
    seen = set()
    for place, record in enumerate(records, 1):
        try:
            _tried(make(record))
        except (ConfigurationError, ValidationError, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise StoreError(f"{path.name}, item {place}: {_first_line(error)}") from error
        if record["id"] in seen:
            raise StoreError(f"{path.name}, item {place}: the id {record['id']!r} is there twice")
        seen.add(record["id"])
    if not records:
        raise StoreError(f"{path.name} has no items")
    return Task(
        name=name,
        items=_drawn(records, make, limit, seed),
        source=str(head.get("source") or path.name),
        licence=str(head.get("licence") or "not stated"),
        description=str(head.get("description") or f"items of {path.name}"),
    )


def _tried(item: Item) -> None:
    """Look for faults in an item: its scorer, the parameters, and, where that takes no time, the target.

    Raises:
        ConfigurationError: If there is one.
    """
    scorer = scorer_of(item)
    if item.scorer not in ("code", "math", "sql"):
        scorer(item, Answer(text="1", value="1"), **item.parameters)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
