"""Syntax: small languages that look like Python, read as a tree and never run.

Models write Python's syntax well, so the languages of `algebra`, `constraints` and `probability` use it. A text is
parsed by Python's own parser, limited in length and depth, and each language walks the tree with a list of what it
allows. Nothing is evaluated by Python.
"""

import ast
from collections.abc import Iterator
from fractions import Fraction

from disputatio.errors import ToolError

MAX_LENGTH = 8000
"""Characters of a program."""
MAX_DEPTH = 60
MAX_DIGITS = 400
"""Digits of one number."""
MAX_BITS = 10_000
"""Size of the numbers of an expression of constants."""


def statements(text: str, *, what: str) -> list[ast.stmt]:
    """The statements of a program.

    Args:
        text: The program.
        what: What it is, for the error.

    Raises:
        ToolError: If it cannot be parsed, or is empty, too long or nested too deep.
    """
    if len(text) > MAX_LENGTH:
        raise ToolError(f"the {what} has {len(text)} characters, at most {MAX_LENGTH} fit")
    try:
        body = ast.parse(text.strip()).body
    except SyntaxError as error:
        near = (error.text or "").strip()[:80]
        raise ToolError(f"the {what} cannot be read in line {error.lineno}: {error.msg}: {near!r}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ToolError(f"the {what} cannot be read: {error or 'it is nested too deep'}") from error
    if not body:
        raise ToolError(f"the {what} is empty")
    level: list[ast.AST] = [*body]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return body
    raise ToolError(f"the {what} is nested over {MAX_DEPTH} levels deep")


def shown(node: ast.AST) -> str:
    """A piece of a program as it is quoted in an error: one line, at most 80 characters."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def number(node: ast.expr) -> Fraction | None:
    """The exact value of a constant such as 3, 0.25, 1/3 or -2; None for anything else.

    Raises:
        ToolError: If the number is too long, or a division is by zero.
    """
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() as value) if value.bit_length() > 4 * MAX_DIGITS:
            raise ToolError(f"a number has over {MAX_DIGITS} digits")
        case ast.Constant(value=int() as value):
            return Fraction(value)
        case ast.Constant(value=float() as value):
            if value in (float("inf"), float("-inf")):
                raise ToolError("a number is too large")
            return Fraction(str(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = number(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            above, below = number(left), number(right)
            if below == 0:
                raise ToolError(f"{shown(node)!r} divides by zero")
            return None if above is None or below is None else bounded(above / below)
    return None


def bounded(value: Fraction) -> Fraction:
    """The same number.

    Raises:
        ToolError: If it is so long that arithmetic gets slow.
    """
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise ToolError("a number gets too long")
    return value


def called(node: ast.expr) -> tuple[str, list[ast.expr]] | None:
    """The name and the arguments of a plain call; None for anything else, keywords and starred arguments included."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return None if any(isinstance(one, ast.Starred) for one in args) else (name, args)
    return None


def names_in(node: ast.AST) -> Iterator[str]:
    """The names that a piece of a program uses, functions included, each as often as it occurs."""
    return (one.id for one in ast.walk(node) if isinstance(one, ast.Name))
