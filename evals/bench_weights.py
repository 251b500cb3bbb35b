"""Weights: the file of a model that runs in this process, its hash, and how it is quantised."""

import hashlib
import struct
from functools import cache
from pathlib import Path
from typing import BinaryIO, Literal

from disputatio.models.weights import smollm2

_OLD = ("F32", "F16", "Q4_0", "Q4_1")
_K = ("Q8_0", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K")
_I = ("IQ2_XXS", "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M")
_TYPES = {**dict(enumerate(_OLD)), **dict(enumerate(_K, 7)), **dict(enumerate((*_I, "IQ4_XS", "IQ1_M", "BF16"), 19))}
"""`general.file_type` of the GGUF format, as llama.cpp numbers it."""
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_LIST = 9
"""A text, which is 8, and a list begin with their length."""


def weights(name: str) -> Path | None:
    """The file of a model that runs in this process; None for all others, whose weights nobody here can see."""
    provider, _, rest = name.partition(":")
    if name == "local":
        return smollm2()
    path = Path(rest).expanduser()
    return path if provider in ("local", "hf") and path.is_file() else None


@cache
def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def quantisation(path: Path) -> str | None:
    """The quantisation of a GGUF file, as its header has it; None if the file is none or does not say."""
    try:
        with path.open("rb") as file:
            return _TYPES.get(_file_type(file))
    except (OSError, struct.error):
        return None


def _file_type(file: BinaryIO) -> int:
    """The value of `general.file_type` in a GGUF header; -1 if there is none."""
    if file.read(4) != b"GGUF":
        return -1
    file.seek(12, 1)  # the version, and how many tensors there are
    for _ in range(_number(file, "Q")):
        key, kind = file.read(_number(file, "Q")), _number(file, "I")
        if key == b"general.file_type":
            return _number(file, "I")
        _skip(file, kind)
    return -1


def _number(file: BinaryIO, form: Literal["I", "Q"]) -> int:
    return int(struct.unpack(f"<{form}", file.read(4 if form == "I" else 8))[0])


def _skip(file: BinaryIO, kind: int) -> None:
    """Go on behind one value."""
    if kind != _LIST:
        file.seek(_SIZES[kind] if kind in _SIZES else _number(file, "Q"), 1)
        return
    inner, length = _number(file, "I"), _number(file, "Q")
    for _ in range(length):
        _skip(file, inner)
