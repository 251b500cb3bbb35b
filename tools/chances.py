"""Chances: a small language of discrete probabilistic programs, and its two ways of being worked out.

    rain = bernoulli(1/5)
    sprinkler = bernoulli(0.01 if rain else 0.4)
    wet = rain or sprinkler
    observe(wet)

A line draws a value (bernoulli, uniform, choice, binomial), computes one, or observes: `observe(condition)`, or
`observe(bernoulli(0.9 if rain else 0.2), True)` for a draw whose value is known. It is Python's syntax, read as a tree
(`syntax`). Numbers are exact fractions.
"""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from disputatio.errors import ToolError
from disputatio.tools.chance_values import DRAWS, FUNCTIONS, Draw, Steps, Value, Values, truth_of
from disputatio.tools.syntax import bounded, names_in, shown, statements

MAX_LINES = 200


@dataclass(frozen=True)
class Line:
    """One line: `name` gets what `expression` comes to; one without a name observes."""

    name: str | None
    expression: ast.expr
    seen: ast.expr | None = None
    """The value that the draw is known to have; None where `expression` is a condition."""

    @property
    def is_draw(self) -> bool:
        """Whether chance has a part in it."""
        return any(name in DRAWS for name in names_in(self.expression))

    @property
    def uses(self) -> set[str]:
        """The names that it reads."""
        return {*names_in(self.expression), *(names_in(self.seen) if self.seen else ())}


def program_of(text: str) -> list[Line]:
    """Read a program.

    Raises:
        ToolError: If it cannot be read, uses a name before it has a value, or gives one a value twice.
    """
    body = statements(text, what="program")
    if len(body) > MAX_LINES:
        raise ToolError(f"the program has {len(body)} lines, at most {MAX_LINES} fit")
    lines: list[Line] = []
    known: set[str] = set()
    for one in body:
        line = _line(one)
        known_to(line.uses, known, one)
        if line.name in {*known, *DRAWS, *FUNCTIONS}:
            raise ToolError(f"{line.name!r} has a value already; give each name one value")
        known |= {line.name} if line.name else set()
        lines.append(line)
    return lines


def expression_of(text: str, lines: Sequence[Line], *, what: str) -> ast.expr:
    """Read an expression over the variables of a program.

    Raises:
        ToolError: If it is none.
    """
    body = statements(text, what=what)
    match body:
        case [ast.Expr(value=value)]:
            known_to(set(names_in(value)), {line.name for line in lines if line.name}, value)
            return value
    raise ToolError(f"the {what} is one expression, not {text[:80]!r}")


def known_to(used: set[str], known: set[str], node: ast.AST) -> None:
    """Check that names have a value.

    Raises:
        ToolError: If one has none.
    """
    missing = used - known - {*DRAWS, *FUNCTIONS}
    if missing:
        raise ToolError(f"{min(missing)[:40]!r} has no value yet in {shown(node)!r}")


def _line(node: ast.stmt) -> Line:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return Line(name, value)
        case ast.Expr(value=ast.Call(func=ast.Name(id="observe"), args=[condition], keywords=[])):
            return Line(None, condition)
        case ast.Expr(value=ast.Call(func=ast.Name(id="observe"), args=[draw, seen], keywords=[])):
            return Line(None, draw, seen)
    raise ToolError(f"{shown(node)!r} is no line of a program: write name = ..., or observe(condition)")


def distribution(lines: Sequence[Line], query: ast.expr) -> dict[Value, Fraction]:
    """The exact chances of what a query comes to, given all that is observed.

    All states of the variables that are still needed are kept, with those that are equal put together: the forward
    pass of variable elimination in the order of the lines.

    Raises:
        ToolError: If nothing that was observed can happen, there are too many states, or an expression is wrong.
    """
    steps = Steps()
    needed = _needed(lines, query)
    states: dict[tuple[tuple[str, Value], ...], Fraction] = {(): Fraction(1)}
    for line, kept in zip(lines, needed, strict=True):
        reached: dict[tuple[tuple[str, Value], ...], Fraction] = {}
        for state, chance in states.items():
            values = dict(state)
            for value, share in _outcomes(line, values, steps):
                steps.take(1 + len(values) // 4)
                after = {**values, line.name: value} if line.name else values
                key = tuple((name, one) for name, one in after.items() if name in kept)
                reached[key] = reached.get(key, Fraction(0)) + chance * share
        states = {state: bounded(chance) for state, chance in reached.items() if chance}
    total = sum(states.values())
    if not total:
        raise ToolError("what is observed cannot happen: its probability is 0")
    found: dict[Value, Fraction] = {}
    for state, chance in states.items():
        value = steps.value(query, dict(state))
        found[value] = found.get(value, Fraction(0)) + chance / total
    return found


def _needed(lines: Sequence[Line], query: ast.expr) -> list[set[str]]:
    """For each line, the names that are read after it."""
    read, needed = set(names_in(query)), []
    for line in reversed(lines):
        needed.append(set(read))
        read |= line.uses
    return needed[::-1]


def _outcomes(line: Line, values: Values, steps: Steps) -> Iterable[tuple[Value, Fraction]]:
    """What a line can come to, with its chances; of an observation, the chance that it is made."""
    found = steps.evaluate(line.expression, values)
    if line.name is None:
        return [(True, _likelihood(line, found, values, steps))]
    return found.chances.items() if isinstance(found, Draw) else [(found, Fraction(1))]


def _likelihood(line: Line, found: Value | Draw, values: Values, steps: Steps) -> Fraction:
    if line.seen is None:
        return Fraction(truth_of(found, line.expression))
    if not isinstance(found, Draw):
        raise ToolError(f"{shown(line.expression)!r} is no draw; observe(condition) observes what is not drawn")
    return found.chances.get(steps.value(line.seen, values), Fraction(0))


def sample(lines: Sequence[Line], query: ast.expr, draw: Random, steps: Steps) -> tuple[Value, float]:
    """One run of a program: what the query comes to, and the likelihood of what is observed as its weight."""
    values: dict[str, Value] = {}
    weight = 1.0
    for line in lines:
        found = steps.evaluate(line.expression, values)
        if line.name is None:
            weight *= float(_likelihood(line, found, values, steps))
            if not weight:
                return False, 0.0
        else:
            values[line.name] = _drawn(found, draw) if isinstance(found, Draw) else found
    return steps.value(query, values), weight


def _drawn(found: Draw, draw: Random) -> Value:
    return draw.choices(*found.weighted)[0]
