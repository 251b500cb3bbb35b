"""Options: what several commands take, and the examples of their help. Nothing heavy is imported."""

from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Annotated, Literal

import typer

MODELS = """\
Models: local (the embedded one, fetched once), local:FILE.gguf, openai:NAME, ollama:NAME, vllm:URL, \
openai-compatible:URL#NAME, langchain:PROVIDER:NAME, sim:accuracy=0.6"""
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
PLANS = """\
[bold]Examples[/bold]

  disputatio plan --accuracy 0.6 --strategy self_consistency -p samples=5

  disputatio plan --accuracy 0.6 -s "self_consistency(samples=5)" -s "debate(debaters=5, rounds=1)" --popular 0.8

  disputatio plan --accuracy 0.6 -s debate -p rounds=3 -w conformity=0.5 -w critic_hit=0.7 -w critic_alarm=0.1

  disputatio plan -s disputation --latency 4 --price-in 0.25 --price-out 2 --format json

Other properties, set by -w: spread, conformity, critic_hit, critic_alarm, verifier_hit, verifier_alarm, \
position_bias, unreadable, fault_rate, words. See docs/simulated.md

The first row of the table is chain_of_thought, the model by itself."""
SERVES = """\
[bold]Examples[/bold]

  disputatio mcp --tools my_tools.py --model ollama:qwen3:4b

  disputatio mcp --http 8765

The token of --http is that of the environment variable DISPUTATIO_MCP_TOKEN, or a new one, which is printed. See \
docs/tools.md"""
EXIT_CODES = """\
Exit codes: 0 answered, 1 failed, 2 wrong input, 3 no answer could be read, 4 waits for a person, \
130 stopped by Ctrl-C"""

# Options by the part of the help that they stand in.
of_debate = partial(typer.Option, rich_help_panel="The debate")
of_strategy = partial(typer.Option, rich_help_panel="The strategy")
of_models = partial(typer.Option, rich_help_panel="Models")
of_tools = partial(typer.Option, rich_help_panel="Tools")
of_simulation = partial(typer.Option, rich_help_panel="Simulation")
of_limits = partial(typer.Option, rich_help_panel="Limits")
of_output = partial(typer.Option, rich_help_panel="Output")
of_record = partial(typer.Option, rich_help_panel="Record")
of_cost = partial(typer.Option, rich_help_panel="Cost")


def strategy_names() -> list[str]:
    """The names of all strategies, for completion."""
    from disputatio.graphs import CATALOGUE

    return list(CATALOGUE)


