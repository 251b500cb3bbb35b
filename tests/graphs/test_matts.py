"""MaTTS: several attempts with one memory, each judged, one comparison, and what that costs."""

from typing import Any

import pytest

from disputatio.agents import Solver
from disputatio.errors import ConfigurationError
from disputatio.graphs import chain_of_thought, matts, self_consistency
from disputatio.memory import SqliteStore
from disputatio.models import ScriptedModel
from tests.graphs.test_reasoning_bank import items, kept, script, solve, store

__all__ = ["store"]


def counted(model: ScriptedModel) -> tuple[int, int, int]:
    """Calls of attempts, of the judge and of the writer."""
    writer = sum("# Memory item i" in prompt for prompt in model.prompts)
    judge = sum("\nStatus: <" in prompt for prompt in model.prompts)
    return len(model.prompts) - judge - writer, judge, writer


@pytest.mark.parametrize(
    ("part", "turns", "k"), [(chain_of_thought, 1, 3), (self_consistency(samples=8), 8, 3), (Solver(), 1, 1)]
)
def test_calls_in_parallel(store: SqliteStore, part: Any, turns: int, k: int) -> None:
    model = script()
    solve("tea?", store, model, strategy=matts(part, k=k))
    assert counted(model) == (k * turns, k, 1)
    assert len(model.prompts) == k * (turns + 1) + 1 == matts(part, k=k).calls - 1  # one to spare for refused items
    forgetful = script()
    solve("tea?", None, forgetful, strategy=matts(part, k=k))
    assert counted(forgetful) == (k * turns, k, 0)  # the best is chosen without a store, too


@pytest.mark.parametrize(("part", "turns", "k"), [(chain_of_thought, 1, 3), (self_consistency(samples=2), 2, 1)])
def test_calls_in_sequence(store: SqliteStore, part: Any, turns: int, k: int) -> None:
    model = script()
    strategy = matts(part, k=k, mode="sequential")
    solve("tea?", store, model, strategy=strategy)
    assert counted(model) == ((k + 1) * turns, 1, 1)
    assert len(model.prompts) == strategy.calls - 1
    forgetful = script()
    solve("tea?", None, forgetful, strategy=strategy)
    assert counted(forgetful) == ((k + 1) * turns, 0, 0)


def seeded(answers: list[str], statuses: dict[str, str], scores: dict[str, int]) -> ScriptedModel:
    left = iter(answers)

    def reply(prompt: str) -> str:
        if "# Memory item i" in prompt:
            return items(*"abcdefg")
        if "\nStatus: <" in prompt:
            [said] = [one for one in statuses if f"Answer: {one}" in prompt]
            return f"Thoughts: of {said}\nStatus: {statuses[said]}\nScore: {scores[said]}"
        return f"So.\nAnswer: {next(left)}"

    return ScriptedModel(reply)


def test_the_best_by_the_judge_answers_and_one_comparison_sees_all_in_order(store: SqliteStore) -> None:
    model = seeded(["one", "two", "three"], dict(one="failure", two="success", three="success"),
                   dict(one=90, two=60, three=70))  # fmt: skip
    result = solve("tea?", store, model, strategy=matts())
    assert result.answer.text == "three"  # a failure with a high score does not win
    contrast = model.prompts[-1]
    assert "Compare them" in contrast
    places = [contrast.index(f"[attempt {n}]") for n in (1, 2, 3)]
    assert places == sorted(places)
    for n, (said, status) in enumerate([("one", "failure"), ("two", "success"), ("three", "success")]):
        block = contrast[places[n] : [*places[1:], len(contrast)][n]]
        assert f"Answer: {said}" in block
        assert f"Judged a {status}. of {said}" in block
    assert len(kept(store, "strategy")) == 5  # of seven
    [task] = kept(store, "task")
    assert (task.data["status"], task.data["answer"]) == ("success", "three")


def test_equal_ones_are_settled_by_how_often_the_answer_came(store: SqliteStore) -> None:
    same = dict(one="success", two="success")
    model = seeded(["one", "two", "two"], same, dict(one=50, two=50))
    assert solve("tea?", store, model, strategy=matts()).answer.text == "two"
    model = seeded(["one", "two"], same, dict(one=50, two=50))
    assert solve("tea?", None, model, strategy=matts(k=2)).answer.text == "one"


def test_all_attempts_share_one_memory_at_their_temperature(store: SqliteStore) -> None:
    solve("tea?", store, script())
    model = script()
    solve("tea?", store, model, strategy=matts())
    acting = [one for one, prompt in zip(model.requests, model.prompts, strict=True) if "Think step by" in prompt]
    assert [one.temperature for one in acting] == [0.7] * 3
    assert all("Always check the units" in one.messages[-1]["content"] for one in acting)
    assert [one.temperature for one in model.requests[3:]].count(0.0) == 3  # judges
    assert model.requests[-1].temperature == 0.7  # the comparison
    assert sum(one.uses for one in kept(store, "strategy")) == 1  # recalled once for the run


def test_in_sequence_it_is_re_examined_first_and_then_checked_again(store: SqliteStore) -> None:
    answers = iter(["one", "two", "three", "I cannot tell"])

    def reply(prompt: str) -> str:
        if "# Memory item i" in prompt or "\nStatus: <" in prompt:
            return script().reply(prompt)
        return f"So.\nAnswer: {next(answers)}" if "Think step by" in prompt else ""

    model = ScriptedModel(reply)
    result = solve("tea?", store, model, strategy=matts(mode="sequential"))
    first, second, third, fourth, judge, writer = model.prompts
    assert "worked on this question" not in first
    assert "re-examine it" in second
    assert "Answer: one" in second
    assert "Check it again" in third
    assert "Answer: two" in third
    assert "Answer: one" not in third
    assert "Check it again" in fourth
    assert all("Question: tea?" in prompt for prompt in model.prompts)
    assert "Answer: I cannot tell" in judge
    assert [f"[attempt {n}]" in writer for n in (1, 2, 3, 4)] == [True] * 4
    assert result.answer.text == "I cannot tell"


def test_the_last_answer_that_can_be_read_stands(store: SqliteStore) -> None:
    answers = iter(["Answer: one", "Answer: two", "no idea", "none"])

    def reply(prompt: str) -> str:
        return next(answers) if "Think step by" in prompt else script().reply(prompt)

    assert solve("tea?", store, ScriptedModel(reply), strategy=matts(mode="sequential")).answer.text == "two"


def test_wrong_parameters() -> None:
    for wrong in ({"k": 0}, {"mode": "circular"}):
        with pytest.raises(ConfigurationError, match="k of at least 1"):
            matts(**wrong)  # type: ignore[arg-type]
