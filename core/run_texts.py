"""Texts: what is said in a run is kept once, however many prompts repeat it.

A prompt is the question, what was said so far with the names of the speakers, and an instruction, with blank lines
between. So each text of a line of the journal is cut there, and the line holds the numbers of the pieces instead. A
line brings along the pieces that no line before it has: it is one row, written by one statement.
"""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from disputatio.errors import StoreError
from disputatio.redaction import LEAVES

SHORT = 40
"""Characters below which a text is written as it is."""
LONG = 400
"""Bytes from which a row is compressed."""
_MARK = "\0"
_BLANK = "\n\n"


def packed(value: Any, texts: Mapping[str, int], new: dict[str, int]) -> Any:
    """A JSON value with its texts as numbers: "," joins pieces as they are, ";" by a blank line.

    Args:
        value: The value.
        texts: The numbers of the pieces that are kept.
        new: Gets the pieces that are not kept yet, numbered from where those leave off.
    """
    if isinstance(value, str):
        return _numbered(value, texts, new) if len(value) >= SHORT or value[:1] == _MARK else value
    if isinstance(value, dict):
        return {name: one if type(one) in LEAVES else packed(one, texts, new) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [one if type(one) in LEAVES else packed(one, texts, new) for one in value]
    return value


def _numbered(text: str, texts: Mapping[str, int], new: dict[str, int]) -> str:
    paragraphs = []
    for paragraph in text.split(_BLANK):
        speaker, end, said = paragraph.partition("] ") if paragraph[:1] == "[" else ("", "", "")
        numbers = []
        for piece in (speaker + end, said) if end else (paragraph,):
            known = texts.get(piece)
            numbers.append(str(new.setdefault(piece, len(texts) + len(new)) if known is None else known))
        paragraphs.append(",".join(numbers))
    return _MARK + ";".join(paragraphs)


def unpacked(value: Any, texts: list[str]) -> Any:
    """The value that was packed.

    Raises:
        IndexError: If a text is missing.
        ValueError: If a number cannot be read.
    """
    match value:
        case str() if value.startswith(_MARK):
            paragraphs = (paragraph.split(",") for paragraph in value[1:].split(";"))
            return _BLANK.join("".join(texts[int(number)] for number in numbers) for numbers in paragraphs)
        case dict():
            return {name: unpacked(one, texts) for name, one in value.items()}
        case list():
            return [unpacked(one, texts) for one in value]
        case _:
            return value


def write(value: Any, texts: Mapping[str, int]) -> tuple[bytes, int, dict[str, int]]:
    """Make a row of a JSON value.

    Returns:
        What is to be kept, its checksum, and the numbers of the pieces that are new in it.
    """
    new: dict[str, int] = {}
    row = [packed(value, texts, new), len(texts), list(new)]
    try:
        body = to_json(row)  # three times as fast as json, and no number becomes null, as with orjson
    except PydanticSerializationError:  # half a surrogate pair
        body = json.dumps(row, separators=(",", ":")).encode()
    body = _squeezed(body)
    return body, zlib.crc32(body), new


def read(body: bytes, crc: int, texts: list[str], what: str) -> Any:
    """What was written, with its texts.

    Args:
        body: What is kept.
        crc: Its checksum.
        texts: Those of the rows before; gets the new ones of this row.
        what: What it is, for the message.

    Raises:
        StoreError: If it is not what it was.
    """
    try:
        if zlib.crc32(body) == crc:
            value = json.loads(_whole(body))
            if isinstance(value, list):  # in the first format, texts had rows of their own
                value, first, new = value
                if first > len(texts):
                    raise IndexError(first)
                texts[first:] = map(str, new)
            return unpacked(value, texts)
    except (ValueError, TypeError, IndexError, RecursionError, zlib.error):
        pass
    raise StoreError(f"{what} is damaged; see: disputatio doctor")


def texts_of(database: sqlite3.Connection, run: int, what: str) -> list[str]:
    """The texts that a run of the first format has in rows of their own, by their numbers.

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
    if len(content) < LONG:
        return b"=" + content
    small = zlib.compressobj(1, zlib.DEFLATED, 12, 5)  # what zlib.compress sets up takes 40 us more
    return b"z" + small.compress(content) + small.flush()


def _whole(content: bytes) -> bytes:
    return zlib.decompress(content[1:]) if content[:1] == b"z" else content[1:]
