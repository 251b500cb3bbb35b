"""Export: which rows finished runs make, which they do not and why, and the bytes that are written."""

import json
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError, StoreError
from disputatio.graphs.candidates import Candidate, conclusions, drafts, exact
from disputatio.graphs.export import export
from disputatio.graphs.manifest import Exported, Manifest
from disputatio.graphs.training_rows import (
    Kind,
    language_modelling,
    preference,
    prompt_completion,
    prompt_only,
    stepwise_supervision,
    unpaired_preference,
)
from disputatio.question import Question
from disputatio.result import Result
from disputatio.thought import Answer, Link, Thought


def run_of(id: str = "q1", text: str = "What is 4 + 4?", **fields: Any) -> Result:
    question = Question(text=text, answer_type="number", id=id)
    return Result(run_id="r", question=question, strategy="scripted()", answer=Answer(text="8", value="8"), **fields)


def solver(text: str, answer: str | None = "8", id: str = "t1", **fields: Any) -> Thought:
    return Thought(id=id, author=f"sample {id}", role="solver", kind="claim", text=text, answer=answer, **fields)


def offering(*candidates: tuple[str, float]) -> Any:
    return lambda result: [Candidate(prompt=str(result.question), text=text, score=s) for text, s in candidates]


def rows_of(folder: Path, type: str, split: str = "train") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{type}-{split}.jsonl").read_text("utf-8").splitlines()]


def exported(folder: Path, kind: Kind, *results: Result, **given: Any) -> tuple[list[dict[str, Any]], Exported]:
    given.setdefault("conversational", False)
    manifest = export(results or [run_of()], folder, [kind], **given)
    return rows_of(folder, kind.type), manifest.types[kind.type]


LEAVES = (("A", 1.0), ("B", 1.0), ("C", 0.0), ("D", 0.4))


def test_pairs_of_the_card(tmp_path: Path) -> None:
    one, found = exported(tmp_path, preference(offering(*LEAVES), margin=0.5))
    assert [(row["chosen"], row["rejected"]) for row in one] == [("A", "C")]
    assert found.dropped == {"enough pairs of this prompt": 3, "margin too small": 2}
    every, _ = exported(tmp_path, preference(offering(*LEAVES), margin=0.5, most=None))
    assert [row["chosen"] + row["rejected"] for row in every] == ["AC", "BC", "AD", "BD"]
    twice, found = exported(tmp_path, preference(offering(*LEAVES, ("A", 1.0)), margin=0.5, most=None))
    assert twice == every
    assert found.dropped["duplicate"] == 1


def test_a_margin_is_reached_whatever_floats_make_of_it(tmp_path: Path) -> None:
    rows, _ = exported(tmp_path, preference(offering(("A", 0.7), ("B", 0.2)), margin=0.5))  # 0.7 - 0.2 < 0.5
    assert len(rows) == 1


def test_every_type_in_both_formats_is_what_trl_reads(tmp_path: Path) -> None:
    steps = lambda result: [Candidate(prompt="P", steps=("a", "b"), labels=(True, False))]  # noqa: E731
    two = offering(("good", 1.0), ("bad", 0.0))
    kinds = [
        language_modelling(two),
        prompt_completion(two),
        preference(two),
        unpaired_preference(two),
        stepwise_supervision(steps),
        prompt_only(two, answers={"q1": "8"}),
    ]
    asked = "Question: What is 4 + 4?"
    user, good, bad = (
        {"role": "user", "content": asked},
        *({"role": "assistant", "content": x} for x in ("good", "bad")),
    )
    export([run_of()], tmp_path, kinds)
    assert rows_of(tmp_path, "language_modelling") == [{"messages": [user, good]}]
    assert rows_of(tmp_path, "prompt_completion") == [{"prompt": [user], "completion": [good]}]
    assert rows_of(tmp_path, "preference") == [{"prompt": [user], "chosen": [good], "rejected": [bad]}]
    assert rows_of(tmp_path, "unpaired_preference") == [
        {"prompt": [user], "completion": [good], "label": True},
        {"prompt": [user], "completion": [bad], "label": False},
    ]
    assert rows_of(tmp_path, "stepwise_supervision") == [
        {"prompt": "P", "completions": ["a", "b"], "labels": [True, False]}
    ]
    assert rows_of(tmp_path, "prompt_only") == [{"prompt": [user], "answer": "8"}]
    export([run_of()], tmp_path, kinds, conversational=False)
    assert rows_of(tmp_path, "language_modelling") == [{"text": f"{asked}\n\ngood"}]
    assert rows_of(tmp_path, "prompt_completion") == [{"prompt": f"{asked}\n\n", "completion": "good"}]
    assert rows_of(tmp_path, "preference") == [{"prompt": f"{asked}\n\n", "chosen": "good", "rejected": "bad"}]
    assert rows_of(tmp_path, "prompt_only") == [{"prompt": f"{asked}\n\n", "answer": "8"}]


