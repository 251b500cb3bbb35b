"""Weights: the file of a model that runs in this process, its hash, and how it is quantised."""

import hashlib
from functools import cache
from pathlib import Path

from disputatio.models.gguf import header
from disputatio.models.weights import smollm2

_OLD = ("F32", "F16", "Q4_0", "Q4_1")
_K = ("Q8_0", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K")
_I = ("IQ2_XXS", "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M")
_TYPES = {**dict(enumerate(_OLD)), **dict(enumerate(_K, 7)), **dict(enumerate((*_I, "IQ4_XS", "IQ1_M", "BF16"), 19))}
"""`general.file_type` of the GGUF format, as llama.cpp numbers it."""


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
    found = next((value for key, value in header(path) if key == "general.file_type"), None)
    return _TYPES.get(found) if isinstance(found, int) else None
