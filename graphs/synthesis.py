"""Synthesis: one strategy answers many questions under one budget, to make data of what comes out.

    questions -> run, so many at once -> results -> export(results, ...)     filter, rows, manifest

Every run has a journal in the folder. A batch that was stopped goes on from there: what was said is not paid for
again, and what was spent counts against the budget.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from disputatio.agents.speech import load_all
from disputatio.budget import Budget, Usage
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelError, StoreError
from disputatio.graphs.export import WHOLE
from disputatio.graphs.run import as_question, find, prepare, run, settings_of, synchronously
from disputatio.graphs.wiring import together
from disputatio.journal import Journal
from disputatio.journal_file import CallLine, EndLine, RunLine, parse
from disputatio.ledger import Ledger
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

HOPELESS = ("auth", "quota")
"""Faults that every further call would meet as well."""
_LASTING = ("models", "seed", "temperature")
"""Settings that a batch must share with what it goes on from."""


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """What a batch came to."""

    results: tuple[Result, ...]
    """The runs that came to their end, in the order of the questions."""
    dropped: dict[str, int]
    """Questions without such a run, by reason."""
    usage: Usage
    """What all runs spent, earlier lives of the batch included."""


@dataclass
class _Recorded:
    """What an earlier life of the batch left of a run."""

    number: int
    run: RunLine
    usage: Usage
    is_whole: bool


@dataclass(kw_only=True)
class _Batch:
    """One life of a batch."""

    questions: Sequence[Question]
    strategy: Strategy[...]
    folder: Path
    whole: Ledger
    each: Budget
    prepare: Callable[[int], Context]
    on_result: Callable[[Result], None]
    results: dict[int, Result] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    async def run(self, workers: int) -> None:
        recorded = {one.number: one for one in self._recorded()}
        for one in recorded.values():
            self._check(one)
        # One after the other, so that all of what was spent is booked before anything new is.
        for one in recorded.values():
            self.whole.hold(one.usage)
        for one in recorded.values():
            self.whole.let_go(one.usage)
            await self._answer(one.number, replay=one.is_whole)
        waiting = (number for number in range(1, len(self.questions) + 1) if number not in recorded)
        await together(self._work(waiting) for _ in range(workers))

    async def _work(self, waiting: Iterator[int]) -> None:
        for number in waiting:
            if self.whole.stopped:
                self.dropped[f"not asked: {self.whole.reason or 'deadline'}"] += 1
            else:
                await self._answer(number, replay=False)

    async def _answer(self, number: int, *, replay: bool) -> None:
        context = self.prepare(number)
        context.ledger = self.whole.part(self.each)
        context.journal = Journal(self._path(number), replay=replay)
        if replay:
            context.loaded = {}  # a replay puts stand-ins there
        try:
            result = await run(self.questions[number - 1], self.strategy, context)
        except ModelError as error:
            if error.fault in HOPELESS:
                raise
            self.dropped[f"failed: {error.fault}"] += 1
            return
        if result.stop_reason in WHOLE:
            self.results[number] = result
            self.on_result(result)
        else:
            self.dropped[f"ended by {result.stop_reason}"] += 1

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.jsonl"

    def _recorded(self) -> Iterator[_Recorded]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self.folder.glob("[0-9]*.jsonl")):
                lines, _ = parse(path.read_bytes(), str(path))
                runs = [line for line in lines if isinstance(line, RunLine)]
                if runs:
                    usage = sum((line.usage for line in lines if isinstance(line, CallLine)), Usage())
                    is_whole = isinstance(lines[-1], EndLine) and lines[-1].stop_reason in WHOLE
                    yield _Recorded(int(path.stem), runs[-1], usage, is_whole)
        except (OSError, ValueError) as error:
            raise StoreError(f"cannot go on from {str(self.folder)!r}: {error}") from error

    def _check(self, one: _Recorded) -> None:
        """Make sure that a run belongs to this batch, before anything is spent."""
        if one.number > len(self.questions):
            raise ConfigurationError(f"{str(self.folder)!r} holds a run on question {one.number}, which is not there")
        settings = settings_of(self.prepare(one.number))
        for name in _LASTING:
            if one.run.settings.get(name) != settings[name]:
                was, now = one.run.settings.get(name), settings[name]
                raise ConfigurationError(f"{str(self.folder)!r} holds runs with other {name}: {was!r}, not {now!r}")


async def asynthesise(
    questions: Sequence[Question | str],
    strategy: Strategy[...] | str,
    *,
    folder: Path | str,
    budget: Budget | None = None,
    each: Budget | None = None,
    workers: int = 8,
    seed: int | None = None,
    on_result: Callable[[Result], None] = lambda result: None,
    **settings: Any,
) -> Synthesis:
    """Let a strategy answer many questions, so that rows can be made of the runs (`disputatio.graphs.export`).

    Args:
        questions: What is asked. Questions may be added at the end of a batch that is gone on with.
        strategy: How to reason: a strategy or its name; `verified(...)` adds an agent that rules on each answer.
        folder: Where the runs are written down, in a file each. The same call goes on from there.
        budget: What all runs together may spend, in all lives of the batch; its seconds count from each start.
        each: What one run may spend of that.
        workers: Questions under way at one time, at least 1.
        seed: Makes sampling repeatable where the backend can; each question gets its own.
        on_result: Called with each run that came to its end, in the order in which they end.
        **settings: As of `asolve`: model, models, temperature, at_once, permission, ...

    Returns:
        The whole runs. Questions on which the model failed, and those that the budget did not reach, are counted; the
        same call tries them again.

    Raises:
        ConfigurationError: If the folder holds the runs of another batch, or a parameter is wrong.
        StoreError: If the folder cannot be read or written.
        ModelError: If every further call would fail as well: the key is wrong, the money is used up.
    """
    if workers < 1:
        raise ConfigurationError(f"at least 1 question must be under way, got {workers}")
    shared = prepare(**settings)
    await asyncio.to_thread(load_all, shared)

    def context(number: int) -> Context:
        one = prepare(**settings)
        one.loaded, one.gate = shared.loaded, shared.gate
        one.seed = None if seed is None else crc32(f"{seed}/{number}".encode())
        return one

    whole = Ledger(budget or Budget())
    batch = _Batch(
        questions=[as_question(one) for one in questions],
        strategy=find(strategy),
        folder=Path(folder),
        whole=whole,
        each=each or Budget(),
        prepare=context,
        on_result=on_result,
    )
    await batch.run(workers)
    results = tuple(batch.results[number] for number in sorted(batch.results))
    return Synthesis(results=results, dropped=dict(sorted(batch.dropped.items())), usage=whole.total)


def synthesise(questions: Sequence[Question | str], strategy: Strategy[...] | str, **settings: Any) -> Synthesis:
    """Let a strategy answer many questions: the synchronous twin of `asynthesise`. Works in notebooks, too."""
    return synchronously(asynthesise(questions, strategy, **settings))
