"""Tasks: data sets in our form and in their makers', files of a user, and what goes wrong with them."""

import gzip
import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from disputatio.errors import ConfigurationError, StoreError
from disputatio.evals import Item, load, score, tasks
from disputatio.evals.scorers import SCORERS, scorer_of
from disputatio.evals.tasks.load import table
from disputatio.thought import Answer

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("DISPUTATIO_DATA") or ROOT.parent / "shared" / "data")
with_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the sample data is not there; set DISPUTATIO_DATA")


def written(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def lines(*records: object) -> str:
    return "\n".join(map(json.dumps, records))


LOGIC = {
    "id": "L1",
    "context": "All are big.",
    "question": "Is it big?",
    "options": ["A) True", "B) False"],
    "answer": "B",
}
HUMANEVAL = {
    "task_id": "HumanEval/0", "prompt": "def one():\n", "canonical_solution": "    return 1\n", "entry_point": "one",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
}  # fmt: skip
ORIGINALS = [
    ("gsm8k", "test.jsonl", lines({"question": "1 + 1,233?", "answer": "It is <<1+1233=1234>>.\n#### 1,234"}), "1,234"),
    ("aqua", "test.json", lines({"question": "x?", "options": ["A)21", "B)2.5"], "correct": "B"}), "B"),
    ("strategyqa", "dev.json", [{"qid": "q", "question": "Is it?", "answer": True, "facts": []}], True),
    ("bbh", "navigate.json", {"examples": [{"input": "Back?\nOptions:\n- Yes\n- No", "target": "No"}]}, "No"),
    ("bbh", "snarks.json", {"examples": [{"input": "Which?\nOptions:\n(A) one\n(B) two", "target": "(B)"}]}, "B"),
    ("bbh", "object_counting.json", {"examples": [{"input": "How many?", "target": "6"}]}, "6"),
    ("bbeh", "bbeh_x/task.json", {"examples": [{"input": "Which?", "target": "disproved"}]}, "disproved"),
    ("folio", "folio-validation.jsonl", lines({"premises": ["P."], "conclusion": "R.", "label": "Uncertain"}), "C"),
    ("proofwriter", "dev.json", [LOGIC], "False"),
    ("prontoqa", "dev.json", [LOGIC], "False"),
    ("game24", "24.csv", 'Rank,Puzzles,"Solved rate"\n1,1 1 4 6,99%\n', "24"),
    ("humaneval", "HumanEval.jsonl.gz", lines(HUMANEVAL), "    return 1\n"),
    ("math500", "test.jsonl", lines({"problem": "2^3?", "answer": "8", "unique_id": "a", "level": 1}), "8"),
    ("mmlu", "test/virology_test.csv", "Which?,one,two,three,four,C\n", "C"),
    ("mmlu", "data.jsonl", lines({"question": "Which?", "choices": ["a", "b"], "answer": 1, "subject": "x"}), "B"),
    ("mmlu_pro", "test.jsonl", lines({"question_id": 7, "question": "?", "options": ["x", "y"], "answer": "B"}), "B"),
    ("musr", "m.json", [{"context": "O.", "questions": [{"question": "?", "choices": ["X", "Y"], "answer": 0}]}], "A"),
    ("hotpotqa", "hotpot_dev_distractor_v1.json",
     [{"_id": "h", "question": "Where?", "answer": "Oslo", "context": [["Norway", ["It is.", "Cold."]]]}], "Oslo"),
    ("svamp", "SVAMP.json", [{"ID": "s", "Body": "He has 2.", "Question": "And 1 more?", "Answer": 3.0}], 3.0),
    ("cladder", "cladder-v1.json", [{"question_id": 1, "given_info": "G.", "question": "So?", "answer": "yes"}], "yes"),
    ("corr2cause", "test.csv", "input,label\nPremise: a. Hypothesis: b.,1\n", "yes"),
    ("medcalc", "test_data.csv",
     "Row Number,Question,Patient Note,Ground Truth Answer,Lower Limit,Upper Limit\n1,?,A note.,10,9.5,10.5\n", "10"),
    ("qasc", "dev.jsonl",
     lines({"id": "q", "question": {"stem": "?", "choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]},
            "answerKey": "B"}), "B"),
    ("mr_gsm8k", "MR-GSM8K.json",
     [{"uuid": "u", "question": "?", "model_output_steps": ["Step 1: a", "Step 2: b"],
       "model_output_solution_first_error_step": "N/A", "model_output_solution_first_error_reason": "N/A"}], "N/A"),
    ("arct", "test.tsv",
     "#id\twarrant0\twarrant1\tcorrectLabelW0orW1\treason\tclaim\tdebateTitle\tdebateInfo\n"
     "i\tw\tv\t1\tr\tc\tt\td\n", "B"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "content", "target"), ORIGINALS, ids=lambda one: str(one)[:20])
def test_files_as_their_makers_publish_them(
    tmp_path: Path, name: str, file: str, content: object, target: object
) -> None:
    written(tmp_path / name, file, content)
    task = load(name, data=tmp_path)
    [item] = task.items
    assert item.target == target
    assert task.licence == table()[name]["licence"]
    scorer_of(item)
    gold = {"game24": "(6 - 1 - 1) * 6 * 4", "humaneval": "return 1"}.get(name, str(target))
    value = item.question.canonical(gold)
    assert value is not None
    found = score(item, Answer(text=gold, value=value))
    assert found.value == (0 if name == "game24" else 1)  # that expression has one six too many
    assert score(item, Answer()).status == "abstained"


def test_what_the_fields_become(tmp_path: Path) -> None:
    written(tmp_path / "medcalc", "test_data.csv", ORIGINALS[[one[0] for one in ORIGINALS].index("medcalc")][2])
    [item] = load("medcalc", data=tmp_path).items
    assert item.parameters == {"lower": "9.5", "upper": "10.5"}
    assert item.question.context == ("A note.",)
    written(
        tmp_path / "bbh",
        "snarks.json",
        {"examples": [{"input": "Which?\nOptions:\n(A) one\n(B) two", "target": "(B)"}]},
    )
    [item] = load("bbh", data=tmp_path).items
    assert (item.question.text, item.question.choices) == ("Which?", ("one", "two"))
    paragraphs = [["Norway", ["It is.", "Cold."]], ["B", ["C."]]]
    record = {"_id": "h", "question": "Where?", "answer": "Oslo", "context": paragraphs}
    written(tmp_path / "hotpotqa", "hotpot_distractor.json", [record])
    assert "Norway\n\nIt is.\nCold." in load("hotpotqa", data=tmp_path).items[0].question.context[0]


def test_options_in_a_question_are_no_choices_where_the_answer_is_a_step(tmp_path: Path) -> None:
    question = "Which?\nOptions:\n(A) one\n(B) two"
    record = {"question": question, "context": "1", "answer": "none", "target_type": "first_error_step"}
    [item] = load(written(tmp_path, "own.jsonl", lines(record))).items
    assert (item.scorer, item.question.choices, item.target) == ("first_error", (), "none")
    assert question in item.question.text


def test_spider_with_its_databases_runs_on_them(tmp_path: Path) -> None:
    path = tmp_path / "spider" / "database" / "town" / "town.sqlite"
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as connection:
        connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    connection.close()
    written(tmp_path / "spider", "dev.json", [{"db_id": "town", "question": "Sum?", "query": "SELECT sum(a) FROM t"}])
    [item] = load("spider", data=tmp_path).items
    assert item.parameters == {"database": str(path)}
    assert "CREATE TABLE t" in str(item.question)
    assert score(item, Answer(text="SELECT 3", value="select 3")).value == 1


OWN = {
    "name": "capitals",
    "licence": "CC0-1.0",
    "items": [
        {"question": "What is the capital of France?", "answer": "Paris"},
        {"question": "Is Oslo a capital?", "answer": "yes"},
        {"question": "What is 7 * 8?", "answer": 56},
        {"question": "Which is larger?", "choices": ["mouse", "whale"], "answer": "whale"},
        {"question": "Name the Baltic states.", "answer": ["Estonia", "Latvia", "Lithuania"]},
        {"question": "About pi?", "answer": "3.14", "scorer": "number", "parameters": {"tolerance": 0.01}},
        {"question": "Turn 1 0 over 0 1 upside down.", "answer": [[0, 1], [1, 0]]},
    ],
}


def test_a_file_of_a_user_runs_without_code(tmp_path: Path) -> None:
    task = load(written(tmp_path, "own.json", OWN))
    assert (task.name, task.licence, len(task.items)) == ("capitals", "CC0-1.0", 7)
    assert [item.scorer for item in task.items] == ["text", "choice", "number", "choice", "set", "number", "grid"]
    answers = ["paris", "Yes.", "56", "B", "Latvia, Lithuania and Estonia", "3.1415", "0 1\n1 0"]
    for item, text in zip(task.items, answers, strict=True):
        assert score(item, Answer(text=text, value=item.question.canonical(text))).value == 1, item
    assert [item.id for item in task.items][:2] == ["capitals-1", "capitals-2"]
    as_lines = load(written(tmp_path, "own.jsonl.gz", lines(*OWN["items"])))
    assert [item.target for item in as_lines.items] == [item.target for item in task.items]
    as_table = load(written(tmp_path, "own.csv", "id,question,answer\na,What is 1 + 1?,2\n"))
    assert [(item.id, item.scorer) for item in as_table.items] == [("a", "number")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "own.jsonl cannot be read|no records"),
        ('{"question": "x", "answer": "y"}\n{"question": ', "line 2"),
        ("[1, 2]", "no records"),
        (lines({"question": "x"}), "item 1: it has no answer"),
        (lines({"question": "", "answer": "y"}), "item 1: it has no question"),
        (lines({"question": "x", "answer": "y", "choises": ["y"]}), "item 1: nothing reads choises"),
        (lines({"question": "x", "answer": "z", "choices": ["y"]}), "'z' is none of the choices"),
        (lines({"question": "x", "answer": "y", "scorer": "exact"}), "unknown scorer 'exact'"),
        (lines({"question": "x", "answer": "y", "parameters": {"close": 1}}), "unexpected keyword argument 'close'"),
        (lines({"question": "x", "answer": "y", "target_type": "poem"}), "type 'poem'; known: number"),
        (lines(*[{"id": "a", "question": "x", "answer": "y"}] * 2), "item 2: the id 'a' is there twice"),
        ('{"items": []}', "has no items"),
        ('{"items": ["x"]}', "item 1: an object with question and answer is needed, not 'x'"),
        (lines({"question": "x", "answer": "3", "fields": [1]}), "item 1: fields is an object"),
        (lines({"question": "x", "answer": "3", "parameters": [1]}), "item 1: parameters is an object"),
        (lines({"question": "x", "answer": "3", "parameters": {"tolerance": "a"}}), "item 1: "),
        (lines({"question": "x", "answer": "y", "target_type": "number"}), "item 1: item 'own-1': 'y' is no number"),
        (lines({"question": "x", "answer": "3", "target_type": "tool_call"}), "the target is no list of calls"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_faults_of_a_file_are_named_with_the_item(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        load(written(tmp_path, "own.jsonl", content))
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPUTATIO_DATA", raising=False)
    with pytest.raises(ConfigurationError, match="unknown task 'gsm9k'; did you mean 'gsm8k'"):
        load("gsm9k")
    with pytest.raises(StoreError, match="set DISPUTATIO_DATA"):
        load("gsm8k")
    with pytest.raises(StoreError, match="is no folder"):
        load("gsm8k", data=tmp_path)
    (tmp_path / "gsm8k").mkdir()
    with pytest.raises(StoreError, match=r"has none of test\.jsonl"):
        load("gsm8k", data=tmp_path)
    written(tmp_path / "gsm8k", "test.jsonl", lines({"problem": "x"}))
    with pytest.raises(StoreError, match=r"test\.jsonl is no file of gsm8k: its fields are problem"):
        load("gsm8k", data=tmp_path)
    with pytest.raises(StoreError, match=r"the task file 'x\.jsonl' is not there"):
        load("x.jsonl")
    with pytest.raises(ConfigurationError, match="at least 1"):
        load("planted_errors", limit=0)


def test_a_sample_is_drawn_by_the_seed_and_keeps_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPUTATIO_DATA", str(tmp_path))
    written(
        tmp_path / "svamp", "data.jsonl", lines(*[{"question": f"{n}?", "answer": n, "id": str(n)} for n in range(50)])
    )
    drawn = [[int(item.id) for item in load("svamp", limit=8, seed=seed).items] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(set(drawn[0]))
    assert len(drawn[0]) == 8
    assert len(load("svamp", limit=500).items) == 50
    assert [item.id for item in load("svamp").items[3:5]] == ["3", "4"]


def test_parts_and_items_that_nothing_reads(tmp_path: Path) -> None:
    records = [
        {"id": "1", "question": "x?", "answer": "y", "target_type": "text", "fields": {"suite": "a"}},
        {"id": "2", "question": "x?", "answer": "g", "target_type": "group", "fields": {"suite": "a"}},
        {"id": "3", "question": "x?", "answer": "] )", "target_type": "text", "fields": {"suite": "b"}},
        {"id": "4", "question": "x?", "answer": "z", "target_type": "text", "fields": {"suite": "c"}},
        {"id": "5", "question": "x?", "answer": [{"f": {}}], "target_type": "tool_call", "fields": {"suite": "e"}},
    ]
    written(tmp_path / "smoke", "smoke.jsonl", lines(*records))
    task = load("smoke", data=tmp_path)
    assert [item.id for item in task.items] == ["1", "4"]
    assert task.description.endswith("2 items left out, which no scorer reads")
    assert [item.id for item in load("smoke:c", data=tmp_path).items] == ["4"]
    with pytest.raises(StoreError, match="no items in 'd'; parts: a, b, c"):
        load("smoke:d", data=tmp_path)


def gold(item: Item) -> str:
    if item.scorer == "expression":
        return str(item.meta["example"])
    if item.scorer == "plan":
        return json.dumps(item.target)
    if item.scorer == "tool_calls" and isinstance(item.target, list):
        calls: Any = item.target
        return json.dumps(
            [
                {"name": name, "arguments": {key: one[0] for key, one in options.items() if "" not in one}}
                for call in calls
                for name, options in call.items()
            ]
        )
    return "\n".join(map(str, item.target)) if item.scorer == "set" else str(item.target)  # type: ignore[arg-type]


@with_data
@pytest.mark.parametrize("name", sorted(table()))
def test_gold_answers_of_the_sample_data_are_right(name: str) -> None:
    task = load(name, data=SHARED, limit=12)
    stated = re.search(r"^Licence: (\S+)", (SHARED / name / "LICENSE").read_text(encoding="utf-8"), re.MULTILINE)
    assert task.licence == (stated[1] if stated else "mixed")
    for item in task.items:
        text = str(item.target[0]) if isinstance(item.target, list) and item.scorer == "f1" else gold(item)
        found = score(item, Answer(text=text, value=item.question.canonical(text)))
        assert found.value == 1 or (found.status == "unscorable" and name in ("humaneval", "spider")), found


def test_every_data_set_says_whose_it_is() -> None:
    assert {*table(), "planted_errors", "key_chain", "graph_walks", "causal_models", "reasoning_gym"} == set(tasks())
    for name, entry in table().items():
        assert all(entry[key] for key in ("description", "licence", "source")), name


def test_the_page_on_tasks_lists_them_and_its_file_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (.*) \| (\S+) \| (.*) \|$", page, re.MULTILINE)
    rows = [(name, entry["description"], entry["licence"], entry["source"]) for name, entry in table().items()]
    assert [row for row in listed if row[0] in table()] == rows
    generated = page.partition("## Generated tasks")[2].partition("## Metrics")[0]
    assert set(re.findall(r"^\| `(\w+)`", generated, re.MULTILINE)) == set(tasks()) - set(table())
    scorers = page.partition("## Scorers")[2].partition("\n\nWhat")[0]
    assert set(re.findall(r"^\|.*?\| `(\w+)` \|", scorers, re.MULTILINE)) == set(SCORERS)
    content = re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0]
    assert content.count("\n") <= 20
    task = load(written(tmp_path, "own.json", content))
    assert [item.scorer for item in task.items] == ["text", "choice", "number", "choice", "set", "number", "math"]
