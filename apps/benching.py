"""Benching: what `disputatio bench` was asked for, as a bench; its run, its folder and its report."""

import asyncio
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from disputatio.apps import choosing
from disputatio.apps.bench_screen import screen
from disputatio.apps.collector import swept_seldom
from disputatio.apps.output import complain, put, show_parts
from disputatio.apps.plan import strategies
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError, MissingExtraError, StoreError
from disputatio.evals import load
from disputatio.evals.bench import Bench, contestants
from disputatio.evals.bench_manifest import check, manifest
from disputatio.evals.examination import examinations, examined
from disputatio.evals.grading import NO_REASONS, Grades, grading, reason_of
from disputatio.evals.report import Report, Row, report
from disputatio.evals.report_agents_tables import ungraded
from disputatio.evals.report_front import png, svg
from disputatio.evals.report_page import page
from disputatio.evals.report_text import cells, further, markdown, pairs, roles, speed, titles_of
from disputatio.graphs import chain_of_thought
from disputatio.models import load_model
from disputatio.writing import plain

RULING = {"calls": 4.0}
"""The ceiling of an examination, unless there is another: two rulings by a model that takes two steps for each."""
_NAME = 16
"""Columns of a name that is folded."""


class Asked(BaseModel):
    """What a bench is asked for; the same again makes the same bench."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategies: tuple[str, ...]
    agents: tuple[str, ...] = ()
    """If there are any, they are examined, and no strategy is run."""
    tasks: tuple[str, ...]
    model: tuple[str, ...] = ()
    limit: int | None = None
    epochs: int = 1
    seed: int = 0
    temperature: float | None = None
    at_once: int = 1
    budget: dict[str, float]
    grader: str = ""
    """The model that grades the reasons of agents; empty if none does."""

    @property
    def command(self) -> str:
        """The command that asks for it."""
        rows = ["--agents", ",".join(self.agents)] if self.agents else ["--strategies", ",".join(self.strategies)]
        words = ["disputatio", "bench", *rows, "--tasks", ",".join(self.tasks)]
        for one in self.model:
            words += ["--model", one]
        words += ["--grader", self.grader] if self.grader else []
        for name, value in self.budget.items():
            words += [f"--budget-{name}", f"{value:g}" if value != int(value) else str(int(value))]
        for name in ("limit", "epochs", "seed", "temperature", "at_once"):
            value = getattr(self, name)
            words += (
                [f"--{name.replace('_', '-')}", str(value)] if value != type(self).model_fields[name].default else []
            )
        return shlex.join(words)


def separated(text: str) -> list[str]:
    """What commas separate, but for those in brackets."""
    return [part.strip() for part in re.findall(r"(?:[^,(]|\([^)]*\))+", text) if part.strip()]


def asked_again(path: Path) -> Asked:
    """What the bench of a manifest was asked for.

    Raises:
        StoreError: If it cannot be read or is no manifest.
    """
    try:
        was = _read(path)
        return Asked.model_validate({**was["options"], "grader": (was.get("grader") or {}).get("name", "")})
    except (ValidationError, KeyError) as error:
        raise StoreError(f"{str(path)!r} is no manifest of a bench") from error


def run(
    asked: Asked, *, out: Path, data: Path | None, workers: int | None, again: Path | None = None, quiet: bool = False
) -> Report:
    """Run a bench, or what is left of it, and write its report into its folder.

    Args:
        asked: What is compared.
        out: The folder.
        data: Where data sets are.
        workers: Runs under way at one time; None is what `choosing.workers` finds.
        again: The manifest that it was taken from.
        quiet: Whether no progress is shown.

    Raises:
        ConfigurationError: If something is wrong with it, or the folder or the manifest is of another bench.
        StoreError: If something cannot be read or written.
        ModelError: If every further call would fail as well.
    """
    with screen(quiet=quiet) as shown:
        shown.note("loading the models and the items")
        bench = _bench(asked, data, workers)
        graders = choosing.workers(workers, {"grader": asked.grader or ""})
        grader = load_model(asked.grader, at_once=graders) if asked.grader else None
        _gradable(asked, bench)
        # A grade can be given later, and by another model: no run of an agent depends on it.
        options = asked.model_dump(mode="json", exclude={"grader"} if asked.agents else {"agents", "grader"})
        about = manifest(bench, options, grader)
        if again:
            _compare(again, about)
        record = _folder(out, about)
        shown.begin(list(bench.strategies), bench.size)
        with swept_seldom():
            trials = asyncio.run(bench.run(record, shown.hear))
        grades = None
        if grader:
            shown.note("grading the reasons")
            second = grading(trials, bench.tasks, grader, workers=graders)
            shown.begin(list(second.strategies), second.size)
            grades = Grades(grader.name, asyncio.run(second.run(out / "grades.jsonl", shown.hear)))
        shown.note("writing the report")
        found = report(trials, about, seed=asked.seed, examined=bench.tasks if asked.agents else (), grades=grades)
    _write(found, out, asked.command)
    return found


def _bench(asked: Asked, data: Path | None, workers: int | None) -> Bench:
    if not asked.tasks:
        raise ConfigurationError("which tasks? for example: --tasks gsm8k")
    budget = choosing.budget(asked.budget or (RULING if asked.agents else {}))
    if budget == Budget():
        raise ConfigurationError(
            "strategies are compared under one ceiling: give one, for example --budget-tokens 4000"
        )
    rows = examinations(asked.agents) if asked.agents else contestants(strategies(asked.strategies, ()))
    tasks = [load(name, data=data, limit=asked.limit, seed=asked.seed) for name in asked.tasks]
    if asked.agents:
        tasks = [examined(task) for task in tasks]
    chosen = choosing.models(asked.model, chain_of_thought)
    under_way = choosing.workers(workers, chosen)
    models = {role: load_model(name, at_once=under_way * asked.at_once) for role, name in chosen.items()}
    return Bench(
        strategies=rows,
        tasks=tasks,
        model=models.pop("default"),
        models=models,
        budget=budget,
        epochs=asked.epochs,
        seed=asked.seed,
        temperature=asked.temperature,
        workers=under_way,
        at_once=asked.at_once,
    )


def _gradable(asked: Asked, bench: Bench) -> None:
    """Refuse a grader that would have nothing to do, before anything is spent."""
    if asked.grader and not asked.agents:
        raise ConfigurationError("--grader grades the reasons of agents: give it with --agents")
    if asked.grader and not any(reason_of(item) for task in bench.tasks for item in task.items):
        raise ConfigurationError(f"--grader: {NO_REASONS}")


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StoreError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{str(path)!r} is no manifest of a bench") from error
    if not isinstance(read, dict):
        raise StoreError(f"{str(path)!r} is no manifest of a bench")
    return read


def _compare(path: Path, about: Mapping[str, Any]) -> None:
    """Make sure that a bench is that of a manifest, and tell what else has changed."""
    changed = check(_read(path), about, str(path))
    if changed:
        complain(f"other packages than in {path}: {', '.join(changed)}")


def _folder(out: Path, about: Mapping[str, Any]) -> Path:
    """The record in the folder of the bench, which is made with its manifest, or is of the same bench."""
    there = out / "manifest.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if there.exists():
            _compare(there, about)
        if not there.exists() or _read(there).get("grader") != about.get("grader"):
            there.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write to the folder {str(out)!r}: {error.strerror}") from error
    return out / "record.jsonl"


def _write(found: Report, out: Path, command: str) -> None:
    files = {
        "report.md": markdown(found, command).encode(),
        "report.html": page(found, command).encode(),
        "report.json": found.model_dump_json(indent=2).encode() + b"\n",
        "front.svg": svg(found).encode(),
    }
    try:
        files["front.png"] = png(found)
    except (MissingExtraError, ConfigurationError) as error:
        complain(f"no front.png: {error}")
    try:
        for name, content in files.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise StoreError(f"cannot write the report to {str(out)!r}: {error.strerror}") from error


def give(found: Report, out: Path, format: Literal["text", "json", "markdown"], *, quiet: bool) -> None:
    """Print the report."""
    match format:
        case "json":
            put(found.model_dump_json(indent=2) + "\n")
        case "markdown":
            put((out / "report.md").read_text("utf-8"))
        case "text":
            _print(found)
    if not quiet:
        complain(f"the report is in {out / 'report.html'}, what it was made from in {out / 'record.jsonl'}")


def _print(found: Report) -> None:
    titles = titles_of(found)
    parts: list[Any] = [_rows(titles, found.rows)]
    for name in dict.fromkeys(row.task for row in found.by_task):
        rows = [row for row in found.by_task if row.task == name]
        parts += [Text(f"\n{plain(name)}", style="bold"), _rows(titles, rows)]
    for name, table in further(found).items():
        parts += [Text(f"\n{name}", style="bold"), *_fitting(*table)]
    parts += [Text(f"\n{lack}")] if (lack := ungraded(found.rulings, found.grader)) else []
    if len({role for row in found.rows for role in row.roles}) > 1:
        parts += [Text("\nTokens by role", style="bold"), *_fitting(*roles(found.rows, found.compared[0]))]
    if found.comparisons:
        heads, lines = pairs(found)
        joined = [[f"{first} : {second}", *rest] for first, second, *rest in lines]
        kept = [place for place, title in enumerate(["pair", *heads[2:]]) if title != "p"]
        shown = _table([["pair", *heads[2:]][place] for place in kept], [[line[n] for n in kept] for line in joined])
        parts += [Text("\nPairs, in percentage points", style="bold"), shown]
    show_parts(*parts, Text(f"\n{found.verdict}", style="bold"), *([Text(speed(found))] if speed(found) else []))


def _rows(titles: Sequence[str], rows: Sequence[Row]) -> Table:
    """The table of strategies or agents; without money where nothing costs any, so that it fits a narrow terminal."""
    last = None if any(row.cost != 0 for row in rows) else -1
    return _table(titles[:last], [cells(row)[:last] for row in rows])


def _fitting(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> list[Any]:
    """A table, or where the terminal is too narrow for it a list of two columns for each of its lines."""
    first, *columns = zip(titles, *lines, strict=True)
    width = min(max(map(len, first)), _NAME) + sum(1 + max(map(len, column)) for column in columns)
    if width < Console().width:
        return [_table(titles, lines)]
    pairs = [list(zip(titles, line, strict=True)) for line in lines]
    return [_table([one[0][0], one[0][1]], [list(pair) for pair in one[1:]]) for one in pairs]


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column(titles[0], style="cyan", overflow="fold", min_width=_NAME)
    for title in titles[1:]:
        is_name = title == "better"
        table.add_column(title, justify="left" if is_name else "right", no_wrap=not is_name, overflow="fold")
    for line in lines:
        table.add_row(*(Text(plain(cell)) for cell in line))
    return table
