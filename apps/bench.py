"""`disputatio bench`: strategies compared on the same items under the same ceiling."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from disputatio.apps.options import Debug, Models, Quiet, Seed, Temperature
from disputatio.apps.output import reported

BENCHES = """\
[bold]Examples[/bold]

  disputatio bench --strategies debate --tasks gsm8k --budget-tokens 4000 --limit 50

  disputatio bench --strategies "debate,self_consistency(samples=5)" --tasks gsm8k,mine.jsonl --budget-tokens 4000 \
--model vllm:http://localhost:8000/v1 --epochs 3

  disputatio bench --agents verifier,critic,judge --tasks mr_gsm8k,llmbar --limit 100 --model openai:gpt-5-mini

  disputatio bench --agents critic --tasks mr_ben --grader openai:gpt-5-mini --model vllm:http://localhost:8000/v1

  disputatio bench --again bench/manifest.json --out bench-again

A single chain_of_thought and a self_consistency that fills the ceiling are always in the table. A bench that was \
stopped goes on where it was when the same command is given again. See docs/bench.md"""
_CEILING = "The ceiling of one run"

Workers = Annotated[
    int | None,
    typer.Option(metavar="N", help="Questions under way at one time [8; 1 for hf].", min=1),
]


def bench(
    strategies: Annotated[
        str,
        typer.Option(
            "--strategies",
            "-s",
            metavar="NAMES",
            help='Joined by commas, also with parameters: "debate(rounds=3),react".',
            rich_help_panel="What is compared",
        ),
    ] = "",
    agents: Annotated[
        str,
        typer.Option(
            "--agents",
            "-a",
            metavar="NAMES",
            help="Instead of strategies: verifier, critic, judge; on solutions and pairs whose truth is known.",
            rich_help_panel="What is compared",
        ),
    ] = "",
    tasks: Annotated[
        str,
        typer.Option(
            "--tasks",
            "-t",
            metavar="NAMES",
            help="Names of tasks or files of your own, joined by commas.",
            rich_help_panel="What is compared",
        ),
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where data sets are [$DISPUTATIO_DATA].", rich_help_panel="What is compared"
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Most items of each task.", rich_help_panel="What is compared"),
    ] = None,
    epochs: Annotated[
        int, typer.Option(metavar="N", min=1, help="How often each item is asked.", rich_help_panel="What is compared")
    ] = 1,
    again: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST",
            help="Run the bench of this manifest.json once more.",
            rich_help_panel="What is compared",
        ),
    ] = None,
    grader: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="With --agents: grades their reasons for first errors, which the MR-Score needs.",
            rich_help_panel="Models",
        ),
    ] = "",
    model: Models = None,
    seed: Seed = 0,
    temperature: Temperature = None,
    budget_tokens: Annotated[
        int | None,
        typer.Option(
            "--budget-tokens", "--max-tokens", metavar="N", help="Read and written.", rich_help_panel=_CEILING
        ),
    ] = None,
    budget_calls: Annotated[
        int | None,
        typer.Option("--budget-calls", "--max-calls", metavar="N", help="Model calls.", rich_help_panel=_CEILING),
    ] = None,
    budget_seconds: Annotated[
        float | None,
        typer.Option("--budget-seconds", "--max-seconds", metavar="S", help="Wall time.", rich_help_panel=_CEILING),
    ] = None,
    budget_cost: Annotated[
        float | None,
        typer.Option("--budget-cost", "--max-cost", metavar="X", help="Money.", rich_help_panel=_CEILING),
    ] = None,
    workers: Workers = None,
    at_once: Annotated[
        int, typer.Option(metavar="N", min=1, help="Most calls of one run at one time.", rich_help_panel=_CEILING)
    ] = 1,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the record and the report go.")
    ] = Path("bench"),
    format: Annotated[
        Literal["text", "json", "markdown"], typer.Option("--format", "-f", help="How the report is printed.")
    ] = "text",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare strategies on the same items under the same ceiling: accuracy, cost, and whether that is chance."""
    with reported(debug):
        from disputatio.apps import benching
        from disputatio.errors import ConfigurationError

        if again and (strategies or agents or tasks or grader):
            raise ConfigurationError(
                "--again takes strategies, agents, tasks and grader from the manifest: leave them out"
            )
        if strategies and agents:
            raise ConfigurationError("strategies and agents are measured on different things: give one of them")
        limits = {"tokens": budget_tokens, "calls": budget_calls, "seconds": budget_seconds, "cost": budget_cost}
        asked = benching.Asked(
            strategies=tuple(benching.separated(strategies)),
            agents=tuple(benching.separated(agents)),
            tasks=tuple(benching.separated(tasks)),
            model=tuple(model or ()),
            limit=limit,
            epochs=epochs,
            seed=seed or 0,
            temperature=temperature,
            at_once=at_once,
            budget={name: value for name, value in limits.items() if value is not None},
            grader=grader,
        )
        if again:
            asked = benching.asked_again(again)
        report = benching.run(asked, out=out, data=data, workers=workers, again=again, quiet=quiet)
        benching.give(report, out, format, quiet=quiet)
