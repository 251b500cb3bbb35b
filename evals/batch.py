"""Batches: many pieces of work, so many at once, each of which is written down as it is finished.

What is finished stands in a file with one JSON object a line. A run that was killed goes on from there: a line is
written whole or, where the process died while it wrote, dropped; so no finished piece is done twice and none is lost.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from disputatio.budget import Usage
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelError, StoreError
from disputatio.graphs.run import run
from disputatio.journal_file import JournalFile
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy
from disputatio.strict_json import parse_object
from disputatio.thought import Answer
from disputatio.writing import excerpt

Job = TypeVar("Job")
Kind = TypeVar("Kind", bound=BaseModel)

HOPELESS = ("auth", "quota")
"""Faults that every further call would meet as well."""


def reader(kind: type[Kind]) -> Callable[[bytes, str], tuple[list[Kind], int]]:
    """The reader of a file in which every line is such a record; a last line without its end is dropped."""

    def read(content: bytes, name: str) -> tuple[list[Kind], int]:
        whole = content[: content.rfind(b"\n") + 1]
        records = []
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                records.append(kind.model_validate_json(line))
            except ValidationError as error:
                raise StoreError(f"{name} is damaged: line {number} is no record of such a run") from error
        return records, len(whole)

    return read


async def work_through(jobs: Iterable[Job], work: Callable[[Job], Awaitable[None]], *, at_once: int) -> None:
    """Do all jobs, so many at once, beginning them in their order; the first error ends all.

    Raises:
        ConfigurationError: If none may be under way.
    """
    if at_once < 1:
        raise ConfigurationError(f"at least 1 piece of work must be under way, got {at_once}")
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            await work(job)

    workers = [asyncio.create_task(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def attempt(question: Question, strategy: Strategy[...], context: Context) -> tuple[Result | None, str]:
    """Run a strategy on a question; an error of the model is given in words, with what was said until then.

    Raises:
        ModelError: If every further call would fail as well: the key is wrong, the money is used up.
    """
    try:
        return await run(question, strategy, context), ""
    except ModelError as error:
        if error.fault in HOPELESS:
            raise
        return error.result, f"{error.fault}: {error}"


class Answered(BaseModel):
    """One line of what a batch writes: a question and what became of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    """Which question of the file it is, from 1."""
    id: str
    question: str
    answer: str = ""
    """As it was written; empty if there is none."""
    value: str | None = None
    """Its canonical form; None if no answer could be read."""
    confidence: float | None = None
    stop_reason: str = ""
    error: str = ""
    """Why the model failed, if it did; such a question is asked again when the batch goes on."""
    strategy: str
    model: str
    seed: int | None = None
    usage: Usage = Usage()
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Questions that one strategy answers, and the file that the answers go to."""

    questions: Sequence[Question]
    strategy: Strategy[...]
    out: Path
    prepare: Callable[[int], Context]
    """Makes the context of the run on the question of this number, counted from 1."""
    workers: int = 8
    """Questions under way at one time."""
    on_answer: Callable[[Answered, bool], None] = lambda answered, is_new: None
    """Called with each answer that stands in the file, and with each new one; the second argument says which."""

    async def run(self) -> list[Answered]:
        """Answer all questions that have no answer yet; at the end the file is in the order of the questions.

        Raises:
            ConfigurationError: If the file holds answers to other questions, or of another strategy or model.
            StoreError: If it cannot be read or written, or another process writes it.
            ModelError: If every further call would fail as well.
        """
        file = JournalFile(self.out, reader=reader(Answered), what="file of answers")
        file.open()
        try:
            known = {one.number: self._checked(one) for one in file.lines}
            for one in known.values():
                if not one.error:
                    self.on_answer(one, False)

            async def answer(number: int) -> None:
                known[number] = await self._answer(number)
                file.append(known[number].model_dump())
                self.on_answer(known[number], True)

            numbers = range(1, len(self.questions) + 1)
            left = [number for number in numbers if number not in known or known[number].error]
            await work_through(left, answer, at_once=self.workers)
            answers = [known[number] for number in numbers]
            if left or answers != file.lines:
                _replace(self.out, answers)
            return answers
        finally:
            file.close()

    def _checked(self, one: Answered) -> Answered:
        """An answer that was there, if it belongs to this batch."""
        context = self.prepare(one.number)
        now = {
            "question": self.questions[one.number - 1].text if one.number <= len(self.questions) else "none",
            "strategy": repr(self.strategy),
            "model": _model(context),
            "seed": context.seed,
        }
        for name, value in now.items():
            if getattr(one, name) != value:
                was, is_now = excerpt(str(getattr(one, name)), 60), excerpt(str(value), 60)
                raise ConfigurationError(
                    f"{str(self.out)!r} holds answers of another batch: the {name} of number {one.number} was "
                    f"{was!r}, not {is_now!r}"
                )
        return one

    async def _answer(self, number: int) -> Answered:
        question, context = self.questions[number - 1], self.prepare(number)
        result, error = await attempt(question, self.strategy, context)
        answer = result.answer if result and not error else Answer()
        return Answered(
            number=number,
            id=question.id or str(number),
            question=question.text,
            answer=answer.text,
            value=answer.value,
            confidence=answer.confidence,
            stop_reason=result.stop_reason if result else "error",
            error=error,
            strategy=repr(self.strategy),
            model=_model(context),
            seed=context.seed,
            usage=context.ledger.total,
            seconds=round(context.ledger.seconds, 3),
        )


def _model(context: Context) -> str:
    """The models of a run in one text."""
    names = {role: one if isinstance(one, str) else one.name for role, one in context.models.items()}
    return ", ".join(name if role == "default" else f"{role}={name}" for role, name in sorted(names.items()))


def _replace(path: Path, records: Sequence[BaseModel]) -> None:
    """Write a file anew by one rename, so that a process that dies leaves the old one or the new one."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.writelines(f"{one.model_dump_json()}\n" for one in records)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(f"cannot write {str(path)!r}: {error.strerror}") from error


def questions(content: str, name: str) -> list[Question]:
    """The questions of a file: JSON Lines in the fields of `Question` ("question" may stand for "text"), or plain text.

    Raises:
        ConfigurationError: If a line is neither, or there is none.
    """
    lines = [(number, line.strip()) for number, line in enumerate(content.split("\n"), 1) if line.strip()]
    if not lines:
        raise ConfigurationError(f"{name} holds no question")
    return [_question(line, f"{name}, line {number}") for number, line in lines]


def _question(line: str, where: str) -> Question:
    try:
        if not line.startswith("{"):
            return Question.of(line)
        given = parse_object(line)
        text = given.get("text", given.get("question"))
        if not isinstance(text, str):
            raise ValueError("it has no question")
        choices = [one["text"] if isinstance(one, dict) else one for one in given.get("choices") or ()]
        wanted = {key: given[key] for key in ("context", "answer_type") if given.get(key)}
        if isinstance(wanted.get("context"), str):
            wanted["context"] = [wanted["context"]]
        name = None if given.get("id") is None else str(given["id"])
        if not (choices or wanted):
            return Question.of(text).model_copy(update={"id": name})
        return Question.model_validate({"text": text, "choices": choices, "id": name, **wanted})
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{where}: {error}") from error
