"""Reading: the text of the question, from the command line, a file or a pipe."""

import sys
from pathlib import Path
from typing import BinaryIO

from disputatio.errors import ConfigurationError, StoreError

MOST_BYTES = 1_000_000
"""Longest question that is read from a file or a pipe; longer ones could not fit a question either."""


def question_text(given: str | None) -> str:
    """The text of a question given as text, as @FILE, or as "-" or nothing for what is piped in.

    Raises:
        ConfigurationError: If nothing was given, or what was given is no text.
        StoreError: If a file cannot be read.
    """
    if given is not None and given != "-":
        return _from_file(Path(given[1:])) if given.startswith("@") else given
    if sys.stdin is None or (given is None and sys.stdin.isatty()):
        raise ConfigurationError("there is no question: give it as text, as @FILE, or through a pipe")
    return _decoded(sys.stdin.buffer, "standard input")


def _from_file(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return _decoded(file, str(path))
    except FileNotFoundError as error:
        raise StoreError(f"there is no file {str(path)!r} to read the question from") from error
    except OSError as error:
        raise StoreError(f"cannot read the question from {str(path)!r}: {error.strerror}") from error


def _decoded(file: BinaryIO, name: str) -> str:
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{name} is too long for a question: at most {MOST_BYTES:,} bytes are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name} is not text in UTF-8 (byte {error.start})") from error
    if "\0" in text:
        raise ConfigurationError(f"{name} is not text: it holds zero bytes")
    return text
