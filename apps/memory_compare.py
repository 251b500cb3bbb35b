"""`disputatio memory compare`: whether what is remembered helps, on items that were not learned from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from disputatio.apps.options import Debug, Models, Quiet, Seed, Temperature, strategy_names
from disputatio.apps.output import complain, put, reported, show_parts

if TYPE_CHECKING:
    from disputatio.evals.memory_gate import GateReport, MemoryGate

COMPARES = """\
[bold]Examples[/bold]

  disputatio memory compare gsm8k --learn 30 --limit 130 --max-tokens 4000 --model ollama:qwen3:4b

  disputatio memory compare mine.jsonl --strategy debate --learn 0 --memory ./project.sqlite --max-calls 12

Without --memory it begins with an empty memory, which is gone afterwards."""
_CEILING = "The ceiling of one run"


def compare(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task, or a file of your own.", show_default=False)],
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            "-s",
            metavar="NAME",
            help='One that remembers; any other becomes the part of a reasoning_bank. Also "NAME(PARAMETER=VALUE)".',
            autocompletion=strategy_names,
        ),
    ] = "reasoning_bank",
    learn: Annotated[int, typer.Option(metavar="N", min=0, help="Items that are learned from first.")] = 20,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Most items, those included.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where data sets are [$DISPUTATIO_DATA].")] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="PATH", help="The memory to begin with: a file, or postgresql://..."),
    ] = None,
    model: Models = None,
    seed: Seed = 0,
    temperature: Temperature = None,
    max_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="Read and written.", rich_help_panel=_CEILING)
    ] = None,
    max_calls: Annotated[int | None, typer.Option(metavar="N", help="Model calls.", rich_help_panel=_CEILING)] = None,
    max_seconds: Annotated[float | None, typer.Option(metavar="S", help="Wall time.", rich_help_panel=_CEILING)] = None,
    max_cost: Annotated[float | None, typer.Option(metavar="X", help="Money.", rich_help_panel=_CEILING)] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", "-f", help="How it is printed.")] = "text",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare answers with and without memory, under one ceiling, on items that were not learned from."""
    with reported(debug):
        import asyncio

        from disputatio.apps import choosing
        from disputatio.apps.plan import strategies
        from disputatio.evals import load
        from disputatio.evals.memory_gate import MemoryGate
        from disputatio.models import load_model

        limits = {"tokens": max_tokens, "calls": max_calls, "seconds": max_seconds, "cost": max_cost}
        [chosen] = strategies([strategy], ())
        gate = MemoryGate(
            strategy=chosen,
            task=load(task, data=data, limit=limit, seed=seed or 0),
            learn=learn,
            model=load_model(choosing.one_model(model or ())),
            budget=choosing.budget(limits),
            seed=seed or 0,
            temperature=temperature,
            on_item=(lambda phase, number: None)
            if quiet
            else (lambda phase, number: complain(f"{phase}: item {number}")),
        )
        report = asyncio.run(_run(gate, memory))
        put(report.model_dump_json(indent=2) + "\n") if format == "json" else _show(report)


async def _run(gate: "MemoryGate", memory: str | None) -> "GateReport":
    from disputatio.memory import SqliteStore, open_store

    if memory is None:
        with SqliteStore() as store:
            return await gate.run(store)
    async with open_store(memory) as kept:
        return await gate.run(kept)


def _show(report: "GateReport") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("", "right", "unreadable", "calls", "tokens"):
        table.add_column(title, justify="left" if not title else "right")
    for name, arm in report.arms.items():
        usage = arm.usage
        table.add_row(name, f"{100 * arm.accuracy:.1f} %", str(arm.abstained), f"{usage.calls:,}", f"{usage.tokens:,}")
    table.add_row("learning before", "", "", f"{report.learning.calls:,}", f"{report.learning.tokens:,}")
    left_out = f"; left out: {report.known} known, {report.failed} failed" if report.known or report.failed else ""
    about = (
        f"{report.strategy} on {report.items} items of {report.task}, {report.learned_from} learned from before; "
        f"something was remembered on {report.recalled}{left_out}"
    )
    counts = f"better with memory on {report.only_with} items, without on {report.only_without}"
    show_parts(Text(about), table, Text(counts), Text(report.verdict, style="bold"))
