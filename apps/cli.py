"""The command line: `disputatio debate`, `disputatio solve`, `disputatio strategies`.

Nothing heavy is imported before a command runs, so that help and completion come at once.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import disputatio
from disputatio.errors import ConfigurationError, DisputatioError

if TYPE_CHECKING:
    from disputatio.strategies import Strategy

MODELS = """\
Models: local (the embedded one, fetched once), local:FILE.gguf, openai:NAME, ollama:NAME, vllm:URL, \
openai-compatible:URL#NAME"""
DEBATES = f"""\
[bold]Examples[/bold]

  disputatio debate "Should cities ban private cars?"

  disputatio debate @motion.md --rounds 3 --html debate.html

  disputatio debate "Tea or coffee?" --persona "a physician" --persona "a poet" --model ollama:qwen3:4b

{MODELS}"""
SOLUTIONS = f"""\
[bold]Examples[/bold]

  disputatio solve "What is 17 * 23?" --answer-type number --strategy self_consistency -p samples=5

  disputatio solve "Which is a mammal?" --choice shark --choice whale -s debate -p rounds=3 -p decision=judge

  cat question.txt | disputatio solve --format json --model openai:gpt-5-mini

{MODELS}"""
EXIT_CODES = """\
Exit codes: 0 answered, 1 failed, 2 wrong input, 3 no answer could be read, 130 stopped by Ctrl-C"""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f'Try: disputatio debate "Should cities ban private cars?"\n\n{EXIT_CODES}',
)
shelf = typer.Typer(help="List the strategies, or show one.", invoke_without_command=True)
app.add_typer(shelf, name="strategies")


def _strategy_names() -> list[str]:
    from disputatio.graphs import CATALOGUE

    return list(CATALOGUE)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"disputatio {disputatio.__version__}")
        raise typer.Exit


Asked = Annotated[
    str | None, typer.Argument(metavar="QUESTION", help="The question: text, @FILE, or - for what is piped in.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="[ROLE=]MODEL",
        help="The model of all, or of one role or debater: judge=openai:NAME. Can be given several times.",
        rich_help_panel="Models",
    ),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Makes a run repeatable where the model can.", rich_help_panel="Models")
]
Temperature = Annotated[
    float | None, typer.Option(metavar="X", help="Randomness of the replies, from 0.", rich_help_panel="Models")
]
MaxCalls = Annotated[int | None, typer.Option(metavar="N", help="Most model calls.", rich_help_panel="Limits")]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="N", help="Most tokens, read and written.", rich_help_panel="Limits")
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        help="Longest time, in seconds; then the answer comes from what was said.",
        rich_help_panel="Limits",
    ),
]
OutputFormat = Annotated[
    Literal["text", "json", "markdown"],
    typer.Option("--format", "-f", help="How the result is printed.", rich_help_panel="Output"),
]
Page = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write the whole run as a page, too.", rich_help_panel="Output"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Show no progress.", rich_help_panel="Output")]
Debug = Annotated[
    bool, typer.Option("--debug", metavar="", help="Show where an error comes from.", rich_help_panel="Output")
]


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Let several agents dispute a question, check each other, and settle on an answer."""


@app.command(epilog=DEBATES)
def debate(
    question: Asked = None,
    debaters: Annotated[
        int | None, typer.Option(metavar="N", help="How many debate [3].", rich_help_panel="The debate")
    ] = None,
    rounds: Annotated[int, typer.Option(metavar="N", help="Most rounds.", rich_help_panel="The debate")] = 2,
    claims: Annotated[
        int, typer.Option(metavar="N", help="Most claims checked after each round.", rich_help_panel="The debate")
    ] = 3,
    stance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help='What one debater argues: "for the motion". One each.', rich_help_panel="The debate"
        ),
    ] = None,
    persona: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help='Who one debater is: "an economist". One each.', rich_help_panel="The debate"
        ),
    ] = None,
    model: Models = None,
    seed: Seed = None,
    temperature: Temperature = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    format: OutputFormat = "text",
    html: Page = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Dispute a question: opening, rebuttals, checked claims, and a judge who decides and replies to objections."""

    def choose() -> "Strategy[...]":
        from disputatio.apps import catalogue, choosing

        panel = choosing.panel(debaters, stance or (), persona or ())
        chosen = {} if panel is None else {"debaters": panel}
        return catalogue.find("disputation")(**chosen, rounds=rounds, claims=claims)

    with _reported(debug):
        from disputatio.apps import session

        settings = session.Settings(
            models=model or (),
            seed=seed,
            temperature=temperature,
            max_calls=max_calls,
            max_tokens=max_tokens,
            max_seconds=max_seconds,
            format=format,
            html=html,
            quiet=quiet,
        )
        raise typer.Exit(session.answer(question, choose, settings))


@app.command(epilog=SOLUTIONS)
def solve(
    question: Asked = None,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            "-s",
            metavar="NAME",
            help="How to reason; see: disputatio strategies.",
            autocompletion=_strategy_names,
            rich_help_panel="The strategy",
        ),
    ] = "disputation",
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="A parameter of the strategy. Can be given several times.",
            rich_help_panel="The strategy",
        ),
    ] = None,
    answer_type: Annotated[
        Literal["text", "number", "boolean", "choice"] | None,
        typer.Option(help="How the answer is read and compared.", rich_help_panel="The strategy"),
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A possible answer; give all of them.", rich_help_panel="The strategy"),
    ] = None,
    model: Models = None,
    seed: Seed = None,
    temperature: Temperature = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    format: OutputFormat = "text",
    html: Page = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Answer a question by any strategy."""

    def choose() -> "Strategy[...]":
        from disputatio.apps import catalogue, choosing

        found = catalogue.find(strategy)
        return found(**choosing.parameters(found, parameter or ()))

    with _reported(debug):
        from disputatio.apps import session

        settings = session.Settings(
            models=model or (),
            seed=seed,
            temperature=temperature,
            max_calls=max_calls,
            max_tokens=max_tokens,
            max_seconds=max_seconds,
            format=format,
            html=html,
            quiet=quiet,
        )
        raise typer.Exit(session.answer(question, choose, settings, answer_type=answer_type, choices=choice or ()))


@shelf.callback()
def strategies(context: typer.Context) -> None:
    """List the strategies, or show one."""
    if context.invoked_subcommand is None:
        with _reported():
            from disputatio.apps import catalogue

            catalogue.table()


@shelf.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The strategy.", autocompletion=_strategy_names)],
    mermaid: Annotated[
        bool, typer.Option("--mermaid", metavar="", help="Print the diagram only, in Mermaid's language.")
    ] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the diagram as SVG.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the diagram as PNG.")] = None,
) -> None:
    """Show one strategy: its source, its cost, its parameters and its diagram."""
    with _reported():
        from disputatio.apps import catalogue

        catalogue.show(name, mermaid=mermaid, svg=svg, png=png)


@contextmanager
def _reported(debug: bool = False) -> Iterator[None]:
    """Turn errors into one line and an exit code."""
    from disputatio.apps.output import complain

    try:
        yield
    except KeyboardInterrupt:
        complain("stopped by Ctrl-C")
        raise typer.Exit(130) from None
    except DisputatioError as error:
        if debug:
            traceback.print_exc()
        complain(f"error: {error}")
        raise typer.Exit(2 if isinstance(error, ConfigurationError) else 1) from None


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # not every terminal can show every letter
    app()
