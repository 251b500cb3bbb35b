"""Tree search on scripted trees: what is asked, what is seen, what it costs, and what is made of bad replies."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import sqrt
from random import Random

import pytest

from disputatio.agents import Planner, Proposer
from disputatio.errors import ConfigurationError, ModelError
from disputatio.graphs import debate, sequence, tree_plv_search, tree_search
from disputatio.graphs.run import prepare, run
from disputatio.graphs.search import Policy, beam, depth_first, monte_carlo
from disputatio.graphs.strategies.tree_plv_search import preferences
from disputatio.graphs.valuation import Valuation, compared, rollouts, scored, voted
from disputatio.model import Reply, Request
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result
from disputatio.strategies import Strategy

ASKED = Question(text="How far is it?", answer_type="number")


def steps_in(prompt: str) -> list[str]:
    """The steps that a prompt shows."""
    block = re.search(r"Steps so far:\n((?:\d+\. .*\n?)+)", prompt)
    return re.findall(r"^\d+\. (.*)$", block.group(1), re.MULTILINE) if block else []


class World:
    """A tree that is known in full. A step's name begins with that of the one before; what ends in "!" is an end."""

    def __init__(self, children: Mapping[str, Sequence[str]], values: Mapping[str, float] | None = None) -> None:
        self.children = children
        self.values = values or {}
        self.seen: dict[str, list[str]] = defaultdict(list)
        self.asked: Counter[str] = Counter()

    def __call__(self, prompt: str) -> str:
        path = steps_in(prompt)
        here = path[-1] if path else ""
        if "ONE next step" in prompt:
            self.seen["propose"].append(prompt)
            step = (self.children.get(here) or [""])[self.asked[here] % len(self.children.get(here) or [""])]
            self.asked[here] += 1
            return f"{step}\nAnswer: {'7' if step.endswith('!') else 'none'}" if step else "Answer: none"
        if "finish the solution" in prompt:
            self.seen["finish"].append(prompt)
            self.asked[f"{here} finished"] += 1
            hits = round(8 * self.values.get(here, 0))
            return "Answer: 7" if (self.asked[f"{here} finished"] - 1) % 8 < hits else "I do not know."
        if "You check reasoning" in prompt:
            self.seen["check"].append(prompt)
            return f"Verdict: supported\nScore: {round(100 * self.values.get(here, 0))}"
        self.seen["other"].append(prompt)
        return "Answer: 9"


async def searched(world: Callable[[str], str], strategy: Strategy[...]) -> Result:
    return await run(ASKED, strategy, prepare(model=ScriptedModel(world), seed=1))


def valued(result: Result) -> dict[str, float]:
    """The value of each node by the name of its step."""
    values = result.answer.data["values"]
    assert isinstance(values, dict)
    named = {one.id: one.text.partition("\n")[0] for one in result.thoughts}
    return {named[id]: float(str(value)) for id, value in values.items()}


FRONTIER = {"": ["a", "b", "c"], "b": ["ba", "bb", "bc"], "bb": ["bba!", "bbb", "bbc"]}
VALUES = {"a": 0.5, "b": 0.75, "c": 0.625, "ba": 0.25, "bb": 0.875, "bbb": 0.5, "bbc": 0.25}


async def test_the_most_valuable_step_is_built_upon_and_the_path_to_the_answer_is_told() -> None:
    world = World(FRONTIER, VALUES)
    result = await searched(world, tree_plv_search(expansions=5))
    assert valued(result) == {**VALUES, "bc": 0.0, "bba!": 1.0}
    assert [steps_in(prompt) for prompt in world.seen["propose"]] == [[]] * 3 + [["b"]] * 3 + [["b", "bb"]] * 3
    assert (result.answer.value, result.answer.confidence, result.answer.rationale) == ("7", 1.0, "b\nbb\nbba!")
    assert (result.answer.data["ended"], result.answer.data["expansions"]) == ("found", 3)
    # 3 expansions of 3 steps; 8 rollouts of each step but the one that answers.
    assert result.usage.calls == 9 + 8 * 8


