"""Compositions: what the parts share, what they see, and which candidate wins."""

import re

import pytest

from disputatio.agents import Debater, Judge, Planner, Solver, Verifier
from disputatio.errors import ConfigurationError
from disputatio.graphs import best_of, chain_of_thought, debate, self_consistency, sequence
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

TOWN = Question(text="Which town is it?", context=("The town lies at the sea.",))


def reply(prompt: str) -> str:
    """Plans, answers, or scores, by the form that is asked for."""
    if "Points: <" in prompt:
        return "Points: Is there a harbour?"
    if "Score: <" in prompt:
        return "Verdict: supported\nScore: 80"
    return "By the harbour.\nAnswer: Hull\nConfidence: 60"


async def solved(strategy: Strategy[...], model: ScriptedModel, seed: int | None = None) -> Result:
    return await run(TOWN, strategy, prepare(model=model, seed=seed))


async def test_every_part_gets_the_question_and_the_plan_reaches_the_panel() -> None:
    model = ScriptedModel(reply)
    strategy = sequence(Planner(), debate(2, decision="judge"))
    result = await solved(strategy, model)
    planning, *panel = model.prompts
    assert len(panel) == 5
    assert all("Which town is it?" in prompt and "lies at the sea" in prompt for prompt in model.prompts)
    assert "harbour" not in planning
    assert all("Is there a harbour?" in prompt for prompt in panel)
    assert result.usage.calls == strategy.calls == 6
    assert result.answer.value == "hull"


async def test_an_agent_after_a_strategy_sees_its_conclusion_and_decides() -> None:
    model = ScriptedModel(reply)
    last = ScriptedModel(lambda prompt: "Answer: Leith" if "By the harbour." in prompt else "Answer: blind")
    result = await solved(sequence(chain_of_thought, Judge("umpire", model=last)), model)
    assert (result.answer.value, result.thoughts[-1].author) == ("leith", "umpire")


async def test_strategies_in_a_row_do_not_take_each_others_words_for_their_own() -> None:
    model = ScriptedModel(reply)
    result = await solved(sequence(debate(2), debate(2, rounds=1)), model)
    assert [thought.scope for thought in result.thoughts] == ["1. debate"] * 4 + [""] + ["2. debate"] * 2 + [""]
    answers = [thought for thought in result.thoughts if thought.role == "strategy"]
    by_id = {thought.id: thought for thought in result.thoughts}
    for answer, scope in zip(answers, ("1. debate", "2. debate"), strict=True):
        inside = {by_id[link.target].scope for link in result.links if link.source == answer.id}
        assert (inside, answer.answer) == ({scope}, "Hull")


async def test_a_sequence_answers_as_its_last_part_does() -> None:
    unsure = ScriptedModel(lambda prompt: "I do not know.")
    result = await solved(
        sequence(chain_of_thought, debate([Debater("ann", model=unsure)], rounds=1)), ScriptedModel(reply)
    )
    assert (result.answer.value, result.stop_reason) == (None, "undecided")


def test_a_sequence_needs_parts() -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        sequence()


class Candidates:
    """Candidates that each answer another town, in the order in which they are asked, and their scores."""

    def __init__(self, towns: dict[str, str]) -> None:
        self.towns = list(towns)
        self.scores = towns
        self.asked = 0
        self.checked: list[str] = []

    def __call__(self, prompt: str) -> str:
        if "Score: <" in prompt:
            [town] = {town for town in self.towns if re.search(rf"^.*{town}", prompt, re.MULTILINE)}
            self.checked.append(town)
            return f"Verdict: undecided\nScore: {self.scores[town]}"
        self.asked += 1
        return f"It is {self.towns[self.asked - 1]}.\nAnswer: {self.towns[self.asked - 1]}\nConfidence: 99"


@pytest.mark.parametrize(
    ("scores", "winner"),
    [
        ({"Hull": "20", "Leith": "90", "Dover": "50"}, "leith"),
        ({"Hull": "70", "Leith": "20", "Dover": "10"}, "hull"),
        ({"Hull": "?", "Leith": "0", "Dover": "none"}, "leith"),
        ({"Hull": "50", "Leith": "50", "Dover": "10"}, "hull"),
    ],
)
async def test_the_candidate_with_the_best_score_wins(scores: dict[str, str], winner: str) -> None:
    said = Candidates(scores)
    result = await solved(best_of(chain_of_thought, n=3), ScriptedModel(said))
    assert result.answer.value == winner
    assert sorted(said.checked) == sorted(scores)
    best = scores[result.answer.text]
    assert result.answer.confidence == int(best) / 100


async def test_without_any_score_the_most_frequent_answer_wins() -> None:
    said = iter(["Hull", "Dover", "dover"])
    model = ScriptedModel(lambda prompt: "?" if "Score: <" in prompt else f"Answer: {next(said)}\nConfidence: 40")
    result = await solved(best_of(chain_of_thought, n=3), model)
    assert (result.answer.value, result.answer.confidence) == ("dover", 0.4)


async def test_a_candidate_without_an_answer_is_not_scored_and_cannot_win() -> None:
    said = iter(["I do not know.", "Answer: Hull"])
    scored: list[str] = []

    def either(prompt: str) -> str:
        if "Score: <" not in prompt:
            return next(said)
        scored.append(prompt)
        return "Verdict: refuted\nScore: 1"

    result = await solved(best_of(chain_of_thought, n=2), ScriptedModel(either))
    assert (result.answer.value, len(scored)) == ("hull", 1)


async def test_candidates_have_seeds_of_their_own_and_runs_repeat() -> None:
    strategy = best_of(self_consistency(samples=2), n=3, by=Verifier("referee"))
    seeds = []
    for _ in range(2):
        model = ScriptedModel(reply)
        result = await solved(strategy, model, seed=5)
        seeds.append(sorted(request.seed for request in model.requests if request.temperature == 0.7))  # type: ignore[type-var]
        scopes = {thought.scope for thought in result.thoughts if thought.role == "solver"}
        assert scopes == {f"self_consistency {number}" for number in (1, 2, 3)}
        assert result.usage.calls == strategy.calls == 9
    assert len(set(seeds[0])) == 6
    assert seeds[0] == seeds[1]


async def test_candidates_do_not_see_each_other() -> None:
    model = ScriptedModel(reply)
    await solved(best_of(debate(2), n=2), model)
    openings = [prompt for prompt in model.prompts if "By the harbour" not in prompt]
    later = [prompt.count("By the harbour") for prompt in model.prompts if "By the harbour" in prompt]
    assert len(openings) == 4
    assert sorted(later) == [1, 1, 2, 2, 2, 2]


async def test_a_strategy_nested_in_a_strategy_keeps_the_path_to_it() -> None:
    model = ScriptedModel(reply)
    result = await solved(sequence(Planner(), best_of(sequence(Solver(), chain_of_thought), n=2)), model)
    scopes = {thought.scope for thought in result.thoughts if thought.role == "solver"}
    candidates = [f"2. best_of/sequence {number}" for number in (1, 2)]
    assert scopes == {*candidates, *(f"{path}/2. chain_of_thought" for path in candidates)}


def test_best_of_needs_a_candidate() -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        best_of(chain_of_thought, n=0)
