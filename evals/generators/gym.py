"""Tasks of Reasoning Gym (Stojanovski et al. 2025, arXiv:2505.24760), for its data sets that our scorers can compare.

Some of its own scorers pass what a model wrote to `eval`; none of them is called here. So only data sets are offered
whose items have one right answer, or are arithmetic expressions. Needs the extra `reasoning-gym`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from disputatio.errors import ConfigurationError, require, unknown

GYM: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "number": (
            "aiw", "basic_arithmetic", "binary_alternation", "chain_sum", "count_bits", "count_primes",
            "decimal_chain_sum", "gcd", "gsm_symbolic", "largest_island", "lcm", "leg_counting", "letter_counting",
            "maze", "number_sequence", "products", "rectangle_count", "rotten_oranges", "simple_equations",
        ),
        "boolean": ("course_schedule", "game_of_life_halting", "isomorphic_strings", "ransom_note", "syllogism"),
        "text": (
            "acre", "base_conversion", "caesar_cipher", "color_cube_rotation", "family_relationships",
            "list_functions", "needle_haystack", "spell_backward", "string_splitting", "string_synthesis",
            "word_sequence_reversal", "zebra_puzzles",
        ),
        "grid": ("arc_1d", "arc_agi", "binary_matrix", "rearc", "rotate_matrix"),
        "expression": ("countdown", "puzzle24"),
    }
)  # fmt: skip
"""Its data sets by the type of their targets."""


def gym_records(part: str, *, seed: int, count: int) -> Callable[[int], dict[str, Any]]:
    """Prepare records: what is returned makes the one of a place.

    Args:
        part: A data set; empty takes all of them in turn.
        seed: Makes its items.
        count: How many there are to be.

    Raises:
        ConfigurationError: If there is no such data set here.
        MissingExtraError: If Reasoning Gym is not installed.
    """
    kinds = {name: kind for kind, names in GYM.items() for name in names}
    if part and part not in kinds:
        raise unknown("data set of Reasoning Gym", part, kinds)
    names = [part] if part else sorted(kinds)
    library = require("reasoning_gym", extra="reasoning-gym")
    size = -(-count // len(names))
    made = [library.create_dataset(name, size=size, seed=seed) for name in names[:count]]

    def record(place: int) -> dict[str, Any]:
        name = names[place % len(names)]
        return _record(name, kinds[name], made[place % len(names)][place // len(names)])

    return record


def _record(name: str, kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    answer, about = entry["answer"], entry["metadata"]
    fields: dict[str, Any] = {"task": name}
    if kind == "grid":
        answer = [[int(cell) for cell in row.split()] for row in str(answer).splitlines()]
    elif kind == "expression":
        answer, fields["numbers"] = str(about.get("target", 24)), list(about["numbers"])
    elif answer is None:
        raise ConfigurationError(f"{name} gives no answer to one of its items")
    return {"question": entry["question"], "answer": answer, "target_type": kind, "fields": fields}
