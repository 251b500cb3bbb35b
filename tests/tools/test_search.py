"""Search: ranks worked out by brute force, passages that lose no word, and documents that are hostile."""

import json
import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError, StoreError, ToolError
from disputatio.tools import search
from disputatio.tools.passages import LONGEST, Passage, cut_up
from disputatio.tools.search import Index

WORDS = ["zebu", "yak", "gnu", "oryx", "eland"]  # none of which the stemmer changes


def bm25(texts: list[str], query: str) -> dict[int, float]:
    """Robertson's formula with k1 = 1.2 and b = 0.75, in which a word of most documents counts next to nothing."""
    bags = [Counter(text.split()) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags)
    scores: dict[int, float] = {}
    for word in set(query.split()):
        holders = [number for number, bag in enumerate(bags) if bag[word]]
        idf = math.log((len(bags) - len(holders) + 0.5) / (len(holders) + 0.5))
        for number in holders:
            count, length = bags[number][word], bags[number].total()
            part = count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / mean))
            scores[number] = scores.get(number, 0.0) + (idf if idf > 0 else 1e-6) * part
    return scores


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), min_size=1, max_size=12),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
)
def test_words_are_ranked_by_bm25(texts: list[str], query: str) -> None:
    found = Index([Passage(str(number), text) for number, text in enumerate(texts)]).by_words(query)
    scores = bm25(texts, query)
    assert set(found) == set(scores)
    ranked = [scores[number] for number in found]
    assert all(first >= second - 1e-9 for first, second in pairwise(ranked))


def vectors(texts: Any) -> list[list[float]]:
    """Which of two subjects a text is about, whatever its words."""
    animal, number = re.compile("dog|cat|puppy|kitten"), re.compile("two|three|sum|count")
    return [[len(animal.findall(text)) + 0.01, len(number.findall(text)) + 0.01] for text in texts]


def test_meaning_finds_what_words_do_not_and_both_together_win() -> None:
    passages = [
        Passage("a", "The puppy sleeps."), Passage("b", "The sum of two and three."), Passage("c", "A dog barks."),
        Passage("d", "The weather is fine."),
    ]  # fmt: skip
    by_words, both = Index(passages), Index(passages, vectors)
    assert [one.source for one in by_words.find("dog", 3)] == ["c"]
    assert [one.source for one in both.find("dog", 2)] == ["c", "a"]
    # Ranks: by words c; by meaning a and c are equal, so a comes first.
    assert both.by_meaning("dog")[:2] == [0, 2]


async def test_a_folder_is_searched_and_sources_come_back(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.md").write_text(
        "# Bread\n\nRye rises slowly.\n\n" + "Filler. " * 200 + "\n\nWheat is fast.\n"
    )
    records = [
        {"id": 7, "title": "Oats", "text": "Oats are boiled."},
        {"text": "Barley is malted."},
        ["x"],
        "plain oats",
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, records)) + "\nnot JSON\n")
    (tmp_path / "picture.png").write_bytes(b"rye")
    (tmp_path / ".hidden.md").write_text("rye swordfish")
    (tmp_path / "link.md").symlink_to("/etc/passwd")
    find = search(tmp_path)
    assert (find.name, find.access) == ("search", {"read"})
    assert (await find.call({"query": "boiled oats"})).startswith("[corpus.jsonl:1]\nOats\n\nOats are boiled.")
    assert (await find.call({"query": "wheat"})).startswith("[deep/a.md:")
    assert "[corpus.jsonl:5]" in await find.call({"query": "JSON"})
    assert "swordfish" not in await find.call({"query": "rye swordfish"})
    with pytest.raises(ToolError, match="nothing was found; try other words"):
        await find.call({"query": "root"})


@pytest.mark.parametrize(
    "query", ["", '"', "rye AND", "NEAR(", "text:rye OR *", "'; DROP TABLE y", "\x00", "*" * 10_000]
)
async def test_no_query_is_an_error_of_the_index(query: str) -> None:
    find = search([("a", "Rye rises."), ("b", "x")])
    try:
        assert "Rye" in await find.call({"query": query})
    except ToolError as error:
        assert "nothing was found" in str(error)  # noqa: PT017


@given(st.text(alphabet="ab \n.", max_size=5000))
def test_passages_lose_nothing_and_none_is_too_long(text: str) -> None:
    parts = list(cut_up(text))
    assert all(0 < len(part) <= LONGEST for part, _ in parts)
    assert "".join("".join(part.split()) for part, _ in parts) == "".join(text.split())
    lines = text.splitlines()
    assert all(lines[number - 1].strip() for part, number in parts)


def test_what_cannot_be_searched_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no text to search"):
        search(tmp_path)
    with pytest.raises(StoreError, match="there is no folder"):
        search(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="at least 1 passage, got 0"):
        search([("a", "b")], top=0)
    for wrong in (lambda texts: [], lambda texts: [[float("nan")]] * len(texts), lambda texts: [[1.0], [1.0, 2.0]]):
        with pytest.raises(ConfigurationError, match="embedding"):
            search([("a", "b"), ("c", "d")], embed=wrong)
