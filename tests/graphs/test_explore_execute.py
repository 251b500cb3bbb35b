"""Explore and execute: what each sees, how many are carried out, who wins, and the laws of selection."""

import asyncio
import re
from collections.abc import Callable
from math import sqrt
from random import Random

import pytest

from disputatio.agents import Planner
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import explore_execute, sequence
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

ASKED = Question(text="How many?", answer_type="number")


def turn(prompt: str) -> str:
    if "Write a plan" in prompt:
        return "explore"
    return "judge" if "Choose the plan" in prompt else "execute"


class Office:
    """Plans in the order of asking; a judge who picks by what it reads; an answer for each plan."""

    def __init__(self, plans: list[str], judge: str = "1", answers: dict[str, str] | None = None) -> None:
        self.plans = iter(plans)
        self.judge = judge
        self.answers = answers or {}
        self.seen: dict[str, list[str]] = {"explore": [], "judge": [], "execute": []}

    def __call__(self, prompt: str) -> str:
        self.seen[turn(prompt)].append(prompt)
        match turn(prompt):
            case "explore":
                return f"Plan:\n{next(self.plans)}"
            case "judge":
                numbers = re.findall(rf"^Plan (\d+):\n1\. {re.escape(self.judge)}$", prompt, re.MULTILINE)
                return f"Choice: {numbers[0]}" if numbers else self.judge
        shown = re.search(r"^1\. (.*)$", prompt, re.MULTILINE)
        return self.answers.get(shown[1] if shown else "", "Answer: 9")


async def worked(office: Callable[[str], str], strategy: Strategy[...], seed: int | None = 1) -> Result:
    return await run(ASKED, strategy, prepare(model=ScriptedModel(office), seed=seed))


async def test_the_judge_picks_one_plan_and_only_that_is_carried_out() -> None:
    plans = [f"1. way {n}\n2. then sum" for n in range(1, 9)]
    office = Office(plans, "way 3", {"way 3": "Answer: 3"})
    result = await worked(office, explore_execute)
    assert {name: len(prompts) for name, prompts in office.seen.items()} == {"explore": 8, "judge": 1, "execute": 1}
    assert not any("way" in prompt for prompt in office.seen["explore"]), "no explorer sees another plan"
    [judged], [executed] = office.seen["judge"], office.seen["execute"]
    assert sorted(re.findall(r"way \d", judged)) == [f"way {n}" for n in range(1, 9)]
    assert re.findall(r"way \d", executed) == ["way 3"]
    assert "explorer" not in judged
    assert (result.answer.value, result.usage.calls) == ("3", explore_execute.calls)
    assert explore_execute.calls == 8 + 2
    by_text = {one.id: one for one in result.thoughts}
    [used] = [link for link in result.links if link.kind == "uses"]
    assert "way 3" in by_text[used.target].text
    assert result.thoughts[-1].answer == "3", "the answer comes from an execution"


async def test_plans_are_random_and_short_and_executions_are_neither() -> None:
    model = ScriptedModel(Office(["1. a", "1. b"], "a"))
    await run(ASKED, explore_execute(plans=2), prepare(model=model, seed=4))
    settings = [
        (turn(prompt), one.temperature, one.max_tokens)
        for prompt, one in zip(model.prompts, model.requests, strict=True)
    ]
    assert settings[:2] == [("explore", 1.0, 200)] * 2
    assert [one[:2] for one in settings[2:]] == [("judge", 0.0), ("execute", 0.0)]
    assert len({one.seed for one in model.requests[:2]}) == 2


async def test_the_order_of_the_plans_is_shuffled_for_the_judge() -> None:
    orders = set()
    for seed in range(6):
        office = Office([f"1. way {n}" for n in range(4)], "way 1")
        await worked(office, explore_execute(plans=4), seed)
        orders.add(tuple(re.findall(r"way \d", office.seen["judge"][0])))
    assert len(orders) > 1


