"""Proposer: thinks one step at a time, and answers only when its step completes the solution."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, create_model

from disputatio.agents.agent import Agent
from disputatio.agents.forms import Form
from disputatio.agents.solver import Solver
from disputatio.model import Model
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools.toolbox import Tools
from disputatio.writing import numbered

INSTRUCTION = """\
Write ONE next step towards the solution, in one or two sentences, and nothing beyond it. Do not repeat earlier \
steps. Give the final answer only if this step completes the solution."""


def _given(value: object) -> object:
    """What was said in place of an answer, as None."""
    said = value.strip().strip("<>.*\"'()").casefold() if isinstance(value, str) else value
    return None if said in ("", "none", "none yet", "not yet", "n/a", "null", "unfinished") else value


Finished = Annotated[str | None, BeforeValidator(_given)]


class Unfinished(Form):
    """The form of one who may not have come to an answer yet; `unfinished` narrows it to the question."""

    answer: Finished = Field(description="your final answer, as short as possible, or none if there is more to do")


def unfinished(
    question: Question, seen: Sequence[Thought] = (), base: type[Unfinished] = Unfinished
) -> type[Unfinished]:
    """The form of an answer to this question, or of none yet."""
    return base if question.answer_type == "text" else _narrowed(question.answer_type, question.labels, base)


@lru_cache(maxsize=64)
def _narrowed(answer_type: str, labels: str, base: type[Unfinished]) -> type[Unfinished]:
    schema: dict[str, Any] = {}
    match answer_type:
        case "choice":
            described, schema = f"one letter of {', '.join(labels)}", {"enum": [*labels, "none"]}
        case "boolean":
            described, schema = "yes or no", {"enum": ["yes", "no", "none"]}
        case _:
            described, schema = "a number only", {"pattern": r"^(-?[0-9]+([./][0-9]+)?|none)$"}
    asked = Field(description=f"{described}, or none if there is more to do", json_schema_extra=schema)
    return create_model("Unfinished", __base__=base, answer=(Finished, asked))


def Proposer(
    name: str = "proposer",
    *,
    instruction: str = INSTRUCTION,
    model: str | Model | None = None,
    temperature: float | None = None,
    tools: Tools = (),
) -> Agent:
    """Make an agent that writes the next step of a solution, or its end with the answer.

    Args:
        name: Its name.
        instruction: How long a step is, and what belongs in it.
        model: A model of its own; None takes the run's.
        temperature: Randomness of its replies; None takes the run's.
        tools: Tools that it may use before each step.
    """
    solver = Solver(name, instruction=instruction, model=model, temperature=temperature, tools=tools)
    return replace(solver, form=unfinished)


def step_of(thought: Thought) -> str:
    """The words of a step, without the line that says whether there is an answer."""
    kept = [line for line in thought.text.splitlines() if not re.match(r"[*_#\s]*answer[*_\s]*:", line, re.IGNORECASE)]
    return "\n".join(kept).strip()


def so_far(steps: Sequence[Thought]) -> str:
    """The steps of a path as a numbered list; empty if there are none."""
    return f"Steps so far:\n{numbered(map(step_of, steps))}" if steps else ""
