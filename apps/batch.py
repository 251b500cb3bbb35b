"""`disputatio batch`: many questions, answered by one strategy, into one file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zlib import crc32

import typer

from disputatio.apps.bench import Workers
from disputatio.apps.options import (
    Debug,
    MaxCalls,
    MaxCost,
    MaxSeconds,
    MaxTokens,
    Models,
    Parameters,
    Quiet,
    Seed,
    Temperature,
    strategy_names,
)
from disputatio.apps.output import complain, reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from disputatio.evals.batch import Answered

BATCHES = """\
[bold]Examples[/bold]

  disputatio batch questions.jsonl --strategy self_consistency -p samples=5 --out answers.jsonl

  disputatio batch questions.txt -s debate --model vllm:http://localhost:8000/v1 --max-tokens 8000 --out answers.jsonl

A file of questions has one a line: text, or JSON with the fields question, and id, choices, context or answer_type \
where they are wanted. A batch that was stopped goes on where it was when the same command is given again; questions \
on which the model failed are asked again. The limits are those of one question. See docs/bench.md"""


def batch(
    questions: Annotated[Path, typer.Argument(metavar="QUESTIONS", help="A file with a question a line.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the answers go: JSON, one a line.")],
    strategy: Annotated[
        str,
        typer.Option("--strategy", "-s", metavar="NAME", help="How to reason.", autocompletion=strategy_names),
    ] = "chain_of_thought",
    parameter: Parameters = None,
    model: Models = None,
    seed: Seed = None,
    temperature: Temperature = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_seconds: MaxSeconds = None,
    max_cost: MaxCost = None,
    workers: Workers = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Answer every question of a file; the answers are in its order, and a batch that was stopped goes on."""
    limits = {"calls": max_calls, "tokens": max_tokens, "seconds": max_seconds, "cost": max_cost}
    with reported(debug):
        import asyncio

        from disputatio.apps import choosing
        from disputatio.apps.collector import swept_seldom
        from disputatio.apps.plan import strategies
        from disputatio.context import Context
        from disputatio.evals.batch import Batch
        from disputatio.evals.batch import questions as read
        from disputatio.graphs.run import prepare
        from disputatio.models import load_model

        (chosen,) = strategies([strategy], parameter or ())
        names = choosing.models(model or (), chosen)
        under_way = choosing.workers(workers, names)
        models = {role: load_model(name, at_once=under_way) for role, name in names.items()}
        budget = choosing.budget(limits)

        def context(number: int) -> Context:
            drawn = None if seed is None else crc32(f"{seed}/{number}".encode())
            return prepare(model=models["default"], models=models, budget=budget, temperature=temperature, seed=drawn)

        asked = read(_text(questions), str(questions))
        with _progress(len(asked), quiet=quiet) as hear, swept_seldom():
            work = Batch(questions=asked, strategy=chosen, out=out, prepare=context, workers=under_way, on_answer=hear)
            answers = asyncio.run(work.run())
        failed = sum(bool(one.error) for one in answers)
        silent = sum(one.value is None and not one.error for one in answers)
        if not quiet:
            complain(f"{len(answers)} answers are in {out}, {silent} of them empty or unreadable, {failed} failed")
        if failed:
            raise typer.Exit(1)


def _text(path: Path) -> str:
    from disputatio.errors import StoreError

    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise StoreError(f"cannot read the questions from {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{str(path)!r} is not text in UTF-8 (byte {error.start})") from error


@contextmanager
def _progress(size: int, *, quiet: bool) -> "Iterator[Callable[[Answered, bool], None]]":
    """A bar on standard error where that is a terminal, a line at each tenth elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    is_live = not quiet and sys.stderr is not None and sys.stderr.isatty()
    columns: tuple[Any, ...] = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[tokens]:,} tokens"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not is_live) as bar:
        task = bar.add_task("", total=size, tokens=0)
        done = tokens = 0

        def hear(answered: "Answered", is_new: bool) -> None:
            nonlocal done, tokens
            done, tokens = done + 1, tokens + answered.usage.tokens
            bar.update(task, completed=done, tokens=tokens)
            if is_new and not quiet and not is_live and 10 * done // size > 10 * (done - 1) // size:
                complain(f"{done:,} of {size:,} answered, {tokens:,} tokens")

        yield hear
