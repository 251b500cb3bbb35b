"""`disputatio runs`: runs that were kept. What looks at them is in `run_looks`, what changes them in `run_changes`."""

import typer

from disputatio.apps import run_changes, run_looks

EXAMPLES = """\
[bold]Examples[/bold]

  disputatio runs list --state waiting

  disputatio runs show last

  disputatio runs resume 3f2a --approve

  disputatio runs branch 3f2a --after 4 -p rounds=5 --resume

  disputatio runs gc --older-than 30

A run is named by the beginning of its id, or as "last". Runs are in one file in your data folder, or where --runs or \
the environment variable DISPUTATIO_RUNS says: another file, or postgresql://... See docs/runs.md"""

app = typer.Typer(help="List, show, resume and branch runs that were kept.", no_args_is_help=True, epilog=EXAMPLES)


@app.callback()
def runs() -> None:
    """List, show, resume and branch runs that were kept."""


app.command("list")(run_looks.list_)
app.command()(run_looks.show)
app.command()(run_changes.resume)
app.command()(run_changes.branch)
app.command()(run_changes.replay)
app.command()(run_looks.diff)
app.command()(run_looks.export)
app.command()(run_looks.size)
app.command()(run_changes.delete)
app.command()(run_changes.gc)
app.command()(run_changes.repair)
