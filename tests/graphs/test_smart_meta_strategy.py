"""The meta-strategy: counts of outcomes, what they choose, and what a run does with them."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore

from disputatio.agents import Solver
from disputatio.errors import ConfigurationError, ModelError
from disputatio.graphs import smart_meta_strategy
from disputatio.graphs.bandit import Attempt, Policy, Record, Table, choose
from disputatio.graphs.run import prepare, run
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.thought import Answer

ARMS = ["cot", "l2m", "pot"]
SPACE = ("meta_strategy", "default")


def known() -> Table:
    return Table({("x", "cot"): Record(8, 10), ("x", "l2m"): Record(3, 10), ("x", "pot"): Record(5, 10)})


def test_the_table_of_the_card() -> None:
    table = known()
    assert [table.beta("x", one) for one in ARMS] == [(9, 3), (4, 8), (6, 6)]
    assert choose(table, "x", ARMS, "greedy", Random(0)) == "cot"
    assert choose(table, "x", ARMS, "ucb1", Random(0)) == "cot"  # the same bonus of 0.825 for all
    assert choose(table, "x", ARMS, "greedy", Random(0), used=["cot"]) == "pot"
    table.add("x", [Attempt("cot", 0.0), Attempt("pot", 1.0)])
    assert (table.record("x", "cot"), table.record("x", "pot")) == (Record(8, 11), Record(6, 11))


def test_a_new_kind_starts_from_what_holds_everywhere_and_new_strategies_come_first() -> None:
    table = known()
    assert table.beta("new", "cot") == pytest.approx((4.2, 1.8))
    assert choose(table, "new", ARMS, "greedy", Random(0)) == "cot"
    assert choose(table, "x", [*ARMS, "tree"], "thompson", Random(0)) == "tree"
    table.add("x", [Attempt("tree", 0.0, crashed=True)])
    assert table.record("x", "tree") == Record(crashes=1)  # no try


def test_dear_tokens_change_the_choice() -> None:
    table = Table({("x", "cot"): Record(6, 10, 1_000), ("x", "debate"): Record(8, 10, 20_000)})
    assert choose(table, "x", ["cot", "debate"], "greedy", Random(0)) == "debate"
    assert choose(table, "x", ["cot", "debate"], "greedy", Random(0), price=0.1) == "cot"


attempts = st.lists(
    st.builds(Attempt, st.sampled_from(ARMS), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 99), st.booleans()),
    max_size=3,
)


@given(st.lists(st.tuples(st.sampled_from("xy"), attempts), max_size=8), st.randoms())
def test_episodes_add_up_to_the_same_table_in_any_order(episodes: list[Any], random: Random) -> None:
    one, other = Table(), Table()
    for context, trail in episodes:
        one.add(context, trail)
    random.shuffle(episodes)
    for context, trail in episodes:
        other.add(context, trail)
    assert one == other
    tried = sum(not attempt.crashed for _, trail in episodes for attempt in trail)
    assert sum(record.tries for record in one.records.values()) == tried


def learned(seed: int, kinds: dict[str, tuple[float, ...]], *, blind: bool = False) -> tuple[float, float]:
    """First-try accuracy in the first and the last 100 of 400 episodes."""
    random, table, first = Random(seed), Table(), []
    for _ in range(400):
        kind = random.choice(sorted(kinds))
        context, trail = "any" if blind else kind, []  # type: ignore[var-annotated]
        while not trail or (not trail[-1].outcome and len(trail) < 3):
            used = [one.strategy for one in trail]
            chosen = choose(table, context, ARMS, "thompson", random, used=used)
            trail.append(Attempt(chosen, float(random.random() < kinds[kind][ARMS.index(chosen)])))
        table.add(context, trail)
        first.append(trail[0].outcome)
    return sum(first[:100]) / 100, sum(first[-100:]) / 100


KINDS = {"x": (0.9, 0.5, 0.4), "y": (0.3, 0.6, 0.8)}


@pytest.mark.parametrize(
    ("kinds", "blind", "first", "last"),
    [
        (KINDS, False, (0.73, 0.83), (0.81, 0.875)),
        (KINDS, True, (0.54, 0.65), (0.54, 0.635)),  # one table for both kinds: the best fixed strategy has 0.60
        ({"x": (0.583,) * 3}, False, (0.53, 0.63), (0.53, 0.63)),  # nothing to learn
    ],
)
def test_the_law_of_learning(
    kinds: dict[str, tuple[float, ...]], blind: bool, first: tuple[float, float], last: tuple[float, float]
) -> None:
    told = [learned(seed, kinds, blind=blind) for seed in range(20)]
    means = [sum(one[place] for one in told) / len(told) for place in (0, 1)]
    assert first[0] < means[0] < first[1]
    assert last[0] < means[1] < last[1]


PARTS = tuple(Solver(name, instruction=f"Solve it by {name}.") for name in ARMS)


def says(answers: dict[str, str], verdicts: str = "supported") -> ScriptedModel:
    def reply(prompt: str) -> str:
        if "You check facts" in prompt:
            return f"Reason: so.\nVerdict: {verdicts}"
        by = next(name for name in ARMS if f"by {name}." in prompt)
        return f"So.\nAnswer: {answers[by]}"

    return ScriptedModel(reply)


async def solved(model: ScriptedModel, store: InMemoryStore | None = None, **params: Any) -> Answer:
    graph = smart_meta_strategy(strategies=PARTS, **params).compile(store=store)
    context = prepare(model=model, seed=1)
    answer: Answer = (await graph.ainvoke({"question": Question(text="Which?")}, context=context))["answer"]
    return answer


def right(question: Question, answer: Answer) -> float:
    return float(answer.text == "7")


async def test_it_learns_what_worked_and_tries_that_first() -> None:
    store = InMemoryStore()
    model = says({"cot": "1", "l2m": "2", "pot": "7"})
    settings: dict[str, Any] = {"outcome": right, "learn": True, "refine": True, "policy": "greedy"}
    answer = await solved(model, store, **settings)
    assert (answer.text, answer.data["verified"], len(model.requests)) == ("7", True, 3)
    assert len(store.search(SPACE)) == 1
    again = await solved(model, store, **settings)
    trail = again.data["trail"]
    assert ([one["strategy"] for one in trail], len(model.requests)) == (["3. pot"], 4)  # type: ignore[union-attr, index, call-overload]
    frozen = await solved(model, store, outcome=right)
    assert (frozen.data["by"], len(store.search(SPACE))) == ("3. pot", 2)  # it chose by the table and left it alone


async def test_nothing_is_tried_twice_and_the_best_record_answers_if_all_are_wrong() -> None:
    store = InMemoryStore()
    trail = [{"strategy": "2. l2m", "outcome": 1.0, "tokens": 9, "crashed": False}]
    store.put(SPACE, "before", {"kind": "text", "trail": trail}, index=False)
    model = says({"cot": "1", "l2m": "2", "pot": "3"})
    answer = await solved(model, store, outcome=right, refine=True)
    assert Counter(one["strategy"] for one in answer.data["trail"]) == {"1. cot": 1, "2. l2m": 1, "3. pot": 1}  # type: ignore[union-attr, index, call-overload, misc]
    assert (answer.text, answer.data["verified"], answer.data["by"]) == ("2", False, "2. l2m")


async def test_a_verifier_judges_and_is_learned_from_only_if_that_is_said() -> None:
    with pytest.raises(ConfigurationError, match="no sure outcome; soft=True"):
        smart_meta_strategy(learn=True)
    store = InMemoryStore()
    answer = await solved(says({"cot": "1", "l2m": "2", "pot": "3"}), store, learn=True, soft=True)
    assert answer.data["verified"] is True
    [item] = store.search(SPACE)
    assert item.value["soft"] is True
    refuted = says({"cot": "1", "l2m": "2", "pot": "3"}, "refuted")
    assert (await solved(refuted)).data["verified"] is False
    assert len(refuted.requests) == smart_meta_strategy(strategies=PARTS).calls == 2
    assert smart_meta_strategy(strategies=PARTS, refine=True).calls == 6
    assert smart_meta_strategy(strategies=PARTS, refine=True, outcome=right).calls == 3


async def test_a_strategy_whose_model_fails_is_counted_apart() -> None:
    def reply(prompt: str) -> str:
        if "by cot." in prompt:
            raise ModelError("broken")
        return "So.\nAnswer: 7"

    store = InMemoryStore()
    answer = await solved(ScriptedModel(reply), store, outcome=right, learn=True, refine=True, policy="greedy")
    assert [one["crashed"] for one in answer.data["trail"]] == [True, False]  # type: ignore[union-attr, index, call-overload]
    with pytest.raises(ModelError):
        await solved(ScriptedModel(reply), outcome=right)


@pytest.mark.parametrize("policy", ["thompson", "ucb1", "epsilon", "greedy"])
async def test_every_policy_runs_and_another_is_refused(policy: Policy) -> None:
    model = says({"cot": "7", "l2m": "7", "pot": "7"})
    assert (await solved(model, outcome=right, learn=True, policy=policy)).text == "7"
    with pytest.raises(ConfigurationError, match="unknown policy"):
        smart_meta_strategy(policy="best")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="at least one"):
        smart_meta_strategy(strategies=())


async def test_without_a_store_it_runs_and_knows_nothing() -> None:
    result = await run(
        Question(text="Which?"), smart_meta_strategy, prepare(model=ScriptedModel(lambda _: "Answer: 7"))
    )
    assert result.answer.data["by"] == "1. chain_of_thought"
