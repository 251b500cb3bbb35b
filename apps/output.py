"""Output: what goes to standard output, and lines about the run on standard error."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING

import typer

from disputatio.errors import ConfigurationError, DisputatioError, StoreError
from disputatio.writing import plain

if TYPE_CHECKING:
    from rich.console import RenderableType


def put(text: str) -> None:
    """Write to standard output; a reader who has had enough of it (`| head`) is no error.

    Raises:
        StoreError: If it cannot be written: the disk is full, for example.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _shut()
    except OSError as error:
        _shut()
        raise StoreError(f"cannot write to standard output: {error.strerror}") from error


def show_parts(*parts: "RenderableType") -> None:
    """Print tables and texts, in colours where standard output is a terminal that has them.

    Lines of a text are not broken, so that a command in them can be copied.

    Raises:
        StoreError: If it cannot be written.
    """
    from rich.console import Console
    from rich.text import Text

    seen = Console()
    page = StringIO()
    console = Console(file=page, width=seen.width, force_terminal=seen.is_terminal, highlight=False, markup=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))
    put("\n".join(line.rstrip() for line in page.getvalue().split("\n")))


def _shut() -> None:
    """Point standard output at nothing: Python would try once more at its end, and complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def complain(message: str) -> None:
    """Write one line about the run to standard error."""
    try:
        print(f"disputatio: {' '.join(plain(message).split())}", file=sys.stderr, flush=True)  # noqa: T201
    except (BrokenPipeError, AttributeError):  # nobody reads it, or there is none
        return


@contextmanager
def reported(debug: bool = False, *, failed: int = 1) -> Iterator[None]:
    """Turn errors into one line and an exit code, which is 2 for wrong input and `failed` for the rest."""
    try:
        yield
    except KeyboardInterrupt:
        complain("stopped by Ctrl-C")
        raise typer.Exit(130) from None
    except DisputatioError as error:
        if debug:
            traceback.print_exc()
        complain(f"error: {error}")
        raise typer.Exit(2 if isinstance(error, ConfigurationError) else failed) from None