@pytest.mark.parametrize("conversational", [True, False])
def test_the_files_load_as_data_sets(tmp_path: Path, conversational: bool) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
    two = offering(("good\u2028\u0085 \U0001f600", 1.0), ("bad", 0.0))
    kinds = [language_modelling(two), preference(two), unpaired_preference(two)]
    manifest = export([run_of(f"q{n}") for n in range(4)], tmp_path, kinds, conversational=conversational)
    for exported in manifest.types.values():
        for name, file in exported.files.items():
            loaded = datasets.load_dataset(
                "json", data_files=str(tmp_path / name), split="train", cache_dir=str(tmp_path / "cache")
            )
            assert loaded.num_rows == file.rows


def test_solve_rates_decide_which_prompts_are_worth_training_on(tmp_path: Path) -> None:
    scores = {"q1": (0, 0, 0, 0), "q2": (0, 1, 0, 0), "q3": (1, 1, 1, 1)}

    def source(result: Result) -> list[Candidate]:
        given = scores[result.question.id or ""]
        return [Candidate(prompt=str(result.question), text="the same", score=one) for one in given]

    runs = [run_of(id, f"What is {id}?") for id in scores]
    rows, found = exported(tmp_path, prompt_only(source), *runs)
    assert rows == [{"prompt": "Question: What is q2?\n\n"}]
    assert found.dropped == {"always solved": 1, "never solved": 1}
    assert found.candidates == 12
    rows, found = exported(tmp_path, prompt_only(source, answers={"q1": "1"}), *runs)
    assert found.dropped == {"always solved": 1, "never solved": 1, "no right answer known": 1}


TEXTS = st.text(alphabet="ab \x1b\u2028", max_size=3)
SCORES = st.sampled_from([0.0, 0.125, 0.5, 0.625, 1.0])
OFFERED = st.lists(st.tuples(st.sampled_from("PQR"), TEXTS, SCORES, st.sampled_from(["", "", "cut off"])), max_size=12)


@settings(max_examples=60)
@given(offered=OFFERED, margin=st.sampled_from([0.125, 0.5, 1.0]), most=st.sampled_from([None, 1, 2]))
def test_counts_add_up_and_pairs_share_their_prompt_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    offered: list[tuple[str, str, float, str]],
    margin: float,
    most: int | None,
) -> None:
    folder = tmp_path_factory.mktemp("rows")

    def source(result: Result) -> list[Candidate]:
        return [Candidate(prompt=p, text=text, score=score, rejected=why) for p, text, score, why in offered]

    kinds = [preference(source, margin=margin, most=most), unpaired_preference(source), prompt_completion(source)]
    manifest = export([run_of()], folder, kinds, conversational=False)
    for type in ("unpaired_preference", "prompt_completion"):
        found = manifest.types[type]
        assert found.candidates == len(offered) == found.rows + sum(found.dropped.values())
        assert all(found.dropped.values())
        assert all(row["completion"] for row in rows_of(folder, type))
    found = manifest.types["preference"]
    rows = rows_of(folder, "preference")
    assert len(rows) == found.rows
    assert all(row["chosen"] != row["rejected"] and row["prompt"] in ("P\n\n", "Q\n\n", "R\n\n") for row in rows)
    assert len({json.dumps(row) for row in rows}) == len(rows)
    assert most is None or all(sum(r["prompt"] == row["prompt"] for r in rows) <= most for row in rows)


