"""Which strategy to try first: counts of what worked on problems of a kind, and rules that choose by them.

Counts come from episodes, and adding episodes up is all that is done with them: in any order they give the same table.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, log, sqrt
from random import Random
from typing import Literal

Policy = Literal["thompson", "ucb1", "epsilon", "greedy"]
FEW, WEIGHT = 4, 4
"""Below so many tries in a context, what holds in all contexts together counts as so many tries more."""


@dataclass(frozen=True)
class Attempt:
    """One strategy tried on one problem."""

    strategy: str
    outcome: float
    """1 if its answer was right, 0 if not; a verifier's score lies between."""
    tokens: int = 0
    crashed: bool = False
    """Whether it failed before it had an answer; such an attempt is no try."""


@dataclass(frozen=True)
class Record:
    """How a strategy did."""

    wins: float = 0.0
    tries: float = 0.0
    tokens: int = 0
    crashes: int = 0

    def __add__(self, other: "Record") -> "Record":
        sums = (self.wins + other.wins, self.tries + other.tries)
        return Record(*sums, self.tokens + other.tokens, self.crashes + other.crashes)


@dataclass
class Table:
    """Records by context and strategy."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)

    def add(self, context: str, attempts: Iterable[Attempt], *, later_weight: float = 1.0) -> None:
        """Count one episode; attempts after the first weigh `later_weight`."""
        for place, one in enumerate(attempts):
            weight = later_weight if place else 1.0
            won, tried = (0.0, 0.0) if one.crashed else (one.outcome * weight, weight)
            new = Record(won, tried, one.tokens, int(one.crashed))
            self.records[context, one.strategy] = self.record(context, one.strategy) + new

    def record(self, context: str, strategy: str) -> Record:
        """What is known of a strategy in a context."""
        return self.records.get((context, strategy), Record())

    def everywhere(self, strategy: str) -> Record:
        """What is known of a strategy in all contexts together."""
        return sum((one for (_, name), one in self.records.items() if name == strategy), Record())

    def beta(self, context: str, strategy: str) -> tuple[float, float]:
        """The parameters of the beta distribution of a strategy's win rate in a context."""
        own, whole = self.record(context, strategy), self.everywhere(strategy)
        prior = WEIGHT * whole.wins / whole.tries if own.tries < FEW and whole.tries else 0.0
        weight = WEIGHT if own.tries < FEW and whole.tries else 0
        return 1 + own.wins + prior, 1 + own.tries - own.wins + weight - prior

    def mean(self, context: str, strategy: str) -> float:
        """The expected win rate of a strategy in a context."""
        a, b = self.beta(context, strategy)
        return a / (a + b)


def choose(
    table: Table,
    context: str,
    strategies: Sequence[str],
    policy: Policy,
    random: Random,
    *,
    used: Collection[str] = (),
    price: float = 0.0,
) -> str:
    """The strategy to try next; of equals, the first.

    One that was never tried anywhere comes first, unless the choice is greedy. After a failure the best by expected
    win rate is taken of those that are left.

    Args:
        table: What is known.
        context: The kind of problem.
        strategies: Their names.
        policy: How the first one is chosen.
        random: For draws.
        used: Those that have failed on this problem.
        price: What 1,000 tokens are worth, in win rate.
    """
    left = [one for one in strategies if one not in used]
    worth = {one: table.mean(context, one) - _cost(table, one, price) for one in left}
    if policy == "greedy" or used:
        return max(left, key=worth.__getitem__)
    if untried := [one for one in left if not table.everywhere(one).tries]:
        return untried[0]
    if policy == "epsilon" and random.random() < 0.1:
        return random.choice(left)
    drawn: Mapping[str, float] = worth
    if policy == "thompson":
        drawn = {one: random.betavariate(*table.beta(context, one)) - _cost(table, one, price) for one in left}
    if policy == "ucb1":
        tried = {one: table.record(context, one).tries for one in left}
        bonus = {one: sqrt(2 * log(sum(tried.values())) / n) if n else inf for one, n in tried.items()}
        drawn = {one: worth[one] + bonus[one] for one in left}
    return max(left, key=drawn.__getitem__)


def _cost(table: Table, strategy: str, price: float) -> float:
    known = table.everywhere(strategy)
    return price * known.tokens / max(known.tries, 1) / 1000
