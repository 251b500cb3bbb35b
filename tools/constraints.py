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
from disputatio.tools.smt_terms import SORTS, Terms, numeral, variable
from disputatio.tools.syntax import called, number, shown, statements
from disputatio.tools.tool import tool


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
    def terms(self) -> Terms:
        """The language over what is declared."""
        return Terms(self.kinds)

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
                return replace(
                    self, conditions=(*self.conditions, (_written(line), f"(assert {self.terms.truth(value)})"))
                )
            case ast.Assign():
                raise ToolError(f"write == for equality, and 'name: int' to declare a name, not {shown(line)!r}")
        raise ToolError(f"{shown(line)!r} is neither a declaration nor a condition")

    def _declare(self, name: str, kind: ast.expr, line: str) -> "Constraints":
        if not name.isascii() or name in self.kinds or name in self.terms.values:
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
                made, conditions=(*self.conditions, (line, f"(assert (<= {low_} {variable(name)} {high_}))"))
            )
        return made

    def _enumeration(self, name: str, elements: Sequence[ast.expr]) -> str:
        found = [one.id for one in elements if isinstance(one, ast.Name) and one.id.isascii()]
        kind = ", ".join(sorted(found))
        taken = [one for one in found if one in self.kinds or self.terms.values.get(one, kind) != kind or one == name]
        if len(set(found)) < len(elements) or taken:
            raise ToolError(f"the values of {name!r} are different names that nothing else has")
        return kind

    def _aim(self, aim: ast.Call) -> str:
        found = called(aim)
        match found:
            case (("maximize" | "minimize") as name, [value]):
                return f"({name} {self.terms.number(value)[0]})"
            case ("prefer", [condition, *weight]) if len(weight) <= 1:
                heavy = number(weight[0]) if weight else Fraction(1)
                if heavy is None or heavy <= 0:
                    raise ToolError("the weight of a preference is a number above 0")
                return f"(assert-soft {self.terms.truth(condition)} :weight {float(heavy):f})"
        raise ToolError(f"{shown(aim)!r}: write maximize(number), minimize(number) or prefer(condition, weight)")

    def script(self) -> Script:
        """The same in SMT-LIB."""
        enumerations = sorted({kind for kind in self.kinds.values() if kind not in SORTS})
        sorts = {kind: f"S_{place}" for place, kind in enumerate(enumerations)}
        declared = [
            f"(declare-datatype {sort} ({' '.join(f'(c_{value})' for value in kind.split(', '))}))"
            for kind, sort in sorts.items()
        ]
        for name, kind in self.kinds.items():
            declared.append(f"(declare-const {variable(name)} {SORTS.get(kind) or sorts[kind]})")
        return Script(declared, [term for _, term in self.conditions], [term for _, term in self.aims])

    def solved(self, *, models: int = 1, over: Sequence[str] = ()) -> Solved:
        """Solve them; see `solve`. Values are by variable; one that no condition mentions is left out.

        Raises:
            ToolError: If it takes too long.
            MissingExtraError: If z3 is not installed.
        """
        found = solve(self.script(), models=models, over=[variable(name) for name in over])
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


def _written(line: ast.stmt) -> str:
    return " ".join(ast.unparse(line).split())
