"""Items and tasks: questions with what is known to be right about them, and how an answer is compared with that."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from disputatio.errors import ConfigurationError
from disputatio.question import Question


class Item(BaseModel):
    """One question of a task, with its key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """Unique in its task."""
    question: Question
    target: JsonValue
    """What is right, in the form that the scorer reads: a text, a list of texts, a grid, ..."""
    scorer: str
    """How an answer is compared with the target: a name in `disputatio.evals.scorers.SCORERS`."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """Keyword arguments of the scorer, such as a tolerance."""
    meta: dict[str, JsonValue] = Field(default_factory=dict)
    """What else is known: gold steps, a subject, a level."""


class Items(Sequence[Item]):
    """Items that are made when they are asked for, so that a large task costs nothing until it runs."""

    def __init__(self, places: Sequence[int], make: Callable[[int], Item]) -> None:
        """Take what makes the item of a place, and the places, in order."""
        self._places = places
        self._make = make

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> "Items": ...

    def __getitem__(self, place: int | slice) -> "Item | Items":
        if isinstance(place, slice):
            return Items(self._places[place], self._make)
        return self._make(self._places[place])

    def sample(self, size: int, seed: int) -> "Items":
        """So many of the items, drawn by the seed, in their old order; all of them if there are no more."""
        drawn = random.Random(seed).sample(range(len(self)), min(size, len(self)))
        return Items([self._places[place] for place in sorted(drawn)], self._make)


@dataclass(frozen=True, kw_only=True)
class Task:
    """Questions of one kind, and where they come from."""

    name: str
    items: Sequence[Item]
    """Made when they are asked for."""
    source: str
    """Who made the data, and where it is published; for generated items what makes them."""
    licence: str
    """Its SPDX name, as the data's authors or carriers state it."""
    description: str
    """What is asked, in one line."""

    def __post_init__(self) -> None:
        if not self.items:
            raise ConfigurationError(f"task {self.name!r} has no items")
