"""LangChain's chat models: the real package on the embedded model and on a server here, and fakes for the edges."""

import sys
from collections.abc import AsyncIterator, Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

import disputatio as dp
from disputatio.budget import Usage
from disputatio.context import Retried
from disputatio.errors import (
    ConfigurationError,
    MissingExtraError,
    ModelError,
    ModelUnavailableError,
    StoreError,
    UnsupportedError,
)
from disputatio.graphs import sequence
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Profile, Reply, Request, ToolCall, ToolSpec
from disputatio.models import load_model
from disputatio.models.gateway import call
from disputatio.models.langchain import LangChainModel
from disputatio.models.langchain_errors import meaning
from disputatio.models.local import serve
from disputatio.models.weights import smollm2
from tests.servers import USAGE, Sent, Server, chunk, completion, event

WEATHER = ToolSpec(name="weather", description="Weather.", parameters={"type": "object", "properties": {}})


def asking(text: str = "Name a colour.", **changed: Any) -> Request:
    messages = [Message(role="system", content="Be brief."), Message(role="user", content=text)]
    return Request(**{"messages": messages, "max_tokens": 12, "seed": 3, "temperature": 0.0, **changed})


class Told(BaseChatModel):
    """Says what a test tells it to."""

    message: Any = None
    error: Any = None
    chunks: tuple[Any, ...] = ()
    temperature: float | None = None
    max_output_tokens: int | None = 77
    seen: list[Any] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "told"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **rest: Any
    ) -> ChatResult:
        self.seen.append((messages, stop, self.temperature, self.max_output_tokens, rest))
        if self.error:
            raise self.error
        return ChatResult(generations=[ChatGeneration(message=self.message)])

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **rest: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.seen.append((messages, stop, self.temperature, self.max_output_tokens, rest))
        for one in self.chunks:
            yield ChatGenerationChunk(message=one)
        if self.error:
            raise self.error


async def test_a_chat_model_is_taken_as_an_object_wherever_a_model_is() -> None:
    chat = GenericFakeChatModel(messages=iter([AIMessage("Because.\nAnswer: 4")]))
    result = await dp.asolve("2 + 2?", strategy="chain_of_thought", model=chat)
    assert (result.answer.text, result.settings["models"]) == ("4", {"default": "langchain:genericfakechatmodel"})
    assert result.usage.estimated
    solver = dp.Agent(name="ann", role="solver", instruction="Go.", model=FakeListChatModel(responses=["So."]))  # type: ignore[arg-type]
    said = await dp.asolve("2 + 2?", strategy=sequence(solver), model=chat)
    assert [one.text for one in said.thoughts] == ["So."]


async def test_what_the_class_declares_is_what_the_model_can() -> None:
    model = load_model(Told())
    assert isinstance(model, LangChainModel)
    assert model.profile == Profile(structure="prompted", max_tokens=77, features=frozenset({"stop"}))
    for changed, feature in (({"schema": {}}, "schema"), ({"tools": (WEATHER,)}, "tools"), ({"n": 2}, "n")):
        with pytest.raises(UnsupportedError) as caught:
            await model.complete(asking(**changed))
        assert caught.value.feature == feature


async def test_settings_and_messages_arrive_and_the_object_stays_as_it_was() -> None:
    chat = Told(message=AIMessage("x"))
    calls = [ToolCall(id="1", name="weather", arguments='{"a": 1}'), ToolCall(id="2", name="weather", arguments="{")]
    request = asking(temperature=0.5, stop=("END",))
    request.messages.extend(  # type: ignore[attr-defined]
        [
            Message(role="assistant", content="", tool_calls=calls),
            Message(role="tool", content="sunny", tool_call_id="1"),
        ]
    )
    await load_model(chat).complete(request)
    [(messages, stop, temperature, limit, rest)] = chat.seen
    assert [one.type for one in messages] == ["system", "human", "ai", "tool"]
    assert messages[2].tool_calls[0]["args"] == {"a": 1}
    assert messages[2].invalid_tool_calls[0]["args"] == "{"
    assert (messages[3].tool_call_id, stop, temperature, limit, rest) == ("1", ["END"], 0.5, 12, {})
    assert (chat.temperature, chat.max_output_tokens) == (None, 77)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"finish_reason": "length"}, "length"),
        ({"stop_reason": "max_tokens"}, "length"),
        ({"finish_reason": "MAX_TOKENS"}, "length"),
        ({"stopReason": "guardrail_intervened"}, "content_filter"),
        ({"finish_reason": "SAFETY"}, "content_filter"),
        ({"stop_reason": "end_turn"}, "stop"),
        ({"done_reason": "stop"}, "stop"),
        ({}, "stop"),
    ],
)
async def test_ends_of_replies_by_all_names(metadata: dict[str, str], reason: str) -> None:
    pieces = [AIMessageChunk("a"), AIMessageChunk("b", response_metadata=metadata)]
    model = load_model(Told(message=AIMessage("ab", response_metadata=metadata), chunks=tuple(pieces)))
    heard: list[str] = []
    for on_text in (None, heard.append):
        reply = await model.complete(asking(), on_text)
        assert (reply.text, reply.finish_reason, reply.usage.estimated) == ("ab", reason, True)
    assert heard == ["a", "b"]


