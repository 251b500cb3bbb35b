"""`disputatio doctor`: whether all that a run needs is there."""

from typing import Annotated, Literal

import typer

from disputatio.apps.output import reported


def doctor(
    format: Annotated[
        Literal["text", "json"], typer.Option("--format", "-f", help="How it is printed.", rich_help_panel="Output")
    ] = "text",
) -> None:
    """Check the installation: packages, the embedded model, keys, prices, and what to do where something is wrong.

    Nothing is fetched, and no key is shown. Exit codes: 0 it works, 1 something has FAILED.
    """
    with reported():
        from disputatio.apps import checks

        raise typer.Exit(checks.report(format))
