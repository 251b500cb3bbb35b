"""Generators: records whose answers are known by construction, made from a seed."""

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

from disputatio.evals.generators.causal import causal_models
from disputatio.evals.generators.gym import GYM, gym_records
from disputatio.evals.generators.key_chain import key_chain
from disputatio.evals.generators.planted import planted_errors
from disputatio.evals.generators.walks import graph_walks

__all__ = [
    "GENERATORS",
    "GYM",
    "Generator",
    "causal_models",
    "graph_walks",
    "gym_records",
    "key_chain",
    "planted_errors",
]

Generator = Callable[[Random], dict[str, Any]]
"""Makes a record of the form of docs/tasks.md; the same choices make the same record."""
GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {one.__name__: one for one in (planted_errors, key_chain, graph_walks, causal_models)}
)
"""All generators by name."""