async def test_blocks_of_content_thoughts_and_cached_tokens() -> None:
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "So\ud800."}]
    usage = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13, "input_token_details": {"cache_read": 5}}
    told = {"response_metadata": {"model_provider": "anthropic"}, "usage_metadata": usage}
    reply = await load_model(Told(message=AIMessage(content, **told))).complete(asking())  # type: ignore[arg-type]
    assert (reply.text, reply.reasoning) == ("So\ufffd.", "Hm.")
    assert reply.usage == Usage(calls=1, prompt_tokens=9, completion_tokens=4, cached_tokens=5)


async def test_a_stream_without_an_end_is_cut_off_and_an_empty_one_is_no_reply() -> None:
    reply = await load_model(Told(chunks=(AIMessageChunk("a"),) * 9999)).complete(asking(), lambda piece: None)
    assert (len(reply.text), reply.finish_reason) == (2 * 12 + 17, "length")
    with pytest.raises(ModelUnavailableError, match="sent no reply"):
        await load_model(Told(chunks=())).complete(asking(), lambda piece: None)


def failing(status: int | None = None, said: str = "no", *, kind: str = "SomeError", **fields: Any) -> Exception:
    """An error as some package raises it."""
    error: Exception = type(kind, (Exception,), fields)(said)
    if status:
        error.status_code = status  # type: ignore[attr-defined]
    return error


ANSWERED = SimpleNamespace(headers={"retry-after": "7"})
AMAZON = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}


@pytest.mark.parametrize(
    ("error", "fault", "again"),
    [
        (failing(401), "auth", False),
        (failing(429, response=ANSWERED), "rate_limited", True),
        (failing(429, body={"error": {"code": "insufficient_quota"}}), "quota", False),
        (failing(400, "Your credit balance is too low; see billing"), "quota", False),
        (failing(400, "maximum context length is 8192 tokens"), "context_too_long", False),
        (failing(400, "prompt is too long: 9 tokens"), "context_too_long", False),
        (failing(400, body={"error": {"code": "content_filter"}}), "filtered", False),
        (failing(400), "bad_request", False),
        (failing(404), "bad_request", False),
        (failing(500), "overloaded", True),
        (failing(529), "overloaded", True),
        (failing(504), "timeout", True),
        (failing(kind="ReadTimeout"), "timeout", True),
        (TimeoutError(), "timeout", True),
        (failing(kind="ConnectError"), "transport", True),
        (ConnectionResetError(), "transport", True),
        (failing(kind="ClientError", response=AMAZON), "rate_limited", True),
        (failing(kind="ResourceExhausted"), "rate_limited", True),
        (ValueError("odd"), "bad_request", False),
    ],
    ids=repr,
)
async def test_errors_of_any_package_get_a_fault(error: Exception, fault: str, again: bool) -> None:
    for on_text in (None, lambda piece: None):
        with pytest.raises(ModelError) as caught:
            await load_model(Told(error=error, chunks=(AIMessageChunk("a"),))).complete(asking(), on_text)
        assert (caught.value.fault, isinstance(caught.value, ModelUnavailableError)) == (fault, again)
        assert str(caught.value).startswith("langchain:told: ")
        assert repr(caught.value.__cause__) == repr(error)
    assert meaning(failing(429, response=ANSWERED), "m").retry_after == 7


@pytest.mark.parametrize("rest", ["", "openai", "openai:", ":x"])
def test_a_string_without_a_part(rest: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a provider and a name"):
        load_model(f"langchain:{rest}")


def test_strings_of_missing_packages_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain", reason="needs the extra langchain")
    with pytest.raises(ConfigurationError, match=r"^'langchain:nobody:x' cannot be made: .*nobody"):
        load_model("langchain:nobody:x")
    with pytest.raises(
        MissingExtraError, match=r"^'langchain:ibm:x' needs another package; run: pip install langchain-ibm$"
    ):
        load_model("langchain:ibm:x")
    pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=r"cannot be made: .*OPENAI_API_KEY"):
        load_model("langchain:openai:x")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert load_model("langchain:openai:x").name == "langchain:openai:x"


class Stubborn(Told):
    max_retries: int = 6


