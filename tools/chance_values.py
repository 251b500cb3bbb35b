"""Values of chance: what expressions of a probabilistic program come to, with its draws; see `chances`."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import comb

from disputatio.errors import ToolError
from disputatio.tools.syntax import MAX_BITS, bounded, called, number, shown

Value = Fraction | str | bool
Values = Mapping[str, Value]
"""What the variables are."""

MAX_STEPS = 300_000
"""Evaluations of an expression or a part of one, and values that are carried from line to line: a few seconds."""
MAX_OUTCOMES = 1000
"""Outcomes of one draw."""
MAX_TRIALS = 200
DRAWS = ("bernoulli", "uniform", "choice", "binomial")

_ARITHMETIC: dict[type[ast.AST], Callable[[Fraction, Fraction], Fraction | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.AST], Callable[[Fraction, Fraction], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Draw:
    """A distribution with finitely many outcomes."""

    chances: Mapping[Value, Fraction]

    @cached_property
    def weighted(self) -> tuple[list[Value], list[float]]:
        """The outcomes, and their chances as floats."""
        return list(self.chances), [float(chance) for chance in self.chances.values()]


class Steps:
    """Evaluates expressions, and counts so that a program does not run for ever."""

    def __init__(self, most: int = MAX_STEPS) -> None:
        self.left = most

    def take(self, number: int) -> None:
        """Count steps.

        Raises:
            ToolError: If there are none left.
        """
        self.left -= number
        if self.left < 0:
            raise ToolError("there are too many states to go through; use samples, or a smaller program")

    def value(self, node: ast.expr, values: Values) -> Value:
        """What an expression without chance comes to."""
        found = self.evaluate(node, values)
        if isinstance(found, Draw):
            raise ToolError(f"{shown(node)!r} draws; give what is drawn a name on a line of its own")
        return found

    def evaluate(self, node: ast.expr, values: Values) -> Value | Draw:
        """What an expression comes to.

        Raises:
            ToolError: If types do not fit, the language has no such thing, or there were too many steps.
        """
        self.take(1)
        match node:
            case ast.Constant(value=bool() | str() as value):
                return value
            case ast.Constant() if (exact := number(node)) is not None:
                return exact
            case ast.Name(id=name) if name in values:
                return values[name]
            case ast.BoolOp(op=op, values=parts):
                wanted = isinstance(op, ast.Or)
                return wanted if any(self.truth(part, values) is wanted for part in parts) else not wanted
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.truth(operand, values)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number(operand, values)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.evaluate(body if self.truth(test, values) else orelse, values)
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(node, self.number(left, values), op, self.number(right, values))
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(left, ops, others, values)
        return self._called(node, values)

    def truth(self, node: ast.expr, values: Values) -> bool:
        """What a condition comes to."""
        return truth_of(self.value(node, values), node)

    def number(self, node: ast.expr, values: Values) -> Fraction:
        """What a number comes to; true is 1."""
        value = self.value(node, values)
        if isinstance(value, str):
            raise ToolError(f"{shown(node)!r} is a word, where a number is needed")
        return Fraction(value)

    def _arithmetic(self, node: ast.expr, left: Fraction, op: ast.operator, right: Fraction) -> Fraction:
        if isinstance(op, ast.Pow):
            size = max(left.numerator.bit_length(), left.denominator.bit_length())
            if right.denominator != 1 or abs(right) * size > MAX_BITS or (right < 0 and not left):
                raise ToolError(f"{shown(node)!r}: the power is too large, or no whole number")
            return left ** int(right)
        if type(op) not in _ARITHMETIC:
            raise ToolError(f"{shown(node)!r} is not in the language of programs")
        if not right and not isinstance(op, ast.Add | ast.Sub | ast.Mult):
            raise ToolError(f"{shown(node)!r} divides by zero")
        return bounded(Fraction(_ARITHMETIC[type(op)](left, right)))

    def _compared(self, left: ast.expr, ops: Sequence[ast.cmpop], others: Sequence[ast.expr], values: Values) -> bool:
        for op, right in zip(ops, others, strict=True):
            if isinstance(op, ast.Eq | ast.NotEq):
                holds = (self.value(left, values) == self.value(right, values)) is isinstance(op, ast.Eq)
            elif isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Set | ast.List | ast.Tuple):
                found = self.value(left, values) in [self.value(one, values) for one in right.elts]
                holds = found is isinstance(op, ast.In)
            elif type(op) in _COMPARISONS:
                holds = _COMPARISONS[type(op)](self.number(left, values), self.number(right, values))
            else:
                raise ToolError("conditions compare by ==, !=, <, <=, >, >=, or by in [1, 2, 3]")
            if not holds:
                return False
            left = right
        return True

    def _called(self, node: ast.expr, values: Values) -> Value | Draw:
        match called(node):
            case ("choice", [ast.Dict(keys=keys, values=weights)]) if all(keys):
                pairs = zip(keys, weights, strict=True)
                return _draw([(self.value(key, values), self.number(one, values)) for key, one in pairs if key])
            case ("choice", [ast.List(elts=parts) | ast.Tuple(elts=parts)]) if parts:
                return _draw([(self.value(part, values), Fraction(1, len(parts))) for part in parts])
            case ("bernoulli", [chance]):
                return _bernoulli(self.number(chance, values))
            case ("uniform", [low, high]):
                first, last = self.number(low, values), self.number(high, values)
                return _uniform(first, last)
            case ("binomial", [trials, chance]):
                return _binomial(self.number(trials, values), self.number(chance, values))
            case (name, [_, *_] as parts) if name in FUNCTIONS:
                return Fraction(FUNCTIONS[name]([self.number(part, values) for part in parts]))
        known = ", ".join((*DRAWS, *FUNCTIONS))
        raise ToolError(f"{shown(node)!r} is not in the language of programs; functions are {known}")


FUNCTIONS: Mapping[str, Callable[[list[Fraction]], Fraction | int]] = {
    "max": max,
    "min": min,
    "sum": sum,
    "abs": lambda values: abs(values[0]),
}


def truth_of(value: Value | Draw, node: ast.expr) -> bool:
    """What a condition came to; 0 and 1 count as false and true."""
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise ToolError(f"{shown(node)!r} is no condition")


@lru_cache(maxsize=256)  # the same few distributions are asked for in every state
def _bernoulli(p: Fraction) -> Draw:
    return _draw([(True, p), (False, 1 - p)])


@lru_cache(maxsize=256)
def _uniform(first: Fraction, last: Fraction) -> Draw:
    count = last - first + 1
    if first.denominator != 1 or count.denominator != 1 or not 1 <= count <= MAX_OUTCOMES:
        raise ToolError(f"uniform(1, 6) draws whole numbers from the first to the last, at most {MAX_OUTCOMES}")
    return _draw([(first + place, 1 / count) for place in range(int(count))])


@lru_cache(maxsize=256)
def _binomial(trials: Fraction, p: Fraction) -> Draw:
    if trials not in range(MAX_TRIALS + 1) or not 0 <= p <= 1:
        raise ToolError(f"binomial(trials, chance) has at most {MAX_TRIALS} trials and a chance from 0 to 1")
    n = int(trials)
    return _draw([(Fraction(k), comb(n, k) * p**k * (1 - p) ** (n - k)) for k in range(n + 1)])


def _draw(pairs: Sequence[tuple[Value, Fraction]]) -> Draw:
    chances: dict[Value, Fraction] = {}
    for value, chance in pairs:
        chances[value] = chances.get(value, Fraction(0)) + bounded(chance)
    if any(chance < 0 for chance in chances.values()) or sum(chances.values()) != 1:
        raise ToolError(
            f"the chances of a draw are at least 0 and add up to 1, got {', '.join(map(str, chances.values()))[:80]}"
        )
    return Draw({value: chance for value, chance in chances.items() if chance})
