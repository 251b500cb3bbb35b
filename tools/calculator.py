"""Calculator: exact arithmetic on one expression, parsed and never passed to `eval`."""

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

from disputatio.errors import ToolError
from disputatio.tools.tool import tool

MAX_LENGTH = 200
MAX_EXPONENT = 64
MAX_BITS = 10_000
"""Length of a power: powers of powers would otherwise grow until the machine stands still."""

_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


EXAMPLES = {
    f"What is {expression}?": {"expression": expression}
    for expression in ("48 - 19", "(12 + 7) * 5", "24 / 3", "9 - 4")
}


@tool(access="pure", timeout_s=5, quick=True, examples=EXAMPLES)
def calculator(expression: str) -> str:
    """Evaluate an arithmetic expression exactly: numbers joined by + - * / ** and brackets, such as "3 * (4 + 1/2)"."""
    if len(expression) > MAX_LENGTH:
        raise ToolError(f"expression has {len(expression)} characters, at most {MAX_LENGTH} fit")
    try:
        return str(_value(ast.parse(expression.strip(), mode="eval").body))
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError) as error:
        raise ToolError(f"cannot evaluate {expression!r}: {error}") from error


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
    raise ValueError(f"{ast.unparse(node)!r} is not arithmetic")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
        raise ValueError(f"exponents are whole numbers from -{MAX_EXPONENT} to {MAX_EXPONENT}")
    if max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent) > MAX_BITS:
        raise ValueError("the number gets too long")
    return base ** int(exponent)