async def test_the_judge_may_write_a_plan_of_its_own() -> None:
    office = Office(["1. a", "1. b"], "Choice: 0\nPlan:\n1. both at once\n2. sum", {"both at once": "Answer: 5"})
    result = await worked(office, explore_execute(plans=2))
    assert (result.answer.value, result.usage.calls) == ("5", 4)
    assert "2. sum" in office.seen["execute"][0]


@pytest.mark.parametrize("said", ["Choice: none", "I like them all.", "Choice: 17"])
async def test_a_judge_without_a_choice_gets_the_plan_that_was_made_most_often(said: str) -> None:
    office = Office(["1. rare", "1. common", "1. Common."], said, {"common": "Answer: 2", "Common.": "Answer: 2"})
    assert (await worked(office, explore_execute(plans=3))).answer.value == "2"


async def test_clusters_are_carried_out_until_they_hold_the_share_and_vote_by_size() -> None:
    plans = ["1. add", "1. add", "1. guess", "1. add", "1. guess", "1. add"]
    office = Office(plans, answers={"add": "Answer: 10", "guess": "Answer: 12"})
    result = await worked(office, explore_execute(plans=6, select="clusters"))
    assert result.answer.data["weights"] == [4, 2]
    assert (result.answer.value, result.usage.calls) == ("10", 6 + 2)
    # 4 of 6 are two thirds: with that share, one execution does.
    office = Office(plans, answers={"add": "Answer: 10"})
    result = await worked(office, explore_execute(plans=6, select="clusters", share=2 / 3))
    assert (result.answer.data["weights"], result.usage.calls) == ([4], 6 + 1)


async def test_no_more_clusters_are_carried_out_than_allowed() -> None:
    strategy = explore_execute(plans=6, select="clusters", executed=2)
    result = await worked(Office([f"1. {name}" for name in "abcdef"]), strategy)
    assert (result.answer.data["weights"], result.usage.calls, strategy.calls) == ([1, 1], 8, 8)


async def test_a_plan_that_failed_early_has_no_vote() -> None:
    plans = ["1. add\n2. sum\n3. round\n4. say"] * 3 + ["1. guess"]
    for step, winner in ((2, "12"), (3, "10")):  # one of four steps is too little, two are half
        answers = {"add": f"The plan fails at step {step}.\nAnswer: 10", "guess": "Answer: 12"}
        result = await worked(Office(plans, answers=answers), explore_execute(plans=4, select="clusters", share=1.0))
        assert (result.answer.value, result.answer.data["weights"]) == (winner, [3, 1])


async def test_embeddings_of_the_users_own_decide_what_is_alike() -> None:
    office = Office(
        ["1. add up", "1. take the sum", "1. guess"], answers={"add up": "Answer: 10", "guess": "Answer: 1"}
    )
    strategy = explore_execute(
        plans=3,
        select="clusters",
        embed=lambda texts: [(1.0, 0.0) if "guess" in one else (0.0, 1.0) for one in texts],
    )
    result = await worked(office, strategy)
    assert (result.answer.value, result.answer.data["weights"]) == ("10", [2, 1])


async def test_steps_that_give_the_answer_away_are_dropped_and_counted() -> None:
    office = Office(["1. add\n2. The answer is 41.", "1. Answer: 7"], "add")
    result = await worked(office, explore_execute(plans=2))
    assert "41" not in office.seen["execute"][0] + office.seen["judge"][0]
    assert (result.answer.data["leaks"], result.answer.data["plans"]) == (2, 1)


async def test_without_any_plan_a_plain_chain_answers() -> None:
    result = await worked(Office(["", "none"]), explore_execute(plans=2))
    assert (result.answer.value, result.answer.data["ended"], result.usage.calls) == ("9", "no plan", 3)


async def test_an_execution_without_an_answer_is_undecided() -> None:
    result = await worked(Office(["1. add"], "add", {"add": "I give up."}), explore_execute(plans=1))
    assert (result.answer.value, result.stop_reason) == (None, "undecided")


