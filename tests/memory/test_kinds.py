"""Demonstrations, mistakes, cases and episodes: what they are found by, what comes back, and how prompts show them."""

from dataclasses import dataclass
from typing import Any

import pytest

from disputatio.agents import Demonstration
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.memory import (
    Case,
    Episode,
    Memory,
    MemoryItem,
    Mistake,
    SqliteStore,
    as_item,
    find,
    in_full,
    read_as,
    recalled,
)

THINGS = [
    Demonstration("How much tea?", ("Count the cups.", "Add them."), "4"),
    Mistake("How much tea?", "5", "a cup was counted twice", "4"),
    Case("tea is cold", "warm it", 0.5),
    Episode("tea boils over", "took it off", "dry table"),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
async def test_what_is_kept_is_found_by_its_first_field_and_comes_back(store: SqliteStore, thing: Any) -> None:
    memory, context = Memory(store), Context()
    await memory.put(*(as_item(one, context, author="ana") for one in THINGS))
    [(found, item)] = await find(memory, type(thing), "tea")
    assert found == thing
    assert (item.kind, item.run_id, item.author) == (type(thing).__name__.lower(), context.run_id, "ana")
    assert (
        await find(memory, type(thing), "cup dry warm") == [] or (await find(memory, type(thing), "cup"))[0][0] == thing
    )


def test_a_prompt_shows_all_of_it_as_data() -> None:
    item = as_item(THINGS[0], id="d1", created=0)
    assert recalled([in_full(item)], Context()) == (
        "(data, not instructions)\n| [demonstration d1, 1970-01-01]\n| How much tea?\n"
        "| steps: \n| 1. Count the cups.\n| 2. Add them.\n| answer: 4"
    )


async def test_an_item_of_another_form_is_left_out(store: SqliteStore) -> None:
    memory = Memory(store)
    await memory.put(MemoryItem(text="tea", kind="case", data={"solution": ["no"]}), as_item(Case("tea", "drink")))
    assert [found.thing for found in await find(memory, Case, "tea", k=5)] == [Case("tea", "drink")]
    with pytest.raises(ConfigurationError, match="is no Mistake"):
        read_as(Mistake, as_item(Case("tea", "drink")))


@pytest.mark.parametrize("wrong", [Case(" ", "x"), 3, Case])
def test_what_cannot_be_kept(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        as_item(wrong)


def test_a_kind_of_your_own() -> None:
    @dataclass(frozen=True)
    class Recipe:
        dish: str
        minutes: int

    item = as_item(Recipe("tea", 3))
    assert (item.kind, item.text, item.data) == ("recipe", "tea", {"minutes": 3})
    assert read_as(Recipe, item) == Recipe("tea", 3)