@settings(max_examples=60)
@given(offered=st.lists(st.tuples(st.sampled_from("PQ"), st.sampled_from("abcde"), SCORES), max_size=10))
def test_all_pairs_are_those_found_by_brute_force(
    tmp_path_factory: pytest.TempPathFactory, offered: list[tuple[str, str, float]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    source = lambda result: [Candidate(prompt=p, text=text, score=score) for p, text, score in offered]  # noqa: E731
    manifest = export([run_of()], folder, [preference(source, most=None)], conversational=False)
    scores: dict[str, dict[str, list[float]]] = {}
    for prompt, text, score in offered:
        scores.setdefault(prompt, {}).setdefault(text, []).append(score)
    expected = {
        (prompt, *sorted(two, key=lambda one: -mean(given[one])))
        for prompt, given in scores.items()
        for two in combinations(given, 2)
        if abs(mean(given[two[0]]) - mean(given[two[1]])) >= 0.5
    }
    rows = rows_of(folder, "preference")
    assert {(row["prompt"].strip(), row["chosen"], row["rejected"]) for row in rows} == expected
    found = manifest.types["preference"]
    pairs = sum(len(given) * (len(given) - 1) // 2 for given in scores.values())
    alone = sum(len(given) == 1 for given in scores.values())
    doubles = len(offered) - sum(map(len, scores.values()))
    assert found.rows + sum(found.dropped.values()) == pairs + alone + doubles


def mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)


def test_drafts_lose_the_lines_of_the_form_and_are_rejected_with_reasons(tmp_path: Path) -> None:
    thoughts = (
        solver("4 + 4 is two fours.\n**Answer:** 8\nConfidence: 90", data={"answer": "8", "confidence": 90}),
        solver("Answer: 9", "9", "t2"),
        solver("It goes on and", None, "t3"),
        solver("It goes on and", "8", "t4", cut=True),
        solver("As [sample t1] says, 8.", "8", "t5"),
        solver('{"reason": "so"}', "8", "t6"),
        solver("The tool says 8.", "8", "t7"),
        Thought(id="tool", author="calculator", role="tool", kind="observation", text="8"),
        Thought(id="d", author="debater", role="debater", kind="rebuttal", text="No.", answer="9"),
    )
    result = run_of(thoughts=thoughts, links=(Link(source="t7", target="tool", kind="uses"),))
    rows, found = exported(tmp_path, unpaired_preference(drafts(exact({"q1": "8.0"}))), result)
    assert [(row["completion"], row["label"]) for row in rows] == [
        ("4 + 4 is two fours.\n\nAnswer: 8", True),
        ("Answer: 9", False),
    ]
    assert found.candidates == 7
    assert found.dropped == {
        "no answer": 1,
        "cut off": 1,
        "speaks of another agent": 1,
        "not in prose": 1,
        "rests on what a tool returned": 1,
    }
    assert found.settings["source"] == "drafts"


@pytest.mark.parametrize(
    ("verdicts", "kept", "reason"),
    [
        (["supported"], 1, ""),
        (["refuted"], 0, "score too low"),
        (["undecided"], 0, "no verdict"),
        ([], 0, "no verdict"),
        (["supported", "refuted"], 0, "score too low"),
        (["supported", "undecided"], 1, ""),
    ],
)
def test_a_verifier_decides_where_nobody_knows_the_answer(
    tmp_path: Path, verdicts: list[str], kept: int, reason: str
) -> None:
    rulings = [
        Thought(id=f"v{n}", author="verifier", role="verifier", kind="verdict", text="So.", data={"verdict": verdict})
        for n, verdict in enumerate(verdicts)
    ]
    result = run_of(
        thoughts=(solver("Two fours."), *rulings),
        links=tuple(Link(source=one.id, target="t1", kind="uses") for one in rulings),
    )
    result = result.model_copy(update={"answer": Answer(text="8", value="8", rationale="Two fours.")})
    for source in (drafts(), conclusions()):
        rows, found = exported(tmp_path, prompt_completion(source), result)
        assert len(rows) == kept
        assert found.dropped == ({reason: 1} if reason else {})


def test_runs_that_did_not_end_or_are_not_wanted_are_counted(tmp_path: Path) -> None:
    runs = [run_of(f"q{n}", stop_reason=why) for n, why in enumerate(["finished", "budget", "error", "agreed"])]
    manifest = export(
        runs,
        tmp_path,
        [prompt_completion(conclusions(lambda question, answer: 1.0))],
        dropped={"failed: timeout": 2},
        keep=lambda result: "too cheap" if result.question.id == "q3" else "",
    )
    assert (manifest.runs, manifest.kept) == (6, 1)
    assert manifest.dropped == {"ended by budget": 1, "ended by error": 1, "failed: timeout": 2, "too cheap": 1}


def test_secrets_are_taken_out_before_anything_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "very-secret-1")
    offered = offering(("It is very-secret-1.", 1.0), ("It is very-secret-2.", 0.0), ("It is 8.", 0.0))
    rows, found = exported(tmp_path, preference(offered, most=None), secrets=["very-secret-2"])
    assert rows == [{"prompt": "Question: What is 4 + 4?\n\n", "chosen": "It is [redacted].", "rejected": "It is 8."}]
    assert found.dropped == {"duplicate": 1}
    assert "very-secret" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_no_row_shares_words_with_what_is_held_out(tmp_path: Path) -> None:
    offered = offering(("one two three four five six", 1.0))
    kind = prompt_completion(offered)
    for held_out, overlap, left in (
        (["zero ONE, two three!"], 3, 0),
        (["zero one two four"], 3, 1),
        (["five six"], 13, 0),
        (["five six seven"], 13, 1),
        ([Question(text="What is 4 + 4?")], 13, 0),
        (["?!"], 13, 1),
        ([], 13, 1),
    ):
        rows, found = exported(tmp_path, kind, held_out=held_out, overlap=overlap)
        assert len(rows) == left
        assert found.dropped == ({} if left else {"shared with what is held out": 1})


@settings(max_examples=30)
@given(
    ids=st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=12),
    words=st.lists(st.sampled_from("uvwxyz"), min_size=12, max_size=12),
    share=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 9),
)
def test_no_task_and_no_question_is_in_two_splits(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str | None], words: list[str], share: float, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    runs = [run_of(id, f"What is {word}?") for id, word in zip(ids, words, strict=False)]  # type: ignore[arg-type]

    def source(result: Result) -> list[Candidate]:
        text = f"id {result.question.id}" if result.question.id else f"words {result.question.text}"
        return [Candidate(prompt=str(result.question), text=text, score=1.0)]

    manifest = export(runs, folder, [prompt_completion(source)], conversational=False, test_share=share, seed=seed)
    splits = [rows_of(folder, "prompt_completion", split) for split in (("train", "test") if share else ("train",))]
    for column in ("prompt", "completion"):
        seen = [{row[column] for row in rows} for rows in splits]
        assert not set.intersection(*seen) or len(seen) == 1
    assert manifest.kept + sum(manifest.dropped.values()) == len(runs)


