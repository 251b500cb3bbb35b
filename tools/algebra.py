"""Algebra: exact symbolic mathematics by sympy: equations, calculus, matrices, whole numbers.

A model's text never reaches sympy's own parser, which is Python's `eval`. It is read as a tree here, and only the
functions listed below are in it when it is handed over.
"""

import ast
from typing import Any

from disputatio.errors import ToolError
from disputatio.tools.own_process import in_own_process
from disputatio.tools.syntax import called, number, shown, statements
from disputatio.tools.tool import tool

FUNCTIONS = {
    "functions": "sin cos tan asin acos atan sinh cosh tanh exp log sqrt abs sign floor ceiling factorial binomial "
    "gamma re im conjugate max min",
    "expressions": "simplify expand factor cancel apart together collect subs numeric",
    "equations": "solve roots",
    "calculus": "diff integrate limit series summation product",
    "matrices": "matrix det inverse rank transpose trace eigenvalues eigenvectors nullspace rref dot cross",
    "whole numbers": "gcd lcm mod powmod modinverse isprime nextprime primefactors divisors totient",
}
"""What an expression may call, by kind."""
KNOWN = frozenset(" ".join(FUNCTIONS.values()).split())
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.Mod: "mod",
    ast.MatMult: "*",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}

Tree = list[Any]
"""["number", "1/3"], ["symbol", "x"], ["list", trees] or ["call", name, trees]."""


@tool(access="pure", timeout_s=40, examples={"What is the square of x + 1?": {"expression": "expand((x + 1)**2)"}})
def algebra(expression: str) -> str:
    """Do exact symbolic mathematics in one expression, such as "solve(x**2 == 2, x)", and see the exact result.

    Args:
        expression: Names are unknowns; pi, E, I and oo are constants; == makes an equation. Lines before the last may
            give names: "f = x*exp(x)". Functions: sin, sqrt, log and the like; simplify, expand, factor, apart,
            subs(e, x, value), numeric(e, digits); solve(equation or [equations], x or [x, y]), roots(p, x); diff(e, x,
            times), integrate(e, x), integrate(e, (x, 0, oo)), limit(e, x, 0), series(e, x, 0, terms), summation(e,
            (k, 1, n)), product(e, (k, 1, n)); matrix([[1, 2], [3, 4]]), det, inverse, rank, transpose, trace,
            eigenvalues, eigenvectors, nullspace, rref, dot, cross; gcd, lcm, mod, powmod(base, exponent, n),
            modinverse, isprime, nextprime, primefactors, divisors, totient.
    """
    found = in_own_process("sympy", "algebra", {"tree": tree_of(expression)})
    return str(found["text"])


def tree_of(text: str) -> Tree:
    """Read an expression, with names that were given to others put in their place.

    Raises:
        ToolError: If it cannot be read, or uses something that is not listed.
    """
    *before, last = statements(text, what="expression")
    given: dict[str, Tree] = {}
    for line in before:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in KNOWN:
                given[name] = _tree(value, given)
            case _:
                raise ToolError(f"lines before the last give names, as in 'f = x + 1', not {shown(line)!r}")
    if not isinstance(last, ast.Expr):
        raise ToolError(f"the last line is the expression that is wanted, not {shown(last)!r}")
    tree = _tree(last.value, given)
    if _size(tree, 20_000) <= 0:
        raise ToolError("the expression gets too long when its names are filled in")
    return tree


def _size(tree: Tree, left: int) -> int:
    """How much of a size is left after this tree; names that are used again and again make trees large."""
    stack: list[Any] = [tree]
    while stack and left > 0:
        one = stack.pop()
        left -= 1
        if isinstance(one, list):
            stack.extend(one)
    return left


def _tree(node: ast.expr, given: dict[str, Tree]) -> Tree:
    exact = number(node)
    if exact is not None:
        return ["number", str(exact)]
    match node:
        case ast.Name(id=name) if name in KNOWN:
            raise ToolError(f"{name!r} is a function; give it its arguments")
        case ast.Name(id=name):
            return given.get(name, ["symbol", name])
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return ["list", [_tree(part, given) for part in parts]]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ["call", "*", [["number", "-1"], _tree(operand, given)]]
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _tree(operand, given)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return ["call", _OPERATORS[type(op)], [_tree(left, given), _tree(right, given)]]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return ["call", _OPERATORS[type(op)], [_tree(left, given), _tree(right, given)]]
    return _call(node, given)


def _call(node: ast.expr, given: dict[str, Tree]) -> Tree:
    call = called(node)
    if call and call[0] in KNOWN:
        return ["call", call[0], [_tree(one, given) for one in call[1]]]
    if call:
        raise ToolError(f"there is no function {call[0][:40]!r}; there are: {', '.join(sorted(KNOWN))}")
    raise ToolError(
        f"{shown(node)!r} is no mathematics that is known here; functions are called as det(m), not m.det()"
    )
