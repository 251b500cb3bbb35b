"""Step critic: goes through a solution step by step, says of each whether it is right, and rules on the answer.

It sees the solution with its steps numbered (`by_steps`) and nothing else. What it found is read by `first_error`.
"""

import re

from pydantic import Field

from disputatio.agents.agent import Agent
from disputatio.agents.verifier import Ruling
from disputatio.model import Model
from disputatio.thought import Link, Thought

INSTRUCTION = """\
You check the solution above and did not write it. Go through all its steps in order. Give one line for each: the \
step in short, then "correct" or "wrong", then why. Then rule on the final answer: "supported" if it is right, \
"refuted" if it is wrong, "undecided" if you cannot tell."""

_NOT_A_STEP = re.compile(r"[\W_]*(?:answer|confidence)[\W_]*:", re.IGNORECASE)
_RIGHT = re.compile(r"(?<!not )\b(?:correct|right)\b", re.IGNORECASE)
_WRONG = re.compile(r"\b(?:wrong|incorrect|false|not (?:correct|right))\b", re.IGNORECASE)


class StepCritique(Ruling):
    """A ruling with one line on each step before it."""

    steps: list[str] = Field(
        default=[], description="a numbered list, one line for each step: correct or wrong, and why"
    )


def StepCritic(name: str = "critic", *, model: str | Model | None = None) -> Agent:
    """Make an agent that checks each step of a solution, the last thought that it sees, and rules on its answer.

    Args:
        name: Its name.
        model: A model of its own; None takes the run's.
    """
    return Agent(
        name=name,
        role="critic",
        instruction=INSTRUCTION,
        kind="verdict",
        form=StepCritique,
        prose=False,
        relate=lambda thought, seen: [
            Link(source=thought.id, target=one.id, kind="verifies" if first_error(thought) is None else "attacks")
            for one in seen[-1:]
        ],
        temperature=0.0,
        model=model,
    )


def steps_of(text: str) -> list[str]:
    """The steps of a solution: its lines, or its sentences if it is one line; the lines of the form are none."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _NOT_A_STEP.match(line)]
    return lines if len(lines) != 1 else re.split(r"(?<=[.!?;])\s+", lines[0])


def by_steps(solution: Thought) -> Thought:
    """The same thought with its steps numbered and its answer on a line of its own."""
    steps = [re.sub(r"^\s*(?:step\s*)?\d+[.):]\s*", "", step, flags=re.IGNORECASE) for step in steps_of(solution.text)]
    lines = [f"Step {number}: {step}" for number, step in enumerate(steps, 1)]
    return solution.model_copy(update={"text": "\n".join([*lines, f"Answer: {solution.answer}"])})


def first_error(critique: Thought) -> int | None:
    """The first step that a critique finds wrong, from 1; 0 where it refutes the answer and no step; None for neither.

    What cannot be read as right or wrong counts as neither.
    """
    listed = critique.data.get("steps")
    wrong = [place for place, line in enumerate(listed if isinstance(listed, list) else [], 1) if _is_wrong(str(line))]
    return wrong[0] if wrong else 0 if critique.data.get("verdict") == "refuted" else None


def judgements(critique: Thought) -> list[bool | None]:
    """Whether a critique finds each step right; None where it says neither, or praises before it blames."""
    listed = critique.data.get("steps")
    return [_judgement(str(line)) for line in (listed if isinstance(listed, list) else [])]


def _judgement(line: str) -> bool | None:
    blames = _WRONG.search(line) is not None
    if _is_wrong(line) or blames:
        return False if _is_wrong(line) else None
    return True if _RIGHT.search(line) else None


def _is_wrong(line: str) -> bool:
    """Whether the first word of judgement in a line is one of blame."""
    blame, praise = _WRONG.search(line), _RIGHT.search(line)
    return blame is not None and (praise is None or blame.start() < praise.start())
