"""Demonstrations: worked examples for a solver, and how many steps they take.

Steps can be added that bring no new fact, and joined again without a loss, so that length is all that changes. Source:
Jin et al. 2024, "The Impact of Reasoning Step Length on Large Language Models", arXiv:2401.04925, section 3.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from disputatio.errors import ConfigurationError

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Demonstration:
    """A question with the steps to its answer.

    Raises:
        ConfigurationError: If it has no question, no steps or no answer.
    """

    question: str
    steps: tuple[str, ...]
    answer: str

    def __post_init__(self) -> None:
        if not self.question.strip() or not self.answer.strip() or not any(step.strip() for step in self.steps):
            raise ConfigurationError("a demonstration needs a question, at least 1 step, and an answer")

    def __str__(self) -> str:
        return "\n".join([f"Question: {self.question}", *self.steps, f"Answer: {self.answer}"])

    @property
    def numbers(self) -> set[str]:
        """The numbers in its steps and its answer."""
        return set(_NUMBER.findall(" ".join([*self.steps, self.answer])))


def with_steps(demonstration: Demonstration, added: int) -> Demonstration:
    """The same demonstration with so many steps more, or fewer if the number is negative.

    Steps are added in this order, one of each kind at a time: what is to be found, a look at the question, each step
    once more before it is used, and the answer once more. Fewer steps are made by joining neighbours from the end. No
    number comes in and none gets lost, and question and answer stay as they are.

    Raises:
        ConfigurationError: If there are not so many steps to add or to join.
    """
    steps = list(demonstration.steps)
    if added < 0:
        if len(steps) + added < 1:
            raise ConfigurationError(f"{-added} of {len(steps)} steps cannot be joined to others")
        *kept, last = steps[:added] if added else steps
        return replace(demonstration, steps=(*kept, " ".join([last, *steps[added:]])))
    most = len(steps) + 3
    if added > most:
        raise ConfigurationError(f"a demonstration of {len(steps)} steps takes {most} more at most, not {added}")
    before = ["First I say what is to be found.", "Next I look at the question again for what matters."][:added]
    after = [f"So the answer is {demonstration.answer}."] if added > 2 else []
    repeated = added - len(before) - len(after)
    recalled = [part for step in steps[:repeated] for part in (step, f"To go on, I keep in mind: {step}")]
    return replace(demonstration, steps=(*before, *recalled, *steps[repeated:], *after))


def shown(demonstrations: Sequence[Demonstration]) -> str:
    """The demonstrations as a part of a prompt."""
    return "\n\n".join(f"Example {number}\n{one}" for number, one in enumerate(demonstrations, 1))