async def test_what_was_said_before_reaches_explorers_and_executors() -> None:
    office = Office(["1. add", "1. guess"], "add")

    def planned(prompt: str) -> str:
        return "Points: Is it even?" if "You are the planner" in prompt else office(prompt)

    await worked(planned, sequence(Planner(), explore_execute(plans=2)))
    assert all("Is it even?" in prompt for prompt in office.seen["explore"] + office.seen["execute"])


def test_settings_without_meaning_are_refused() -> None:
    for wrong in ({"plans": 0}, {"executed": 0}, {"share": 0.0}, {"share": 1.2}):
        with pytest.raises(ConfigurationError, match="at least 1"):
            explore_execute(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="unknown selection"):
        explore_execute(select="clutsers")


G, A1, A0, K = 0.3, 0.9, 0.2, 8
RUNS = 120


def world(dice: Random, finds: float = 0.0, *, alike: str = "good") -> Callable[[str], str]:
    """Plans are good with probability G; those of one sort are all alike, and the others all different."""
    number = iter(range(10**6))

    def reply(prompt: str) -> str:
        if turn(prompt) == "explore":
            kind = "good" if dice.random() < G else "bad"
            return f"Plan:\n1. {kind} {'way' if kind == alike else f'w{next(number)}'}"
        kinds = re.findall(r"^1\. (good|bad) ", prompt, re.MULTILINE)
        if turn(prompt) == "judge":
            wanted = "good" if "good" in kinds and dice.random() < finds else "bad" if "bad" in kinds else "good"
            return f"Choice: {kinds.index(wanted) + 1}"
        return f"Answer: {1 if dice.random() < (A1 if kinds[0] == 'good' else A0) else 0}"

    return reply


def accuracy(strategy: Strategy[...], reply: Callable[[str], str], runs: int) -> float:
    async def hits() -> int:
        graph, found = strategy.compile(), 0
        for seed in range(runs):
            context = Context(models={"default": ScriptedModel(reply)}, seed=seed)
            found += (await graph.ainvoke({"question": ASKED}, context=context))["answer"].value == "1"
        return found

    return asyncio.run(hits()) / runs


def near(share: float, law: float, runs: int) -> bool:
    return abs(share - law) < 4 * sqrt(law * (1 - law) / runs)


def test_a_random_plan_is_as_good_as_plans_are() -> None:
    law = G * A1 + (1 - G) * A0
    assert law == pytest.approx(0.41)
    assert near(accuracy(explore_execute(plans=K, select="random"), world(Random(1)), RUNS), law, RUNS)


def test_a_judge_gains_what_it_finds() -> None:
    some, finds = 1 - (1 - G) ** K, 0.8
    # It finds a good plan with probability 0.8 where there is one; if all are good, it cannot miss.
    law = some * (finds * A1 + (1 - finds) * A0) + (1 - some) * A0
    assert (some, law) == (pytest.approx(0.9424, abs=1e-4), pytest.approx(0.728, abs=1e-3))
    assert near(accuracy(explore_execute(plans=K), world(Random(2), finds), RUNS), law, RUNS)


def test_clusters_gain_where_good_plans_are_alike_and_lose_where_bad_ones_are() -> None:
    strategy = explore_execute(plans=K, select="clusters", executed=1, threshold=1.0)
    some = 1 - (1 - G) ** K
    # Good plans alike: their cluster is the largest as soon as there are two; a lone one ties with the bad ones.
    lone = K * G * (1 - G) ** (K - 1)
    first = 1 / K  # of clusters of one, the earliest is taken
    good = (some - lone) + lone * first
    assert near(accuracy(strategy, world(Random(3)), RUNS), good * A1 + (1 - good) * A0, RUNS)
    # Bad plans alike: the good ones, all different, win only where there is at most one bad one.
    all_good, one_bad = G**K, K * (1 - G) * G ** (K - 1)
    good = all_good + one_bad * (1 - first)
    law = good * A1 + (1 - good) * A0
    assert law < 0.41
    assert near(accuracy(strategy, world(Random(4), alike="bad"), RUNS), law, RUNS)
