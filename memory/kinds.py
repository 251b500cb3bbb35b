"""Kinds of memory: demonstrations, mistakes, cases and episodes, all in one `Memory`.

A kind is a dataclass. Its first field is the text that an item is found by, the others are the item's data; its name
in small letters is the item's `kind`. Any dataclass of your own is one as well, and so is
`disputatio.agents.Demonstration`, a solved question with its steps.

Sources: mistakes, Tong et al. 2024 (CoTErrorSet), arXiv:2403.20046; cases, Aamodt and Plaza 1994, "Case-Based
Reasoning", AI Communications 7; episodes, Wen et al. 2023 (DiLu), arXiv:2309.16292.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.memory.memory import Memory, MemoryItem

T = TypeVar("T")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer, and why it is wrong."""

    question: str
    answer: str
    """As it was given."""
    why: str
    """What went wrong."""
    correction: str = ""
    """The right answer or the right way, where it is known."""


@dataclass(frozen=True)
class Case:
    """A problem that was solved, or not."""

    problem: str
    solution: str
    outcome: float = 1.0
    """How well it worked, from 0 to 1."""


@dataclass(frozen=True)
class Episode:
    """What was done in a situation, and what came of it; the latest come first in `Memory.items`."""

    situation: str
    action: str
    outcome: str = ""


class Remembered(NamedTuple):
    """Something that was found, and the item that it was kept as, with where it comes from."""

    thing: Any
    item: MemoryItem


def as_item(thing: Any, context: Context | None = None, **provenance: Any) -> MemoryItem:
    """The memory item of a thing.

    Args:
        thing: A value of a kind.
        context: The run that it comes from; None if a person gives it.
        **provenance: Further fields of the item: `author`, `thoughts`, `source`.

    Raises:
        ConfigurationError: If it is no dataclass, or has no text to be found by.
    """
    if not is_dataclass(thing) or isinstance(thing, type):
        raise ConfigurationError(f"a kind of memory is a dataclass, not {type(thing).__name__}")
    values: dict[str, Any] = TypeAdapter(dict[str, Any]).dump_python(asdict(thing), mode="json")
    text = values.pop(next(iter(values), ""), None)
    if not isinstance(text, str) or not text.strip():
        raise ConfigurationError(f"the first field of a {type(thing).__name__} is the text that it is found by")
    given = {"kind": kind_of(type(thing)), "data": values, **provenance}
    return MemoryItem.of_run(context, text, **given) if context else MemoryItem(text=text, **given)


def kind_of(kind: type) -> str:
    """The `kind` of its items."""
    return kind.__name__.lower()


def read_as(kind: type[T], item: MemoryItem) -> T:
    """The thing that an item was made from.

    Raises:
        ConfigurationError: If it was made from something else.
    """
    first = fields(kind)[0].name  # type: ignore[arg-type]
    try:
        return TypeAdapter(kind).validate_python({first: item.text, **item.data})
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise ConfigurationError(f"memory item {item.id!r} is no {kind.__name__}: {reason}") from error


async def find(memory: Memory, kind: type[T], query: str, k: int = 3, **options: Any) -> list[Remembered]:
    """Look for things of one kind, as `Memory.search` does and with its options; those of another form are left out.

    Raises:
        StoreError: If the store cannot be read.
    """
    found = []
    for item, _ in await memory.search(query, k, kind=kind_of(kind), **options):
        try:
            found.append(Remembered(read_as(kind, item), item))
        except ConfigurationError:  # a person may have edited it
            continue
    return found


def in_full(item: MemoryItem) -> MemoryItem:
    """An item whose text holds its data as well, as `recalled` is to show it."""
    lines = [f"{name}: {_line(value)}" for name, value in item.data.items() if value not in (None, "", [])]
    return item.model_copy(update={"text": "\n".join([item.text, *lines])})


def _line(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"\n{number}. {one}" for number, one in enumerate(value, 1))
    return str(dict(value)) if isinstance(value, Mapping) else str(value)
