"""Examples for Medprompt: chains that the model itself wrote for solved questions, and the nearest of them.

A chain is kept if it led to the known answer. Sources: see `medprompt`.
"""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from disputatio.agents.agent import Agent
from disputatio.context import Context
from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs.strategies.chain_of_thought import chain_of_thought
from disputatio.graphs.wiring import together
from disputatio.memory.bag_of_words import Embed
from disputatio.question import Question

SAME = 0.99
"""A question that is as similar as this to the one asked is the same question, and no example for it."""


class Example(BaseModel):
    """A question with its answer, and with a chain of thought that leads there once the model has written one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Question
    answer: str
    """As an answer to the question is written: the letter or the text of a choice, a number, ..."""
    chain: str = ""


async def with_chains(examples: Sequence[Example], context: Context, *, solver: Agent | None = None) -> list[Example]:
    """Let the model write a chain for each question, and keep those whose answer is the known one.

    Args:
        examples: Questions with their answers; chains that they have are not looked at.
        context: The resources of the run, its budget among them; one call for each question is made.
        solver: Who thinks; None makes a plain solver.

    Returns:
        The examples that are kept, with their chains, in their order.
    """
    graph = chain_of_thought(solver=solver).compiled

    async def one(number: int, example: Example) -> Example | None:
        output = await graph.ainvoke({"question": example.question}, context=context.within(f"example {number}"))
        said, known = output["answer"], example.question.canonical(example.answer)
        right = known is not None and said.value == known
        return example.model_copy(update={"chain": said.rationale}) if right else None

    made = await together(one(number, example) for number, example in enumerate(examples, 1))
    return [example for example in made if example is not None]


def read_examples(path: str | Path) -> list[Example]:
    """Examples out of a file of JSON lines.

    Raises:
        StoreError: If it cannot be read.
        ConfigurationError: If a line is no example.
    """
    try:
        lines = Path(path).expanduser().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read the examples in {str(path)!r}: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found += [Example.model_validate_json(line)] if line.strip() else []
        except ValidationError as error:
            said = str(error.errors()[0]["msg"])
            raise ConfigurationError(f"line {number} of {str(path)!r} is no example: {said}") from error
    return found


def nearest(question: Question, examples: Sequence[Example], k: int, embed: Embed) -> list[Example]:
    """The k examples whose questions are most similar to this one by the cosine of their vectors, nearest first."""
    if not examples or not k:
        return []
    asked, *vectors = [_unit(vector) for vector in embed([str(question), *(str(one.question) for one in examples)])]
    scores = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
    order = sorted(range(len(examples)), key=lambda place: (-scores[place], place))
    return [examples[place] for place in order if scores[place] <= SAME][:k]


def _unit(vector: Sequence[float]) -> list[float]:
    length = sqrt(sum(number * number for number in vector)) or 1.0
    return [number / length for number in vector]
