"""Likelihood: a score out of the probabilities of the first token, and steps of a tree valued by it."""

from collections.abc import Callable
from math import log

import pytest
from langgraph.runtime import Runtime

from disputatio.agents import Likelihood
from disputatio.budget import Budget, Usage
from disputatio.errors import StoreError, UnsupportedError
from disputatio.graphs import tree_search
from disputatio.graphs.run import prepare, run
from disputatio.graphs.valuation import likely
from disputatio.model import Model, Profile, Reply, Request, TokenLogprob
from disputatio.models import ScriptedModel, load_model
from disputatio.models.weights import smollm2
from disputatio.question import Question
from disputatio.result import Result

ASKED = Question(text="How far is it?", answer_type="number")


def token(token: str, share: float, **others: float) -> TokenLogprob:
    return TokenLogprob(token=token, logprob=log(share), top=tuple((name, log(one)) for name, one in others.items()))


class Weighing(ScriptedModel):
    """A model whose first token has set probabilities where they are asked for."""

    def __init__(self, reply: Callable[[str], str], share: Callable[[str], tuple[TokenLogprob, ...]]) -> None:
        super().__init__(reply)
        self.share = share

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        reply = await super().complete(request, on_text)
        return reply if request.logprobs is None else Reply(text="Yes", logprobs=self.share(self.prompts[-1]))


@pytest.mark.parametrize(
    ("first", "score"),
    [
        ((token("Yes", 0.6, Yes=0.6, No=0.2, Maybe=0.2),), 0.75),
        ((token(" yes", 0.3, **{" yes": 0.3, "YES": 0.1, "no": 0.1, "No.": 0.1}),), 4 / 6),
        ((token("no", 0.5),), 0.0),
        ((token("Perhaps", 0.9, nope=0.05, yesterday=0.05),), None),
        ((), None),
        ((token("Perhaps", 1.0), token("yes", 1.0)), None),
    ],
)
async def test_the_score_is_the_share_of_yes(first: tuple[TokenLogprob, ...], score: float | None) -> None:
    model = Weighing(lambda prompt: "Answer: 3", lambda prompt: first)
    context = prepare(model=model)
    update = await Likelihood(words="Is it far?")({"question": ASKED}, Runtime(context=context))
    [said] = update["thoughts"]
    assert said.score == (None if score is None else pytest.approx(score))
    [request] = model.requests
    assert (request.max_tokens, request.temperature, request.logprobs) == (1, 0.0, 20)
    assert context.thoughts == [said]
    assert context.ledger.total == said.usage


async def searched(model: Model, **settings: object) -> Result:
    strategy = tree_search(likely(), children=2, expansions=2)
    return await run(ASKED, strategy, prepare(model=model, **settings))  # type: ignore[arg-type]


async def test_steps_are_valued_by_it() -> None:
    names = iter(["east", "far", "north", "south"])
    worth = {"east": 0.2, "far": 0.8, "north": 0.5, "south": 0.4}

    def share(prompt: str) -> tuple[TokenLogprob, ...]:
        last = max(worth, key=lambda name: prompt.rfind(name))
        return (token("Yes", worth[last], No=1 - worth[last]),)

    def reply(prompt: str) -> str:
        return f"{next(names)}\nAnswer: none" if "ONE next step" in prompt else "Answer: 3"

    model = Weighing(reply, share)
    result = await searched(model)
    values = result.answer.data["values"]
    assert isinstance(values, dict)
    assert list(values.values()) == pytest.approx([0.2, 0.8, 0.5, 0.4])
    assert "1. far" in model.prompts[4], "the likelier step was built upon"
    assert result.usage.calls == 2 * (2 + 2) + 1
    assert result.usage == sum((one.usage for one in result.thoughts), Usage())


async def test_a_backend_without_log_probabilities_says_so() -> None:
    model = ScriptedModel(lambda prompt: "near\nAnswer: none", profile=Profile(features=frozenset(("schema",))))
    with pytest.raises(UnsupportedError, match="logprobs"):
        await searched(model)


async def test_a_budget_is_kept() -> None:
    names = iter(range(99))
    model = Weighing(lambda prompt: f"step {next(names)}\nAnswer: none", lambda prompt: (token("Yes", 1.0),))
    result = await searched(model, budget=Budget(calls=3))
    assert (result.usage.calls, result.stop_reason) == (3, "budget")


@pytest.mark.embedded
async def test_the_embedded_model_weighs_steps() -> None:
    try:
        smollm2()
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    result = await searched(load_model("local"), budget=Budget(seconds=90))
    scores = [one.score for one in result.thoughts if one.role == "verifier"]
    assert result.stop_reason in ("finished", "undecided")
    assert all(score is not None and 0 < score < 1 for score in scores)
