"""Servers that take tools and do not show them to the model: they are found out before anything is generated."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from disputatio.agents import Solver
from disputatio.errors import StoreError, UnsupportedError
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import prepare, run
from disputatio.model import Message, Request
from disputatio.models import OpenAICompatible, load_model
from disputatio.question import Question
from disputatio.tools import calculator
from tests.servers import Asked, Sent, Server, completion

REQUEST = Request(messages=[Message(role="user", content="6 * 7?")], max_tokens=8, tools=(calculator.spec,))
CALL = {"id": "c", "type": "function", "function": {"name": "calculator", "arguments": '{"expression": "6 * 7"}'}}


def called() -> Sent:
    choice = {"index": 0, "message": {"content": None, "tool_calls": [CALL]}, "finish_reason": "tool_calls"}
    return Sent(completion(choices=[choice]))


def like_llama_cpp(*, drops: bool) -> Callable[[Asked], Sent]:
    """Lays a prompt out as its template says, with or without the tools, and counts its characters."""

    def counts(asked: Asked) -> Sent:
        if asked.path.endswith("/tokenize"):
            return Sent({"tokens": [*range(len(asked.body["content"]))]})
        shown = "" if drops else json.dumps(asked.body.get("tools", ""))
        return Sent({"prompt": shown + asked.body["messages"][-1]["content"]})

    return counts


def like_vllm(*, drops: bool) -> Callable[[Asked], Sent]:
    def counts(asked: Asked) -> Sent:
        if not asked.path.endswith("/tokenize") or "messages" not in asked.body:
            return Sent({"detail": "Not Found"}, status=404)
        return Sent({"count": 5 if drops or "tools" not in asked.body else 50})

    return counts


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ("openai-compatible:{}#m", like_llama_cpp),
        ("openai-compatible:{}#m", like_vllm),
        ("vllm:{}#m", like_vllm),
    ],
)
async def test_a_server_that_drops_tools_is_asked_by_the_form_in_the_same_turn(
    spec: str, counts: Callable[..., Any]
) -> None:
    def answer(asked: Asked) -> Sent:
        use = {"use": {"tool": "calculator", "arguments": {"expression": "6 * 7"}}}
        return Sent(completion(json.dumps(use) if "response_format" in asked.body else "So.\nAnswer: 42"))

    with Server(answer) as server:
        server.counts = counts(drops=True)
        model = load_model(spec.format(server.url))
        solver = Solver(tools=[calculator])
        for _ in range(2):
            result = await run(Question(text="6 * 7?"), chain_of_thought(solver=solver), prepare(model=model))
            assert [one.text for one in result.thoughts] == ["42", "So.\nAnswer: 42"]
            assert result.usage.calls == 2, "what was found out costs no call"
        assert not any("tools" in asked.body for asked in server.asked)
    assert "tools" not in model.profile.features


@pytest.mark.parametrize("counts", [like_llama_cpp, like_vllm])
async def test_one_that_shows_them_is_found_out_once(counts: Callable[..., Any]) -> None:
    counted: list[str] = []
    with Server(lambda asked: called()) as server:
        honest = counts(drops=False)
        server.counts = lambda asked: counted.append(asked.path) or honest(asked)  # type: ignore[func-returns-value]
        model = load_model(f"openai-compatible:{server.url}#m")
        for _ in range(3):
            assert (await model.complete(REQUEST)).tool_calls[0].name == "calculator"
            assert len(counted) <= 4
    assert "tools" in model.profile.features


@pytest.mark.parametrize("reply", [Sent(status=404), Sent(b"no", kind="text/plain"), Sent({"prompt": 5}), Sent([])])
async def test_one_that_does_not_count_is_believed(reply: Sent) -> None:
    with Server(lambda asked: called()) as server:
        server.counts = lambda asked: reply
        model = load_model(f"openai-compatible:{server.url}#m")
        assert (await model.complete(REQUEST)).tool_calls
    assert "tools" in model.profile.features


@pytest.mark.embedded
async def test_llama_cpp_drops_them_with_the_template_of_the_embedded_model() -> None:
    try:
        embedded = load_model("local")
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    assert isinstance(embedded, OpenAICompatible)
    model = OpenAICompatible(name="there", base_url=embedded.base_url, api_key=embedded.api_key)
    with pytest.raises(UnsupportedError, match="there drops tools"):
        await model.complete(REQUEST)
    assert "tools" not in model.profile.features
