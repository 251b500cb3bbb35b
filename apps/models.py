"""`disputatio models`: what can be used as a model here, and what one of them can do."""

from typing import Annotated, Literal

import typer

from disputatio.apps.options import MODELS, Debug, Quiet
from disputatio.apps.output import reported

TESTS = f"""\
[bold]Examples[/bold]

  disputatio models test local

  disputatio models test vllm:http://127.0.0.1:8000/v1 --format json

{MODELS}

Exit codes: 0 it replies, 1 it does not, 2 wrong input"""
app = typer.Typer(invoke_without_command=True)
Format = Annotated[
    Literal["text", "json"], typer.Option("--format", "-f", help="How it is printed.", rich_help_panel="Output")
]


@app.callback()
def models(context: typer.Context, format: Format = "text") -> None:
    """List the backends and the servers on this machine, or test a model."""
    if context.invoked_subcommand is None:
        with reported():
            from disputatio.apps import backends

            backends.show(format)


@app.command("test", epilog=TESTS)
def examine(
    spec: Annotated[str, typer.Argument(metavar="MODEL", help="The model, as other commands take it.")],
    max_seconds: Annotated[
        float, typer.Option(metavar="S", help="Longest time, in seconds.", min=1, rich_help_panel="Limits")
    ] = 120.0,
    format: Format = "text",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Try what a model can do, and how fast it is, by a few tiny calls."""
    with reported(debug):
        from disputatio.apps import examining

        raise typer.Exit(examining.report(spec, seconds=max_seconds, format=format, quiet=quiet))
