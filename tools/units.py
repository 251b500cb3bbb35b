"""Units: exact conversion between units of measurement, by pint."""

import ast
import re
from fractions import Fraction
from functools import cache
from typing import Any

from disputatio.errors import ToolError, require
from disputatio.tools.syntax import MAX_DIGITS, bounded, number, statements
from disputatio.tools.tool import tool

MAX_LENGTH = 100
MAX_POWER = 12
"""Largest power of a unit."""
_NUMBER = re.compile(r"([+-]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][+-]?\d{1,2})?)(?:\s*/\s*(\d+))?\s*(.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z\u00b0\u00b5\u03bc\u03a9\u2126%]\w*")
_SIGNS = str.maketrans({"^": "**", "\u00b7": "*", "\u00d7": "*", "\u00b2": "**2", "\u00b3": "**3"})


@tool(access="pure", examples={"How many kilometres are 3 miles?": {"quantity": "3 miles", "to": "km"}})
def convert_units(quantity: str, to: str) -> str:
    """Convert a quantity exactly, such as "3 miles/hour" to "m/s", or "20 degC" to "degF".

    Args:
        quantity: A number and its unit; the number may be a decimal or a fraction.
        to: The unit that is wanted.
    """
    found = _NUMBER.fullmatch(quantity.strip())
    if found is None or len(found[1]) > MAX_DIGITS or len(found[2] or "") > MAX_DIGITS:
        raise ToolError(f"{quantity[:80]!r} is no number with a unit, such as '3.5 km/h'")
    if found[2] is not None and not int(found[2]):
        raise ToolError(f"{quantity[:80]!r} divides by zero")
    value = Fraction(found[1].replace(",", "")) / int(found[2] or 1)
    registry = _registry()
    pint = require("pint", extra="units")
    try:
        own, wanted = _unit(found[3], registry), _unit(to, registry)
        result = registry.Quantity(value, own).to(wanted)
        exact = bounded(Fraction(result.magnitude))
    except pint.errors.PintError as error:
        raise ToolError(" ".join(str(error).split())) from error
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise ToolError(f"{quantity[:80]!r} cannot be converted to {to[:80]!r}: {error}") from error
    return f"{shown(exact)} {to.strip()}".strip()


def shown(value: Fraction) -> str:
    """A number as a decimal where that is exact and short, else as a fraction with a decimal behind it."""
    decimal = f"{float(value):.12g}" if abs(value) < 10**300 else ""
    if decimal and Fraction(decimal) == value:
        return decimal
    return f"{value} (about {decimal})" if decimal else str(value)


@cache
def _registry() -> Any:
    """Pint's units with exact numbers; made once, because it reads long definitions."""
    return require("pint", extra="units").UnitRegistry(non_int_type=Fraction, cache_folder=None)


def _unit(text: str, registry: Any) -> Any:
    """A unit of the registry: names, products, quotients and powers, and nothing else of what pint evaluates."""
    if len(text) > MAX_LENGTH:
        raise ToolError(f"a unit has at most {MAX_LENGTH} characters")
    if not text.strip():
        return registry.Unit("")
    plain = re.sub(r"(?<=[\w)])\s+(?=[A-Za-z\u00b0(])(?!per\b)|(?<=[\w)])\s+per\s+", _between, text.translate(_SIGNS))
    line, *more = statements(_NAME.sub(_spelled, plain), what="unit")  # "in" and "as" are units, and words of Python
    if more or not isinstance(line, ast.Expr):
        raise ToolError(f"{text!r} is no unit; write names with *, / and powers, such as kg*m/s**2")
    return _product(line.value, text, registry)


def _between(found: re.Match[str]) -> str:
    return "/" if "per" in found[0] else "*"


def _spelled(found: re.Match[str]) -> str:
    name = found[0].replace("\u00b0", "deg").replace("%", "percent")
    return f"u_{name}"


def _product(node: ast.expr, text: str, registry: Any) -> Any:
    match node:
        case ast.Name(id=name):
            return registry.Unit(name.removeprefix("u_"))
        case ast.Constant(value=1):
            return registry.Unit("")
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(left, text, registry) * _product(right, text, registry)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _product(left, text, registry) / _product(right, text, registry)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            power = number(right)
            if power is None or power.denominator != 1 or abs(power) > MAX_POWER:
                raise ToolError(f"powers of units are whole numbers up to {MAX_POWER}")
            return _product(left, text, registry) ** int(power)
    raise ToolError(f"{text!r} is no unit; write names with *, / and powers, such as kg*m/s**2")