@pytest.mark.parametrize(("expansions", "children", "samples"), [(1, 1, 1), (2, 3, 4), (10, 3, 8)])
async def test_the_calls_are_those_of_the_formula(expansions: int, children: int, samples: int) -> None:
    number = iter(range(1000))
    strategy = tree_plv_search(expansions=expansions, children=children, rollouts=samples)
    result = await searched(lambda prompt: f"step {next(number)}\nAnswer: none", strategy)
    assert result.usage.calls == strategy.calls == expansions * children * (1 + samples) + 1
    assert len(result.thoughts) == result.usage.calls


async def test_steps_are_proposed_without_sight_of_their_siblings_and_rollouts_see_one_path() -> None:
    world = World(FRONTIER, VALUES)
    await searched(world, tree_plv_search(expansions=5))
    for prompt in [*world.seen["propose"], *world.seen["finish"]]:
        path = steps_in(prompt)
        assert "How far is it?" in prompt
        assert all(later.startswith(earlier) for earlier, later in pairwise(path))
        assert "Answer: none" not in prompt.partition("End with")[0]


async def test_the_tree_is_in_the_record() -> None:
    result = await searched(World(FRONTIER, VALUES), tree_plv_search(expansions=5))
    text = {one.id: one.text.partition("\n")[0] for one in result.thoughts}
    tree = {(text[link.target], text[link.source]) for link in result.links if link.kind == "refines"}
    assert tree == {(one[:-1] if one != "bba!" else "bb", one) for one in valued(result) if len(one) > 1}
    judged = Counter(text[link.target] for link in result.links if link.kind == "uses")
    assert judged == dict.fromkeys([*VALUES, "bc"], 8)


async def test_equal_steps_are_one_and_counted_and_empty_ones_are_none() -> None:
    world = World({"": ["a", "A.", "", "b"]}, {"a": 0.25})
    result = await searched(world, tree_plv_search(expansions=1, children=4, rollouts=4))
    assert sorted(valued(result)) == ["a", "b"]
    assert list(result.answer.data["times"].values()) == [2]  # type: ignore[union-attr]
    assert result.usage.calls == 4 + 2 * 4 + 1


async def test_a_node_without_children_is_left_and_the_next_best_is_tried() -> None:
    world = World({"": ["a", "b"], "a": [], "b": ["bb!"]}, {"a": 0.75, "b": 0.25})
    result = await searched(world, tree_plv_search(expansions=4, children=2))
    assert [steps_in(prompt) for prompt in world.seen["propose"]] == [[]] * 2 + [["a"]] * 2 + [["b"]] * 2
    assert (result.answer.value, result.answer.rationale) == ("7", "b\nbb!")


async def test_a_tree_with_no_child_at_all_falls_back_to_a_plain_chain() -> None:
    result = await searched(World({}), tree_plv_search(expansions=4))
    assert (result.answer.value, result.answer.data["ended"], result.usage.calls) == ("9", "exhausted", 3 + 1)


async def test_without_an_answer_the_best_partial_solution_is_finished() -> None:
    # No rollout is read, so that all rewards are 0: the search goes down as far as it may.
    world = World({"": ["a", "b"], "a": ["aa", "ab"]})
    result = await searched(world, tree_plv_search(expansions=2, children=2, rollouts=2))
    assert result.answer.data["ended"] == "no signal"
    assert steps_in(world.seen["finish"][-1]) == ["a", "aa"]
    assert (result.answer.value, result.stop_reason) == (None, "undecided")


async def test_rollouts_that_cannot_be_read_count_as_misses() -> None:
    said = iter(["Answer: 7", "?", "Answer: 7", "Answer: 5", "Answer: 7"])
    world = World({"": ["a"]})
    result = await searched(
        lambda prompt: next(said) if "finish the" in prompt else world(prompt),
        tree_plv_search(expansions=1, children=1, rollouts=4),
    )
    assert valued(result) == {"a": 0.5}


async def test_a_target_is_the_goal_where_it_is_given() -> None:
    said = iter(["Answer: 7", "Answer: 5.0", "Answer: 7", "Answer: 5", "Answer: 7"])
    world = World({"": ["a"]})
    strategy = tree_plv_search(expansions=1, children=1, rollouts=4, target="5")
    result = await searched(lambda prompt: next(said) if "finish the" in prompt else world(prompt), strategy)
    assert valued(result) == {"a": 0.5}


