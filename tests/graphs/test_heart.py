"""HEART: cues by turns, the oracle and the synthesis, and the neutral arm that must do as well."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError
from disputatio.graphs import heart
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.heart_cues import CUES, NEUTRAL, ORDER, POSITIVE, Schedule, cues
from disputatio.models import ScriptedModel, SimulatedModel
from disputatio.question import Question

HOW_MANY = Question(text="How many?", answer_type="number")
PHRASES = [phrase for listed in (*CUES.values(), NEUTRAL) for phrase in listed]


def attempts(said: Iterator[str]) -> ScriptedModel:
    return ScriptedModel(lambda prompt: f"So it is.\nAnswer: {next(said)}")


def cued(prompt: str) -> list[str]:
    return [phrase for phrase in PHRASES if phrase in prompt]


async def test_the_oracle_ends_it_at_the_first_right_answer() -> None:
    model = attempts(iter(["5", "8", "12", "99"]))
    result = await run(HOW_MANY, heart(rounds=5, oracle=lambda answer: answer == "12"), prepare(model=model, seed=1))
    assert (result.answer.value, result.usage.calls) == ("12", 3)
    assert result.answer.data == {
        "cues": ["sadness", "happiness"],
        "schedule": "alternating",
        "oracle": True,
        "verified": True,
    }
    assert [len(cued(prompt)) for prompt in model.prompts] == [0, 1, 1]
    assert "Answer: 5" in model.prompts[1]
    assert "Answer: 5" not in model.prompts[2]  # the attempt before, and none before that
    assert "12" not in model.prompts[1] + model.prompts[2]


async def test_without_success_the_last_attempt_is_given_and_not_verified() -> None:
    strategy = heart(rounds=2, oracle=lambda answer: False)
    result = await run(HOW_MANY, strategy, prepare(model=attempts(iter("567"))))
    assert (result.answer.value, result.answer.data["verified"], result.usage.calls, strategy.calls) == (
        "7",
        False,
        3,
        3,
    )


async def test_without_an_oracle_all_attempts_are_drawn_together() -> None:
    model = attempts(iter("5787"))
    result = await run(HOW_MANY, heart(rounds=2), prepare(model=model, seed=3))
    assert (result.answer.value, result.usage.calls, heart(rounds=2).calls) == ("7", 4, 4)
    last = model.prompts[-1]
    assert all(f"[answer {number}]" in last for number in (1, 2, 3))
    assert all(f"Answer: {answer}" in last for answer in "578")
    assert (cued(last), result.answer.data["oracle"]) == ([], False)


async def test_what_cannot_be_read_is_a_round_and_no_candidate() -> None:
    model = attempts(iter(["5", "?", "6", "?"]))
    result = await run(HOW_MANY, heart(rounds=2), prepare(model=model, seed=3))
    assert result.answer.value in ("5", "6")  # no synthesis could be read, so the attempts vote
    assert "[answer 3]" not in model.prompts[-1]
    nothing = await run(HOW_MANY, heart(rounds=2), prepare(model=attempts(iter("????"))))
    assert (nothing.answer.value, nothing.stop_reason, nothing.usage.calls) == (None, "undecided", 3)


@given(
    schedule=st.sampled_from(["alternating", "static", "random", "neutral"]),
    rounds=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_the_cues(schedule: Schedule, rounds: int, seed: int) -> None:
    drawn = cues(schedule, rounds, seed)
    assert len(drawn) == rounds
    assert drawn == cues(schedule, rounds, seed)
    emotions, phrases = zip(*drawn, strict=True)
    assert all(phrase in (CUES | {"neutral": NEUTRAL})[emotion] for emotion, phrase in drawn)
    assert all(one != other for one, other in pairwise(phrases))
    if schedule == "alternating":
        signs = [emotion in POSITIVE for emotion in emotions]
        assert all(one != other for one, other in pairwise(signs))
    if schedule != "random" and rounds <= 5:
        assert len(set(phrases)) == rounds
    assert (set(emotions) == {"neutral"}) == (schedule == "neutral")


def test_every_cue_is_one_short_sentence() -> None:
    assert {len(listed) for listed in (*CUES.values(), NEUTRAL)} == {5}
    assert all(len(phrase.split()) <= 20 for phrase in PHRASES)
    assert len(set(PHRASES)) == len(PHRASES)
    assert set(ORDER) < set(CUES)


@pytest.mark.parametrize("schedule", ["alternating", "neutral", "random"])
async def test_the_arms_do_as_well_where_the_model_ignores_cues(schedule: Schedule) -> None:
    # With an oracle the accuracy is 1 - (1 - p)^(T + 1) and the calls are (1 - (1 - p)^(T + 1)) / p, in every arm.
    p, rounds, trials = 0.3, 5, 100
    model, hits, calls = SimulatedModel(accuracy=p), 0, 0
    for number in range(trials):
        question = Question(text=f"How far is {number}?", answer_type="number")
        right = next(iter(model.known(question)))
        strategy = heart(rounds=rounds, schedule=schedule, oracle=lambda answer, right=right: answer == right)  # type: ignore[misc]
        result = await run(question, strategy, prepare(model=model, seed=number))
        hits += result.answer.value == right
        calls += result.usage.calls
    law = 1 - (1 - p) ** (rounds + 1)
    assert law == pytest.approx(0.882, abs=5e-4)
    assert abs(hits / trials - law) < 3.5 * (law * (1 - law) / trials) ** 0.5
    assert abs(calls / trials - law / p) < 3.5 * 1.8 / trials**0.5


@pytest.mark.parametrize(
    "wrong", [{"rounds": 0}, {"schedule": "happy"}, {"emotions": ("joy",)}, {"emotions": ()}], ids=str
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        heart(**wrong)  # type: ignore[arg-type]
