"""The embedded model behind the protocol: what it counts, reports and refuses."""

from operator import mul

import pytest

import disputatio
from disputatio.budget import Budget
from disputatio.errors import ModelError, StoreError, UnsupportedError
from disputatio.graphs import debate
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Request, ToolSpec
from disputatio.models import OpenAICompatible, load_model
from disputatio.models.gateway import call

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def model() -> OpenAICompatible:
    try:
        found = load_model("local")
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    assert isinstance(found, OpenAICompatible)
    return found


def asking(text: str, **settings: object) -> Request:
    return Request(messages=[Message(role="user", content=text)], **{"max_tokens": 3, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["Why?", "capital of France " * 30, "\u65e5\u672c\u8a9e " * 20, "1234567890" * 10])
async def test_prompts_are_counted_as_the_server_bills_them(model: OpenAICompatible, text: str) -> None:
    assert await model.count(asking(text)) == (await model.complete(asking(text))).usage.prompt_tokens


def test_calls_that_find_no_slot_wait_before_their_clocks_run(model: OpenAICompatible) -> None:
    assert model.gate
    assert (model.gate.limit, model.profile.context) == (1, 8192)


async def test_what_is_streamed_and_what_is_not_can_follow_each_other_at_once(model: OpenAICompatible) -> None:
    for number in range(8):
        heard: list[str] = []
        reply = await model.complete(asking("Count to three."), heard.append if number % 2 == 0 else None)
        assert number % 2 or "".join(heard) == reply.text


async def test_log_probabilities_are_reported(model: OpenAICompatible) -> None:
    reply = await model.complete(asking("Is 2 even?", logprobs=3))
    assert "".join(token.token for token in reply.logprobs).strip() == reply.text.strip()
    assert all(len(token.top) == 3 and token.logprob <= 0 for token in reply.logprobs)


async def test_what_it_cannot_do_is_refused_by_name_before_anything_is_spent(model: OpenAICompatible) -> None:
    tool = ToolSpec(name="double", description="doubles a", parameters={"type": "object", "properties": {}})
    for request, feature in ((asking("Hi", n=2), "n"), (asking("Hi", tools=(tool,)), "tools")):
        ledger = Ledger()
        with pytest.raises(UnsupportedError, match=f"local cannot do what is asked: {feature}"):
            await call(model, request, ledger=ledger, spender=Spender("a", "r", 1, "local"))
        assert ledger.total.calls == 0


@pytest.mark.parametrize("tokens", [60, 300, 900])
async def test_a_token_budget_is_held_exactly(model: OpenAICompatible, tokens: int) -> None:
    result = await disputatio.asolve(
        "Is tea hot?", strategy=debate(2, rounds=2), model=model, budget=Budget(tokens=tokens)
    )
    assert result.usage.tokens <= tokens
    assert (result.stop_reason, result.usage.estimated) == ("budget", False)


async def test_embeddings_come_from_a_server_of_their_own_and_near_texts_are_near(model: OpenAICompatible) -> None:
    cat, dog, price = await model.embed(["A cat sat on the mat.", "A dog lay on the rug.", "Prices rose by 2 %."])
    assert len(cat) == 576
    assert sum(x * x for x in cat) == pytest.approx(1.0, abs=1e-3)
    assert sum(map(mul, cat, dog)) > sum(map(mul, cat, price)) + 0.1
    with pytest.raises(ModelError, match="does not fit") as error:
        await model.embed(["word " * 5000])
    assert error.value.fault == "context_too_long"
    assert (await model.complete(Request(messages=[Message(role="user", content="Hi")], max_tokens=4))).text
