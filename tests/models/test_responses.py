"""OpenAI's Responses API: against the embedded server, which speaks it too, and against a server that fails."""

import asyncio
import json
from typing import Any

import pytest

import disputatio
from disputatio.budget import Usage
from disputatio.errors import ModelError, ModelUnavailableError, StoreError
from disputatio.graphs import chain_of_thought
from disputatio.model import Message, Request, ToolCall, ToolSpec
from disputatio.models import OpenAIResponses, load_model
from disputatio.models.local import serve
from disputatio.models.transport import Clocks
from disputatio.models.weights import smollm2
from tests.servers import Sent, Server

ASK = Request(messages=[Message(role="user", content="Capital of France?")], max_tokens=12, temperature=0.0)


def at(url: str, **settings: Any) -> OpenAIResponses:
    return OpenAIResponses(**{"name": "openai:m", "model": "m", "api_key": "sk-secret", "base_url": url, **settings})


@pytest.mark.embedded
async def test_a_real_server_answers_and_streams() -> None:
    try:
        endpoint = serve(smollm2())
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    model = at(endpoint.base_url, api_key=endpoint.api_key)
    heard: list[str] = []
    reply = await model.complete(ASK, heard.append)
    assert "France" in reply.text
    assert reply.text == "".join(heard)
    assert reply.usage.prompt_tokens > 10
    assert not reply.usage.estimated
    result = await disputatio.asolve("Is tea hot?", strategy=chain_of_thought, model=model)
    assert result.usage.calls == 1


def response(*output: Any, **changed: Any) -> dict[str, Any]:
    usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "input_tokens_details": {"cached_tokens": 4}}
    return {"id": "1", "object": "response", "status": "completed", "output": output, "usage": usage, **changed}


def said(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def stream(*events: dict[str, Any]) -> Sent:
    return Sent(stream=[f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events])


def done(*output: Any, **changed: Any) -> Sent:
    delta = {"type": "response.output_text.delta", "delta": "Paris", "item_id": "m"}
    return stream(delta, {"type": "response.completed", "response": response(*output, **changed)})


async def test_everything_that_is_asked_is_sent_and_everything_that_comes_is_read() -> None:
    thought = {"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": "France ..."}]}
    call = {"id": "f", "type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'}
    tool = ToolSpec(name="add", description="adds", parameters={"type": "object", "properties": {}})
    messages = [
        Message(role="system", content="Be brief."),
        Message(role="assistant", content="", tool_calls=[ToolCall(id="c0", name="add", arguments="{}")]),
        Message(role="tool", content="2", tool_call_id="c0"),
    ]
    request = Request(messages=messages, max_tokens=9, temperature=0.5, tools=(tool,), tool_choice="add", logprobs=2)
    with Server([done(thought, said("Paris"), call)]) as server:
        reply = await at(server.url).complete(request)
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Paris", "France ...", "tool_calls")
    assert reply.tool_calls == (ToolCall(id="c1", name="add", arguments='{"a": 1}'),)
    assert reply.usage == Usage(calls=1, prompt_tokens=7, completion_tokens=3, cached_tokens=4)
    body = server.asked[0].body
    assert body["input"] == [
        {"role": "system", "content": "Be brief."},
        {"type": "function_call", "call_id": "c0", "name": "add", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c0", "output": "2"},
    ]
    assert (body["max_output_tokens"], body["store"], body["top_logprobs"]) == (9, False, 2)
    assert body["tool_choice"] == {"type": "function", "name": "add"}


async def test_a_reply_that_was_cut_says_so_and_usage_that_is_missing_is_estimated() -> None:
    cut = response(said("Par"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=None)
    with Server([stream({"type": "response.incomplete", "response": cut})]) as server:
        reply = await at(server.url).complete(ASK)
    assert (reply.text, reply.finish_reason, reply.usage.estimated) == ("Par", "length", True)


FAILED = response(status="failed", error={"code": "server_error", "message": "tired"})
FAULTS = {
    "auth": Sent({"error": {"message": "no"}}, status=401),
    "rate_limited": Sent({"error": {"message": "no"}}, status=429, headers={"Retry-After": "3"}),
    "overloaded": stream({"type": "response.failed", "response": FAILED}),
    "truncated": stream({"type": "response.output_text.delta", "delta": "Par", "item_id": "m"}),
    "timeout": Sent(stream=(), hangs=True),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_faults_have_names_and_keep_the_key(fault: str) -> None:
    with Server([FAULTS[fault]]) as server, pytest.raises(ModelError) as caught:
        await at(server.url, clocks=Clocks(silent=0.5, total=1.0)).complete(ASK)
    assert caught.value.fault == fault
    assert isinstance(caught.value, ModelUnavailableError) == (fault != "auth")
    assert "sk-secret" not in str(caught.value)


def test_openai_means_this_interface_unless_another_address_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert isinstance(load_model("openai:gpt-5-mini"), OpenAIResponses)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert not isinstance(load_model("openai:gpt-5-mini"), OpenAIResponses)


def test_one_model_serves_many_event_loops() -> None:
    with Server([done(said("Paris"))]) as server:
        model = at(server.url)
        assert [asyncio.run(model.complete(ASK)).text for _ in range(3)] == ["Paris"] * 3