async def test_pairs_are_siblings_that_differ_by_the_gap() -> None:
    world = World({"": ["a", "b", "c", "d"]}, {"a": 6 / 8, "b": 3 / 8, "c": 2 / 8, "d": 6 / 8})
    result = await searched(world, tree_plv_search(expansions=1, children=4))
    assert [(pair.better, pair.worse) for pair in preferences(result)] == [
        ("a", "b"),
        ("a", "c"),
        ("d", "b"),
        ("d", "c"),
    ]
    assert [(pair.better, pair.worse, pair.gap) for pair in preferences(result, gap=0.5)] == [
        ("a", "c", 0.5),
        ("d", "c", 0.5),
    ]
    assert preferences(result, gap=0.6) == []


async def test_pairs_hold_the_steps_before_them() -> None:
    pairs = preferences(await searched(World(FRONTIER, VALUES), tree_plv_search(expansions=5)))
    assert {pair.prefix for pair in pairs if len(pair.better) == 2} == {("b",)}
    assert ("bb", "ba", 0.625) in {(pair.better, pair.worse, pair.gap) for pair in pairs}
    assert all(pair.question == ASKED.text for pair in pairs)


class Narrow(ScriptedModel):
    """A model with a small context window."""

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        if any("bb" in message["content"] for message in request.messages):
            raise ModelError("too long", fault="context_too_long")
        return await super().complete(request, on_text)


async def test_a_branch_that_no_longer_fits_is_closed_and_the_rest_goes_on() -> None:
    world = World({"": ["bb", "c"], "c": ["cc!"]}, {"c": 0.5})
    result = await run(ASKED, tree_plv_search(expansions=3, children=2), prepare(model=Narrow(world)))
    assert (result.answer.value, result.answer.rationale) == ("7", "c\ncc!")
    assert valued(result)["bb"] == 0.0
    assert sum("longer than the model can read" in one.text for one in result.thoughts) == 8


async def test_other_faults_of_a_model_are_raised() -> None:
    def refuse(prompt: str) -> str:
        raise ModelError("no key", fault="auth")

    with pytest.raises(ModelError, match="no key"):
        await searched(refuse, tree_plv_search(expansions=1))


PATHS = {"": ["a", "b", "c"], "a": ["aa", "ab", "ac"], "c": ["ca", "cb!", "cc"], "aa": ["aaa", "aab", "aac!"]}
WORTH = {"a": 0.9, "b": 0.1, "c": 0.8, "aa": 0.5, "ab": 0.4, "ac": 0.3, "ca": 0.2, "cb!": 0.7, "cc": 0.1}


@pytest.mark.parametrize(
    ("policy", "built", "path"),
    [
        (None, ["", "a", "c"], "c\ncb!"),  # 0.9, then 0.8, and then the answer of 0.7 is worth most
        (beam(1), ["", "a", "aa"], "a\naa\naac!"),
        (beam(2), ["", "a", "c", "aa"], "c\ncb!"),
        (depth_first(), ["", "a", "aa"], "a\naa\naac!"),
        (depth_first(0.45), ["", "a", "aa", "c"], "c\ncb!"),  # the answer below aa is worth nothing: back to c
        (monte_carlo(0.0), ["", "a", "c"], "c\ncb!"),
    ],
)
async def test_each_policy_searches_in_its_own_way(policy: Policy | None, built: list[str], path: str) -> None:
    world = World(PATHS, WORTH)
    result = await searched(world, tree_search(scored(), policy, expansions=len(built)))
    assert [(steps_in(prompt) or [""])[-1] for prompt in world.seen["propose"][::3]] == built
    assert result.answer.rationale == path
    assert valued(result).items() <= {**WORTH, **dict.fromkeys(("aaa", "aab", "aac!"), 0.0)}.items()
    assert result.usage.calls == 6 * len(built)


async def test_a_path_that_is_too_long_is_given_up() -> None:
    world = World(PATHS, WORTH)
    result = await searched(world, tree_search(scored(), depth=1, expansions=9))
    assert (result.answer.data["expansions"], result.answer.data["ended"]) == (1, "exhausted")
    assert steps_in(world.seen["finish"][0]) == ["a"]


