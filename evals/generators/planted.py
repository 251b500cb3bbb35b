"""Arithmetic with a planted error: a worked chain of sums, in which one step may be wrong.

What follows a wrong step is computed rightly from its wrong result, so that only that step is at fault.
"""

from random import Random
from typing import Any

_SIGNS = {"add": "+", "subtract": "-", "multiply by": "*"}
_SOUND = 1 / 3
"""Share of solutions without an error, so that always naming a step does not pay."""


def planted_errors(rng: Random, *, steps: int = 6) -> dict[str, Any]:
    """Make one record: find the first wrong step of a worked chain, or say that there is none.

    Args:
        rng: Makes all choices.
        steps: How long the chain is.
    """
    start = value = rng.randrange(2, 50)
    wrong = None if rng.random() < _SOUND else rng.randrange(steps)
    asked, worked = [], []
    reason: dict[str, Any] = {}
    for place in range(steps):
        verb = rng.choice(list(_SIGNS)) if abs(value) < 1000 else "subtract"
        operand = rng.randrange(2, 10) if verb == "multiply by" else rng.randrange(2, 100)
        result = {"add": value + operand, "subtract": value - operand, "multiply by": value * operand}[verb]
        if place == wrong:
            right, result = result, result + rng.choice([-10, -2, -1, 1, 2, 10])
            reason = {"reason": f"{value} {_SIGNS[verb]} {operand} is {right}, not {result}"}
        asked.append(f"{verb} {operand}")
        worked.append(f"Step {place + 1}: {value} {_SIGNS[verb]} {operand} = {result}")
        value = result
    return {
        "question": f"Start with {start}, then {', '.join(asked)}. What is the result?",
        "context": "\n".join(worked),
        "answer": "none" if wrong is None else str(wrong + 1),
        "target_type": "first_error_step",
        "fields": {"steps": worked, **reason},
    }
