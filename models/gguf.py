"""The header of a GGUF file: what a model says of itself, read without loading it."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

Value = int | float | bool | str | None

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Kinds of values, as `struct` spells them; what is in none of these is a text or a list."""
_TEXT, _LIST = 8, 9
_LONGEST = 1 << 24
"""Bytes of a text; a file that claims more is damaged."""


def header(path: Path) -> Iterator[tuple[str, Value]]:
    """The entries of a header in their order, read as they are asked for; a list is left out and stands as None.

    A file that is none, or that breaks off, has no further entries.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                return
            file.seek(12, os.SEEK_CUR)  # the version, and how many tensors there are
            for _ in range(int(_number(file, "Q"))):
                key = _text(file)
                yield key, _value(file, int(_number(file, "I")))
    except (OSError, OverflowError, ValueError, struct.error):
        return


def _value(file: BinaryIO, kind: int) -> Value:
    if kind == _LIST:
        _skip_list(file)
        return None
    return _text(file) if kind == _TEXT else _number(file, _form(kind))


def _skip_list(file: BinaryIO) -> None:
    kind, length = int(_number(file, "I")), int(_number(file, "Q"))
    if kind != _TEXT:
        file.seek(struct.calcsize(_form(kind)) * length, os.SEEK_CUR)
        return
    for _ in range(length):
        file.seek(int(_number(file, "Q")), os.SEEK_CUR)


def _form(kind: int) -> str:
    if kind not in _NUMBERS:
        raise ValueError(f"no kind of number: {kind}")
    return _NUMBERS[kind]


def _number(file: BinaryIO, form: str) -> int | float | bool:
    number: int | float | bool = struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0]
    return number


def _text(file: BinaryIO) -> str:
    length = int(_number(file, "Q"))
    if length > _LONGEST:
        raise ValueError(f"a text of {length} bytes")
    content = file.read(length)
    if len(content) < length:
        raise ValueError("the file breaks off")
    return content.decode("utf-8", "replace")
