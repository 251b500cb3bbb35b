"""The command line: `disputatio debate`, `solve`, `plan`, `bench`, `batch`, `strategies`, `models`, `doctor`, `mcp`.

Nothing heavy is imported before a command runs, so that help and completion come at once.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import disputatio
from disputatio.apps import batch, bench, doctor, memory, models, warm
from disputatio.apps import runs as kept
from disputatio.apps.options import (
    DEBATES,
    EXIT_CODES,
    PLANS,
    SERVES,
    SOLUTIONS,
    Allow,
    AnswerType,
    Asked,
    Choices,
    Claims,
    Debaters,
    Debug,
    KeptIn,
    MaxCalls,
    MaxSeconds,
    MaxTokens,
    Models,
    NoMemory,
    Parameters,
    Personas,
    Properties,
    Quiet,
    Rounds,
    Stances,
    Tools,
    as_run,
    of_cost,
    of_output,
    of_simulation,
    of_strategy,
    strategy_names,
)
from disputatio.apps.output import reported
from disputatio.apps.settings import settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f'Try: disputatio debate "Should cities ban private cars?"\n\n{EXIT_CODES}',
)
shelf = typer.Typer(help="List the strategies, or show one.", invoke_without_command=True)
app.add_typer(shelf, name="strategies")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"disputatio {disputatio.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Let several agents dispute a question, check each other, and settle on an answer."""


@app.command(epilog=DEBATES)
@as_run
def debate(
    question: Asked = None,
    debaters: Debaters = None,
    rounds: Rounds = 2,
    claims: Claims = 3,
    stance: Stances = None,
    persona: Personas = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Learn from this debate, and use what earlier ones taught; kept in this file, or postgresql://...",
            rich_help_panel="The debate",
        ),
    ] = None,
    **run: Any,
) -> None:
    """Dispute a question: opening, rebuttals, checked claims, and a judge who decides and replies to objections."""
    given = {**locals(), **run}
    with reported(run["debug"]):
        from disputatio.apps import recipes, session

        raise typer.Exit(session.answer(question, recipes.recipe("debate", given), settings(given)))


@app.command(epilog=SOLUTIONS)
@as_run
def solve(
    question: Asked = None,
    strategy: Annotated[
        str,
        of_strategy(
            "--strategy",
            "-s",
            metavar="NAME",
            help="How to reason; see: disputatio strategies.",
            autocompletion=strategy_names,
        ),
    ] = "disputation",
    parameter: Parameters = None,
    answer_type: AnswerType = None,
    choice: Choices = None,
    memory: KeptIn = None,
    no_memory: NoMemory = False,
    **run: Any,
) -> None:
    """Answer a question by any strategy."""
    given = {**locals(), **run}
    with reported(run["debug"]):
        from disputatio.apps import recipes, session

        made, told = recipes.recipe("solve", given), settings(given)
        raise typer.Exit(session.answer(question, made, told, answer_type=answer_type, choices=choice or ()))


@app.command(epilog=PLANS)
def plan(
    strategy: Annotated[
        list[str],
        of_strategy(
            "--strategy",
            "-s",
            metavar="NAME",
            help='A strategy, also as "NAME(PARAMETER=VALUE, ...)". Several make a table.',
            autocompletion=strategy_names,
        ),
    ],
    parameter: Parameters = None,
    accuracy: Annotated[
        float | None, of_simulation(metavar="P", help="How often the model is right by itself [0.7].")
    ] = None,
    wrong_answers: Annotated[
        int | None, of_simulation(metavar="N", help="How many wrong answers a question has [3].")
    ] = None,
    popular: Annotated[
        float | None, of_simulation(metavar="SHARE", help="Errors that fall on the same wrong answer.")
    ] = None,
    properties: Properties = None,
    questions: Annotated[int, of_simulation(metavar="N", help="How many questions are simulated.")] = 200,
    seed: Annotated[int, of_simulation(metavar="N", help="Another seed is another draw.")] = 1,
    latency: Annotated[float | None, of_cost(metavar="S", help="Seconds that one call takes [1].")] = None,
    price_in: Annotated[float | None, of_cost(metavar="X", help="Price of a million tokens read.")] = None,
    price_out: Annotated[float | None, of_cost(metavar="X", help="Price of a million tokens written.")] = None,
    format: Annotated[Literal["text", "json"], of_output("--format", "-f", help="How it is printed.")] = "text",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Estimate what a strategy would gain and cost, by running it on a simulated model; no model is called."""
    with reported(debug):
        from disputatio.apps import plan as planning

        named = {"accuracy": accuracy, "wrong_answers": wrong_answers, "popular": popular, "latency": latency}
        planning.plan(
            planning.strategies(strategy, parameter or ()),
            planning.model(named, properties or ()),
            questions=questions,
            seed=seed,
            prices=planning.prices(price_in, price_out),
            format=format,
            quiet=quiet,
        )


@app.command(epilog=SERVES)
def mcp(
    tools: Tools = None,
    allow: Allow = None,
    model: Models = None,
    http: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=0, max=65535, help="Serve at this port of 127.0.0.1, with a token."),
    ] = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    debug: Debug = False,
) -> None:
    """Offer the tools, and every strategy as a tool, to an MCP client: on standard input and output, or by HTTP."""
    with reported(debug):
        from disputatio.apps import choosing, equipping, mcp_server

        def offered() -> mcp_server.Offered:
            return mcp_server.Offered(
                tools=tuple(equipping.tools(tools or ())),
                model=choosing.one_model(model or ()),
                budget=choosing.budget({"calls": max_calls, "tokens": max_tokens, "seconds": max_seconds}),
                permission=equipping.permission(allow or ()),
            )

        mcp_server.serve(offered, port=http)


@shelf.callback()
def strategies(context: typer.Context) -> None:
    """List the strategies, or show one."""
    if context.invoked_subcommand is None:
        with reported():
            from disputatio.apps import catalogue

            catalogue.table()


@shelf.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The strategy.", autocompletion=strategy_names)],
    mermaid: Annotated[
        bool, typer.Option("--mermaid", metavar="", help="Print the diagram only, in Mermaid's language.")
    ] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the diagram as SVG.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the diagram as PNG.")] = None,
) -> None:
    """Show one strategy: its source, its cost, its parameters and its diagram."""
    with reported():
        from disputatio.apps import catalogue

        catalogue.show(name, mermaid=mermaid, svg=svg, png=png)


app.command(epilog=bench.BENCHES)(bench.bench)
app.command(epilog=batch.BATCHES)(batch.batch)
app.command()(doctor.doctor)
app.command()(warm.warm)
app.add_typer(kept.app, name="runs")
app.add_typer(memory.app, name="memory")
app.add_typer(models.app, name="models")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # not every terminal can show every letter
    app()