Asked = Annotated[
    str | None, typer.Argument(metavar="QUESTION", help="The question: text, @FILE, or - for what is piped in.")
]
Debaters = Annotated[int | None, of_debate(metavar="N", help="How many debate [3].")]
Rounds = Annotated[int, of_debate(metavar="N", help="Most rounds.")]
Claims = Annotated[int, of_debate(metavar="N", help="Most claims checked after each round.")]
Stances = Annotated[
    list[str] | None, of_debate(metavar="TEXT", help='What one debater argues: "for the motion". One each.')
]
Personas = Annotated[list[str] | None, of_debate(metavar="TEXT", help='Who one debater is: "an economist". One each.')]
Models = Annotated[
    list[str] | None,
    of_models(
        "--model",
        "-m",
        metavar="[ROLE=]MODEL",
        help="The model of all, or of one role or debater: judge=openai:NAME. Can be given several times.",
    ),
]
AnswerType = Annotated[
    Literal["text", "number", "boolean", "choice"] | None, of_strategy(help="How the answer is read and compared.")
]
Choices = Annotated[list[str] | None, of_strategy(metavar="TEXT", help="A possible answer; give all of them.")]
Parameters = Annotated[
    list[str] | None,
    of_strategy("--param", "-p", metavar="NAME=VALUE", help="A parameter of the strategy. Can be given several times."),
]
Seed = Annotated[int | None, of_models(metavar="N", help="Makes a run repeatable where the model can.")]
Temperature = Annotated[float | None, of_models(metavar="X", help="Randomness of the replies, from 0.")]
Tools = Annotated[
    list[str] | None,
    of_tools(
        "--tools",
        metavar="SOURCE",
        help="Tools for the agents: FILE.py, MODULE, MODULE:OBJECT, or one that comes along, such as calculator. "
        "Can be given several times.",
    ),
]
Allow = Annotated[
    list[str] | None,
    of_tools(
        "--allow",
        metavar="ACCESS",
        help="What tools may do unasked besides reading and computing: write or network. Can be given several times.",
    ),
]
Properties = Annotated[
    list[str] | None,
    of_simulation(
        "--with",
        "-w",
        metavar="NAME=VALUE",
        help="Another property of the model: conformity=0.3, verifier_hit=0.8. Can be given several times.",
    ),
]
MaxCalls = Annotated[int | None, of_limits(metavar="N", help="Most model calls.")]
MaxTokens = Annotated[int | None, of_limits(metavar="N", help="Most tokens, read and written.")]
MaxSeconds = Annotated[
    float | None, of_limits(metavar="S", help="Longest time, in seconds; then the answer comes from what was said.")
]
MaxCost = Annotated[
    float | None, of_limits(metavar="X", help="Most money, by your price table; see: disputatio models.")
]
AtOnce = Annotated[int | None, of_limits(metavar="N", help="Most model calls under way at one time.")]
OutputFormat = Annotated[
    Literal["text", "json", "markdown"], of_output("--format", "-f", help="How the result is printed.")
]
Page = Annotated[Path | None, of_output("--html", metavar="FILE", help="Write the whole run as a page, too.")]
Trace = Annotated[
    bool,
    of_output(
        "--trace",
        metavar="",
        help="Send the run to an OpenTelemetry collector, without what is said; see docs/observability.md.",
    ),
]
Quiet = Annotated[bool, of_output("--quiet", "-q", metavar="", help="Show no progress.")]
Debug = Annotated[bool, of_output("--debug", metavar="", help="Show where an error comes from.")]
Runs = Annotated[
    str | None,
    of_record(
        "--runs",
        metavar="PATH",
        help="Where runs are kept: a file, or postgresql://..., instead of your data folder; see: disputatio runs.",
    ),
]
NoRuns = Annotated[bool, of_record("--no-runs", metavar="", help="Do not keep this run.")]
Wait = Annotated[
    bool,
    of_tools(
        "--wait",
        metavar="",
        help="Where a tool needs a yes and nobody is at the keyboard, stop until: disputatio runs resume.",
    ),
]
KeptIn = Annotated[
    str | None,
    of_strategy(
        "--memory",
        metavar="PATH",
        help="For strategies that remember: the file, or postgresql://..., instead of the one in your data folder.",
    ),
]
NoMemory = Annotated[bool, of_strategy("--no-memory", metavar="", help="Remember nothing of earlier runs.")]
Record = Annotated[
    Path | None,
    of_record("--record", metavar="FILE", help="Write every call down; a run that was interrupted goes on from FILE."),
]
Replay = Annotated[
    Path | None,
    of_record(
        "--replay", metavar="FILE", help="Repeat the run in FILE with its models, seed and limits; no model is asked."
    ),
]
Cache = Annotated[
    Path | None,
    of_record(
        "--cache",
        metavar="FILE",
        help="Keep replies in FILE that come out the same again: those with --seed, or with --temperature 0.",
    ),
]


def as_run(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that makes a run the options of all runs, after its own; it takes them as `**run`."""

    def shared(
        tools: Tools = None,
        allow: Allow = None,
        model: Models = None,
        seed: Seed = None,
        temperature: Temperature = None,
        max_calls: MaxCalls = None,
        max_tokens: MaxTokens = None,
        max_seconds: MaxSeconds = None,
        max_cost: MaxCost = None,
        at_once: AtOnce = None,
        format: OutputFormat = "text",
        html: Page = None,
        runs: Runs = None,
        no_runs: NoRuns = False,
        wait: Wait = False,
        record: Record = None,
        replay: Replay = None,
        cache: Cache = None,
        trace: Trace = False,
        quiet: Quiet = False,
        debug: Debug = False,
    ) -> None: ...

    own = [one for one in signature(command).parameters.values() if one.kind is not one.VAR_KEYWORD]
    parameters = [*own, *signature(shared).parameters.values()]
    command.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
    return command
