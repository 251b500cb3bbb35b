"""Prices and limits: what the tokens of a model cost and what its server allows, from a small table of the user's.

Models that run on the user's own machine cost nothing. The prices of all others change without notice, so none are
shipped: they are read from a file in TOML, `prices.toml` in the user's configuration folder or where the environment
variable DISPUTATIO_PRICES says:

    ["openai:gpt-5*"]         # a model, as it is written on the command line; * and ? stand for others
    prompt = 0.25             # for a million tokens
    completion = 2.0
    cached = 0.025            # tokens of the prompt that the server found in its cache; left out: as any other
    calls_per_minute = 500    # what the server allows, for all runs of a process together; left out: no limit
    tokens_per_minute = 200_000
    at_once = 50

A model without a price in the table has no known price: it is reported as such, and never counted as 0.
"""

import os
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Self

from platformdirs import user_config_dir
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from disputatio.budget import Price
from disputatio.errors import ConfigurationError, StoreError

FREE = ("local", "hf", "vllm-engine", "scripted", "sim", "recorded")
"""Providers that run on the user's own machine."""
_FREE = Price()
MILLION = 1_000_000


class Entry(BaseModel):
    """One entry of the table, in money for a million tokens."""

    model_config = ConfigDict(extra="forbid")

    prompt: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    completion: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    calls_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    tokens_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    at_once: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.prompt is None) != (self.completion is None) or (self.cached is not None and self.prompt is None):
            raise ValueError("a price needs both prompt and completion")
        return self

    @property
    def price(self) -> Price | None:
        """The price of one token; None if the entry has none."""
        if self.prompt is None or self.completion is None:
            return None
        cached = None if self.cached is None else self.cached / MILLION
        return Price(self.prompt / MILLION, self.completion / MILLION, cached)


def table_path() -> Path:
    """Where the table is, or would be."""
    return Path(os.environ.get("DISPUTATIO_PRICES") or Path(user_config_dir("disputatio")) / "prices.toml").expanduser()


def price_of(model: str) -> Price | None:
    """The price of a model's tokens; None if it is not known.

    Raises:
        ConfigurationError: If the table is wrong.
        StoreError: If it cannot be read.
    """
    if model.partition(":")[0] in FREE:
        return _FREE
    entry = entry_of(model)
    return entry.price if entry else None


def entry_of(model: str) -> Entry | None:
    """What the table says of a model; None if nothing. It raises what `price_of` raises."""
    path = table_path()
    changed = _changed(path)
    return None if changed is None else _find(model, path, changed)


def table() -> Mapping[str, Price]:
    """All prices of the table; empty where there is none. It raises what `price_of` raises."""
    path = table_path()
    changed = _changed(path)
    entries = {} if changed is None else _table(path, changed)
    return {name: entry.price for name, entry in entries.items() if entry.price}


def _changed(path: Path) -> int | None:
    """When the table was written; None if there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read the price table {path}: {error.strerror}") from error


@lru_cache(maxsize=256)
def _find(model: str, path: Path, changed: int) -> Entry | None:
    return next((entry for pattern, entry in _table(path, changed).items() if fnmatchcase(model, pattern)), None)


@lru_cache(maxsize=4)
def _table(path: Path, changed: int) -> Mapping[str, Entry]:
    try:
        return TypeAdapter(dict[str, Entry]).validate_python(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the price table {path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"the price table {path} is wrong at {where}: {first['msg']}") from error
    except OSError as error:
        raise StoreError(f"cannot read the price table {path}: {error.strerror}") from error
