"""Scorer of expressions: arithmetic over given numbers, as in the game of 24."""

import ast
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from disputatio.errors import ToolError
from disputatio.evals.items import Item
from disputatio.evals.scorers.numbers import fraction_of
from disputatio.evals.scorers.score import Score, abstained, scored
from disputatio.thought import Answer
from disputatio.tools.calculator import calculator

_TYPED = str.maketrans({"\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-", "[": "(", "]": ")"})


def expression(item: Item, answer: Answer, *, numbers: Sequence[float]) -> Score:
    """An arithmetic expression that uses each number once and equals the target, as in the game of 24.

    It may end with "= 24". What is no expression of + - * / and parentheses is no answer.

    Args:
        item: Its target is the number to reach.
        answer: The expression.
        numbers: What it is to be made of.
    """
    target = fraction_of(item, item.target)
    left, equals, reached = (answer.text or answer.value or "").translate(_TYPED).strip(" .`$*\n").partition("=")
    if equals and not reached.strip().lstrip("-").isdigit():
        return abstained("no expression")
    try:
        value = Fraction(calculator(left.strip()))
        nodes = list(ast.walk(ast.parse(left.strip(), mode="eval")))
    except ToolError as error:
        return abstained(str(error))
    if any(isinstance(node, ast.Pow) for node in nodes):
        return abstained("no expression: only + - * / and parentheses count")
    used = [Fraction(str(node.value)) for node in nodes if isinstance(node, ast.Constant)]
    if Counter(used) != Counter(Fraction(str(one)) for one in numbers):
        return scored(0, f"it uses {', '.join(map(str, used))} instead of {', '.join(map(str, numbers))}")
    return scored(value == target, f"it equals {value}")
