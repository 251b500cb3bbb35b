"""The answer set worker: grounds and solves a program by clingo."""

from collections.abc import Mapping
from typing import Any

import clingo

MAX_ATOMS = 300
"""Atoms of one answer set that are written down."""
MAX_RULES = 200_000
"""Ground rules."""


class Counting(clingo.Observer):
    """Stops a program that gets too large while it is grounded."""

    def __init__(self) -> None:
        self.rules = 0

    def rule(self, choice: bool, head: Any, body: Any) -> None:
        """Count one ground rule."""
        self.rules += 1
        if self.rules > MAX_RULES:
            raise ValueError(f"the program has over {MAX_RULES} ground rules")


def work(given: Mapping[str, Any]) -> dict[str, Any]:
    """Find up to `sets` answer sets of `program`."""
    said: list[str] = []
    control = clingo.Control(logger=lambda code, message: said.append(message), message_limit=5)
    counting = Counting()
    control.register_observer(counting)
    try:
        control.add("base", [], given["program"])
        control.ground([("base", [])])
    except RuntimeError as error:
        reason = f"the program has over {MAX_RULES} ground rules" if counting.rules > MAX_RULES else str(error)
        raise ValueError(" ".join(said) or reason) from error
    settings: Any = control.configuration.solve
    settings.models = 0 if _optimises(control) else given["sets"] + 1
    found: list[dict[str, Any]] = []
    with control.solve(yield_=True) as handle:
        for model in handle:
            atoms = sorted(str(one) for one in model.symbols(shown=True))
            shown = {"atoms": " ".join(atoms[:MAX_ATOMS]), **({"cost": list(model.cost)} if model.cost else {})}
            found = [shown] if model.cost else [*found, shown]
        is_complete = bool(handle.get().exhausted)
    more = len(found) > given["sets"]
    answer: dict[str, Any] = {"satisfiable": bool(found), "answer_sets": found[: given["sets"]]}
    notes = {"notes": " ".join(" ".join(said).split())[:500]} if said else {}
    return {**answer, "all_shown": is_complete and not more, **notes}


def _optimises(control: Any) -> bool:
    """Whether the program asks for a best answer set: a first one tells."""
    with control.solve(yield_=True) as handle:
        model = handle.model()
        return model is not None and bool(model.cost)
