"""AIDSAFE: sequential turns over policies in full, agreement, and a refiner who can only take away."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disputatio.agents import Judge
from disputatio.errors import ConfigurationError
from disputatio.graphs import aidsafe_deliberation
from disputatio.graphs.run import prepare, run
from disputatio.graphs.strategies.aidsafe_deliberation import POLICIES, kept
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result

STYLE = ("Short: no sentence has more than twenty words.", "Kind: never blame the reader.")
SHOULD = Question(text="Should the letter be sent?", answer_type="boolean")


class Script:
    """Seed, turns and refiner with these replies, and what each was shown."""

    def __init__(self, turns: Sequence[str], refined: str = "Dropped: none\nAnswer: yes") -> None:
        self.turns, self.refined = iter(turns), refined
        self.prompts: dict[str, list[str]] = {"intents": [], "seed": [], "turn": [], "refine": []}

    def __call__(self, prompt: str) -> str:
        if "Intents: <" in prompt:
            return self.told("intents", prompt, "Intents:\n1. benign: to be understood")
        if "Dropped: <" in prompt:
            return self.told("refine", prompt, self.refined)
        if "Agree: <" in prompt:
            return self.told("turn", prompt, next(self.turns))
        return self.told("seed", prompt, "Thoughts:\n1. policy 1: it is short\nAnswer: no")

    def told(self, role: str, prompt: str, reply: str) -> str:
        self.prompts[role].append(prompt)
        return reply


def adding(*thoughts: str, agree: str = "no", answer: str = "yes") -> str:
    listed = "".join(f"\n{number}. {thought}" for number, thought in enumerate(thoughts, 1))
    return f"Agree: {agree}\nNew thoughts: {listed or 'none'}\nAnswer: {answer}"


AGREE = adding(agree="yes")


async def deliberated(script: Script, **settings: object) -> Result:
    strategy = aidsafe_deliberation(policies=STYLE, **settings)  # type: ignore[arg-type]
    return await run(SHOULD, strategy, prepare(model=ScriptedModel(script)))


@pytest.mark.parametrize(
    ("turns", "rounds", "thoughts", "calls"),
    [
        ([adding("a", "b"), adding("c"), AGREE], 3, 4, 6),
        ([AGREE], 1, 1, 4),
        ([adding("a", agree="yes"), AGREE], 2, 2, 5),  # agreement with new thoughts does not count
        ([adding("a"), adding("b"), adding("c"), adding("d")], 4, 5, 7),
        (["I will not.", "Nor I."], 2, 1, 5),
    ],
)
async def test_turns_until_agreement(turns: list[str], rounds: int, thoughts: int, calls: int) -> None:
    result = await deliberated(Script(turns))
    data = result.answer.data
    assert (data["rounds"], data["kept"], result.usage.calls) == (rounds, list(range(1, thoughts + 1)), calls)
    assert aidsafe_deliberation.calls == 7


async def test_every_turn_sees_the_policies_in_full_and_all_thoughts_before_it() -> None:
    script = Script([adding("tone is kind"), adding("no blame found"), AGREE])
    result = await deliberated(script)
    for prompt in (*script.prompts["seed"], *script.prompts["turn"], *script.prompts["refine"]):
        assert all(policy in prompt for policy in STYLE)
    listed = [prompt.partition("Thoughts so far:")[2] for prompt in script.prompts["turn"]]
    assert [text.count("policy 1: it is short") for text in listed] == [1, 1, 1]
    assert ["tone is kind" in text for text in listed] == [False, True, True]
    assert ["no blame found" in text for text in listed] == [False, False, True]
    assert "1. benign: to be understood" in script.prompts["turn"][0]
    authors = [one.author for one in result.thoughts]
    assert authors == ["intents", "seed", "deliberator 1", "deliberator 2", "deliberator 1", "refiner"]


async def test_the_refiner_drops_thoughts_and_answers_last() -> None:
    script = Script([adding("b", "c"), AGREE], "Dropped:\n1. Thought 2: deceptive\nAnswer: no")
    result = await deliberated(script)
    assert (result.answer.value, result.answer.data["kept"], result.answer.data["dropped"]) == ("no", [1, 3], [2])
    assert result.answer.data["chain"] == ["policy 1: it is short", "c"]
    unread = await deliberated(Script([adding("b"), AGREE], "I cannot."))
    assert (unread.answer.value, unread.answer.data["kept"]) == ("yes", [1, 2])


async def test_with_three_agents_all_others_must_agree() -> None:
    result = await deliberated(Script([AGREE, adding("b"), AGREE, AGREE]), agents=3)
    assert result.answer.data["rounds"] == 4
    result = await deliberated(Script([AGREE, AGREE]), agents=3)
    assert result.answer.data["rounds"] == 2


def test_repetitions_are_dropped_even_if_the_refiner_keeps_them() -> None:
    given = ["a", "b", "Be  kind", "c", "be kind"]
    assert kept(given, []) == [1, 2, 3, 4]
    assert kept(given, ["2: redundant"]) == [1, 3, 4]
    assert kept(given, ["9: not there"]) == kept(given, ["1", "2", "3", "4", "5"]) == [1, 2, 3, 4]


@given(texts=st.lists(st.text(max_size=3), max_size=6), dropped=st.lists(st.text(max_size=4) | st.integers(0, 7)))
def test_what_is_kept_is_part_of_what_was_given(texts: list[str], dropped: list[object]) -> None:
    left = kept(texts, dropped)
    assert left == sorted(set(left))
    assert set(left) <= set(range(1, len(texts) + 1))
    assert bool(left) == bool(texts)


def test_a_deliberation_needs_policies_and_an_impartial_judge() -> None:
    for wrong in ({"policies": ()}, {"rounds": 0}, {"agents": 0}, {"judge": Judge("deliberator 1")}):
        with pytest.raises(ConfigurationError):
            aidsafe_deliberation(**wrong)  # type: ignore[arg-type]
    assert len(POLICIES) == 5


async def test_the_rounds_follow_the_chance_of_agreement() -> None:
    # Agreement with chance c in each of at most B rounds takes (1 - (1 - c)^B) / c of them: 1.875 for 1/2 and 4.
    dice, runs = Random("aidsafe"), 150
    used = 0
    for _ in range(runs):
        turns = [AGREE if dice.random() < 0.5 else adding(str(turn)) for turn in range(4)]
        used += (await deliberated(Script(turns))).usage.calls - 3
    assert abs(used / runs - 1.875) < 3.5 * 1.06 / runs**0.5
