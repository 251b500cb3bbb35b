"""Texts: what is said in a run is kept once, however many prompts repeat it.

A prompt is the question, what was said so far with the names of the speakers, and an instruction, with blank lines
between. So each text of a line of the journal is cut there, and the line holds the numbers of the pieces instead.
"""

import json
import re
import sqlite3
import zlib
from typing import Any

from disputatio.errors import StoreError

SHORT = 24
"""Characters below which a text is written as it is."""
LONG = 200
"""Bytes from which a piece is compressed."""
_MARK = "\0"
_CUTS = re.compile(r"(\n\n)|(?<=\] )")


def packed(value: Any, texts: dict[str, int], new: list[str]) -> Any:
    """A JSON value with its texts as numbers.

    Args:
        value: The value.
        texts: The numbers of the pieces that are kept; those of `new` are added.
        new: Gets the pieces that are not kept yet, in the order of their numbers.
    """
    if isinstance(value, str):
        return _numbered(value, texts, new) if len(value) >= SHORT or value.startswith(_MARK) else value
    if isinstance(value, dict):
        return {name: packed(one, texts, new) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [packed(one, texts, new) for one in value]
    return value


def _numbered(text: str, texts: dict[str, int], new: list[str]) -> str:
    numbers = []
    for piece in filter(None, _CUTS.split(text)):
        if piece not in texts:
            texts[piece] = len(texts)
            new.append(piece)
        numbers.append(str(texts[piece]))
    return f"{_MARK}{','.join(numbers)}"


def unpacked(value: Any, texts: list[str]) -> Any:
    """The value that was packed.

    Raises:
        IndexError: If a text is missing.
        ValueError: If a number cannot be read.
    """
    match value:
        case str() if value.startswith(_MARK):
            return "".join(texts[int(number)] for number in value[1:].split(","))
        case dict():
            return {name: unpacked(one, texts) for name, one in value.items()}
        case list():
            return [unpacked(one, texts) for one in value]
        case _:
            return value


def write(database: sqlite3.Connection, run: int, value: Any, texts: dict[str, int]) -> tuple[bytes, int]:
    """Keep the new texts of a JSON value, within a transaction.

    Returns:
        What is to be kept of the value itself, and its checksum.
    """
    first, new = len(texts), []  # type: int, list[str]
    try:
        body = _squeezed(json.dumps(packed(value, texts, new), separators=(",", ":")).encode())
        pieces = [_squeezed(piece.encode("utf-8", "surrogatepass")) for piece in new]
        rows = [(run, first + n, piece, zlib.crc32(piece)) for n, piece in enumerate(pieces)]
        database.executemany("INSERT INTO texts VALUES (?, ?, ?, ?)", rows)
    except BaseException:
        for piece in new:
            del texts[piece]
        raise
    return body, zlib.crc32(body)


def read(body: bytes, crc: int, texts: list[str], what: str) -> Any:
    """What was written, with its texts.

    Raises:
        StoreError: If it is not what it was.
    """
    try:
        if zlib.crc32(body) == crc:
            return unpacked(json.loads(_whole(body)), texts)
    except (ValueError, TypeError, IndexError, RecursionError, zlib.error):
        pass
    raise StoreError(f"{what} is damaged; see: disputatio doctor")


def texts_of(database: sqlite3.Connection, run: int, what: str) -> list[str]:
    """The texts of a run by their numbers.

    Raises:
        StoreError: If one is missing, or not what it was.
    """
    texts = []
    rows = database.execute("SELECT n, text, crc FROM texts WHERE run = ? ORDER BY n", (run,))
    for place, (n, piece, crc) in enumerate(rows.fetchall()):
        try:
            is_whole = n == place and zlib.crc32(piece) == crc
            texts.append(_whole(piece).decode("utf-8", "surrogatepass") if is_whole else "")
        except (TypeError, ValueError, zlib.error):
            is_whole = False
        if not is_whole:
            raise StoreError(f"{what} is damaged; see: disputatio doctor")
    return texts


def _squeezed(content: bytes) -> bytes:
    """The content behind a letter that says whether it is compressed."""
    return b"z" + zlib.compress(content, 1) if len(content) >= LONG else b"=" + content


def _whole(content: bytes) -> bytes:
    return zlib.decompress(content[1:]) if content[:1] == b"z" else content[1:]
