"""Strategies: ways of reasoning as LangGraph graphs, and the catalogue of them by name."""

from collections.abc import Mapping

from disputatio.graphs.chain_of_thought import chain_of_thought
from disputatio.graphs.compose import best_of, nested, sequence
from disputatio.graphs.debate import debate
from disputatio.graphs.disputation import disputation
from disputatio.graphs.self_consistency import self_consistency
from disputatio.strategies import Strategy

__all__ = [
    "CATALOGUE",
    "best_of",
    "chain_of_thought",
    "debate",
    "disputation",
    "nested",
    "self_consistency",
    "sequence",
]

CATALOGUE: Mapping[str, Strategy[...]] = {
    made.name: made for made in (chain_of_thought, debate, disputation, self_consistency)
}
"""The strategies that need no parts, by name: those that `solve` and the command line find."""