async def test_votes_are_shares_and_what_names_no_step_is_none() -> None:
    said = iter(["2", "2.", "step 2", "1", "7", "the third"])

    def world(prompt: str) -> str:
        if "ONE next step" in prompt:
            return f"{next(names)}\nAnswer: none"
        return f"So.\nBest: {next(said)}" if "best next step" in prompt else "Answer: 3"

    names = iter("abc")
    strategy = tree_search(voted(6), expansions=1)
    result = await searched(world, strategy)
    assert valued(result) == pytest.approx({"a": 1 / 6, "b": 3 / 6, "c": 0}, abs=1e-6)
    assert result.usage.calls == strategy.calls == 3 + 6 + 1


@pytest.mark.parametrize(
    ("prefers", "expected"),
    [
        (lambda first, second: "1", {"a": 0.5, "b": 0.5, "c": 0.5}),  # a liking for the first place cancels out
        (lambda first, second: "1" if first < second else "2", {"a": 1.0, "b": 0.5, "c": 0.0}),
        (lambda first, second: "neither", {"a": 0.0, "b": 0.0, "c": 0.0}),
    ],
)
async def test_comparisons_are_made_in_both_orders(
    prefers: Callable[[str, str], str], expected: dict[str, float]
) -> None:
    shown: list[tuple[str, str]] = []
    names = iter("abc")

    def world(prompt: str) -> str:
        if "ONE next step" in prompt:
            return f"{next(names)}\nAnswer: none"
        if "better next step" not in prompt:
            return "Answer: 3"
        first, second = re.findall(r"^[12]\. (\w)$", prompt, re.MULTILINE)
        shown.append((first, second))
        return f"So.\nBetter: {prefers(first, second)}"

    strategy = tree_search(compared(), expansions=1)
    result = await searched(world, strategy)
    assert valued(result) == expected
    assert sorted(shown) == [(one, other) for one in "abc" for other in "abc" if one != other]
    assert result.usage.calls == strategy.calls == 3 + 6 + 1


@pytest.mark.parametrize("value", [voted(3), compared()])
async def test_an_only_child_is_not_compared(value: Valuation) -> None:
    strategy = tree_search(value, children=1, expansions=1)
    result = await searched(World({"": ["a"]}), strategy)
    assert (valued(result), result.usage.calls, strategy.calls) == ({"a": 1.0}, 2, 2)


async def test_the_plan_of_a_part_before_reaches_every_proposer_and_the_search_nests() -> None:
    world = World(FRONTIER, VALUES)

    def planned(prompt: str) -> str:
        return "Points: 1. Is it a mile?" if "You are the planner" in prompt else world(prompt)

    result = await searched(planned, sequence(Planner(), tree_search(scored(), expansions=3), debate(1, rounds=1)))
    assert all("Is it a mile?" in prompt for prompt in world.seen["propose"])
    assert "bba!" in world.seen["other"][0], "the debater reads what was concluded"
    assert result.answer.value == "9"


def test_settings_without_meaning_are_refused() -> None:
    for wrong in ({"children": 0}, {"expansions": 0}, {"depth": 0}):
        with pytest.raises(ConfigurationError, match="at least 1"):
            tree_search(scored(), **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="at least 1 rollout"):
        tree_plv_search(rollouts=0)
    with pytest.raises(ConfigurationError, match="at least 1 vote"):
        voted(0)


async def test_the_value_of_a_step_is_an_unbiased_binomial_share() -> None:
    # Each rollout hits with probability 0.6: the mean of the values is 0.6, their variance 0.6 * 0.4 / 8.
    dice, number, found = Random(3), iter(range(10_000)), []

    def world(prompt: str) -> str:
        if "ONE next step" in prompt:
            return f"step {next(number)}\nAnswer: none"
        return f"Answer: {7 if dice.random() < 0.6 else dice.randrange(100, 999)}"

    strategy = tree_search(rollouts(8, target="7"), beam(100), expansions=20, children=5, proposer=Proposer())
    for _ in range(4):
        found += list(valued(await searched(world, strategy)).values())
    mean = sum(found) / len(found)
    variance = sum((one - mean) ** 2 for one in found) / (len(found) - 1)
    assert len(found) == 400
    assert {one * 8 % 1 for one in found} == {0.0}
    assert abs(mean - 0.6) < 4 * sqrt(0.03 / 400)
    assert variance == pytest.approx(0.03, rel=0.25)
