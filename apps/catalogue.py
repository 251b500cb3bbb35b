"""The strategies, for reading: the table of all, and one with its parameters, its cost and its diagram."""

import inspect
import re
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from disputatio.apps.output import put, show_parts
from disputatio.errors import StoreError, unknown
from disputatio.graphs import CATALOGUE
from disputatio.strategies import Strategy

_ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


SHORT = {"cot": "chain_of_thought"}
"""What strategies are called for short."""


def find(name: str) -> Strategy[...]:
    """The strategy of this name.

    Raises:
        ConfigurationError: If there is none.
    """
    name = SHORT.get(name, name)
    if name not in CATALOGUE:
        raise unknown("strategy", name, CATALOGUE)
    return CATALOGUE[name]


def table() -> None:
    """Print all strategies."""
    width = max(map(len, CATALOGUE))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="cyan", no_wrap=True, width=width)
    rows.add_column(ratio=1)
    rows.add_column(justify="right", no_wrap=True)
    for strategy in CATALOGUE.values():
        about = Text.assemble(_summary(strategy), "\n", (strategy.source, "dim"), "\n")
        rows.add_row(strategy.name, about, f"{strategy.calls:,} call{'s' if strategy.calls != 1 else ''}")
    show_parts(
        rows,
        Text(
            "The most model calls with the defaults; up to twice as many with models that "
            "are weak at structured replies, like the embedded one.",
            "dim",
        ),
        Text("All about one: disputatio strategies show NAME", "dim"),
    )


def show(name: str, *, mermaid: bool = False, svg: Path | None = None, png: Path | None = None) -> None:
    """Print all there is to know of one strategy, or draw its diagram in the ways that are asked for.

    Raises:
        ConfigurationError: If there is none of this name, or no PNG can be drawn.
        StoreError: If a file cannot be written.
    """
    strategy = find(name)
    if svg:
        _write(svg, strategy.to_svg().encode())
    if png:
        _write(png, strategy.to_png())
    if mermaid:
        put(strategy.to_mermaid())
    elif not (svg or png):
        _describe(strategy)


def _describe(strategy: Strategy[...]) -> None:
    sections = _sections(strategy)
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows.add_column(style="cyan", no_wrap=True)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(ratio=1)
    described = {name: " ".join(text.split()) for name, text in _ARGUMENT.findall(sections.get("Args", ""))}
    for name, parameter in strategy.signature.parameters.items():
        rows.add_row(name, _shown(parameter.default), Text(described.get(name, "")))
    notes = [Text(" ".join(text.split())) for title, text in sections.items() if title.startswith("Departs")]
    show_parts(
        Text(strategy.name, style="bold cyan"),
        Text(_summary(strategy)),
        Text(),
        Text.assemble(("Source  ", "bold"), strategy.source),
        Text.assemble(("Calls   ", "bold"), f"at most {strategy.calls:,} with the defaults"),
        Text("\nParameters (set with -p NAME=VALUE)", style="bold"),
        Padding(rows, (0, 0, 0, 2)),
        *(Padding(note, (1, 0, 0, 0)) for note in notes),
        Text("\nDiagram (Mermaid)", style="bold"),
    )
    put(strategy.to_mermaid())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(f"cannot write {str(path)!r}: {error.strerror}") from error


def _summary(strategy: Strategy[...]) -> str:
    return (inspect.getdoc(strategy.build) or "").partition("\n")[0]


def _sections(strategy: Strategy[...]) -> dict[str, str]:
    """The paragraphs of the docstring by their first word and colon: "Args", "Raises", "Departs from the paper"."""
    paragraphs = (inspect.getdoc(strategy.build) or "").split("\n\n")
    return {text.partition(":")[0]: text for text in paragraphs[1:]}


def _shown(default: Any) -> str:
    return "" if default is inspect.Parameter.empty else "none" if default is None else str(default)
