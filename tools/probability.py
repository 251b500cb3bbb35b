"""Probability: discrete probabilistic programs, worked out exactly or by importance sampling."""

from collections.abc import Mapping
from fractions import Fraction
from math import sqrt
from random import Random
from typing import Any

from disputatio.errors import ToolError
from disputatio.tools.chance_values import MAX_STEPS, Steps, Value
from disputatio.tools.chances import distribution, expression_of, program_of, sample
from disputatio.tools.tool import tool
from disputatio.tools.units import shown

MAX_SAMPLES = 100_000
MOST_VALUES = 50


@tool(access="pure")
def probability(program: str, query: str, samples: int = 0, seed: int = 0) -> dict[str, Any]:
    """Work out the probability of a condition, or the distribution of a value, in a probabilistic program.

    Args:
        program: One line each: "rain = bernoulli(1/5)", "die = uniform(1, 6)", "car = choice([1, 2, 3])", "c =
            choice({'red': 1/3, 'blue': 2/3})", "n = binomial(10, 1/2)", "wet = rain or sprinkler", "x = 2 if rain
            else die + 1", and observe(condition), or observe(bernoulli(0.9), True) for a draw whose value is known.
        query: A condition, such as "rain and not wet", or a value.
        samples: 0 works it out exactly; else so many runs estimate it, with a standard error, where there are too many
            states.
        seed: Seed of the samples.
    """
    lines = program_of(program)
    wanted = expression_of(query, lines, what="query")
    if not samples:
        return exactly(distribution(lines, wanted))
    if not 1 <= samples <= MAX_SAMPLES:
        raise ToolError(f"between 1 and {MAX_SAMPLES} samples can be drawn, not {samples}")
    draw, steps = Random(seed), Steps(5 * MAX_STEPS)
    return estimated([sample(lines, wanted, draw, steps) for _ in range(samples)])


def exactly(found: Mapping[Value, Fraction]) -> dict[str, Any]:
    """An exact distribution, as a model is told of it."""
    if set(found) <= {True, False} and any(isinstance(one, bool) for one in found):
        return {"probability": shown(found.get(True, Fraction(0)))}
    listed = sorted(found.items(), key=lambda pair: (isinstance(pair[0], str), pair[0]))
    report: dict[str, Any] = {"chances": {str(value): shown(chance) for value, chance in listed[:MOST_VALUES]}}
    if not any(isinstance(value, str) for value in found):
        report["mean"] = shown(sum((Fraction(value) * chance for value, chance in found.items()), Fraction(0)))
    return report


def estimated(runs: list[tuple[Value, float]]) -> dict[str, Any]:
    """What weighted runs come to: self-normalised estimates, each with its standard error by the delta method.

    With weights w and values f the estimate is m = sum(w f) / sum(w), and its standard error
    sqrt(sum(w^2 (f - m)^2)) / sum(w) (Owen, Monte Carlo theory, methods and examples, 2013, section 9.2). The effective
    sample size is sum(w)^2 / sum(w^2).

    Raises:
        ToolError: If no run meets what is observed.
    """
    total = sum(weight for _, weight in runs)
    if not total:
        raise ToolError(f"none of {len(runs)} samples met what is observed; work it out exactly, or draw more")
    squares = sum(weight**2 for _, weight in runs)
    report: dict[str, Any] = {"samples": len(runs), "effective_samples": round(total**2 / squares, 1)}

    def estimate(values: list[float]) -> dict[str, float]:
        mean = sum(weight * value for value, (_, weight) in zip(values, runs, strict=True)) / total
        spread = sum((weight * (value - mean)) ** 2 for value, (_, weight) in zip(values, runs, strict=True))
        return {"estimate": round(mean, 6), "standard_error": round(sqrt(spread) / total, 6)}

    seen = {value for value, weight in runs if weight}
    if all(isinstance(value, bool) for value in seen):
        return {**report, **estimate([float(value is True) for value, _ in runs])}
    if not any(isinstance(value, str) for value in seen):
        return {**report, "mean": estimate([float(value) for value, _ in runs])}
    words = sorted(map(str, seen))[:MOST_VALUES]
    return {**report, "chances": {word: estimate([float(str(value) == word) for value, _ in runs]) for word in words}}
