"""The task constraint: what a question means, as declarations, rules and an objective that a solver can hold fast."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from disputatio.errors import ToolError
from disputatio.question import Question
from disputatio.tools.constraints import Constraints
from disputatio.tools.smt import Solved

OPTION = "is_"
"""Put before the letter of a choice: the variable that says whether its condition holds."""
MOST = 12
"""Models that are looked for: enough to name the values that are left."""


@dataclass(frozen=True)
class TaskConstraint:
    """A constraint that was checked: C_R as declarations and rules, C_O as the objective and its map to the options."""

    constraints: Constraints
    objective: str
    """The variable that is asked for; empty where the options say what is."""
    options: dict[str, str]
    """The variable that says whether an option holds, by the option's letter."""

    @property
    def over(self) -> list[str]:
        """The variables that decide the answer."""
        return list(self.options.values()) or [self.objective]

    @classmethod
    def read(cls, fields: dict[str, Any], question: Question) -> "TaskConstraint":
        """Check what an analyst gave.

        Raises:
            ToolError: If a line is not in the language, the objective is not declared, or an option has no condition.
        """
        made = Constraints().add("\n".join(map(str, fields.get("variables") or ())))
        made = added(made, map(str, fields.get("definitions") or ()))
        options: dict[str, str] = {}
        for line in (fields.get("options") or ()) if question.choices else ():
            letter, colon, condition = str(line).partition(":")
            label = question.canonical(letter)
            if not colon or label is None or label in options:
                raise ToolError(f"{str(line)[:80]!r} gives no option its condition; write 'A: condition', each once")
            name = f"{OPTION}{label}"
            made = made.add(f"{name}: bool").add(f"{name} == ({condition.strip()})", declares=False)
            options[label] = name
        if missing := [label for label in question.labels if label not in options]:
            raise ToolError(f"the options {', '.join(missing)} have no condition")
        objective = str(fields.get("objective") or "").strip()
        if not options and objective not in made.kinds:
            raise ToolError(f"the objective {objective[:40]!r} is none of the variables: {', '.join(made.kinds)}")
        return cls(made, "" if options else objective, options)

    def without(self, lines: Sequence[str]) -> "TaskConstraint":
        """The same without some of its conditions."""
        kept = tuple(one for one in self.constraints.conditions if one[0] not in lines)
        return replace(self, constraints=replace(self.constraints, conditions=kept))

    def solved(self, held: Constraints) -> Solved:
        """The models of all that holds so far that differ in what decides the answer.

        Raises:
            ToolError: If it takes too long.
        """
        return held.solved(models=MOST, over=self.over)

    def __str__(self) -> str:
        """The constraint in words, as people and agents read it before the answer."""
        kinds = [f"{name}: {kind if ',' not in kind else '{' + kind + '}'}" for name, kind in self.declared]
        rules = [line for line, _ in self.constraints.conditions]
        asked = "which option's condition holds" if self.options else self.objective
        return "\n".join(
            ["Variables: " + "; ".join(kinds), "Rules: " + ("; ".join(rules) or "none"), f"Asked: {asked}"]
        )

    @property
    def declared(self) -> list[tuple[str, str]]:
        """The variables of the analyst with their types."""
        return [(name, kind) for name, kind in self.constraints.kinds.items() if name not in self.options.values()]


def added(made: Constraints, lines: Iterable[str]) -> Constraints:
    """The constraints with conditions added.

    Raises:
        ToolError: If one is not in the language, or is an aim: what is best is not known before all is said.
    """
    for line in lines:
        made = made.add(line, declares=False)
    if made.aims:
        raise ToolError(f"{made.aims[0][0]!r} is no condition; maximize, minimize and prefer are not used here")
    return made


def told_core(made: Constraints, found: Solved) -> str:
    """The conditions that contradict one another, as they were written."""
    return "; ".join(made.conditions[place][0] for place in found.core) or "(the solver names none)"


def status_of(task: TaskConstraint, held: Constraints, found: Solved) -> tuple[str, str | None]:
    """What a solver found, in words, and the answer if there is exactly one.

    Args:
        task: What is asked.
        held: All that holds so far.
        found: Its models, which differ in what decides the answer.
    """
    if found.status == "unsat":
        return f"contradiction: {told_core(held, found)}", None
    if found.status != "sat":
        return f"unknown: {found.reason}", None
    if task.options:
        left = [[label for label, name in task.options.items() if one.get(name) == "true"] for one in found.models]
        if found.complete and len(left) == 1 and len(left[0]) == 1:
            return f"ok: option {left[0][0]} holds", left[0][0]
        return (
            f"ok: open; options that can hold: {', '.join(sorted({label for one in left for label in one})) or 'none'}",
            None,
        )
    values = [one.get(task.objective, "any value") for one in found.models]
    if found.unique and values[0] != "any value":
        return f"ok: {task.objective} = {values[0]}", values[0]
    more = "" if found.complete else ", ..."
    return f"ok: not unique; {task.objective} can be {', '.join(dict.fromkeys(values))}{more}", None


class Step(NamedTuple):
    """One increment, and what holds after it."""

    status: str
    """Before it is tried, the increment itself."""
    added: list[str]
    dropped: list[str]
    answer: str | None = None


def increment(task: TaskConstraint, given: Step, *, frozen: bool) -> Step:
    """Try an increment: one that fits is kept, one that contradicts is taken back.

    Where the constraint is not frozen, what contradicts the increment is dropped instead.
    """
    text, kept, dropped, _ = given
    try:
        before = added(task.constraints, kept)
        held = added(before, [text])
        new = [line for line, _ in held.conditions[len(before.conditions) :]]
        found = task.solved(held)
        while found.status == "unsat" and not frozen:
            core = [held.conditions[place][0] for place in found.core]
            if set(core) <= set(new):
                break
            dropped, task = [*dropped, *core], task.without(core)
            kept = [line for line in kept if line not in core]
            held = added(added(task.constraints, kept), new)
            found = task.solved(held)
        status, answer = status_of(task, held, found)
    except ToolError as error:
        return Step(f"refused: {error}", kept, dropped)
    if found.status == "unsat":
        return Step(f"{status}; it is taken back", kept, dropped)
    return Step(status, [*kept, *new], dropped, answer)
