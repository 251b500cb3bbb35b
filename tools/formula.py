"""Formulas: propositional logic, read into a tree and evaluated on all assignments at once.

    formula = equivalence;  equivalence = implication {"<->" implication};  implication = either ["->" implication]
    either = both {("or" | "xor") both};  both = negation {"and" negation};  negation = "not" negation | "(" formula ")"
    | name | "true" | "false"

The signs of logic books and of programs are read, too. A truth value for each of the 2^n assignments is one bit of an
integer, so that a connective is one operation on integers however many rows there are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from disputatio.errors import ToolError

MAX_LENGTH = 2000
MAX_DEPTH = 50
_SPELLINGS = {
    "not": "not", "!": "not", "~": "not", "\u00ac": "not", "-": "not",
    "and": "and", "&": "and", "&&": "and", "/\\": "and", "\u2227": "and", "^": "and",
    "or": "or", "|": "or", "||": "or", "\\/": "or", "\u2228": "or",
    "xor": "xor", "\u2295": "xor", "\u22bb": "xor",
    "->": "->", "=>": "->", "-->": "->", "==>": "->", "\u2192": "->", "\u21d2": "->", "implies": "->",
    "<->": "<->", "<=>": "<->", "<-->": "<->", "\u2194": "<->", "\u21d4": "<->", "iff": "<->",
    "(": "(", ")": ")", "[": "(", "]": ")",
    "true": "true", "\u22a4": "true", "false": "false", "\u22a5": "false",
}  # fmt: skip
_TOKEN = re.compile(
    r"\s*(<-->|<->|<=>|-->|==>|->|=>|&&|\|\||/\\|\\/|[!~&|^()\[\]\-\u00ac\u2227\u2228\u2295\u22bb\u2192\u21d2\u2194"
    r"\u21d4\u22a4\u22a5]|[A-Za-z_]\w*)"
)


@dataclass(frozen=True)
class Formula:
    """A formula: an operator with its parts, or a name without any."""

    operator: str
    """not, and, or, xor, ->, <->, true, false, or the name of a variable."""
    parts: tuple["Formula", ...] = ()

    @property
    def names(self) -> list[str]:
        """Its variables, sorted."""
        own = {self.operator} if not self.parts and self.operator not in ("true", "false") else set()
        return sorted(own.union(*(part.names for part in self.parts)))

    def __str__(self) -> str:
        if not self.parts:
            return self.operator
        shown = [f"({part})" if len(part.parts) > 1 else str(part) for part in self.parts]
        return f"not {shown[0]}" if self.operator == "not" else f" {self.operator} ".join(shown)

    def column(self, columns: Mapping[str, int], every: int) -> int:
        """Its truth values: bit r is that of row r.

        Args:
            columns: Those of its variables, by name.
            every: A one for each row.
        """
        match self.operator, [part.column(columns, every) for part in self.parts]:
            case "not", [value]:
                return every & ~value
            case "and", [left, right]:
                return left & right
            case "or", [left, right]:
                return left | right
            case "xor", [left, right]:
                return left ^ right
            case "->", [left, right]:
                return (every & ~left) | right
            case "<->", [left, right]:
                return every & ~(left ^ right)
            case ("true" | "false") as constant, []:
                return every if constant == "true" else 0
        return columns[self.operator]


def columns_of(names: Sequence[str]) -> tuple[dict[str, int], int]:
    """The columns of all 2^n assignments, the first of which makes all true, and a one for each row."""
    rows = 1 << len(names)
    every = (1 << rows) - 1
    columns = {}
    for place, name in enumerate(names):
        run = rows >> (place + 1)  # as many rows with true, then as many with false, over and over
        columns[name] = every // ((1 << 2 * run) - 1) * ((1 << run) - 1)
    return columns, every


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Raises:
        ToolError: If it is none, or too long or too deep.
    """
    if len(text) > MAX_LENGTH:
        raise ToolError(f"a formula has {len(text)} characters, at most {MAX_LENGTH} fit")
    tokens, place = [], 0
    stripped = text.strip().rstrip(".;")
    while place < len(stripped.rstrip()):
        found = _TOKEN.match(stripped, place)
        if found is None:
            raise ToolError(f"{stripped[:80]!r} is no formula: {stripped[place : place + 20]!r} is not understood")
        tokens.append(_SPELLINGS.get(found[1]) or _SPELLINGS.get(found[1].lower()) or found[1])
        place = found.end()
    reader = _Reader(tokens, stripped[:80])
    formula = reader.equivalence(0)
    if reader.tokens:
        raise reader.wrong(f"{reader.tokens[-1]!r} comes where the formula should end")
    return formula


class _Reader:
    """A descent through the tokens of one formula."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens[::-1]
        self.text = text

    def wrong(self, why: str) -> ToolError:
        return ToolError(f"{self.text!r} is no formula: {why}; write names, not, and, or, xor, ->, <-> and brackets")

    def take(self, *wanted: str) -> str:
        return self.tokens.pop() if self.tokens and self.tokens[-1] in wanted else ""

    def equivalence(self, depth: int) -> Formula:
        if depth > MAX_DEPTH:
            raise self.wrong(f"it is nested over {MAX_DEPTH} levels deep")
        left = self.implication(depth)
        while self.take("<->"):
            left = Formula("<->", (left, self.implication(depth)))
        return left

    def implication(self, depth: int) -> Formula:
        parts = [self.either(depth)]
        while self.take("->"):
            parts.append(self.either(depth))
        made = parts.pop()
        while parts:  # a -> b -> c is a -> (b -> c)
            made = Formula("->", (parts.pop(), made))
        return made

    def either(self, depth: int) -> Formula:
        left = self.both(depth)
        while word := self.take("or", "xor"):
            left = Formula(word, (left, self.both(depth)))
        return left

    def both(self, depth: int) -> Formula:
        left = self.negation(depth)
        while self.take("and"):
            left = Formula("and", (left, self.negation(depth)))
        return left

    def negation(self, depth: int) -> Formula:
        is_negated = False
        while self.take("not"):
            is_negated = not is_negated
        if self.take("("):
            inner = self.equivalence(depth + 1)
            if not self.take(")"):
                raise self.wrong("a bracket is not closed")
        elif self.tokens and re.match(r"\w", self.tokens[-1]) and self.tokens[-1] not in ("and", "or", "xor"):
            inner = Formula(self.tokens.pop())
        else:
            raise self.wrong(f"a name is missing before {self.tokens[-1]!r}" if self.tokens else "it ends too early")
        return Formula("not", (inner,)) if is_negated else inner
