"""What is said, in spans: left out unless it is asked for, and never with a secret."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import StatusCode

import disputatio as dp
from disputatio.agents import Verifier
from disputatio.errors import ModelError, ToolError
from disputatio.graphs import chain_of_thought, debate, sequence
from disputatio.graphs.run import synchronously
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Profile, Reply, Request, ToolCall
from disputatio.models import ScriptedModel
from disputatio.models.gateway import call
from disputatio.tools import calculator, tool
from tests.spans import Seen, of

SECRET = "planted-7f3a9c51d2e84b06"
QUESTION = "Is zanzibar tea good?"
WHO = Spender("ann", "debater", 2, "m")


def test_the_uses_of_tools() -> None:
    @tool
    def oracle(about: str) -> str:
        """What nobody knows."""
        raise ToolError(f"nobody knows of {about}")

    def reply(prompt: str) -> str:
        if "reply with json" in prompt.lower() and "oracle" in prompt:
            return json.dumps({"use": {"tool": "oracle", "arguments": {"about": "zanzibar"}}})
        if "reply with json" in prompt.lower():
            return json.dumps({"use": {"tool": "calculator", "arguments": {"expression": "6 * 7"}}})
        return "Reason: so.\nVerdict: supported\nScore: 90"

    for content in (False, True):
        seen = Seen(content=content)
        checks = sequence(chain_of_thought(), Verifier("a", tools=[calculator]), Verifier("b", tools=[oracle]))
        dp.solve(QUESTION, strategy=checks, model=ScriptedModel(reply), tracer=seen.tracer)
        good, bad = seen.named("execute_tool")
        assert seen.path(good)[-2:] == ("invoke_agent a", "execute_tool calculator")
        assert (of(good)["gen_ai.tool.name"], of(good)["gen_ai.tool.type"]) == ("calculator", "function")
        assert (of(bad)["error.type"], bad.status.status_code) == ("ToolError", StatusCode.ERROR)
        written = {name: value for name, value in of(good).items() if name.startswith("gen_ai.tool.call")}
        said = {"gen_ai.tool.call.arguments": '{"expression": "6 * 7"}', "gen_ai.tool.call.result": "42"}
        assert written == (said if content else {})
        assert ("zanzibar" in seen.text) == content


def test_what_is_said_is_left_out_unless_it_is_asked_for(
    scripted: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    monkeypatch.delenv(variable, raising=False)
    for value, options, written in [
        (None, {}, False),
        ("true", {}, True),
        ("SPAN_ONLY", {}, True),
        ("EVENT_ONLY", {}, False),
        ("true", {"content": False}, False),
        (None, {"content": True}, True),
    ]:
        monkeypatch.setenv(variable, value) if value else monkeypatch.delenv(variable, raising=False)
        seen = Seen(**options)
        dp.solve(QUESTION, strategy=chain_of_thought, model=scripted, tracer=seen.tracer)
        assert ("zanzibar" in seen.text) == ("So it seems to me" in seen.text) == written, (value, options)


def test_the_form_of_what_is_said() -> None:
    seen = Seen(content=True)

    @dataclass
    class Calling:
        name: str = "calling"
        profile: Profile = field(default_factory=Profile)

        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            made = ToolCall(id="c2", name="weather", arguments="{}")
            return Reply(text="Well.", reasoning="Hm.", others=("Or so.",), tool_calls=(made,), finish_reason="stop")

    messages = [
        Message(role="assistant", content="", tool_calls=[ToolCall(id="c1", name="weather", arguments="{}")]),
        Message(role="tool", content="rain", tool_call_id="c1"),
    ]
    asking = call(
        Calling(), Request(messages=messages, max_tokens=5, n=2), ledger=Ledger(), spender=WHO, tracer=seen.tracer
    )
    synchronously(asking)
    [span] = seen.spans
    assert of(span)["gen_ai.request.choice.count"] == 2
    assert json.loads(of(span)["gen_ai.input.messages"]) == [
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": "{}"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "result": "rain"}]},
    ]
    assert json.loads(of(span)["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "Well."},
                {"type": "tool_call", "id": "c2", "name": "weather", "arguments": "{}"},
            ],
            "finish_reason": "stop",
        },
        {"role": "assistant", "parts": [{"type": "text", "content": "Or so."}]},
    ]


@pytest.mark.parametrize("content", [False, True])
def test_secrets_are_in_no_span(content: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SERVICE_API_KEY", SECRET)
    own = "handed-over-5512aa90"
    seen = Seen(content=content, secrets=[own])
    address = f"http://user:{SECRET}@127.0.0.1:9/v1"

    def leak(prompt: str) -> str:
        return f"Authorization: Bearer abcdefgh12345678 {SECRET} {own}\n\nAnswer: {SECRET}"

    chatty = ScriptedModel(leak, name=f"vllm:{address}")
    dp.solve(f"{QUESTION} {SECRET} {own}", strategy=debate(2, rounds=2), model=chatty, tracer=seen.tracer)

    @dataclass
    class Broken:
        name: str = "broken"
        profile: Profile = field(default_factory=Profile)

        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            raise ModelError(f"key {SECRET} is wrong; see {address} and {own}", fault="auth")

    with pytest.raises(ModelError):
        dp.solve(QUESTION, strategy=chain_of_thought, model=Broken(), tracer=seen.tracer)
    for secret in (SECRET, own, "abcdefgh12345678"):
        assert secret not in seen.text
    assert ("[redacted] is wrong" in seen.text) == content


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=[]), max_size=40), st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_written(name: str, text: str) -> None:
    seen = Seen(content=True)
    asked = Request(messages=[Message(role="user", content=text)], max_tokens=50)
    replying = ScriptedModel(lambda prompt: text or "So.", name=f"m:{name}")
    synchronously(call(replying, asked, ledger=Ledger(), spender=WHO, tracer=seen.tracer))
    [span] = seen.spans
    assert seen.text.encode()
    assert span.name.encode()
    assert json.loads(of(span)["gen_ai.input.messages"])[0]["role"] == "user"
    assert all(value.encode() for value in of(span).values() if isinstance(value, str) and value)


@pytest.mark.parametrize("url", ["http://host:99999/v1", "http://[bad/v1", "nowhere", "http://", ""])
def test_an_address_that_is_none_does_not_disturb_the_call(url: str) -> None:
    seen = Seen()
    model = ScriptedModel(lambda prompt: "So.")
    model.base_url = url  # type: ignore[attr-defined]
    asked = Request(messages=[Message(role="user", content="Why?")], max_tokens=5)
    assert synchronously(call(model, asked, ledger=Ledger(), spender=WHO, tracer=seen.tracer)).text == "So."
    assert "server.address" not in of(seen.spans[0])
