"""Planning: what strategies would gain and cost, by forecasts on a simulated model, as a table or as JSON."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import isfinite
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from disputatio.apps import catalogue, choosing
from disputatio.apps.output import put, show_parts
from disputatio.errors import ConfigurationError, unknown
from disputatio.evals import Forecast, forecast
from disputatio.evals.forecast import simulated_questions
from disputatio.graphs import chain_of_thought
from disputatio.models import SimulatedModel
from disputatio.strategies import Strategy
from disputatio.writing import percent

Prices = tuple[float, float]
"""Prices of a million tokens, read and written, in one currency."""
_INLINE = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*")
CAUTION = """\
Simulated samples err independently of one another; those of a real model share many errors, and gain less."""


def strategies(given: Sequence[str], shared: Sequence[str]) -> list[Strategy[...]]:
    """The strategies of NAME or "NAME(PARAMETER=VALUE, ...)"; shared parameters go to all that have them.

    Raises:
        ConfigurationError: If a strategy or a parameter is unknown, or no strategy has a shared one.
    """
    parsed = [_parsed(text) for text in given]
    known = {name for found, _ in parsed for name in found.signature.parameters}
    for text in shared:
        if _name(text) not in known:
            raise unknown("parameter of these strategies", _name(text), known)
    made = []
    for found, own in parsed:
        names = {_name(text) for text in own}
        common = [text for text in shared if _name(text) in found.signature.parameters and _name(text) not in names]
        made.append(found(**choosing.parameters(found, [*common, *own])))
    return made


def _parsed(text: str) -> tuple[Strategy[...], list[str]]:
    """A strategy and the parameters in its brackets."""
    match = _INLINE.fullmatch(text)
    if not match:
        raise ConfigurationError(f'a strategy is given as NAME or "NAME(PARAMETER=VALUE, ...)", not {text!r}')
    parts = [part.strip() for part in (match[2] or "").split(",") if part.strip()]
    return catalogue.find(match[1]), [re.sub(r"=\s*(['\"])(.*)\1$", r"=\2", part) for part in parts]


def _name(text: str) -> str:
    return text.partition("=")[0].strip().replace("-", "_")


def model(named: Mapping[str, float | None], others: Sequence[str]) -> SimulatedModel:
    """The simulated model of these properties; its latency is one second where none is given.

    Raises:
        ConfigurationError: If one is unknown, given twice or out of range.
    """
    given = [f"{name}={value}" for name, value in named.items() if value is not None]
    given += [f"{_name(text)}={text.partition('=')[2]}" for text in others]
    if not any(_name(text) == "latency" for text in given):
        given.append("latency=1")
    return SimulatedModel.of(",".join(given))


def prices(price_in: float | None, price_out: float | None) -> Prices | None:
    """Both prices, or none.

    Raises:
        ConfigurationError: If one is missing or is no price.
    """
    if price_in is None and price_out is None:
        return None
    if price_in is None or price_out is None:
        raise ConfigurationError("money needs both --price-in and --price-out: what is unpriced is not counted as 0")
    for price in (price_in, price_out):
        if price < 0 or not isfinite(price):
            raise ConfigurationError(f"a price is a number from 0, not {price}")
    return price_in, price_out


def plan(
    chosen: Sequence[Strategy[...]],
    model: SimulatedModel,
    *,
    questions: int,
    seed: int,
    prices: Prices | None,
    format: Literal["text", "json"],
    quiet: bool,
) -> None:
    """Print the forecasts of chain of thought, as the baseline, and of the chosen strategies.

    Raises:
        ConfigurationError: If there are no questions.
    """
    asked = simulated_questions(questions)
    rows = {repr(strategy): strategy for strategy in (chain_of_thought(), *chosen)}
    found = []
    with _progress(quiet=quiet) as bar:
        for name, strategy in rows.items():
            step = partial(bar.advance, bar.add_task(name, total=questions))
            found.append(forecast(strategy, model, questions=asked, seed=seed, on_question=step))
    if format == "json":
        put(json.dumps(_report(found, model, seed, prices), indent=2) + "\n")
    else:
        _print(found, model, prices)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """A bar for each strategy on standard error, where that is a terminal."""
    shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        yield bar


def _report(found: Sequence[Forecast], model: SimulatedModel, seed: int, prices: Prices | None) -> dict[str, Any]:
    return {
        "simulated": True,
        "model": model.name,
        "questions": found[0].questions,
        "seed": seed,
        "prices_per_million_tokens": prices and {"in": prices[0], "out": prices[1]},
        "strategies": [
            {
                "strategy": one.strategy,
                "accuracy": one.accuracy,
                "interval_95": one.interval,
                **{name: getattr(one, name) for name in ("right", "wrong", "abstained", "failed")},
                "per_question": {
                    "calls": one.usage.calls / one.questions,
                    "prompt_tokens": one.usage.prompt_tokens / one.questions,
                    "completion_tokens": one.usage.completion_tokens / one.questions,
                    "seconds": one.seconds / one.questions,
                    "cost": one.cost(*prices) / one.questions if prices else None,
                },
            }
            for one in found
        ],
    }


def _print(found: Sequence[Forecast], model: SimulatedModel, prices: Prices | None) -> None:
    rows = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    rows.add_column("Strategy", style="cyan", overflow="fold", min_width=16)
    failed = any(one.failed for one in found)
    columns = ["Accuracy", "95 % interval", "Abstained", *["Failed"] * failed, "Calls", "Tokens", "Time"]
    for title in [*columns, *["Cost"] * bool(prices)]:
        rows.add_column(title, justify="right", no_wrap=True)
    for one in found:
        rows.add_row(Text(one.strategy.removesuffix("()")), *_cells(one, failed=failed, prices=prices))
    show_parts(
        Text(f"A simulation: {found[0].questions:,} questions, answered by {model.name}; no model was called."),
        Text("The figures from calls on are those of one question, on average.\n"),
        rows,
        Text(f"\n{CAUTION}", style="dim"),
    )


def _cells(one: Forecast, *, failed: bool, prices: Prices | None) -> list[str]:
    low, high = one.interval
    number = one.questions
    cells = [f"{one.accuracy * 100:.1f} %", f"{low * 100:.1f} to {high * 100:.1f} %", percent(one.abstained / number)]
    cells += [percent(one.failed / number)] if failed else []
    cells += [f"{one.usage.calls / number:.1f}", f"{one.usage.tokens / number:,.0f}", f"{one.seconds / number:.1f} s"]
    return [*cells, *([f"{one.cost(*prices) / number:.2g}"] if prices else [])]
