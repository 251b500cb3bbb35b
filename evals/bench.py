"""The bench: strategies on the same items, each under the same ceiling, every finished run written down.

Two rows are always there: a single chain of thought, and self-consistency that samples for as long as the ceiling
lets it. Whatever spends more than the first has to beat the second.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from pydantic import BaseModel, ConfigDict

from disputatio.budget import Budget, Usage
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.evals.batch import attempt, reader, work_through
from disputatio.evals.items import Item, Task
from disputatio.evals.scorers import score
from disputatio.graphs import chain_of_thought, self_consistency
from disputatio.graphs.run import prepare
from disputatio.journal_file import JournalFile
from disputatio.model import Model
from disputatio.strategies import Strategy

FILLED = "self_consistency, filled up"
LONGEST = 500
"""Characters of an answer that are written down."""
LONGEST_REASON = 1_000
"""Characters of what was said for it."""
MOST_SAMPLES = 1_000
"""Where no ceiling ends them: a model that says next to nothing under a large one."""


class Trial(BaseModel):
    """One strategy on one item, once: one line of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str
    """Its label in the report."""
    task: str
    item: str
    epoch: int
    """Which time this item was asked, from 1."""
    value: float | None = None
    """What the answer is worth, from 0 to 1; None if no answer could be read or the model failed."""
    reason: str = ""
    """Of the scorer."""
    error: str = ""
    """Why the model failed, or why the answer cannot be compared here; such a trial is made again when the bench goes
    on."""
    answer: str = ""
    rationale: str = ""
    """What was said for the answer, from its beginning."""
    confidence: float | None = None
    """Of the answer, from 0 to 1; None if it has none."""
    stop_reason: str = ""
    usage: Usage = Usage()
    roles: dict[str, Usage] = {}
    seconds: float = 0.0
    ended: float = 0.0
    """When, in seconds since 1970; 0 is not known."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """By which it is known again."""
        return self.strategy, self.task, self.item, self.epoch


def contestants(strategies: Sequence[Strategy[...]]) -> dict[str, Strategy[...]]:
    """The rows of a bench by their labels: the two that are always there, and the others.

    A self-consistency without parameters is the one that is filled up.
    """
    rows: dict[str, Strategy[...]] = {
        "chain_of_thought": chain_of_thought,
        FILLED: self_consistency(samples=MOST_SAMPLES, batch=1),
    }
    always = {"chain_of_thought()", "self_consistency()"}
    return rows | {repr(one).removesuffix("()"): one for one in strategies if repr(one) not in always}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is run: every strategy on every item, so many times, under one ceiling.

    Raises:
        ConfigurationError: If there is no ceiling, no epoch, or two tasks or items have one name.
    """

    strategies: Mapping[str, Strategy[...]]
    """By their labels; see `contestants`."""
    tasks: Sequence[Task]
    model: Model | str
    models: Mapping[str, Model | str] = field(default_factory=dict)
    """Other models by role."""
    budget: Budget
    """What one run on one item may spend."""
    epochs: int = 1
    seed: int = 0
    temperature: float | None = None
    workers: int = 8
    """Runs under way at one time."""
    at_once: int | None = 1
    """Calls of one run under way at one time; None is no limit. Agents that speak at once each reserve the longest
    reply that they might give, and so can end a run that is far from its ceiling."""

    def __post_init__(self) -> None:
        if self.budget == Budget():
            raise ConfigurationError("strategies are compared under one ceiling: give at least one limit")
        if self.epochs < 1:
            raise ConfigurationError(f"a bench needs at least 1 epoch, got {self.epochs}")
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names) or not names:
            raise ConfigurationError(f"a bench needs tasks, each with a name of its own, got {names}")

    @property
    def size(self) -> int:
        """How many trials it has for each strategy."""
        return sum(len(task.items) for task in self.tasks) * self.epochs

    async def run(
        self, record: Path, on_trial: Callable[[Trial, bool], None] = lambda trial, is_new: None
    ) -> list[Trial]:
        """Make all trials that are not in the record yet.

        Args:
            record: The file in which each trial is written down as it is finished.
            on_trial: Called with each trial that did not fail in the record, and with each new one as it is finished;
                the second argument says which.

        Returns:
            All trials, in the order of tasks, items, epochs and strategies.

        Raises:
            StoreError: If the record cannot be read or written, or another process writes it.
            ConfigurationError: If an item cannot be scored.
            ModelError: If every further call would fail as well.
        """
        file = JournalFile(record, reader=reader(Trial), what="record")
        file.open()
        try:
            done: dict[tuple[str, str, str, int], Trial] = {known.key: known for known in file.lines}
            file.lines = ()
            for known in done.values():
                if not known.error:
                    on_trial(known, False)

            async def work(job: tuple[str, Task, Item, int]) -> None:
                trial = await self._trial(*job)
                file.append(trial.model_dump())
                done[trial.key] = trial
                on_trial(trial, True)

            left = (job for job in self._jobs() if not (found := done.get(_key(*job))) or found.error)
            await work_through(left, work, at_once=self.workers)
        finally:
            file.close()
        return [done[_key(*job)] for job in self._jobs()]

    def _jobs(self) -> Iterator[tuple[str, Task, Item, int]]:
        """All trials, item by item, so that at any time the strategies have been asked the same."""
        for task in self.tasks:
            for item in task.items:
                for epoch in range(1, self.epochs + 1):
                    for label in self.strategies:
                        yield label, task, item, epoch

    async def _trial(self, label: str, task: Task, item: Item, epoch: int) -> Trial:
        context = self._context(f"{self.seed}/{task.name}/{item.id}/{epoch}")
        result, error = await attempt(item.question, self.strategies[label], context)
        roles: dict[str, Usage] = {}
        for spender, usage in context.ledger.lines.items():
            roles[spender.role] = roles.get(spender.role, Usage()) + usage
        trial = Trial(
            strategy=label,
            task=task.name,
            item=item.id,
            epoch=epoch,
            error=error,
            stop_reason=result.stop_reason if result else "error",
            usage=context.ledger.total,
            roles=roles,
            seconds=round(context.ledger.seconds, 3),
            ended=round(time.time(), 3),
        )
        if error or result is None:
            return trial
        # Some answers are run in a sandbox, which takes its time.
        scored = await asyncio.to_thread(score, item, result.answer)
        answer = result.answer
        said = {"answer": answer.text[:LONGEST], "rationale": answer.rationale[:LONGEST_REASON]}
        found = {"value": scored.value, "reason": scored.reason, "confidence": answer.confidence, **said}
        if scored.status == "unscorable":
            found = {"error": f"unscorable: {scored.reason}"}
        return trial.model_copy(update=found)

    def _context(self, place: str) -> Context:
        """The resources of one run; its seed depends on the item and the epoch, and is the same for all strategies."""
        return prepare(
            model=self.model,
            models=self.models,
            budget=self.budget,
            at_once=self.at_once,
            temperature=self.temperature,
            seed=crc32(place.encode()),
        )


def _key(label: str, task: Task, item: Item, epoch: int) -> tuple[str, str, str, int]:
    return label, task.name, item.id, epoch
