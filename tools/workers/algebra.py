"""The algebra worker: builds a sympy expression from a tree of listed functions, and writes down what it comes to."""

from collections.abc import Callable, Mapping
from typing import Any

import sympy

MAX_BITS = 60_000
"""Size of a power of numbers."""
MAX_ARGUMENT = 3000
"""Largest argument of a factorial and the like."""
MAX_DIGITS = 100
MAX_ROWS = 20
SIX, FIFTEEN = sympy.Integer(6), sympy.Integer(15)


def work(given: Mapping[str, Any]) -> dict[str, Any]:
    """The result of `tree` as text."""
    result = build(given["tree"])
    text = _text(result)
    if isinstance(result, sympy.Expr) and result.is_number and not result.is_Rational and result.is_finite is not False:
        near = sympy.sstr(sympy.N(result, 15))
        text = text if near == text else f"{text}  (about {near})"
    return {"text": text[:20_000]}


def build(tree: list[Any]) -> Any:
    """The expression that a tree stands for, with all that it asks for done."""
    kind, *rest = tree
    if kind == "number":
        return sympy.Rational(rest[0])
    if kind == "symbol":
        return CONSTANTS[rest[0]] if rest[0] in CONSTANTS else sympy.Symbol(rest[0])
    if kind == "list":
        return [build(part) for part in rest[0]]
    name, parts = rest
    try:
        return TABLE[name](*(build(part) for part in parts))
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{name} cannot be applied here: {error}") from error
    except NotImplementedError as error:
        raise ValueError(f"{name} found no way: {error}") from error


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, sympy.MatrixBase):
        return _text(value.tolist())
    return str(sympy.sstr(value))


def _power(base: Any, exponent: Any) -> Any:
    if getattr(base, "is_Rational", False) and getattr(exponent, "is_Rational", False):
        size = max(int(base.p).bit_length(), int(base.q).bit_length()) * abs(exponent)
        if abs(base) != 1 and size > MAX_BITS:
            raise ValueError("the number gets too long; use powmod for powers modulo a number")
    return base**exponent


def _small(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, for numbers that are not too large."""

    def limited(*values: Any) -> Any:
        if any(getattr(value, "is_number", False) and abs(value) > MAX_ARGUMENT for value in values):
            raise ValueError(f"the argument is larger than {MAX_ARGUMENT}")
        return function(*values)

    return limited


def _whole(value: Any) -> int:
    if not getattr(value, "is_Integer", False):
        raise ValueError(f"a whole number is needed, not {_text(value)[:80]}")
    return int(value)


def _numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of whole numbers, with what it gives as sympy's own."""
    return lambda *values: sympy.sympify(function(*map(_whole, values)))


def _range(value: Any) -> Any:
    """A variable, or one with its limits."""
    return tuple(value) if isinstance(value, list) else value


def _matrix(rows: Any) -> Any:
    rows = rows if rows and isinstance(rows[0], list) else [[one] for one in rows]
    if max(len(rows), *(len(row) for row in rows)) > MAX_ROWS or len({len(row) for row in rows}) > 1:
        raise ValueError(f"a matrix has rows of one length, at most {MAX_ROWS} by {MAX_ROWS}")
    return sympy.Matrix(rows)


def _numeric(value: Any, digits: Any = FIFTEEN) -> Any:
    return sympy.N(value, min(_whole(digits), MAX_DIGITS))


def _solve(equations: Any, unknowns: Any = None) -> Any:
    return sympy.solve(equations, *([] if unknowns is None else [unknowns]))


def _diff(value: Any, *by: Any) -> Any:
    if any(getattr(one, "is_Integer", False) and one > 50 for one in by):
        raise ValueError("at most 50 times")
    return sympy.diff(value, *by)


def _series(value: Any, variable: Any, point: Any = sympy.S.Zero, terms: Any = SIX) -> Any:
    return sympy.series(value, variable, point, min(_whole(terms), 30))


def _eigenvectors(matrix: Any) -> Any:
    return [[value, [list(vector) for vector in vectors]] for value, _, vectors in matrix.eigenvects()]


NAMED = (
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "sign", "floor"),
    *("ceiling", "re", "im", "conjugate", "simplify", "expand", "factor", "cancel", "apart", "together", "collect"),
)
CONSTANTS = {"pi": sympy.pi, "E": sympy.E, "I": sympy.I, "oo": sympy.oo}
TABLE: dict[str, Callable[..., Any]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "**": _power,
    "==": lambda left, right: sympy.Eq(left, right),
    "!=": lambda left, right: sympy.Ne(left, right),
    "<": lambda left, right: sympy.Lt(left, right),
    "<=": lambda left, right: sympy.Le(left, right),
    ">": lambda left, right: sympy.Gt(left, right),
    ">=": lambda left, right: sympy.Ge(left, right),
    **{name: getattr(sympy, name) for name in NAMED},
    "abs": lambda value: sympy.Abs(value),
    "max": lambda *values: sympy.Max(*values),
    "min": lambda *values: sympy.Min(*values),
    "factorial": _small(lambda value: sympy.factorial(value)),
    "binomial": _small(lambda above, below: sympy.binomial(above, below)),
    "gamma": _small(lambda value: sympy.gamma(value)),
    "subs": lambda value, old, new: value.subs(old, new),
    "numeric": _numeric,
    "solve": _solve,
    "roots": lambda value, *by: sympy.roots(value, *by),
    "diff": _diff,
    "integrate": lambda value, *by: sympy.integrate(value, *map(_range, by)),
    "limit": lambda value, variable, point: sympy.limit(value, variable, point),
    "series": _series,
    "summation": lambda value, *by: sympy.summation(value, *map(_range, by)),
    "product": lambda value, *by: sympy.product(value, *map(_range, by)),
    "matrix": _matrix,
    "det": lambda matrix: matrix.det(),
    "inverse": lambda matrix: matrix.inv(),
    "rank": lambda matrix: sympy.Integer(matrix.rank()),
    "transpose": lambda matrix: matrix.T,
    "trace": lambda matrix: matrix.trace(),
    "eigenvalues": lambda matrix: matrix.eigenvals(),
    "eigenvectors": _eigenvectors,
    "nullspace": lambda matrix: [list(vector) for vector in matrix.nullspace()],
    "rref": lambda matrix: matrix.rref()[0],
    "dot": lambda one, other: one.dot(other),
    "cross": lambda one, other: one.cross(other),
    "gcd": lambda *values: sympy.gcd(list(values)),
    "lcm": lambda *values: sympy.lcm(list(values)),
    "mod": lambda value, by: sympy.Mod(value, by),
    "powmod": _numbers(pow),
    "modinverse": _numbers(lambda value, modulus: pow(value, -1, modulus)),
    "isprime": _numbers(sympy.isprime),
    "nextprime": _numbers(sympy.nextprime),
    "primefactors": lambda value: {
        sympy.Integer(p): sympy.Integer(k) for p, k in sympy.factorint(_whole(value)).items()
    },
    "divisors": lambda value: sympy.divisors(_whole(value)),
    "totient": _numbers(sympy.totient),
}
