"""The manifest of an export: what it holds, where it comes from and what was left out."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

import disputatio
from disputatio.result import Result


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Written(_Part):
    """One file."""

    rows: int
    sha256: str


class Exported(_Part):
    """What became of one type."""

    candidates: int
    """What its source offered."""
    rows: int
    dropped: dict[str, int]
    """How much was left out, by reason: candidates, pairs of them, or prompts, as the type goes."""
    settings: dict[str, JsonValue]
    files: dict[str, Written]


class Manifest(_Part):
    """What an export holds, where it comes from and what was left out; `manifest.json` in its folder."""

    format: Literal[1] = 1
    runs: int
    """Runs that were made or tried."""
    kept: int
    dropped: dict[str, int]
    """Runs that were left out, by reason."""
    types: dict[str, Exported]
    strategies: tuple[str, ...]
    models: tuple[str, ...]
    seeds: tuple[int | None, ...]
    versions: tuple[str, ...]
    """Of Disputatio, that the runs were made with; the last one made the export."""
    settings: dict[str, JsonValue]


def manifest_of(
    made: Sequence[Result],
    out: Counter[str],
    types: dict[str, Exported],
    told: dict[str, JsonValue],
    redact: Callable[[Any], Any],
) -> Manifest:
    """Write down what was made of these runs.

    Args:
        made: The runs that were kept.
        out: How many were not, by reason.
        types: What became of each type.
        told: The settings.
        redact: Takes secrets out.
    """
    return Manifest(
        runs=len(made) + sum(out.values()),
        kept=len(made),
        dropped=dict(sorted(out.items())),
        types=types,
        strategies=tuple(dict.fromkeys(redact(re.sub(r" at 0x\w+", "", one.strategy)) for one in made)),
        models=tuple(sorted({one for result in made for one in _models(result)})),
        seeds=tuple(dict.fromkeys(_seed(one) for one in made)),
        versions=tuple(
            dict.fromkeys([*(str(one.settings.get("version", "")) for one in made), disputatio.__version__])
        ),
        settings=told,
    )


def _models(result: Result) -> list[str]:
    return [one.model for one in result.spent if one.model] or [one.model for one in result.thoughts if one.model]


def _seed(result: Result) -> int | None:
    seed = result.settings.get("seed")
    return seed if isinstance(seed, int) else None


def name_of(made: Any) -> str:
    """What a function is called: "drafts" for what `drafts(...)` made."""
    name = str(getattr(made, "__qualname__", type(made).__name__))
    return name.removesuffix(".source").replace(".<locals>", "")
