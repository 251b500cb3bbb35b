"""Forecast: what a strategy would gain and cost, from running its real graph on a simulated model.

No time is waited for: the runs are in virtual time, in which only the set latency of the model counts, so that the
seconds of a run are those of its critical path.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from disputatio.budget import Usage
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelUnavailableError
from disputatio.evals.metrics import wilson
from disputatio.graphs.run import prepare, run, synchronously
from disputatio.models.simulated import SimulatedModel
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.question import Question
from disputatio.strategies import Strategy


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What came of one strategy on simulated questions; sums over all of them. Each is one of the first four."""

    strategy: str
    right: int = 0
    wrong: int = 0
    abstained: int = 0
    failed: int = 0
    """Questions on which a model call failed to the end."""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    """Time on the critical path: calls one after another and waits before a failed call is made again."""

    @property
    def questions(self) -> int:
        """How many there were."""
        return self.right + self.wrong + self.abstained + self.failed

    @property
    def accuracy(self) -> float:
        """Share of all questions that were answered right; an abstention or a failure is not right."""
        return self.right / self.questions

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return wilson(self.right, self.questions)

    def cost(self, price_in: float, price_out: float) -> float:
        """Money for all questions, in the currency of the prices, which are for a million tokens read and written."""
        return (self.usage.prompt_tokens * price_in + self.usage.completion_tokens * price_out) / 1e6


def simulated_questions(number: int) -> list[Question]:
    """So many questions that only a simulated model can answer; their answers are numbers.

    Raises:
        ConfigurationError: If there are none.
    """
    _check(number)
    return [Question(text=f"Simulated question {place}", answer_type="number") for place in range(1, number + 1)]


def _check(number: int) -> None:
    if number < 1:
        raise ConfigurationError(f"a forecast needs at least 1 question, got {number}")


def forecast(
    strategy: Strategy[...],
    model: SimulatedModel,
    *,
    questions: int | Sequence[Question] = 200,
    seed: int = 1,
    on_question: Callable[[], None] | None = None,
) -> Forecast:
    """Run a strategy on simulated questions.

    Args:
        strategy: How to reason; agents with models of their own ask those.
        model: The model of all others. Its `chances` say what is right.
        questions: The questions, or how many.
        seed: Makes another draw of the same questions.
        on_question: Called after each question.

    Raises:
        ConfigurationError: If there are no questions, or the model does not know what is right.
    """
    asked = simulated_questions(questions) if isinstance(questions, int) else list(questions)
    _check(len(asked))

    async def all_of_them() -> Forecast:
        counts = Counter[str]()
        usage, clock = Usage(), asyncio.get_running_loop().time
        for number, question in enumerate(asked, 1):
            context = prepare(model=model, seed=crc32(f"{seed}/{number}".encode()))
            counts[await _outcome(question, strategy, model, context)] += 1
            usage += context.ledger.total
            if on_question:
                on_question()
        return Forecast(strategy=repr(strategy), **counts, usage=usage, seconds=clock())

    return synchronously(all_of_them(), loop_factory=VirtualTimeLoop)


async def _outcome(question: Question, strategy: Strategy[...], model: SimulatedModel, context: Context) -> str:
    right = next(iter(model.chances(question)))
    try:
        result = await run(question, strategy, context)
    except ModelUnavailableError:
        return "failed"
    if result.answer.abstained:
        return "abstained"
    return "right" if result.answer.value == question.canonical(right) else "wrong"
