"""Corex debate: two teams that never read each other, and a judge who is asked only if they differ."""

import asyncio
import re
from collections.abc import Mapping
from random import Random

import pytest

from disputatio.agents import Debater
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import corex_debate
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.corex_debate import TEAMS, drawn
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result

HOW_MANY = Question(text="How many?", answer_type="number")
NAMES = [f"debater {seat}" for seat in range(1, 6)]
SEED = 11
JUDGE, DRAWN = drawn(NAMES, SEED)


async def held(
    answers: Mapping[str, str], *, says: str = "Answer: 9", seed: int = SEED, **settings: object
) -> tuple[Result, dict[str, ScriptedModel]]:
    """A debate in which nobody moves: what each of the seats of both teams answers, green first."""

    def voice(name: str) -> ScriptedModel:
        def reply(prompt: str) -> str:
            return says if "You are the judge" in prompt else f"Sign of {name}.\nAnswer: {answers.get(name, '?')}"

        return ScriptedModel(reply)

    voices = {name: voice(name) for name in NAMES}
    panel = [Debater(name, model=model) for name, model in voices.items()]
    strategy = corex_debate(panel, **settings)  # type: ignore[arg-type]
    return await run(HOW_MANY, strategy, prepare(model=ScriptedModel(str), seed=seed)), voices


def teams(green: str, blue: str) -> dict[str, str]:
    """Answers by name, from one letter for each member."""
    return {
        **dict(zip(DRAWN[TEAMS[0]], green, strict=True)),
        **dict(zip(DRAWN[TEAMS[1]], blue, strict=True)),
    }


@pytest.mark.parametrize(
    ("green", "blue", "value", "calls", "judged"),
    [
        ("77", "77", "7", 4, False),
        ("77", "99", "9", 17, True),
        ("79", "99", "9", 16, False),
        ("77", "79", "7", 16, False),
        ("78", "79", "9", 17, True),
        ("??", "99", "9", 16, False),
        ("7?", "77", "7", 4, False),
        ("??", "??", None, 16, False),
    ],
)
async def test_the_worked_cases(green: str, blue: str, value: str | None, calls: int, *, judged: bool) -> None:
    result, _ = await held(teams(green, blue))
    assert (result.answer.value, result.usage.calls, result.answer.data["judged"]) == (value, calls, judged)
    assert corex_debate.calls == 17
    assert result.stop_reason == ("undecided" if value is None else "agreed" if calls == 4 else "finished")


async def test_no_member_reads_the_other_team_and_the_judge_is_in_neither() -> None:
    result, voices = await held(teams("77", "99"))
    assert (result.answer.data["judge"], result.answer.data["teams"]) == (JUDGE, DRAWN)
    assert JUDGE not in [name for members in DRAWN.values() for name in members]
    for team, members in DRAWN.items():
        others = DRAWN[TEAMS[1 - TEAMS.index(team)]]
        for name in members:
            first, *later = voices[name].prompts
            assert "Sign of" not in first
            assert len(later) == 3
            for prompt in later:
                assert all(f"Sign of {mate}" in prompt for mate in members)
                assert not any(f"Sign of {other}" in prompt for other in others)
    [ruling] = voices[JUDGE].prompts
    assert len(re.findall(r"^\[green team\]", ruling, re.MULTILINE)) == 4
    assert len(re.findall(r"^\[blue team\]", ruling, re.MULTILINE)) == 4
    assert "debater" not in re.sub(r"Sign of debater \d", "", ruling)


async def test_of_a_split_team_the_judge_reads_every_member() -> None:
    _, voices = await held(teams("78", "99"), split="random", rounds=0)
    rulings = voices[JUDGE].prompts
    if rulings:  # the draw may have taken either answer, and both differ from 9
        assert rulings[0].count("[green team]") == 1
    _, voices = await held(teams("78", "68"), rounds=0)
    [ruling] = voices[JUDGE].prompts
    assert (ruling.count("[green team]"), ruling.count("[blue team]")) == (2, 2)


async def test_a_judge_may_answer_for_itself_and_one_that_cannot_be_read_leaves_it_to_numbers() -> None:
    result, _ = await held(teams("77", "99"), says="Both are wrong.\nAnswer: 5")
    assert result.answer.value == "5"
    result, _ = await held(teams("77", "9?"), says="I cannot tell.")
    assert result.answer.value == "7"
    result, _ = await held(teams("77", "99"), says="I cannot tell.")
    assert result.answer.value == "7"  # the green team, where both have two


def test_the_draw_repeats_and_teams_are_even() -> None:
    judges = set()
    for seed in range(30):
        judge, members = drawn(NAMES, seed)
        assert (judge, members) == drawn(NAMES, seed)
        assert sorted([judge, *members[TEAMS[0]], *members[TEAMS[1]]]) == NAMES
        assert [len(members[team]) for team in TEAMS] == [2, 2]
        judges.add(judge)
    assert judges == set(NAMES)
    assert [len(drawn(NAMES[:4], 1)[1][team]) for team in TEAMS] == [1, 2]


@pytest.mark.parametrize("wrong", [{"agents": 2}, {"rounds": -1}, {"split": "maybe"}])
def test_debates_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        corex_debate(**wrong)  # type: ignore[arg-type]


def test_accuracy_and_judge_calls_follow_their_law() -> None:
    # Teams of two who stay where they are: p^2 + 2p(1 - p)j, and a judge in 2p(1 - p) of the runs.
    p, j, runs, dice = 0.6, 0.8, 400, Random("corex")

    def reply(prompt: str) -> str:
        right = dice.random() < (j if "You are the judge" in prompt else p)
        return f"So.\nAnswer: {int(right)}"

    async def measured() -> tuple[int, int]:
        graph, model = corex_debate(rounds=0, split="random").compile(), ScriptedModel(reply)
        hits = judged = 0
        for seed in range(runs):
            output = await graph.ainvoke({"question": HOW_MANY}, context=Context(models={"default": model}, seed=seed))
            hits += output["answer"].value == "1"
            judged += output["answer"].data["judged"]
        return hits, judged

    hits, judged = asyncio.run(measured())
    for found, law in ((hits, p * p + 2 * p * (1 - p) * j), (judged, 2 * p * (1 - p))):
        assert abs(found / runs - law) < 3.5 * (law * (1 - law) / runs) ** 0.5
