"""Scorer of numbers: the only one in the answer, within a tolerance."""

import re
from fractions import Fraction

from disputatio.errors import ConfigurationError, require
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored
from disputatio.question import Question
from disputatio.thought import Answer

_IN_NUMBERS = Question(text="How many?", answer_type="number")
_PERCENT = re.compile(r"per\s?cent|%", re.IGNORECASE)
_UNIT = re.compile(r"(?<=[\d\s])[A-Za-zµμΩ°][A-Za-zµμΩ°0-9/*^ ]{0,30}")


def number(
    item: Item,
    answer: Answer,
    *,
    lower: float | str | None = None,
    upper: float | str | None = None,
    tolerance: float = 0,
    relative: float = 0,
    unit: str | None = None,
) -> Score:
    """The only number in the answer: right if it equals the target, or lies within what the item allows.

    50% is 1/2, and is 50 where the question asks for per cent. Without `unit`, units in the answer are not read.

    Args:
        item: Its target is a number.
        answer: Read as by `Question.canonical`; two numbers are no answer.
        lower: The least right value.
        upper: The greatest right value.
        tolerance: How far from the target is right.
        relative: The same as a share of the target.
        unit: The unit of the target, such as "m"; an answer in another unit of the same kind is converted, an answer
            without a unit is taken to be in this one. Needs the extra `eval`.
    """
    right, said_text = fraction_of(item, item.target), answer.text or answer.value or ""
    written = _IN_NUMBERS.canonical(said_text)
    if written is None:
        return abstained("no single number in the answer")
    said = Fraction(written.removesuffix("%"))
    readings = [said]
    if written.endswith("%"):
        readings = [said / 100, *([said] if _PERCENT.search(item.question.text) else [])]
    if unit is not None:
        factor = _factor(said_text, unit)
        if factor is None:
            return scored(0, f"{said_text} has no unit that can be converted to {unit}")
        readings = [one * factor for one in readings]
    margin = max(Fraction(str(tolerance)), Fraction(str(relative)) * abs(right))
    ends = [right - margin, right + margin, *(fraction_of(item, one) for one in (lower, upper) if one is not None)]
    within = any(min(ends) <= one <= max(ends) for one in readings)
    return scored(within, f"{written} against {item.target}")


def fraction_of(item: Item, value: object) -> Fraction:
    """The number that an item states.

    Raises:
        ConfigurationError: If it is none.
    """
    written = _IN_NUMBERS.canonical(str(value))
    if written is None or isinstance(value, bool):
        raise ConfigurationError(f"item {item.id!r}: {value!r} is no number")
    return Fraction(written.removesuffix("%")) / (100 if written.endswith("%") else 1)


def _factor(said: str, unit: str) -> Fraction | None:
    """By what a number in the unit that the answer names is multiplied to be in the item's; None if they do not fit."""
    named = _UNIT.search(said)
    if named is None:
        return Fraction(1)
    pint = require("pint", extra="eval")
    registry = pint.UnitRegistry(non_int_type=Fraction)
    try:
        return Fraction(registry.Quantity(Fraction(1), registry.parse_units(named.group().strip())).to(unit).magnitude)
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, OverflowError):
        return None
