"""Synthesis: many questions under one budget, gone on with where they were, and rulings beside the answers."""

import asyncio
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.agents import Solver
from disputatio.budget import Budget
from disputatio.errors import ConfigurationError, ModelError, StoreError
from disputatio.graphs import chain_of_thought, self_consistency, sequence, verified
from disputatio.graphs.run import prepare, run
from disputatio.graphs.synthesis import Synthesis, asynthesise, synthesise
from disputatio.journal_file import CallLine, parse
from disputatio.models import ScriptedModel
from disputatio.question import Question

ASKED = [Question(text=f"Number {n}?", answer_type="number", id=f"q{n}") for n in range(1, 6)]


def answering(*failing: int, fault: str = "filtered") -> ScriptedModel:
    def reply(prompt: str) -> str:
        number = int(prompt.partition("Number ")[2].partition("?")[0])
        if number in failing:
            raise ModelError("it does not work", fault=fault)  # type: ignore[arg-type]
        return f"Look at it.\nAnswer: {number}\nConfidence: 50"

    return ScriptedModel(reply)


def made(model: ScriptedModel, folder: Path, **given: object) -> Synthesis:
    settings: dict[str, object] = {"workers": 2, **given}
    return synthesise(ASKED, chain_of_thought, folder=folder, model=model, **settings)


def test_all_questions_are_answered_in_order_and_a_second_call_pays_for_none(tmp_path: Path) -> None:
    model = answering()
    first = made(model, tmp_path, seed=3)
    assert [one.answer.value for one in first.results] == list("12345")
    assert (first.usage.calls, len(model.prompts), first.dropped) == (5, 5, {})
    assert len({request.seed for request in model.requests}) == 5
    second = made(model, tmp_path, seed=3)
    assert second == first
    assert len(model.prompts) == 5


def test_one_budget_holds_for_all_lives_of_a_batch(tmp_path: Path) -> None:
    model = answering()
    first = made(model, tmp_path, budget=Budget(calls=3))
    assert len(model.prompts) == 3
    assert sum(first.dropped.values()) + len(first.results) == 5
    assert set(first.dropped) <= {"ended by budget", "not asked: budget"}
    again = made(model, tmp_path, budget=Budget(calls=3))
    assert len(model.prompts) == 3
    assert again.usage.calls == 3
    rest = made(model, tmp_path, budget=Budget(calls=5))
    assert [one.answer.value for one in rest.results] == list("12345")
    assert len(model.prompts) == 5


def test_one_run_may_spend_its_part_only(tmp_path: Path) -> None:
    model = answering()
    batch = synthesise(ASKED[:2], self_consistency(samples=3), folder=tmp_path, model=model, each=Budget(calls=2))
    assert len(model.prompts) == 4
    assert batch.dropped == {"ended by budget": 2}


@settings(max_examples=12)
@given(cuts=st.lists(st.integers(0, 10_000), min_size=5, max_size=5), gone=st.sets(st.integers(1, 5)))
def test_whatever_a_killed_process_left_is_gone_on_from(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], gone: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("batch")
    whole = made(answering(), folder)
    left = 0
    for number, cut in enumerate(cuts, 1):
        path = folder / f"{number:06}.jsonl"
        content = path.read_bytes()
        path.write_bytes(content[: cut % (len(content) + 1)])
        if number in gone:
            path.unlink()
        else:
            left += sum(isinstance(line, CallLine) for line in parse(path.read_bytes(), path.name)[0])
    model = answering()
    again = made(model, folder, budget=Budget(calls=5))
    assert [one.answer for one in again.results] == [one.answer for one in whole.results]
    assert len(model.prompts) == 5 - left
    assert again.usage.calls == 5


def test_what_an_interrupted_run_has_spent_is_held_until_it_is_booked(tmp_path: Path) -> None:
    # Two runs of three samples were cut after two calls each; five calls may be made in all, so one is left.
    strategy = self_consistency(samples=3)
    synthesise(ASKED[:2], strategy, folder=tmp_path, model=answering())
    for path in tmp_path.iterdir():
        lines = path.read_bytes().splitlines(keepends=True)
        calls = [place for place, line in enumerate(lines) if line.startswith(b'{"line":"call"')]
        path.write_bytes(b"".join(lines[: calls[2]]))
    model = answering()
    batch = synthesise(ASKED, strategy, folder=tmp_path, model=model, budget=Budget(calls=5))
    assert len(model.prompts) == 1
    assert batch.usage.calls == 5
    assert len(batch.results) + sum(batch.dropped.values()) == 5


