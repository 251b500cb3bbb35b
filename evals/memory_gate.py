"""Memory gate: whether what was learned helps on items that were not learned from, by a paired test.

Some items are worked on one after the other, and the memory learns. The others are then worked on twice under the same
ceiling: with this memory, which is only read, and without any. Published gains of such memories were not found again
by all who looked, so that a difference is named only where the interval leaves out zero.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING
from zlib import crc32

from pydantic import BaseModel, ConfigDict

from disputatio.budget import Budget, Usage
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.evals.batch import attempt
from disputatio.evals.compare import Comparison, compare
from disputatio.evals.items import Item, Task
from disputatio.evals.scorers import score
from disputatio.graphs import reasoning_bank
from disputatio.graphs.run import prepare
from disputatio.memory import Memory
from disputatio.memory.experience import TASK
from disputatio.model import Model
from disputatio.question import Question
from disputatio.strategies import Strategy

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

WITH, WITHOUT = "with memory", "without memory"


class Arm(BaseModel):
    """One side of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float
    abstained: int
    """Items whose answer could not be read; they count as wrong."""
    usage: Usage


class GateReport(BaseModel):
    """What came of a comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    strategy: str
    learned_from: int
    """Items that were learned from."""
    learning: Usage
    """What that cost."""
    items: int
    """Items that were compared."""
    failed: int
    """Items on which the model failed, which are not compared."""
    known: int
    """Items that the memory knew already, which are left out."""
    recalled: int
    """Items on which something was remembered."""
    arms: dict[str, Arm]
    difference: float
    """Accuracy with memory less that without."""
    interval: tuple[float, float]
    """Of the difference, 95 %, by the paired bootstrap."""
    only_with: int
    """Items that were better with memory."""
    only_without: int
    p: float
    """McNemar's exact test."""
    better: str | None
    """The better side; None where no difference is shown."""

    @property
    def verdict(self) -> str:
        """What can be said, in one sentence."""
        low, high = (f"{100 * bound:+.1f}" for bound in self.interval)
        facts = f"{100 * self.difference:+.1f} points, 95 % interval {low} to {high}, McNemar's exact p = {self.p:.3g}"
        if self.better is None:
            return f"no difference shown: {facts}"
        return f"memory {'helps' if self.better == WITH else 'harms'}: {facts}"


@dataclass(frozen=True, kw_only=True)
class MemoryGate:
    """What is compared.

    Raises:
        ConfigurationError: If there is no ceiling, or too few items to learn from some and compare others.
    """

    strategy: Strategy[...]
    """One that remembers and has a parameter `learn`; any other becomes the part of a `reasoning_bank`."""
    task: Task
    learn: int
    """How many items are learned from, the first of the task; 0 takes the memory as it is."""
    model: Model | str
    budget: Budget
    """What one run may spend, with memory or without."""
    seed: int = 0
    temperature: float | None = None
    on_item: Callable[[str, int], None] = field(default=lambda phase, number: None)
    """Called before each run: learning, with memory or without memory; and which item, from 1."""

    def __post_init__(self) -> None:
        if self.budget == Budget():
            raise ConfigurationError("both sides are compared under one ceiling: give at least one limit")
        if not 0 <= self.learn < len(self.task.items):
            raise ConfigurationError(
                f"{len(self.task.items)} items, of which {self.learn} are learned from, leave none to compare"
            )

    @property
    def compared(self) -> Strategy[...]:
        """The strategy that remembers."""
        known = self.strategy.remembers and "learn" in self.strategy.signature.parameters
        return self.strategy if known else reasoning_bank(self.strategy)

    async def run(self, store: "BaseStore") -> GateReport:
        """Learn, then compare.

        Args:
            store: Where the memory is; a fresh one, if nothing is to be known from elsewhere.

        Raises:
            ConfigurationError: If an item cannot be scored, or all are known or failed.
            ModelError: If every further call would fail as well.
            StoreError: If the memory cannot be used.
        """
        first, rest, learning = self.task.items[: self.learn], self.task.items[self.learn :], Usage()
        for number, item in enumerate(first, 1):
            self.on_item("learning", number)
            context = self._context(item.question, "learning", store)
            await attempt(item.question, self.compared, context)
            learning += context.ledger.total
        space = str(self.compared.arguments.get("space", "default"))
        known = {one.text for one in await Memory(store, space).items(kind=TASK)}
        known |= {item.question.text for item in first}
        held_out = [item for item in rest if item.question.text not in known]
        pairs = [await self._pair(item, store, number) for number, item in enumerate(held_out, 1)]
        whole = [pair for pair in pairs if None not in (pair[0].value, pair[1].value)]
        if not whole:
            raise ConfigurationError(f"of {len(rest)} items none can be compared: they are known or the model failed")
        sides = {WITH: [pair[0] for pair in whole], WITHOUT: [pair[1] for pair in whole]}
        [found] = compare({name: [one.value or 0.0 for one in tried] for name, tried in sides.items()}, seed=self.seed)
        return self._report(found, sides, learning, known=len(rest) - len(held_out), failed=len(pairs) - len(whole))

    async def _pair(self, item: Item, store: "BaseStore", number: int) -> "tuple[_Tried, _Tried]":
        return await self._tried(item, store, WITH, number), await self._tried(item, None, WITHOUT, number)

    async def _tried(self, item: Item, store: "BaseStore | None", side: str, number: int) -> "_Tried":
        self.on_item(side, number)
        context = self._context(item.question, "held out", store)
        result, error = await attempt(item.question, self.compared(learn=False), context)
        scored = None if error or result is None else await asyncio.to_thread(score, item, result.answer)
        if result is None or scored is None or scored.status == "unscorable":
            return _Tried(None, False, False, context.ledger.total)
        report = result.answer.data.get("memory")
        used = isinstance(report, dict) and bool(report.get("used"))
        return _Tried(scored.value or 0.0, result.answer.abstained, used, context.ledger.total)

    def _context(self, question: Question, phase: str, store: "BaseStore | None") -> Context:
        """The resources of one run; its seed is the same for both sides."""
        seed = crc32(f"{self.seed}/{phase}/{question.text}".encode())
        return prepare(model=self.model, budget=self.budget, temperature=self.temperature, seed=seed, store=store)

    def _report(
        self, found: Comparison, sides: "dict[str, list[_Tried]]", learning: Usage, *, known: int, failed: int
    ) -> GateReport:
        return GateReport(
            task=self.task.name,
            strategy=repr(self.compared),
            learned_from=self.learn,
            learning=learning,
            items=len(sides[WITH]),
            failed=failed,
            known=known,
            recalled=sum(one.recalled for one in sides[WITH]),
            arms={name: _arm(tried) for name, tried in sides.items()},
            difference=found.difference,
            interval=found.interval,
            only_with=found.only_first,
            only_without=found.only_second,
            p=found.p,
            better=found.better,
        )


@dataclass(frozen=True)
class _Tried:
    """One run on one item."""

    value: float | None
    """What the answer is worth; None if the model failed."""
    abstained: bool
    recalled: bool
    usage: Usage


def _arm(tried: Sequence[_Tried]) -> Arm:
    return Arm(
        accuracy=fmean(one.value or 0.0 for one in tried),
        abstained=sum(one.abstained for one in tried),
        usage=sum((one.usage for one in tried), Usage()),
    )
