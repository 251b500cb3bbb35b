"""What one call of each logic tool takes: processor time, its worker included, and the time on the wall."""

import resource
import time
from collections.abc import Callable
from statistics import median

from disputatio.tools import algebra, answer_sets, causal_query, constraints, convert_units, probability, truth_table

TRIALS = 7
LETTERS = "SENDMORY"
PUZZLE = "\n".join(
    [
        *(f"{one}: int({int(one in 'SM')}, 9)" for one in LETTERS),
        f"distinct({', '.join(LETTERS)})",
        "1000*S + 100*E + 10*N + D + 1000*M + 100*O + 10*R + E == 10000*M + 1000*O + 100*N + 10*E + Y",
    ]
)
COLOURS = "n(1..10). 1 {c(N, r; N, g; N, b)} 1 :- n(N). e(N, N+1) :- n(N), n(N+1). :- e(A, B), c(A, C), c(B, C)."
COINS = "\n".join(f"x{n} = bernoulli(1/2)\ns{n} = x{n}{f' + s{n - 1}' if n else ''}" for n in range(60))
MODEL = "z = bernoulli(1/2)\nx = bernoulli(3/4 if z else 1/4)\ny = bernoulli(0.8 if x and z else 0.3)"
CALLS: dict[str, Callable[[], object]] = {
    "algebra: integrate(exp(-x**2), ...)": lambda: algebra("integrate(exp(-x**2), (x, -oo, oo))"),
    "constraints: SEND + MORE = MONEY": lambda: constraints(PUZZLE),
    "answer_sets: 10 colours": lambda: answer_sets(COLOURS),
    "truth_table: 16 variables": lambda: truth_table([" or ".join(f"v{n}" for n in range(16))], "v1"),
    "convert_units": lambda: convert_units("60 mph", "km/h"),
    "probability: 60 coins": lambda: probability(COINS, "s59 == 30"),
    "causal_query": lambda: causal_query(MODEL, "y", do="x = True"),
}


def processor() -> float:
    """Seconds of processor time of this process and of the workers that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Print the median of a few calls of each tool, after one that is not counted."""
    for name, call in CALLS.items():
        call()
        taken = []
        for _ in range(TRIALS):
            began, wall = processor(), time.perf_counter()
            call()
            taken.append((processor() - began, time.perf_counter() - wall))
        cpu, seconds = (median(values) for values in zip(*taken, strict=True))
        print(f"{name:40} {1000 * cpu:8.1f} ms of processor time, {1000 * seconds:8.1f} ms")


if __name__ == "__main__":
    main()
