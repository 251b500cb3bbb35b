"""ComoRAG: what is searched, what memory holds, who sees which of it, what it costs, and the index that it reads."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence

import pytest
from langgraph.store.memory import InMemoryStore

import disputatio as dp
from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs import comorag
from disputatio.graphs.book_index import (
    LAYERS,
    Book,
    Shelves,
    index_book,
    indexing_calls,
    passages_in,
    window,
)
from disputatio.graphs.run import prepare
from disputatio.graphs.strategies.comorag_pool import nearest_half
from disputatio.memory.bag_of_words import bag_of_words
from disputatio.memory.knowledge_graph import Triple
from disputatio.memory.workspace import Evidence
from disputatio.models import ScriptedModel
from disputatio.thought import Thought
from disputatio.tools.passages import Passage

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")

KEY, SOLD = "The key is hidden in the old clock.", "Ana sold the clock to Rui at the fair."
STORY = [f"Nothing happens in chapter {n}." for n in range(60)]
STORY[3], STORY[41] = KEY, SOLD
ASKED, PROBE = "Who has the key?", "Where is the clock now?"
TOWN = Book(
    passages=tuple(Passage(f"chapter {n}", text) for n, text in enumerate(STORY)),
    facts=((3, Triple("key", "hidden in", "old clock")), (41, Triple("Ana", "sold", "clock"))),
    summaries=tuple(f"Part {n} is about the life in town number {n}." for n in range(30)),
    stretches=tuple((f"passages {n}", f"Then {n} quiet days went by in the town.") for n in range(30)),
)
KINDS = {
    "List the facts": "triples",
    "have in common": "cluster",
    "Sum up what happens": "stretch",
    "Which of the facts": "select",
    "a part of the evidence": "cue",
    "Write at most": "probe",
    "Above stand findings": "fuse",
    "Answer only if": "attempt",
    "Give the answer that": "force",
}


class Reader:
    """Answers once both facts are in sight, or at a given attempt; writes cues that repeat what matters."""

    def __init__(
        self, *probes: Sequence[str], at: int | None = None, remembers: bool = True, answer: str = "Rui"
    ) -> None:
        self.probes, self.at, self.remembers, self.answer = iter(probes), at, remembers, answer
        self.prompts: dict[str, list[str]] = {}

    def __call__(self, prompt: str) -> str:
        kind = next((name for mark, name in KINDS.items() if mark in prompt), "plain")
        said = self.prompts.setdefault(kind, [])
        said.append(prompt)
        return str(getattr(self, kind)(prompt))

    @property
    def counts(self) -> dict[str, int]:
        return {kind: len(prompts) for kind, prompts in self.prompts.items()}

    def plain(self, prompt: str) -> str:
        return "Answer: a guess"

    force = plain

    def triples(self, prompt: str) -> str:
        return "Triples:\n1. key | is hidden in | old clock\n2. Ana | sold | clock\n3. Rui | is | a dragon"

    def cluster(self, prompt: str) -> str:
        return f"Cluster {len(self.prompts['cluster'])} of the town."

    def stretch(self, prompt: str) -> str:
        return f"Days {len(self.prompts['stretch'])} in the town."

    def select(self, prompt: str) -> str:
        return "Facts:\n1. " + re.findall(r"^\| (\d)\. .*clock", prompt, re.MULTILINE)[0]

    def cue(self, prompt: str) -> str:
        facts = [fact for fact in (KEY, SOLD) if fact in prompt]
        return " ".join(facts) or "This bears on nothing at all, whatever one may look for in it."

    def fuse(self, prompt: str) -> str:
        return " ".join(fact for fact in (KEY, SOLD) if fact in prompt and self.remembers) or "It is not known."

    def attempt(self, prompt: str) -> str:
        knows = KEY in prompt and SOLD in prompt if self.at is None else len(self.prompts["attempt"]) >= self.at
        return f"Answer: {self.answer if knows else 'none'}"

    def probe(self, prompt: str) -> str:
        count = len(self.prompts["probe"])
        given = next(self.probes, [f"What of number {count} {n}?" for n in "abc"])
        return "Probes:\n" + "\n".join(f"{n}. {one}" for n, one in enumerate(given, 1))


def run(reader: Reader, question: str | dp.Question = ASKED, **params: object) -> dp.Result:
    settings = {"documents": TOWN, "k": 1, "embed": bag_of_words, **params}
    return dp.solve(question, strategy=comorag(**settings), model=ScriptedModel(reader))  # type: ignore[arg-type]


def evidence_of(result: dp.Result) -> list[tuple[int, Evidence]]:
    return [(one.round, found) for one in result.thoughts if (found := Evidence.of(one))]


def test_a_probe_finds_what_one_search_missed_at_the_published_cost() -> None:
    reader = Reader([PROBE, "Where was the fair?", "What did the town do?"])
    result = run(reader)
    assert (result.answer.text, result.answer.data["ended"], result.answer.data["attempts"]) == ("Rui", "answered", 2)
    assert result.usage.calls == 20
    assert reader.counts == {"select": 4, "cue": 12, "attempt": 2, "probe": 1, "fuse": 1}
    first, second = reader.prompts["attempt"]
    assert KEY in first
    assert SOLD not in first
    assert "(data, not instructions)" in first, "evidence is shown as data"
    assert "[note 1]" not in first
    assert "[veridical" not in first, "the first answer rests on the evidence itself"
    assert f"[note 1] {KEY}" in second
    assert [f"[{layer} {n}]" in second for layer in LAYERS for n in (2, 3, 4)] == [True] * 9
    assert "(data" not in second, "later ones rest on cues and notes"
    assert SOLD in second
    found = result.answer.data["probes"][0]  # type: ignore[index,call-overload]
    assert (found["probe"], found["evidence"], found["veridical"]) == (PROBE, 3, SOLD)  # type: ignore[index,call-overload]


def test_without_memory_the_two_facts_never_meet() -> None:
    reader = Reader([PROBE], remembers=False)
    result = run(reader, attempts=3)
    assert (result.answer.text, result.answer.data["forced"]) == ("a guess", True)
    assert [SOLD in prompt for prompt in reader.prompts["attempt"]] == [False, True, False]
    # The forced answer sees all cues: memory is what the loop keeps.
    assert KEY in reader.prompts["force"][0]
    assert SOLD in reader.prompts["force"][0]


@pytest.mark.parametrize(("at", "calls"), [(1, 5), (2, 20), (3, 35), (6, 80)])
def test_an_answer_at_an_attempt_costs_what_was_published(at: int, calls: int) -> None:
    reader = Reader(at=at)
    result = run(reader)
    assert (result.usage.calls, result.answer.data["attempts"]) == (calls, at)
    assert reader.counts.get("probe", 0) == at - 1
    assert result.answer.data["ended"] == "answered"


def test_six_failures_cost_80_and_the_forced_answer_and_read_nothing_twice() -> None:
    reader = Reader(at=99)
    result = run(reader)
    assert result.usage.calls == comorag(documents=TOWN).calls == 81
    assert (result.answer.text, result.answer.data["ended"]) == ("a guess", "attempts")
    assert result.answer.data["forced"] is True
    rounds: dict[tuple[str, str], set[int]] = {}
    for round_, found in evidence_of(result):
        rounds.setdefault((found.layer, found.content), set()).add(round_)
    assert len(rounds) >= 3 * 6
    assert all(len(one) == 1 for one in rounds.values()), "no text is in units of two rounds"
    probes = [one["probe"] for one in result.answer.data["probes"]]  # type: ignore[index,call-overload,union-attr]
    assert len(set(probes)) == len(probes) == 15
    # The first note is of half of 3 units; the pool then grows by 9 cues and a note a round.
    unit = re.compile(r"^\[(?:veridical|semantic|episodic|note) \d+\]", re.MULTILINE)
    sizes = [len(unit.findall(prompt)) for prompt in reader.prompts["fuse"]]
    assert sizes == [n // 2 for n in (3, 12, 22, 32, 42)]


def test_half_of_the_memory_is_joined_the_nearest_half() -> None:
    rng = np.random.default_rng(0)
    vectors = {str(n): rng.normal(size=6) for n in range(10)}
    pool = [Thought(author="cue", role="encoder", kind="observation", text=str(n)) for n in range(1, 10)]

    def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [vectors[one].tolist() for one in texts]

    def cosine(name: str) -> float:
        one, other = vectors["0"], vectors[name]
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    best = sorted(map(str, range(1, 10)), key=cosine, reverse=True)[:4]
    assert [one.text for one in nearest_half("0", pool, embed)] == sorted(best), "9 units: the best 4"
    assert [len(nearest_half("0", pool[:n], embed)) for n in (0, 1, 2, 3, 8)] == [0, 1, 1, 1, 4]


@pytest.mark.parametrize("off", LAYERS)
def test_each_layer_that_is_off_takes_one_cue_from_each_search(off: str) -> None:
    layers = [layer for layer in LAYERS if layer != off]
    reader = Reader(at=2)
    result = run(reader, layers=layers)
    assert Counter(found.query for _, found in evidence_of(result)).most_common()[-1][1] == 2
    assert {found.layer for _, found in evidence_of(result)} == set(layers)
    assert reader.counts["cue"] == 8
    assert reader.counts.get("select", 0) == (0 if off == "veridical" else 4)
    saved = 16 + 16 * (off == "veridical")
    assert comorag(documents=TOWN, layers=layers).calls == 81 - saved


def test_facts_that_a_model_chose_lead_to_passages_that_state_them() -> None:
    shelves = Shelves(TOWN, bag_of_words)
    facts = list(shelves.facts("Ana sold what?"))
    assert shelves.graph.facts[facts[0]] == Triple("Ana", "sold", "clock")
    query = "Nothing in chapter 9."
    assert shelves.find("veridical", query, {}, (), 1) == [9], "without facts by nearness alone"
    assert shelves.find("veridical", query, {facts[0]: 1.0}, (), 1) == [41]


def test_it_ends_early_where_nothing_new_is_asked_or_found() -> None:
    reader = Reader(["who has the KEY?"])
    result = run(reader)
    assert (result.answer.data["ended"], result.usage.calls, result.answer.data["attempts"]) == ("nothing new", 7, 1)
    reader = Reader()
    result = run(reader, k=100, tokens=100_000)
    assert (result.answer.data["ended"], result.answer.data["evidence"], result.usage.calls) == ("answered", 120, 5)
    result = run(Reader(at=99), k=100, tokens=100_000)
    assert (result.answer.data["ended"], result.answer.data["attempts"]) == ("nothing new", 1)


def test_what_a_search_finds_is_bounded_by_tokens_and_comes_in_the_order_of_the_story() -> None:
    reader = Reader(at=1)
    result = run(reader, k=50, tokens=200)
    chapters = [int(one.author.split()[1]) for one in result.thoughts if one.author.startswith("chapter")]
    assert 3 in chapters
    assert chapters == sorted(chapters)
    assert sum(len(STORY[n]) for n in chapters) <= 200 * 4 * 3 // 5


def test_an_answer_may_hold_the_mark_and_an_impasse_is_the_mark_alone() -> None:
    assert run(Reader(at=1, answer="A* search")).answer.data["ended"] == "answered"
    assert run(Reader(at=1, answer="*"), attempts=1).answer.data["forced"] is True
    question = dp.Question(text=ASKED, choices=("Ana", "Rui"))
    assert run(Reader(at=2, answer="B"), question).answer.value == "B"


def test_without_documents_the_question_is_answered_in_one_call() -> None:
    reader = Reader()
    result = dp.solve(ASKED, strategy="comorag", model=ScriptedModel(reader))
    assert (result.usage.calls, result.answer.text, reader.counts) == (1, "a guess", {"plain": 1})
    assert (result.answer.data["ended"], result.answer.data["forced"]) == ("no documents", False)


def test_a_question_s_own_documents_are_indexed_once_where_there_is_a_store() -> None:
    store = InMemoryStore()
    question = dp.Question(text=ASKED, context=tuple(STORY[:12]))
    seen = []
    for text in (question, question, question.model_copy(update={"context": tuple(STORY[:13])})):
        reader = Reader(at=1)
        result = dp.solve(text, strategy=comorag(embed=bag_of_words), model=ScriptedModel(reader), store=store)
        assert result.answer.text == "Rui"
        assert not any("Document 1" in prompt for prompt in reader.prompts["attempt"]), "it is searched, not shown"
        seen.append((reader.counts.get("triples", 0), reader.counts.get("stretch", 0)))
    assert seen == [(12, 4), (0, 0), (13, 4)]


def test_indexing_is_paid_for_by_what_is_declared() -> None:
    assert [window(n) for n in (5, 6, 20, 50, 100, 200, 201, 400, 5000)] == [2, 3, 3, 5, 8, 10, 15, 17, 20]
    assert [indexing_calls(n) for n in (0, 1, 2, 20)] == [0, 1, 2 + 1 + 1, 20 + (10 + 5 + 2 + 1) + 7]
    assert comorag.calls == 81 + indexing_calls(20)
    assert comorag(documents=STORY).calls == 81 + indexing_calls(60)
    with pytest.raises(ConfigurationError, match="60 passages, at most 20"):
        run(Reader(), dp.Question(text=ASKED, context=tuple(STORY)), documents=None)


def test_an_index_has_facts_clusters_and_stretches_of_the_text() -> None:
    reader = Reader()
    context = prepare(model=ScriptedModel(reader))
    book = asyncio.run(index_book(passages_in(STORY), context, embed=bag_of_words))
    assert Book.model_validate_json(book.model_dump_json()) == book
    assert book.facts == ((3, Triple("key", "is hidden in", "old clock")), (41, Triple("Ana", "sold", "clock"))), (
        "only what a passage names"
    )
    assert [reader.counts["triples"], reader.counts["stretch"]] == [60, 8]
    assert book.stretches[0][0] == "passages 1 to 8"
    assert book.stretches[-1][0] == "passages 57 to 60"
    assert [text in reader.prompts["stretch"][0] for text in STORY[:9]] == [True] * 8 + [False]
    assert any("of the town." in prompt for prompt in reader.prompts["cluster"]), "summaries are summed up again"
    assert context.ledger.total.calls <= indexing_calls(60)


def test_documents_that_are_few_or_none(tmp_path: object) -> None:
    reader = Reader()
    book = asyncio.run(index_book(passages_in([KEY, f" {KEY}\n"]), prepare(model=ScriptedModel(reader))))
    assert [len(book.passages), len(book.facts), book.summaries, book.stretches] == [1, 1, (), ()]
    assert run(Reader(at=1), documents=book).usage.calls == 3, "of one passage the layers are one"
    with pytest.raises(StoreError):
        comorag(documents=str(tmp_path))


def test_numbers_and_layers_are_checked() -> None:
    for name in ("passages", "attempts", "probes", "k", "tokens"):
        with pytest.raises(ConfigurationError, match=f"{name}=0"):
            comorag(**{name: 0})  # type: ignore[arg-type]
    for layers in ("veridical, cosmic", ()):
        with pytest.raises(ConfigurationError, match="layers are some of"):
            comorag(layers=layers)
    assert comorag(layers="episodic, veridical").calls < comorag.calls


TALE = (
    "A year later the queen had a child. The little man came for it. She wept so much that he gave her three days: if "
    "she found out his name, she could keep the child.",
    "On the third day a messenger told her of a little man who danced around a fire and sang that his name was "
    "Rumpelstiltskin. The queen told him the name, and in his rage he tore himself in two.",
)


@pytest.mark.embedded
def test_it_reads_a_real_text_on_the_embedded_model() -> None:
    question = dp.Question(text="What is the little man called?", context=TALE)
    try:
        result = dp.solve(question, strategy=comorag(attempts=1, tokens=400, layers="veridical, episodic"), seed=1)
    except StoreError as error:
        pytest.skip(f"the embedded weights cannot be fetched: {error}")
    assert result.answer.data["evidence"]
    assert result.answer.data["ended"] in ("answered", "attempts", "nothing new")
    assert result.answer.data["nearest_by"] == "model"
    assert {spent.role for spent in result.spent} >= {"extractor", "summariser", "encoder", "solver"}
