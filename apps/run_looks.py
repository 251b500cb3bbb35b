"""Looking at kept runs: `disputatio runs list`, `show`, `diff`, `export` and `size`."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from disputatio.apps.options import Runs
from disputatio.apps.output import complain, put, reported, show_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from disputatio.journal_file import CallLine, Line
    from disputatio.run_record import Asked, RunRecord
    from disputatio.run_store import RunStore

DIFFERENT = 1
"""Exit code where two runs differ; as with the program diff, 2 means trouble."""
Named = Annotated[str, typer.Argument(metavar="RUN", help='The beginning of its id, or "last".', show_default=False)]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]


def store(path: str | None) -> "RunStore":
    """The store that is meant.

    Raises:
        ConfigurationError: If a file was named that is not there.
    """
    from disputatio.errors import ConfigurationError
    from disputatio.run_store import RunStore

    if path and "://" not in path and not Path(path).exists():
        raise ConfigurationError(f"there is no file of runs {path!r}")
    return RunStore(path)


def list_(
    state: Annotated[
        Literal["admitted", "running", "interrupted", "waiting", "finished", "failed", "cancelled"] | None,
        typer.Option(help="Only those that stand so."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="The most that are listed.")] = 20,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """List the runs, the latest first.

    A run that is "interrupted" was cut off, by a crash or a power cut, and goes on with: disputatio runs resume
    """
    with reported():
        found = [one for one in store(runs).records() if state in (None, one.standing)]
        if json:
            put("".join(one.model_dump_json() + "\n" for one in found[:limit]))
        elif found:
            _table(found[:limit])
            if len(found) > limit:
                complain(f"{len(found) - limit} more; see --limit")
        else:
            complain("no runs are kept" if state is None else f"no run is {state}")


def _table(found: "Sequence[RunRecord]") -> None:
    from rich.table import Table
    from rich.text import Text

    from disputatio.run_store import SHOWN
    from disputatio.writing import excerpt, plain

    rows = Table(box=None, padding=(0, 2, 0, 0), expand=True)
    shares = {"question": 2, "answer": 1}
    for name in ("run", "when", "state", "strategy", "calls", "question", "answer"):
        rows.add_column(name, ratio=shares.get(name), no_wrap=True, overflow="ellipsis", min_width=5)
    rows.columns[4].justify = "right"
    for one in found:
        name = one.strategy.partition("(")[0]
        texts = [excerpt(plain(text), 300) for text in (name, one.question.text, one.answer)]
        cells = (one.id[:SHOWN], when(one.updated)[5:], one.standing, texts[0], str(one.usage.calls), *texts[1:])
        rows.add_row(*(Text(cell) for cell in cells))
    show_parts(rows)


def when(at: float) -> str:
    """A time as a reader has it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def show(
    run: Named,
    call: Annotated[int | None, typer.Option(metavar="N", min=1, help="Show all of one call.")] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Show one run: how it stands, its calls by number, what it asks a person, and its answer."""
    with reported():
        from disputatio.differences import calls_of

        kept = store(runs)
        record, lines = kept.get(run), kept.lines(run)
        calls = [one for one in calls_of(lines) if one.failure is None]
        if call is not None:
            _show_call(calls, call)
        elif json:
            result = kept.result(record.id)
            parts = {
                "record": record.model_dump(mode="json"),
                "standing": record.standing,
                "calls": [one.model_dump(mode="json", exclude={"request"}) for one in calls],
                "questions": [one.model_dump(mode="json") for one in kept.questions(record.id)],
                "result": result and result.model_dump(mode="json"),
            }
            put(_dumped(parts))
        else:
            _show_run(kept, record, calls)


def _show_call(calls: "Sequence[CallLine]", number: int) -> None:
    from disputatio.errors import ConfigurationError

    if number > len(calls):
        raise ConfigurationError(f"there are {len(calls)} calls, no call {number}")
    put(_dumped(calls[number - 1].model_dump(mode="json", exclude_defaults=True)))


def _dumped(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"


def _show_run(kept: "RunStore", record: "RunRecord", calls: "Sequence[CallLine]") -> None:
    from rich.table import Table
    from rich.text import Text

    from disputatio.markdown import remembered
    from disputatio.writing import excerpt, plain

    result = kept.result(record.id)
    facts = {
        "run": record.id,
        "branch of": record.origin,
        "state": record.standing,
        "ended": record.stop_reason if record.stop_reason != record.state else "",
        "question": plain(record.question.text),
        "strategy": plain(record.strategy),
        "models": ", ".join(f"{role}={name}" for role, name in dict(record.settings["models"]).items()),  # type: ignore[arg-type]
        "begun": when(record.created),
        "written": when(record.updated),
        "with": ", ".join(f"{name} {number}" for name, number in record.manifest.items()),
        "cost": f"{record.usage.calls} calls, {record.usage.tokens:,} tokens",
        "answer": plain(record.answer),
        "from memory": "\n".join(remembered(result.answer)) if result else "",
    }
    head = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        if value:
            head.add_row(name, Text(value))
    rows = Table(box=None, padding=(0, 2, 0, 0), expand=True)
    shares = {"of": 1, "came back": 2}
    for name in ("call", "who", "round", "of", "tokens", "seconds", "came back"):
        rows.add_column(name, ratio=shares.get(name), no_wrap=True, overflow="ellipsis", min_width=4)
    for place in (0, 2, 4, 5):
        rows.columns[place].justify = "right"
    for number, one in enumerate(calls, 1):
        where = f"{one.scope}: {one.author}" if one.scope else one.author
        came = excerpt(plain(one.reply.text if one.reply else one.output or ""), 300)
        cells = (str(number), plain(where), str(one.round), plain(one.name), str(one.usage.tokens), f"{one.seconds:g}")
        rows.add_row(*(Text(cell) for cell in (*cells, came)))
    asked = [Text(f"\n{_asked(one)}") for one in kept.questions(record.id)]
    show_parts(head, Text(""), rows, *asked)


def _asked(one: "Asked") -> str:
    from disputatio.writing import plain

    given = f" {json.dumps(one.asked['arguments'])}" if "arguments" in one.asked else ""
    return plain(f"{one.key[:6]}: {one.asked['question']}{given}\n  → {one.decision or 'undecided'}")


def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="A kept run, or a recorded file.", show_default=False)],
    other: Annotated[str, typer.Argument(metavar="B", help="Another.", show_default=False)],
    runs: Runs = None,
) -> None:
    """Show the first call in which two runs differ: whose it is, and what. Exit codes: 0 the same, 1 different."""
    with reported(failed=2):
        from disputatio.differences import first_difference
        from disputatio.writing import plain

        found = first_difference(_lines(one, runs), _lines(other, runs))
        if found is None:
            put("no call differs\n")
            return
        call, differences = found
        put(plain("\n".join([f"first difference: {call.who}", *differences])) + "\n")
        raise typer.Exit(DIFFERENT)


def _lines(run: str, runs: str | None) -> "Sequence[Line]":
    """The lines of a kept run, or else of a file."""
    from disputatio.errors import ConfigurationError
    from disputatio.journal_file import read

    if Path(run).exists() or "." in run or "/" in run:
        return read(Path(run))
    try:
        return store(runs).lines(run)
    except ConfigurationError:
        if len(run) < 4 or not set(run) <= set("0123456789abcdef"):
            return read(Path(run))
        raise


def export(
    run: Named,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; else standard output.")
    ] = None,
    format: Annotated[
        Literal["journal", "json", "markdown", "html"],
        typer.Option("--format", "-f", help="journal is for --record and --replay; the others are of the result."),
    ] = "journal",
    runs: Runs = None,
) -> None:
    """Write a run to a file of its own: all its calls, which can be replayed from there, or its result."""
    with reported():
        from disputatio.errors import ConfigurationError, StoreError

        kept = store(runs)
        record = kept.get(run)
        if format == "journal":
            lines = kept.lines(record.id)
            dumped = [{"line": one.line, **one.model_dump(mode="json", exclude_defaults=True)} for one in lines]
            text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in dumped)
        else:
            result = kept.result(record.id)
            if result is None:
                raise ConfigurationError(f"run {record.id} has not ended; only its journal can be exported")
            made = {"json": result.model_dump_json, "markdown": result.to_markdown, "html": result.to_html}
            text = made[format]()
        if output is None:
            put(text)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {str(output)!r}: {error.strerror}") from error


def size(runs: Runs = None, json: Json = False) -> None:
    """Show how much room the runs take, by state and the largest first."""
    with reported():
        kept = store(runs)
        records, sizes = kept.records(), kept.sizes()
        path, whole = kept.database.name, kept.database.size()
        states: dict[str, list[int]] = {}
        for one in records:
            states.setdefault(one.standing, []).append(sizes[one.id])
        if json:
            by_state = {state: {"runs": len(of), "bytes": sum(of)} for state, of in states.items()}
            put(_dumped({"path": path, "bytes": whole, "states": by_state, "runs": sizes}))
            return
        put(f"{path}: {len(records)} runs, {whole / 1e6:.1f} MB on the disk\n")
        for state, of in sorted(states.items()):
            put(f"  {state}: {len(of)} runs, {sum(of) / 1e6:.2f} MB\n")
        for one in sorted(records, key=lambda one: -sizes[one.id])[:5]:
            put(f"  {one.id[:8]}: {sizes[one.id] / 1e3:.1f} kB\n")
