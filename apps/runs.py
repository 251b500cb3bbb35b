"""`disputatio runs`: look at runs that were recorded."""

from pathlib import Path
from typing import Annotated

import typer

from disputatio.apps.output import put, reported

app = typer.Typer(help="Compare runs that were recorded.", no_args_is_help=True)
DIFFERENT = 1
"""Exit code where two runs differ; as with the program diff, 2 means trouble."""


@app.callback()
def runs() -> None:
    """Compare runs that were recorded with --record."""


@app.command()
def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="A recorded run.", show_default=False)],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another.", show_default=False)],
) -> None:
    """Show the first call in which two runs differ: whose it is, and what. Exit codes: 0 the same, 1 different."""
    with reported(failed=2):
        from disputatio.differences import first_difference
        from disputatio.journal_file import read
        from disputatio.writing import plain

        found = first_difference(read(one), read(other))
        if found is None:
            put("no call differs\n")
            return
        call, lines = found
        put("\n".join([plain(f"first difference: {call.who}"), *map(plain, lines)]) + "\n")
        raise typer.Exit(DIFFERENT)
