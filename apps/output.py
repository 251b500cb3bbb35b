"""Output: what goes to standard output, and lines about the run on standard error."""

import os
import sys

from disputatio.errors import StoreError
from disputatio.writing import plain


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
