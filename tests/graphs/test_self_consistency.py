"""Self-consistency: independent samples, and the most frequent answer."""

import asyncio
from itertools import permutations
from math import sqrt
from random import Random

import pytest

from disputatio.agents import Solver
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs import self_consistency
from disputatio.graphs.run import prepare, run
from disputatio.model import Model
from disputatio.models import ScriptedModel
from disputatio.question import Question
from disputatio.result import Result


def saying(answer: str) -> ScriptedModel:
    return ScriptedModel(lambda prompt: f"Because.\nAnswer: {answer}\nConfidence: 50")


async def sampled(answers: list[str], seed: int | None = None, **question: object) -> Result:
    models: dict[str, Model | str] = {f"sample {n}": saying(answer) for n, answer in enumerate(answers, 1)}
    context = prepare(model=saying("unused"), models=models, seed=seed)
    asked = Question(text="How many?", **question)  # type: ignore[arg-type]
    return await run(asked, self_consistency(samples=len(answers)), context)


def tally(result: Result) -> dict[str, object]:
    found = result.answer.data["tally"]
    assert isinstance(found, dict)
    return dict(found)


async def test_samples_are_independent_and_differ_by_seed_only() -> None:
    model = saying("4")
    await run(Question(text="2 + 2?"), self_consistency(samples=5, temperature=0.9), prepare(model=model, seed=7))
    assert len(set(model.prompts)) == 1
    assert {request.temperature for request in model.requests} == {0.9}
    seeds = [request.seed for request in model.requests]
    assert len(set(seeds)) == 5
    assert None not in seeds


async def test_without_a_seed_none_is_sent_and_with_one_the_run_repeats() -> None:
    unseeded, first, second, other = (saying("4") for _ in range(4))
    for model, seed in ((unseeded, None), (first, 7), (second, 7), (other, 8)):
        await run(Question(text="2 + 2?"), self_consistency(samples=3), prepare(model=model, seed=seed))
    seeds = [sorted(str(request.seed) for request in model.requests) for model in (unseeded, first, second, other)]
    assert seeds[0] == ["None"] * 3
    assert seeds[1] == seeds[2]
    assert not set(seeds[2]) & set(seeds[3])


async def test_equal_answers_in_different_words_are_counted_together() -> None:
    result = await sampled(["0.50", "1/2", "0.5", "2", "three", "2.0"], answer_type="number")
    assert (result.answer.value, result.answer.text) == ("1/2", "0.50")
    assert tally(result)["scores"] == {"1/2": 3.0, "2": 2.0}
    assert tally(result)["abstained"] == 1
    assert result.answer.confidence == 3 / 5
    assert result.answer.dissent == ("2 (sample 4)", "2.0 (sample 6)")


async def test_the_order_of_the_samples_does_not_matter() -> None:
    outcomes = set()
    for order in permutations(["A", "B", "B", "C", ""]):
        result = await sampled(list(order))
        outcomes.add((result.answer.value, str(sorted(dict(tally(result)["scores"]).items()))))  # type: ignore[call-overload]
    assert outcomes == {("b", "[('a', 1.0), ('b', 2.0), ('c', 1.0)]")}


async def test_one_sample_is_its_own_answer() -> None:
    strategy = self_consistency(samples=1, temperature=0)
    result = await run(Question(text="Why?"), strategy, prepare(model=saying("so")))
    assert (result.answer.value, result.usage.calls, strategy.calls) == ("so", 1, 1)


async def test_the_solver_can_be_the_users_own_and_sees_a_plan_only() -> None:
    model = saying("4")
    strategy = self_consistency(samples=2, solver=Solver(instruction="Guess.", model=model))
    await run(Question(text="2 + 2?"), strategy, prepare(model=saying("unused")))
    assert all("Guess." in prompt for prompt in model.prompts)


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"temperature": -0.1}, {"samples": 2, "temperature": 0.0}])
def test_samples_that_would_all_be_the_same_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=r"at least 1 sample|would all be the same"):
        self_consistency(**wrong)  # type: ignore[arg-type]


def law(chance: float, wrong: int, samples: int, runs: int) -> float:
    """How often simulated voters who are right with this chance find the answer by plurality."""
    dice = Random(f"{chance}/{wrong}/{samples}")

    def voter(prompt: str) -> str:
        return f"Answer: {'right' if dice.random() < chance else f'wrong {dice.randrange(wrong)}'}"

    async def found() -> float:
        graph = self_consistency(samples=samples).compile()
        hits = 0
        for seed in range(runs):
            context = Context(models={"default": ScriptedModel(voter)}, seed=seed)
            output = await graph.ainvoke({"question": "Which?"}, context=context)
            hits += output["answer"].value == "right"
        return hits / runs

    return asyncio.run(found())


@pytest.mark.parametrize(
    ("chance", "wrong", "samples", "expected"), [(0.6, 1, 3, 0.648), (0.4, 1, 3, 0.352), (0.4, 3, 5, 0.509)]
)
def test_the_majority_is_right_as_often_as_condorcets_theorem_says(
    chance: float, wrong: int, samples: int, expected: float
) -> None:
    runs = 1500
    error = sqrt(expected * (1 - expected) / runs)
    assert abs(law(chance, wrong, samples, runs) - expected) < 3 * error
