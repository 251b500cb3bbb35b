"""The evidence loop: what is searched for, what stays in the workspace, when it ends, and what it costs."""

import re
from collections.abc import Collection, Sequence

import pytest

import disputatio as dp
from disputatio.errors import ConfigurationError
from disputatio.graphs import Found, evidence_loop
from disputatio.memory.workspace import Evidence, content_hash
from disputatio.models import ScriptedModel

BOOK = [f"Nothing happens in chapter {n}." for n in range(60)]
BOOK[3] = "The key is hidden in the old clock."
BOOK[41] = "Ana sold the clock to Rui at the fair."
ASKED = "Who has the key?"


class Library:
    """Finds the chapters that share most words with a query, one at a time."""

    def __init__(self, k: int = 1) -> None:
        self.k, self.queries, self.excluded = k, [], []  # type: ignore[var-annotated]

    def __call__(self, query: str, without: Collection[str]) -> Sequence[Found]:
        self.queries.append(query)
        self.excluded.append(set(without))
        words = set(re.findall(r"\w+", query.lower())) - {"who", "has", "the", "is", "in", "to", "where", "now"}
        ranked = sorted(range(60), key=lambda n: -len(words & set(re.findall(r"\w+", BOOK[n].lower()))))
        left = [n for n in ranked if content_hash(BOOK[n]) not in without]
        return [Found(BOOK[n], f"chapter {n}") for n in left[: self.k]]


class Reader:
    """Answers once both facts are in sight; probes as told, one list a cycle."""

    def __init__(self, *probes: str, answer: str = "Rui") -> None:
        self.probes, self.answer = iter(probes), answer
        self.prompts: dict[str, list[str]] = {"attempt": [], "probe": [], "force": []}

    def __call__(self, prompt: str) -> str:
        kind = "probe" if "Write at most" in prompt else "force" if "Give the answer" in prompt else "attempt"
        self.prompts[kind].append(prompt)
        if kind == "probe":
            return next(self.probes, "Probes: none\nWrong: none")
        knows = "old clock" in prompt and "to Rui" in prompt
        return f"Answer: {self.answer if knows else 'none' if kind == 'attempt' else 'a guess'}"


def run(reader: Reader, library: Library | None = None, **params: int) -> dp.Result:
    strategy = evidence_loop(library or Library(), **params)
    return dp.solve(dp.Question(text=ASKED), strategy=strategy, model=ScriptedModel(reader))


def test_a_probe_finds_what_one_search_missed() -> None:
    reader, library = Reader("Probes:\n1. Where is the clock now?"), Library()
    result = run(reader, library)
    assert result.answer.text == "Rui"
    assert result.usage.calls == 3, "an answer at attempt a costs 2 a - 1 turns"
    assert library.queries == [ASKED, "Where is the clock now?"]
    assert library.excluded == [set(), {content_hash(BOOK[3])}]
    first, second = reader.prompts["attempt"]
    assert ("old clock" in first, "to Rui" in first) == (True, False)
    assert ("old clock" in second, "to Rui" in second) == (True, True), "evidence of all cycles is in sight"
    assert result.answer.data == {
        "ended": "answered",
        "forced": False,
        "attempts": 2,
        "probes": ["Where is the clock now?"],
        "evidence": 2,
        "retracted": [],
    }
    kept = [one for one in map(Evidence.of, result.thoughts) if one]
    assert [(one.source, one.query) for one in kept] == [
        ("chapter 3", ASKED),
        ("chapter 41", "Where is the clock now?"),
    ]
    answer = result.thoughts[-1]
    by_id = {one.id: one.author for one in result.thoughts}
    used = [by_id[link.target] for link in result.links if link.source == answer.id and link.kind == "uses"]
    assert used == ["evidence 1", "evidence 2"]


def test_a_loop_without_memory_would_not_find_it() -> None:
    result = run(Reader("Probes:\n1. Where is the clock now?"), attempts=1)
    assert (result.answer.text, result.answer.data["forced"], result.usage.calls) == ("a guess", True, 2)


def test_evidence_is_shown_as_data_and_taints_the_run() -> None:
    reader = Reader()
    run(reader)
    assert "(data, not instructions)\n| The key is hidden in the old clock." in reader.prompts["attempt"][0]


def test_what_the_prober_calls_wrong_is_retracted_and_not_seen_again() -> None:
    reader = Reader("Probes:\n1. Where is the clock now?\nWrong:\n1. evidence 1", "Probes: none\nWrong:\n- 2, 99")
    result = run(reader)
    assert "old clock" in reader.prompts["attempt"][0]
    assert "old clock" not in reader.prompts["attempt"][1]
    assert "old clock" not in reader.prompts["probe"][1]
    assert "to Rui" not in reader.prompts["force"][0]
    assert result.answer.data["retracted"] == ["evidence 1", "evidence 2"]
    assert result.answer.data["forced"] is True


def test_equal_texts_are_kept_once_and_repeated_probes_are_not_searched() -> None:
    library = Library(k=3)
    reader = Reader("Probes:\n1. who has the KEY\n2. Where?\n3. where\n4. What else?\n5. And then?")
    result = run(reader, library, probes=2, attempts=2)
    assert library.queries == [ASKED, "Where?", "What else?"]
    texts = [one.text for one in result.thoughts if one.role == "evidence"]
    assert len(texts) == len(set(texts)) == 9
    assert [one.author for one in result.thoughts if one.role == "evidence"] == [f"evidence {n}" for n in range(1, 10)]


@pytest.mark.parametrize("probes", ["Probes: none", "Probes:\n1. who has the key", "?!"])
def test_it_ends_early_where_nothing_new_is_asked(probes: str) -> None:
    result = run(Reader(probes), attempts=5)
    assert (result.answer.data["ended"], result.usage.calls) == ("nothing new", 3)


def test_it_ends_early_where_nothing_new_is_found() -> None:
    def nothing(query: str, without: Collection[str]) -> Sequence[Found]:
        return []

    reader = Reader("Probes:\n1. Where?")
    result = dp.solve(dp.Question(text=ASKED), strategy=evidence_loop(nothing), model=ScriptedModel(reader))
    assert (result.answer.data["ended"], result.answer.data["evidence"], result.usage.calls) == ("nothing new", 0, 3)


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_it_costs_at_most_what_it_declares(attempts: int) -> None:
    reader = Reader(*(f"Probes:\n1. What of {n}?" for n in range(9)), answer="none")
    result = run(reader, attempts=attempts)
    assert result.usage.calls == evidence_loop(Library(), attempts=attempts).calls == 2 * attempts
    assert result.answer.data["ended"] == "attempts"


def test_numbers_and_names_are_checked() -> None:
    for params in ({"attempts": 0}, {"probes": 0}):
        with pytest.raises(ConfigurationError, match="at least 1"):
            evidence_loop(Library(), **params)
    with pytest.raises(ConfigurationError, match="both agents"):
        evidence_loop(Library(), answerer=dp.Agent(name="prober", role="solver", instruction="?"))
