"""How well a verifier or critic finds faults: MR-Score, first errors, and which flaw leads to which answer.

A verifier that says "looks right" to everything scores well on mostly right solutions. These metrics ask where the
fault is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from disputatio.agents.step_critic import first_error
from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.steps import read_step
from disputatio.question import Question
from disputatio.thought import Thought

_SOLUTIONS = ("first_error", "ruling")
"""Scorers of items that hold a solution."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is known, or was said, about one solution."""

    correct: bool | None
    """Whether its reasoning is right; None where a ruling could not be read."""
    step: int | None = None
    """The first wrong step, from 1."""
    reason: bool | None = None
    """Whether the reason given is the true one, where somebody graded that; it takes a person or a strong model."""


@dataclass(frozen=True, kw_only=True)
class MetaReasoning:
    """How the findings of an agent compare with what is known. Right solutions are the positive class."""

    tp: int
    tn: int
    fp: int
    fn: int
    unread: int
    """Rulings that could not be read; each counts as a miss of its class, among `fp` and `fn`."""
    steps: int
    """Wrong solutions that were found wrong, with the right step."""
    reasons: int
    """Those of them whose reason was graded as right."""
    graded: bool
    """Whether the reasons of all of these were graded."""

    @property
    def mcc(self) -> float:
        """Matthews' correlation of ruling and truth, from -1 to 1; 0 where one of the classes was never ruled."""
        factors = (self.tp + self.fp) * (self.tp + self.fn) * (self.tn + self.fp) * (self.tn + self.fn)
        return (self.tp * self.tn - self.fp * self.fn) / sqrt(factors) if factors else 0.0

    @property
    def step_accuracy(self) -> float | None:
        """Share of ALL wrong solutions whose first wrong step was found; None if there is no wrong solution."""
        wrong = self.tn + self.fp
        return self.steps / wrong if wrong else None

    @property
    def reason_accuracy(self) -> float | None:
        """Share of ALL wrong solutions whose fault was also explained; None if that was not graded."""
        wrong = self.tn + self.fp
        return self.reasons / wrong if wrong and self.graded else None

    @property
    def score(self) -> float | None:
        """The MR-Score, 0.2 max(0, MCC) + 0.3 step + 0.5 reason; None where one of them is."""
        if self.step_accuracy is None or self.reason_accuracy is None:
            return None
        return 0.2 * max(0.0, self.mcc) + 0.3 * self.step_accuracy + 0.5 * self.reason_accuracy

    @property
    def localisation(self) -> float:
        """Share of all solutions, right ones too, of which it was said rightly where the first error is, or none.

        The accuracy of BIG-Bench Mistake (Tyen et al. 2024, arXiv:2311.08516, section 3).
        """
        return (self.tp + self.steps) / (self.tp + self.tn + self.fp + self.fn)


def meta_reasoning(known: Sequence[Finding], said: Sequence[Finding]) -> MetaReasoning:
    """Compare what an agent said about solutions with what is known about them.

    After Zeng et al. 2023, arXiv:2312.17080, section 4. Where every ruling is the same the correlation is 0; the
    paper's code divides by zero there.

    Args:
        known: One for each solution; a wrong one has its step.
        said: What the agent found, in the same order.

    Raises:
        ConfigurationError: If they are not as many, or there is none, or it is not known whether a solution is right.
    """
    if len(known) != len(said) or not known or any(one.correct is None for one in known):
        raise ConfigurationError(f"{len(known)} solutions with known truth need as many findings, got {len(said)}")
    pairs = list(zip(known, said, strict=True))
    good, bad = [pair for pair in pairs if pair[0].correct], [pair for pair in pairs if not pair[0].correct]
    found = [(truth, one) for truth, one in bad if one.correct is False]
    located = [one for truth, one in found if one.step is not None and one.step == truth.step]
    accepted = sum(one.correct is True for _, one in good)
    return MetaReasoning(
        tp=accepted,
        fn=len(good) - accepted,
        tn=len(found),
        fp=len(bad) - len(found),
        unread=sum(one.correct is None for one in said),
        steps=len(located),
        reasons=sum(one.reason is True for one in located),
        graded=all(one.reason is not None for one in located),
    )


def known_of(item: Item) -> Finding:
    """What an item of a task with `first_error` targets knows about its solution.

    Raises:
        ConfigurationError: If its target is no step and not "none".
    """
    step = read_step(str(item.target))
    if item.scorer not in _SOLUTIONS or step is None:
        raise ConfigurationError(f"item {item.id!r} does not say which step of a solution is wrong")
    return Finding(correct=step == 0, step=step or None)


def found_by(verdict: Thought) -> Finding:
    """What a verifier or a step critic found: its ruling, and the first step that it calls wrong.

    A ruling "undecided", or none, is unread. A ruling "supported" with a step called wrong is a finding of that step,
    as the step critic's own links have it.
    """
    step = first_error(verdict)
    ruling = verdict.data.get("verdict")
    if step is not None:
        return Finding(correct=False, step=step or None)
    return Finding(correct=True if ruling == "supported" else None)


def solution_of(item: Item) -> tuple[Question, Thought]:
    """The question and the solution, as a thought for a verifier or critic to rule on, of a `first_error` item.

    Raises:
        ConfigurationError: If the item has no document with a solution.
    """
    if item.scorer not in _SOLUTIONS or not item.question.context:
        raise ConfigurationError(f"item {item.id!r} holds no solution to rule on")
    return solution_in(item.question)


def solution_in(question: Question) -> tuple[Question, Thought]:
    """The same for a question that asks for the first wrong step of the solution in its document."""
    text = question.text.partition("\n\nThe document is a solution")[0]
    solution = "\n\n".join(question.context)
    return Question(id=question.id, text=text), Thought(author="solver", role="solver", kind="claim", text=solution)


@dataclass(frozen=True, kw_only=True)
class Identification:
    """How often the rationale that leads to a given option was picked."""

    aia: float | None
    """Share of right options whose rationale, an algorithm, was picked; None if there were none."""
    mia: float | None
    """Share of wrong options whose rationale, a malgorithm, was picked; None if there were none."""
    unread: int
    """Picks that could not be read; they count as misses."""

    @property
    def gap(self) -> float | None:
        """AIA less MIA."""
        return None if self.aia is None or self.mia is None else self.aia - self.mia


def identification(picks: Sequence[tuple[bool, str | None, str]]) -> Identification:
    """Algorithm and malgorithm identification accuracy (Liu et al. 2024, arXiv:2407.00938).

    Args:
        picks: For each question and option: whether the option is the right one, the rationale that was picked, None
            if it could not be read, and the rationale that leads to it.

    Raises:
        ConfigurationError: If there is none.
    """
    if not picks:
        raise ConfigurationError("there is no pick")

    def share(right: bool) -> float | None:
        hits = [picked == gold for is_right, picked, gold in picks if is_right is right]
        return sum(hits) / len(hits) if hits else None

    return Identification(aia=share(True), mia=share(False), unread=sum(picked is None for _, picked, _ in picks))
