"""Batches: what is read, what is written, and in which order it is done."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelError
from disputatio.evals.batch import Answered, Batch, questions, work_through
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import prepare
from disputatio.models import ScriptedModel
from disputatio.question import Question

ASKED = [Question(text=f"Number {n}?", answer_type="number") for n in range(1, 6)]


def answering(*failing: int) -> ScriptedModel:
    """Answers each question with its number; some fail."""

    def reply(prompt: str) -> str:
        number = prompt.partition("Number ")[2].partition("?")[0]
        if int(number) in failing:
            raise ModelError("it does not work", fault="filtered")
        return f"So.\nAnswer: {number}\nConfidence: 50"

    return ScriptedModel(reply)


def batch_of(model: ScriptedModel, out: Path, asked: list[Question] = ASKED, seed: int | None = None) -> Batch:
    def context(number: int) -> Context:
        return prepare(model=model, seed=seed)

    return Batch(questions=asked, strategy=chain_of_thought, out=out, prepare=context, workers=2)


def written(out: Path) -> list[Answered]:
    return [Answered.model_validate_json(line) for line in out.read_text("utf-8").splitlines()]


def test_the_file_is_in_the_order_of_the_questions_and_is_what_comes_back(tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    answers = asyncio.run(batch_of(answering(), out).run())
    assert written(out) == answers
    assert [(one.number, one.id, one.value) for one in answers] == [(n, str(n), str(n)) for n in range(1, 6)]
    assert [path.name for path in tmp_path.iterdir()] == ["answers.jsonl"]


@settings(max_examples=25)
@given(order=st.permutations(range(5)), kept=st.integers(0, 5), cut=st.integers(0, 30))
def test_whatever_was_finished_in_whatever_order_is_kept(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], kept: int, cut: int
) -> None:
    out = tmp_path_factory.mktemp("batch") / "answers.jsonl"
    whole = asyncio.run(batch_of(answering(), out).run())
    lines = out.read_bytes().splitlines(keepends=True)
    there = b"".join(lines[place] for place in order[:kept])
    out.write_bytes(there + (lines[order[kept]][:cut] if kept < 5 else b""))  # killed in the middle of a line
    model = answering()
    again = asyncio.run(batch_of(model, out).run())
    assert [one.value for one in again] == [one.value for one in whole]
    assert written(out) == again
    assert len(model.prompts) == 5 - kept


def test_failures_are_written_down_and_asked_again(tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    first = asyncio.run(batch_of(answering(2, 4), out).run())
    assert [bool(one.error) for one in first] == [False, True, False, True, False]
    assert first[1].error == "filtered: it does not work"
    model = answering(4)
    assert [bool(one.error) for one in asyncio.run(batch_of(model, out).run())] == [False, False, False, True, False]
    assert len(model.prompts) == 2
    assert len(written(out)) == 5


def test_the_answers_of_another_batch_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    asyncio.run(batch_of(answering(), out, seed=1).run())
    before = out.read_bytes()
    other = [*ASKED[:4], Question(text="Number 9?", answer_type="number")]
    renamed = ScriptedModel(answering().reply, name="another")
    for batch, named in (
        (batch_of(answering(), out, other, seed=1), "question of number 5 was 'Number 5\\?', not 'Number 9\\?'"),
        (batch_of(answering(), out, ASKED[:3], seed=1), "question of number 4"),
        (batch_of(renamed, out, seed=1), "model of number 1 was 'scripted', not 'another'"),
        (batch_of(answering(), out, seed=2), "seed of number 1"),
    ):
        with pytest.raises(ConfigurationError, match=named):
            asyncio.run(batch.run())
    assert out.read_bytes() == before
    more = [*ASKED, Question(text="Number 6?", answer_type="number")]
    model = answering()
    assert len(asyncio.run(batch_of(model, out, more, seed=1).run())) == 6
    assert len(model.prompts) == 1


@pytest.mark.parametrize(("jobs", "at_once"), [(0, 3), (1, 3), (10, 3), (10, 1), (3, 10)])
async def test_so_many_at_once_and_no_more(jobs: int, at_once: int) -> None:
    under_way, most, begun = 0, 0, list[int]()

    async def work(job: int) -> None:
        nonlocal under_way, most
        begun.append(job)
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    await work_through(range(jobs), work, at_once=at_once)
    assert begun == list(range(jobs))
    assert most == min(jobs, at_once)


async def test_the_first_error_ends_all() -> None:
    ended: list[str] = []

    async def work(job: int) -> None:
        if job == 1:
            raise ModelError("no such key", fault="auth")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(ModelError, match="no such key"):
        await work_through(range(9), work, at_once=3)
    assert ended == ["cancelled"] * 2
    with pytest.raises(ConfigurationError, match="at least 1"):
        await work_through(range(9), work, at_once=0)


def test_questions_as_text_and_as_json() -> None:
    lines = [
        "Is tea good?",
        "",
        json.dumps({"question": "How many?", "answer_type": "number", "id": 7, "target": "ignored"}),
        json.dumps({"text": "Which?", "choices": ["a", {"label": "B", "text": "b"}], "context": "A passage."}),
        json.dumps({"question": "Should it?"}),
    ]
    read = questions("\n".join(lines), "file")
    assert [one.answer_type for one in read] == ["boolean", "number", "choice", "boolean"]
    assert (read[1].id, read[2].choices, read[2].context) == ("7", ("a", "b"), ("A passage.",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n \n", "file holds no question"),
        ('Fine?\n{"question": ', "file, line 2: "),
        ('{"answer": "no question"}', "file, line 1: "),
        ('{"question": "Which?", "choices": [1]}', "file, line 1: "),
        ('{"question": "Which?", "choices": [{"label": "A"}]}', "file, line 1: "),
        ('{"question": "Which?", "answer_type": "colour"}', "file, line 1: "),
        ('{"question": "Which?", "choices": 3}', "file, line 1: "),
    ],
)
def test_a_line_that_is_no_question_is_named(content: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        questions(content, "file")
