"""Experience: what was learned from a task, as titled strategies, and the record of the task it was learned from.

A record is a memory item of kind "task", searched for by the text of its question; what was learned from it are items
of kind "strategy", so that each can be looked at, corrected and forgotten by itself. Source: Ouyang et al. 2025
(ReasoningBank), arXiv:2509.25140, section 3.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from disputatio.memory.memory import Memory, MemoryItem, item_of

TASK = "task"
STRATEGY = "strategy"
_FIELD = re.compile(r"(?im)^[ \t#*-]*(title|description|content)\b[*:]*[ \t]*(.*)$")
_NEXT = re.compile(r"(?im)^[ \t#*-]*memory item\b.*$")
_RUN = 8
"""So many words in a row that a lesson has from the task are copied."""


class Lesson(BaseModel):
    """One strategy that was learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1)
    """Its name, short."""
    description: str = Field(min_length=1)
    """One sentence: what it is, and when it is of use or not."""
    content: str = Field(min_length=1)
    """One to three sentences: the insight."""

    def numbered(self, number: int) -> str:
        """The lesson in the published schema."""
        fields = f"## Title {self.title}\n## Description {self.description}\n## Content {self.content}"
        return f"# Memory item {number}\n{fields}"


class Experience(NamedTuple):
    """A task of the past, and what was learned from it."""

    task: MemoryItem
    items: tuple[MemoryItem, ...]


def lessons(text: str, most: int) -> list[Lesson]:
    """The lessons in a reply, in their order; of those that are complete, so many at most."""
    found = []
    for block in _NEXT.split(text):
        marks = [*_FIELD.finditer(block)]
        ends = [*(mark.start() for mark in marks[1:]), len(block)]
        fields: dict[str, str] = {}
        for mark, end in zip(marks, ends, strict=False):
            if mark[1].lower() == "title" and fields.keys() >= {"title", "description", "content"}:
                found.append(fields)
                fields = {}
            words = f"{mark[2]} {block[mark.end() : end]}"
            fields.setdefault(mark[1].lower(), " ".join(words.replace("**", " ").split()).strip(" <>:"))
        found.append(fields)
    complete = [one for one in found if len(one) == 3 and all(one.values())]
    return [Lesson(**one) for one in complete[:most]]


def own_strings(lesson: Lesson, question: str, said: str = "") -> list[str]:
    """What a lesson has of one task itself, and would mislead another: names, numbers, addresses, copied words.

    Args:
        lesson: What was learned.
        question: The task, with its answer.
        said: What was said while it was worked on, of which numbers and addresses count.
    """
    body = f"{lesson.description} {lesson.content}"
    whole = f"{lesson.title}. {body}"
    words = set(_tokens(whole))
    found = {one for one in _tokens(f"{question} {said}") if one in words and _is_particular(one)}
    # A word with a capital is a name if it has one in the middle of a sentence, on one side at least.
    found |= (_capitals(question, inside=True) & _capitals(whole)) | (
        _capitals(question) & _capitals(body, inside=True)
    )
    quoted = re.findall(r'["“`]([^"”`\n]{3,80})["”`]', question)
    found |= {one for one in quoted if one.casefold() in whole.casefold()}
    theirs = _runs(question)
    found |= {run for run in _runs(whole) if run in theirs}
    return sorted(found)


def _tokens(text: str) -> list[str]:
    return [one.strip(".,;:!?()[]'\"#").casefold() for one in text.split()]


def _is_particular(token: str) -> bool:
    return len(token) > 1 and (any(one.isdigit() for one in token) or "@" in token or "://" in token)


def _capitals(text: str, *, inside: bool = False) -> set[str]:
    return set(re.findall(r"(?<=[\w,;:)] )[A-Z][a-z]{2,}" if inside else r"\b[A-Z][a-z]{2,}", text))


def _runs(text: str) -> set[str]:
    words = re.findall(r"\w+", text.casefold())
    return {" ".join(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)}


async def nearest_tasks(memory: Memory, query: str, n: int = 1, *, not_of: str = "") -> list[Experience]:
    """The past tasks that are most like a question, by meaning, each with all that was learned from it.

    Args:
        memory: Where it is kept.
        query: The question.
        n: How many tasks.
        not_of: A run whose own records are not looked at.

    Raises:
        StoreError: If the store cannot be read.
    """
    wanted = {"kind": TASK, "run_id": {"$ne": not_of}}
    found = await memory.store.asearch(memory.namespace, query=query, filter=wanted, limit=n)
    tasks = [item_of(one.key, one.value) for one in found]
    return [Experience(task, tuple(await _known(memory, task.data.get("items")))) for task in tasks]


async def _known(memory: Memory, ids: object) -> list[MemoryItem]:
    """The items that are still there."""
    found = [(id_, await memory.store.aget(memory.namespace, id_)) for id_ in _texts(ids)]
    return [item_of(id_, one.value) for id_, one in found if one is not None]


def _texts(value: object) -> Iterable[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
