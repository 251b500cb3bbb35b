"""Settings: the options that all runs share, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

Format = Literal["text", "json", "markdown"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options that all runs share."""

    model: Sequence[str] | None = None
    tools: Sequence[str] | None = None
    allow: Sequence[str] | None = None
    seed: int | None = None
    temperature: float | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None
    max_cost: float | None = None
    at_once: int | None = None
    format: Format = "text"
    html: Path | None = None
    record: Path | None = None
    replay: Path | None = None
    cache: Path | None = None
    runs: str | None = None
    no_runs: bool = False
    wait: bool = False
    memory: str | None = None
    no_memory: bool = False
    trace: bool = False
    quiet: bool = False


def settings(options: Mapping[str, Any]) -> Settings:
    """The settings among all options of a command."""
    return Settings(**{one.name: options[one.name] for one in fields(Settings) if one.name in options})
