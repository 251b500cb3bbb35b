"""Passages: documents cut into pieces that fit into a prompt, each with the place that it comes from."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from disputatio.tools.folder import MAX_FILE, Folder

LENGTH = 800
"""Characters from which on a passage ends with its paragraph."""
LONGEST = 1200
"""The most characters of a passage."""
KINDS = (".txt", ".md", ".rst", ".jsonl")
"""Endings of the files that are read."""


class Passage(NamedTuple):
    """A piece of a document."""

    source: str
    """Where it is from: the file with the number of its first line."""
    text: str


def passages_of(folder: Folder) -> Iterator[Passage]:
    """The passages of the text files of a folder; each line of a JSONL file is a document of its own."""
    for path, file in folder.files():
        if not path.casefold().endswith(KINDS):
            continue
        text = file.read(MAX_FILE).decode("utf-8", "replace")
        if path.casefold().endswith(".jsonl"):
            for number, line in enumerate(text.splitlines(), 1):
                record = "\n\n".join(_texts(line))
                yield from (Passage(f"{path}:{number}", part) for part, _ in cut_up(record))
        else:
            yield from (Passage(f"{path}:{number}", part) for part, number in cut_up(text))


def cut_up(text: str) -> Iterator[tuple[str, int]]:
    """The passages of a text with the numbers of their first lines: whole paragraphs as long as they fit."""
    kept: list[str] = []
    start = 1
    for number, line in enumerate(text.splitlines(), 1):
        length = sum(map(len, kept))
        if kept and (length + len(line) > LONGEST or (length >= LENGTH and not line.strip())):
            yield from _pieces(kept, start)
            kept = []
        if not kept:
            start = number
        if kept or line.strip():
            kept.append(line)
    yield from _pieces(kept, start)


def _pieces(lines: Iterable[str], start: int) -> Iterator[tuple[str, int]]:
    text = "\n".join(lines).strip()
    yield from ((text[begin : begin + LONGEST], start) for begin in range(0, len(text), LONGEST))


def _texts(line: str) -> Iterator[str]:
    """The texts of a record; a line that is none counts as text."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = line
    values = record.values() if isinstance(record, dict) else [record]
    return (value for value in values if isinstance(value, str))
