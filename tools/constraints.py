"""Constraints: a small typed language for what must hold, translated into SMT-LIB and solved by z3.

    n: int(1, 9)                 a whole number from 1 to 9; int, real and bool without limits
    colour: {red, green, blue}   one of these
    n + 2 * m == 10              any condition
    maximize(n)                  what is to be as large as it can be; minimize(...), prefer(condition, weight)

It is Python's syntax, read as a tree (`syntax`), and each name has one type. Division by anything but a number is not
in the language, because solvers take x / 0 for a number of their choice.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from disputatio.errors import ToolError
from disputatio.tools.smt import Script, Solved, reported, solve
from disputatio.tools.syntax import called, number, shown, statements
from disputatio.tools.tool import tool

MAX_POWER = 8
NUMBERS = ("int", "real")
_ARITHMETIC: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_ORDER: dict[type[ast.AST], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_WHOLE: dict[type[ast.AST], str] = {ast.FloorDiv: "div", ast.Mod: "mod"}
_EQUAL: dict[type[ast.AST], str] = {ast.Eq: "=", ast.NotEq: "distinct"}
_SORTS = {"int": "Int", "real": "Real", "bool": "Bool"}

Term = tuple[str, str]
"""A term of SMT-LIB and its type: int, real, bool, or the values of an enumeration, such as "red, green"."""


@dataclass(frozen=True)
class Constraints:
    """What is declared, what must hold, and what is aimed at. Immutable: `add` gives a larger one."""

    kinds: dict[str, str] = field(default_factory=dict)
    """The type of each variable, by name."""
    conditions: tuple[tuple[str, str], ...] = ()
    """Each condition as it was written, and as an assertion of SMT-LIB; the limits of a variable are one, too."""
    aims: tuple[tuple[str, str], ...] = ()
    """Each aim in the same way, the most important first."""

    @property
    def values(self) -> dict[str, str]:
        """The values of all enumerations, each with its type."""
        return {value: kind for kind in self.kinds.values() if kind not in _SORTS for value in kind.split(", ")}

    def add(self, text: str, *, declares: bool = True) -> "Constraints":
        """The constraints with these lines added.

        Args:
            text: Lines of the language.
            declares: Whether they may declare variables.

        Raises:
            ToolError: If a line cannot be read, or does not fit the declarations.
        """
        made = self
        for line in statements(text, what="list of constraints"):
            made = made._with(line, declares=declares)
        return made

    def _with(self, line: ast.stmt, *, declares: bool) -> "Constraints":
        match line:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=None):
                if not declares:
                    raise ToolError(f"nothing can be declared here: {shown(line)!r}; the names are fixed")
                return self._declare(name, kind, _written(line))
            case ast.Expr(value=ast.Call(func=ast.Name(id="maximize" | "minimize" | "prefer")) as aim):
                return replace(self, aims=(*self.aims, (_written(line), self._aim(aim))))
            case ast.Expr(value=value):
                return replace(self, conditions=(*self.conditions, (_written(line), f"(assert {self.truth(value)})")))
            case ast.Assign():
                raise ToolError(f"write == for equality, and 'name: int' to declare a name, not {shown(line)!r}")
        raise ToolError(f"{shown(line)!r} is neither a declaration nor a condition")

    def _declare(self, name: str, kind: ast.expr, line: str) -> "Constraints":
        if not name.isascii() or name in self.kinds or name in self.values:
            raise ToolError(
                f"the name {name[:40]!r} cannot be declared: {'it is taken' if name.isascii() else 'ASCII'}"
            )
        sort: str
        limits: list[Fraction | None] = []
        match kind:
            case ast.Name(id="int" | "real" | "bool" as plain):
                sort = plain
            case ast.Call(func=ast.Name(id="int" | "real" as plain), args=[low, high], keywords=[]):
                sort, limits = plain, [number(low), number(high)]
            case ast.Set(elts=elements):
                sort = self._enumeration(name, elements)
            case _:
                raise ToolError(f"{shown(kind)!r} is no type; types are int, int(1, 9), real, bool and {{red, green}}")
        made = replace(self, kinds={**self.kinds, name: sort})
        if limits:
            if None in limits:
                raise ToolError(f"the limits of {name!r} are numbers")
            low_, high_ = (numeral(limit, "real" if sort == "real" else "int") for limit in limits if limit is not None)
            made = replace(
                made, conditions=(*self.conditions, (line, f"(assert (<= {low_} {_variable(name)} {high_}))"))
            )
        return made

    def _enumeration(self, name: str, elements: Sequence[ast.expr]) -> str:
        found = [one.id for one in elements if isinstance(one, ast.Name) and one.id.isascii()]
        kind = ", ".join(sorted(found))
        taken = [one for one in found if one in self.kinds or self.values.get(one, kind) != kind or one == name]
        if len(set(found)) < len(elements) or taken:
            raise ToolError(f"the values of {name!r} are different names that nothing else has")
        return kind

    def _aim(self, aim: ast.Call) -> str:
        found = called(aim)
        match found:
            case (("maximize" | "minimize") as name, [value]):
                return f"({name} {self._number(value)[0]})"
            case ("prefer", [condition, *weight]) if len(weight) <= 1:
                heavy = number(weight[0]) if weight else Fraction(1)
                if heavy is None or heavy <= 0:
                    raise ToolError("the weight of a preference is a number above 0")
                return f"(assert-soft {self.truth(condition)} :weight {float(heavy):f})"
        raise ToolError(f"{shown(aim)!r}: write maximize(number), minimize(number) or prefer(condition, weight)")

    def truth(self, node: ast.expr) -> str:
        """A condition as a term.

        Raises:
            ToolError: If it is none.
        """
        term, kind = self.term(node)
        if kind != "bool":
            raise ToolError(f"{shown(node)!r} is {_a(kind)}, where a condition is needed")
        return term

    def _number(self, node: ast.expr) -> Term:
        term, kind = self.term(node)
        if kind not in NUMBERS:
            raise ToolError(f"{shown(node)!r} is {_a(kind)}, where a number is needed")
        return term, kind

    def _numbers(self, nodes: Sequence[ast.expr]) -> tuple[list[str], str]:
        """Terms of numbers brought to one type."""
        return _of_one_type([self._number(node) for node in nodes])

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
                term, kind = self._number(operand)
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
            return _variable(name), self.kinds[name]
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
            term, kind = self._number(left)
            return f"(/ {term if kind == 'real' else f'(to_real {term})'} {numeral(by, 'real')})", "real"
        if isinstance(op, ast.Pow) and by is not None and by in range(MAX_POWER + 1):
            term, kind = self._number(left)
            if by <= 1:
                return (term if by == 1 else numeral(Fraction(1), kind)), kind
            return f"(let ((m_ {term})) (* {' '.join(['m_'] * int(by))}))", kind
        if type(op) in _WHOLE and by is not None and by > 0 and by.denominator == 1:
            term, kind = self._number(left)
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
                term, kind = self._number(value)
                return f"(let ((m_ {term})) (ite (< m_ {numeral(Fraction(0), kind)}) (- m_) m_))", kind
            case (("max" | "min") as name, [_, _, *_] as parts):
                terms, kind = self._numbers(parts)
                best = terms[0]
                for one in terms[1:]:
                    best = f"(let ((m_ {best}) (n_ {one})) (ite ({'>=' if name == 'max' else '<='} m_ n_) m_ n_))"
                return best, kind
        known = "implies(a, b), distinct(...), count(conditions), sum(...), abs(x), max(...), min(...)"
        raise ToolError(f"{shown(node)!r} is not in the language; functions are {known}")

    def script(self) -> Script:
        """The same in SMT-LIB."""
        enumerations = sorted({kind for kind in self.kinds.values() if kind not in _SORTS})
        sorts = {kind: f"S_{place}" for place, kind in enumerate(enumerations)}
        declared = [
            f"(declare-datatype {sort} ({' '.join(f'(c_{value})' for value in kind.split(', '))}))"
            for kind, sort in sorts.items()
        ]
        for name, kind in self.kinds.items():
            declared.append(f"(declare-const {_variable(name)} {_SORTS.get(kind) or sorts[kind]})")
        return Script(declared, [term for _, term in self.conditions], [term for _, term in self.aims])

    def solved(self, *, models: int = 1, over: Sequence[str] = ()) -> Solved:
        """Solve them; see `solve`. Values are by variable; one that no condition mentions is left out.

        Raises:
            ToolError: If it takes too long.
            MissingExtraError: If z3 is not installed.
        """
        found = solve(self.script(), models=models, over=[_variable(name) for name in over])
        told = tuple({name[2:]: value.removeprefix("c_") for name, value in one.items()} for one in found.models)
        return replace(found, models=told)


@tool(access="pure", timeout_s=40)
def constraints(program: str, models: int = 2) -> dict[str, Any]:
    """Find values that meet all constraints, or the constraints that contradict one another.

    Args:
        program: One declaration or condition a line. Declarations: "n: int", "n: int(1, 9)" (both ends included),
            "x: real", "b: bool", "c: {red, green}". Conditions: "n + 2*m == 10", "c != red or b", "1 < n <= m",
            "n in {1, 3}", implies(a, b), distinct(a, b, c), count(a, b, c) == 2, abs, max, min, sum. Aims, the most
            important first: maximize(n), minimize(n), prefer(condition, weight).
        models: How many solutions are looked for; 2 shows whether there is only one.
    """
    made = Constraints().add(program)
    found = made.solved(models=1 if made.aims else models)
    report = reported(found, [line for line, _ in made.conditions])
    free = [name for name in made.kinds if name not in found.model]
    if found.status == "sat" and free:
        report.pop("only_model", None)
        report["any_value"] = free
    return report


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


def _written(line: ast.stmt) -> str:
    return " ".join(ast.unparse(line).split())


def _variable(name: str) -> str:
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
