"""Terms: expressions in Python's syntax, translated into terms of SMT-LIB with their types; see `constraints`."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from disputatio.errors import ToolError
from disputatio.tools.syntax import called, number, shown

MAX_POWER = 8
NUMBERS = ("int", "real")
_ARITHMETIC: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_ORDER: dict[type[ast.AST], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_WHOLE: dict[type[ast.AST], str] = {ast.FloorDiv: "div", ast.Mod: "mod"}
_EQUAL: dict[type[ast.AST], str] = {ast.Eq: "=", ast.NotEq: "distinct"}
SORTS = {"int": "Int", "real": "Real", "bool": "Bool"}

Term = tuple[str, str]
"""A term of SMT-LIB and its type: int, real, bool, or the values of an enumeration, such as "red, green"."""


@dataclass(frozen=True)
class Terms:
    """What can be said of declared names."""

    kinds: dict[str, str]
    """The type of each variable, by name."""

    @property
    def values(self) -> dict[str, str]:
        """The values of all enumerations, each with its type."""
        return {value: kind for kind in self.kinds.values() if kind not in SORTS for value in kind.split(", ")}

    def truth(self, node: ast.expr) -> str:
        """A condition as a term.

        Raises:
            ToolError: If it is none.
        """
        term, kind = self.term(node)
        if kind != "bool":
            raise ToolError(f"{shown(node)!r} is {_a(kind)}, where a condition is needed")
        return term

    def number(self, node: ast.expr) -> Term:
        """A number as a term with its type.

        Raises:
            ToolError: If it is none.
        """
        term, kind = self.term(node)
        if kind not in NUMBERS:
            raise ToolError(f"{shown(node)!r} is {_a(kind)}, where a number is needed")
        return term, kind

    def _numbers(self, nodes: Sequence[ast.expr]) -> tuple[list[str], str]:
        """Terms of numbers brought to one type."""
        return _of_one_type([self.number(node) for node in nodes])

    def _alike(self, nodes: Sequence[ast.expr]) -> tuple[list[str], str]:
        """Terms of one type, whichever it is."""
        found = [self.term(node) for node in nodes]
        kinds = {kind for _, kind in found}
        if len(kinds) > 1 and not kinds <= set(NUMBERS):
            told = ", ".join(f"{shown(node)!r} is {_a(kind)}" for node, (_, kind) in zip(nodes, found, strict=True))
            raise ToolError(f"different types cannot be compared: {told}")
        return _of_one_type(found)

    def term(self, node: ast.expr) -> Term:
        """An expression as a term with its type.

        Raises:
            ToolError: If a name is not declared, types do not fit, or the language has no such thing.
        """
        exact = number(node)
        if exact is not None:
            kind = "int" if exact.denominator == 1 and isinstance(_first(node), int) else "real"
            return numeral(exact, kind), kind
        match node:
            case ast.Constant(value=bool() as value):
                return str(value).lower(), "bool"
            case ast.Name(id=name):
                return self._named(name)
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return f"({word} {' '.join(map(self.truth, values))})", "bool"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"(not {self.truth(operand)})", "bool"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                term, kind = self.number(operand)
                return f"(- {term})", kind
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(node, left, op, right)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                (then, other), kind = self._alike([body, orelse])
                return f"(ite {self.truth(test)} {then} {other})", kind
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others], ops, others, strict=False)
                return _joined("and", [self._compared(one, op, other) for one, op, other in pairs]), "bool"
        return self._call(node)

    def _named(self, name: str) -> Term:
        if name in self.kinds:
            return variable(name), self.kinds[name]
        if name in self.values:
            return f"c_{name}", self.values[name]
        known = ", ".join([*self.kinds, *self.values][:30]) or "nothing"
        raise ToolError(f"{name[:40]!r} is not declared; declared: {known}")

    def _arithmetic(self, node: ast.expr, left: ast.expr, op: ast.operator, right: ast.expr) -> Term:
        by = number(right)
        if type(op) in _ARITHMETIC:
            terms, kind = self._numbers([left, right])
            return f"({_ARITHMETIC[type(op)]} {' '.join(terms)})", kind
        if isinstance(op, ast.Div) and by:
            term, kind = self.number(left)
            return f"(/ {term if kind == 'real' else f'(to_real {term})'} {numeral(by, 'real')})", "real"
        if isinstance(op, ast.Pow) and by is not None and by in range(MAX_POWER + 1):
            term, kind = self.number(left)
            if by <= 1:
                return (term if by == 1 else numeral(Fraction(1), kind)), kind
            return f"(let ((m_ {term})) (* {' '.join(['m_'] * int(by))}))", kind
        if type(op) in _WHOLE and by is not None and by > 0 and by.denominator == 1:
            term, kind = self.number(left)
            if kind == "int":
                return f"({_WHOLE[type(op)]} {term} {by})", "int"
        raise ToolError(
            f"{shown(node)!r}: divide by a number other than 0, take // and % of whole numbers by a whole number above "
            f"0, and powers from 0 to {MAX_POWER}"
        )

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> str:
        if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Set | ast.List | ast.Tuple) and right.elts:
            (one, *others), _ = self._alike([left, *right.elts])
            found = f"(let ((m_ {one})) {_joined('or', [f'(= m_ {other})' for other in others])})"
            return found if isinstance(op, ast.In) else f"(not {found})"
        if type(op) in _EQUAL:
            return f"({_EQUAL[type(op)]} {' '.join(self._alike([left, right])[0])})"
        if type(op) in _ORDER:
            return f"({_ORDER[type(op)]} {' '.join(self._numbers([left, right])[0])})"
        raise ToolError("conditions compare by ==, !=, <, <=, >, >=, or by in {1, 2, 3}")

    def _call(self, node: ast.expr) -> Term:
        match called(node):
            case ("implies", [given, then]):
                return f"(=> {self.truth(given)} {self.truth(then)})", "bool"
            case ("distinct", [_, _, *_] as parts):
                return f"(distinct {' '.join(self._alike(parts)[0])})", "bool"
            case ("count", [_, *_] as parts):
                return _joined("+", [f"(ite {self.truth(part)} 1 0)" for part in parts]), "int"
            case ("sum", [_, *_] as parts):
                terms, kind = self._numbers(parts)
                return _joined("+", terms), kind
            case ("abs", [value]):
                term, kind = self.number(value)
                return f"(let ((m_ {term})) (ite (< m_ {numeral(Fraction(0), kind)}) (- m_) m_))", kind
            case (("max" | "min") as name, [_, _, *_] as parts):
                terms, kind = self._numbers(parts)
                best = terms[0]
                for one in terms[1:]:
                    best = f"(let ((m_ {best}) (n_ {one})) (ite ({'>=' if name == 'max' else '<='} m_ n_) m_ n_))"
                return best, kind
        known = "implies(a, b), distinct(...), count(conditions), sum(...), abs(x), max(...), min(...)"
        raise ToolError(f"{shown(node)!r} is not in the language; functions are {known}")


def numeral(value: Fraction, kind: str) -> str:
    """A number of SMT-LIB."""
    size = abs(value)
    if kind == "int" and value.denominator == 1:
        text = str(size)
    elif size.denominator == 1:
        text = f"{size.numerator}.0"
    else:
        text = f"(/ {size.numerator}.0 {size.denominator}.0)"
    return f"(- {text})" if value < 0 else text


def variable(name: str) -> str:
    """The name of a variable in SMT-LIB, which no word of the language can be."""
    return f"v_{name}"


def _first(node: ast.AST) -> Any:
    """A number as it was written: 2.0 is real, and so is 1/3."""
    if isinstance(node, ast.UnaryOp):
        return _first(node.operand)
    return node.value if isinstance(node, ast.Constant) else None


def _of_one_type(found: Sequence[Term]) -> tuple[list[str], str]:
    """Terms whose types fit, with whole numbers made numbers where one of them is no whole number."""
    if any(kind == "real" for _, kind in found):
        return [term if kind == "real" else f"(to_real {term})" for term, kind in found], "real"
    return [term for term, _ in found], found[0][1]


def _joined(word: str, terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else f"({word} {' '.join(terms)})"


def _a(kind: str) -> str:
    return {"int": "a whole number", "real": "a number", "bool": "a condition"}.get(kind, f"one of {kind}")