def test_the_same_runs_give_the_same_bytes_and_the_manifest_knows_them(tmp_path: Path) -> None:
    runs = [run_of(f"q{n}", settings={"seed": n, "version": "0.1"}) for n in range(20)]
    kinds = [prompt_completion(offering(("good", 1.0))), preference(offering(*LEAVES))]
    first, second = tmp_path / "first", tmp_path / "second"
    export([one.model_copy(update={"run_id": "x"}) for one in runs], first, kinds, test_share=0.3)
    manifest = export(runs, second, kinds, test_share=0.3, licence="CC0-1.0")
    names = {path.name for path in second.iterdir()}
    assert names == {"manifest.json", *(name for one in manifest.types.values() for name in one.files)}
    for exported_ in manifest.types.values():
        for name, file in exported_.files.items():
            content = (second / name).read_bytes()
            assert content == (first / name).read_bytes()
            assert (sha256(content).hexdigest(), content.count(b"\n")) == (file.sha256, file.rows)
    assert Manifest.model_validate_json((second / "manifest.json").read_text()) == manifest
    assert manifest.seeds == tuple(range(20))
    assert manifest.settings["licence"] == "CC0-1.0"
    export(runs, second, kinds[:1])
    assert {path.name for path in second.iterdir()} == {"manifest.json", "prompt_completion-train.jsonl"}


def test_rows_that_are_too_long_are_counted(tmp_path: Path) -> None:
    kind = preference(offering(("long enough", 1.0), ("x", 0.0)))
    length = len("Question: What is 4 + 4?") + len("long enough")
    assert exported(tmp_path, kind, longest=length)[1].rows == 1
    assert exported(tmp_path, kind, longest=length - 1)[1].dropped == {"too long": 1}


def test_steps_that_are_labelled_in_two_ways_teach_nothing(tmp_path: Path) -> None:
    both = [Candidate(prompt="P", steps=("a",), labels=(label,)) for label in (True, False)]
    rows, found = exported(tmp_path, stepwise_supervision(lambda result: both))
    assert rows == []
    assert found.dropped == {"labelled in two ways": 2}
    rows, found = exported(tmp_path, stepwise_supervision(offering(("no steps", 1.0))))
    assert found.dropped == {"no labelled steps": 1}


def test_bad_input(tmp_path: Path) -> None:
    kind = prompt_completion(conclusions())
    for kinds, options, message in (
        ([], {}, "needs types"),
        ([kind, kind], {}, "each once"),
        ([kind], {"test_share": 1.0}, "test_share"),
        ([kind], {"overlap": 0}, "overlap"),
        ([kind], {"longest": 0}, "longest"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            export([], tmp_path, kinds, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    for made in (
        lambda: preference(conclusions(), margin=0.0),
        lambda: preference(conclusions(), most=0),
        lambda: unpaired_preference(conclusions(), good=0.5, bad=0.5),
        lambda: prompt_completion(conclusions(), least=0.0),
    ):
        with pytest.raises(ConfigurationError):
            made()
    for check, message in (
        (exact({}), "no right answer"),
        (exact({"q1": "eight or nine"}), "no answer to"),
        (lambda question, answer: 2.0, "from 0 to 1"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            export([run_of()], tmp_path, [prompt_completion(conclusions(check))])
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        export([], tmp_path / "file", [kind])