@pytest.mark.parametrize("chat", [Told, Stubborn])
def test_trying_again_is_left_to_the_gateway(chat: type[Told], monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(init_chat_model=lambda name, model_provider, **rest: chat(**rest))
    monkeypatch.setitem(sys.modules, "langchain", ModuleType("langchain"))
    monkeypatch.setitem(sys.modules, "langchain.chat_models", module)  # type: ignore[arg-type]
    loaded = load_model("langchain:some:x")
    assert isinstance(loaded, LangChainModel)
    assert getattr(loaded.chat, "max_retries", 0) == 0


async def test_a_package_asks_once_for_each_attempt_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain", reason="needs the extra langchain")
    pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    monkeypatch.setattr("disputatio.models.gateway._wait", lambda state: 0.0)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    retried: list[Retried] = []
    with Server([Sent({"error": {"message": "busy"}}, status=503)] * 2 + [Sent(completion("So."))]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        model, who = load_model("langchain:openai:small"), Spender("a", "solver", 1, "m")
        reply = await call(model, asking(), ledger=Ledger(), spender=who, on_retry=retried.append)
        assert (reply.text, len(server.asked), len(retried)) == ("So.", 3, 2)
        await model.chat.root_async_client.close()  # type: ignore[attr-defined]


Make = Callable[..., LangChainModel]


@pytest.fixture
async def openai() -> AsyncIterator[Make]:
    """Makes models of the package langchain-openai, whose connections are closed in the end."""
    package = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    client_of = pytest.importorskip("openai", reason="needs langchain-openai").DefaultAsyncHttpxClient
    clients: list[Any] = []

    def make(**settings: Any) -> LangChainModel:
        clients.append(client_of())
        given = {"model": "small", "api_key": "k", "max_retries": 0, "http_async_client": clients[-1], **settings}
        return LangChainModel(chat=package.ChatOpenAI(**given))

    yield make
    for client in clients:
        await client.aclose()


async def test_tools_with_the_package_for_openai(openai: Make) -> None:
    def piece(index: int, **function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "id": "c1", "type": "function", "function": function}]}

    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    whole = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": whole, "finish_reason": "tool_calls"}
    pieces = [
        event(
            {"choices": [{"index": 0, "delta": piece(0, name="weather", arguments='{"city":'), "finish_reason": None}]}
        ),
        event({"choices": [{"index": 0, "delta": piece(0, arguments=' "Rome"}'), "finish_reason": None}]}),
        chunk("", "tool_calls"),
        event({"choices": [], "usage": {**USAGE, "total_tokens": 10}}),
        event(b"[DONE]"),
    ]
    for on_text, sent in ((None, Sent(completion(choices=[choice]))), (lambda text: None, Sent(stream=pieces))):
        with Server([sent]) as server:
            request = asking(tools=(WEATHER,), tool_choice="required")
            reply = await openai(base_url=server.url).complete(request, on_text)
        assert reply.tool_calls == (ToolCall(id="c1", name="weather", arguments='{"city": "Rome"}'),)
        assert (reply.finish_reason, reply.usage.tokens) == ("tool_calls", 10)
        [asked] = server.asked
        assert asked.body["tools"][0]["function"]["parameters"] == WEATHER.parameters
        assert (asked.body["tool_choice"], asked.body["seed"]) == ("required", 3)
        assert asked.headers["authorization"] == "Bearer k"


@pytest.fixture(scope="module")
def embedded() -> dict[str, Any]:
    try:
        path = smollm2()
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    endpoint = serve(path, slots=2)
    return {"base_url": endpoint.base_url, "api_key": endpoint.api_key, "model": path.stem}


async def whole_and_streamed(model: LangChainModel, request: Request) -> Reply:
    """The reply, which is the same in both ways."""
    heard: list[str] = []
    streamed, whole = await model.complete(request, heard.append), await model.complete(request)
    assert "".join(heard) == streamed.text == whole.text
    assert (streamed.finish_reason, streamed.usage.tokens) == (whole.finish_reason, whole.usage.tokens)
    assert not whole.usage.estimated
    return whole


@pytest.mark.embedded
async def test_the_embedded_model_through_langchain(openai: Make, embedded: dict[str, Any]) -> None:
    model = openai(**embedded)
    assert model.name == f"langchain:openai:{embedded['model']}"
    free = await whole_and_streamed(model, asking(max_tokens=40))
    assert (free.finish_reason, free.usage.prompt_tokens) == ("stop", 21)
    cut = await whole_and_streamed(model, asking(max_tokens=2))
    assert (cut.finish_reason, cut.usage.completion_tokens) == ("length", 2)
    assert cut.usage.cached_tokens > 0
    colour = {"type": "object", "properties": {"c": {"enum": ["red", "blue"]}}, "required": ["c"],
              "additionalProperties": False}  # fmt: skip
    assert (await whole_and_streamed(model, asking(schema=colour, max_tokens=60))).text.rstrip().endswith("}")
    told = await model.complete(asking(logprobs=2, max_tokens=3))
    assert len(told.logprobs) == 3
    assert all(one.logprob <= 0 and len(one.top) == 2 for one in told.logprobs)
    assert len((await model.complete(asking(n=2, temperature=1.0))).others) == 1
    stopped = await model.complete(asking(stop=("o",)))
    assert "o" not in stopped.text


@pytest.mark.embedded
async def test_what_the_embedded_server_refuses(openai: Make, embedded: dict[str, Any]) -> None:
    for settings, request, fault in (
        ({"api_key": "wrong"}, asking(), "auth"),
        ({"base_url": "http://127.0.0.1:9/v1"}, asking(), "transport"),
        ({"timeout": 0.001}, asking(), "timeout"),
        ({}, asking("word " * 9000), "context_too_long"),
    ):
        for on_text in (None, lambda piece: None):
            with pytest.raises(ModelError) as caught:
                await openai(**embedded | settings).complete(request, on_text)
            assert caught.value.fault == fault