def test_a_question_on_which_the_model_failed_is_counted_and_asked_again(tmp_path: Path) -> None:
    first = made(answering(2, 4), tmp_path)
    assert first.dropped == {"failed: filtered": 2}
    assert [one.answer.value for one in first.results] == list("135")
    model = answering(4)
    assert made(model, tmp_path).dropped == {"failed: filtered": 1}
    assert len(model.prompts) == 2
    with pytest.raises(ModelError, match="it does not work"):
        made(answering(4, fault="auth"), tmp_path)


def test_the_runs_of_another_batch_are_refused_before_anything_is_spent(tmp_path: Path) -> None:
    made(answering(), tmp_path, seed=1)
    renamed = ScriptedModel(answering().reply, name="another")
    for model, asked, options, message in (
        (renamed, ASKED, {"seed": 1}, "other models"),
        (answering(), ASKED, {"seed": 2}, "other seed"),
        (answering(), ASKED, {"seed": 1, "temperature": 0.5}, "other temperature"),
        (answering(), ASKED[:3], {"seed": 1}, "question 4"),
        (answering(), [*ASKED[:4], Question(text="Number 9?")], {"seed": 1}, "another question"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            synthesise(asked, chain_of_thought, folder=tmp_path, model=model, **options)
        assert not model.prompts
    more = [*ASKED, Question(text="Number 6?", answer_type="number")]
    model = answering()
    assert len(synthesise(more, chain_of_thought, folder=tmp_path, model=model, seed=1).results) == 6
    assert len(model.prompts) == 1


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        made(answering(), tmp_path, workers=0)
    with pytest.raises(ConfigurationError, match="empty"):
        synthesise([" "], chain_of_thought, folder=tmp_path, model=answering())
    with pytest.raises(ConfigurationError, match="unknown strategy"):
        synthesise(ASKED, "chain_of_thoughts", folder=tmp_path, model=answering())
    assert synthesise([], chain_of_thought, folder=tmp_path, model=answering()).results == ()
    (tmp_path / "000001.jsonl").write_text("nothing of ours\n")
    with pytest.raises(StoreError, match="damaged"):
        made(answering(), tmp_path)
    shutil.rmtree(tmp_path)
    tmp_path.write_text("a file")
    with pytest.raises(StoreError, match="cannot go on"):
        made(answering(), tmp_path)


@pytest.mark.parametrize("workers", [1, 3])
async def test_no_more_questions_are_under_way_than_are_allowed(tmp_path: Path, workers: int) -> None:
    under_way, most = 0, 0
    inner = answering()

    class Slow(ScriptedModel):
        async def complete(self, request, on_text=None):  # type: ignore[no-untyped-def]
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.005)
            under_way -= 1
            return await super().complete(request, on_text)

    await asynthesise(ASKED, chain_of_thought, folder=tmp_path, model=Slow(inner.reply), workers=workers)
    assert most == workers


@pytest.mark.parametrize(("ruling", "links"), [("supported", ["verifies"]), ("refuted", ["attacks"])])
async def test_a_ruling_is_linked_to_the_conclusion_and_changes_no_answer(ruling: str, links: list[str]) -> None:
    model = ScriptedModel(
        lambda prompt: f"Reason: so.\nVerdict: {ruling}" if "You check facts" in prompt else "So.\nAnswer: 4"
    )
    result = await run(ASKED[0], verified(sequence(Solver())), prepare(model=model))
    verdict = result.thoughts[-1]
    about = {one.id: one for one in result.thoughts}
    assert result.answer.value == "4"
    assert verdict.kind == "verdict"
    assert [one.kind for one in result.links if one.source == verdict.id] == links
    assert [about[one.target].role for one in result.links if one.source == verdict.id] == ["strategy"]


async def test_without_an_answer_nobody_rules() -> None:
    model = ScriptedModel(lambda prompt: "I cannot say.")
    result = await run(ASKED[0], verified(chain_of_thought), prepare(model=model))
    assert result.answer.abstained
    assert len(model.prompts) == 1
