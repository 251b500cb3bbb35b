"""Servers as they are in the wild: what they send, what they leave out, and how they fail."""

import asyncio
import gc
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import disputatio
from disputatio.budget import Budget, Usage
from disputatio.errors import BudgetExceededError, ModelError, ModelUnavailableError, UnsupportedError
from disputatio.graphs import chain_of_thought, self_consistency
from disputatio.graphs.run import prepare, run
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Reply, Request
from disputatio.models import OpenAICompatible, load_model
from disputatio.models.gateway import call
from disputatio.models.transport import _SESSIONS
from disputatio.question import Question
from tests.servers import STREAM, USAGE, Plan, Sent, Server, chunk, completion, event

ASK = Request(
    messages=[Message(role="system", content="Be brief."), Message(role="user", content="Capital?")], max_tokens=9
)


def model_at(server: Server, **settings: Any) -> OpenAICompatible:
    return OpenAICompatible(**{"name": "test", "base_url": server.url, "model": "small", **settings})


async def replied(plan: Plan, request: Request = ASK, heard: list[str] | None = None) -> Reply:
    """One call, streamed if somebody listens."""
    with Server(plan) as server:
        return await model_at(server).complete(request, None if heard is None else heard.append)


async def test_a_plain_reply_is_read_with_its_usage() -> None:
    reply = await replied([Sent(completion(usage=USAGE))])
    assert reply.text == "Paris"
    assert reply.finish_reason == "stop"
    assert reply.usage == Usage(calls=1, prompt_tokens=7, completion_tokens=3, cached_tokens=4)


async def test_a_streamed_reply_is_read_piece_by_piece() -> None:
    heard: list[str] = []
    reply = await replied([Sent(stream=STREAM)], heard=heard)
    assert (heard, reply.text, reply.finish_reason) == (["Par", "is"], "Paris", "stop")
    assert reply.usage == Usage(calls=1, prompt_tokens=7, completion_tokens=3, cached_tokens=4)


async def test_streams_with_comments_and_odd_chunks_are_read() -> None:
    odd = [
        b": ping\n\n",
        b"event: message\n",
        event({"choices": None}),
        event({"choices": []}),
        event({"choices": [{"delta": {}, "finish_reason": None}]}),
        event({"choices": [{"delta": {"content": None, "role": "assistant"}}]}),
        b"data:" + STREAM[0][6:],
        chunk([{"type": "text", "text": "is"}], "length"),
        event({"choices": [], "usage": None}),
    ]
    reply = await replied([Sent(stream=odd)], heard=[])
    assert (reply.text, reply.finish_reason, reply.usage.estimated) == ("Paris", "length", True)


async def test_the_request_says_what_was_asked_and_nothing_that_was_not() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    full = Request(messages=ASK.messages, max_tokens=9, temperature=0.0, seed=3, schema=schema)
    with Server([Sent(completion())]) as server:
        await model_at(server).complete(ASK)
        await model_at(server, api_key="k", limit_field="max_completion_tokens", defaults={"top_p": 0.9}).complete(full)
    plain, rich = server.asked
    assert plain.body == {"model": "small", "messages": list(ASK.messages), "max_tokens": 9}
    assert plain.headers["authorization"] == "Bearer none"
    assert rich.headers["authorization"] == "Bearer k"
    assert rich.body == {
        "model": "small",
        "messages": list(ASK.messages),
        "max_completion_tokens": 9,
        "temperature": 0.0,
        "seed": 3,
        "top_p": 0.9,
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}},
    }


async def test_a_request_overrules_the_models_defaults() -> None:
    with Server([Sent(completion())]) as server:
        model = model_at(server, defaults={"temperature": 0.6, "max_tokens": 99})
        await model.complete(Request(messages=ASK.messages, max_tokens=9, temperature=0.1))
    assert (server.asked[0].body["temperature"], server.asked[0].body["max_tokens"]) == (0.1, 9)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "missing",
        {},
        [],
        "7",
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": "many", "completion_tokens": 3},
        {"prompt_tokens": float("nan"), "completion_tokens": 3},
        {"prompt_tokens": 7},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": -7, "completion_tokens": -3},
    ],
    ids=str,
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_usage_that_is_missing_or_garbage_is_estimated_and_marked(usage: object, streamed: bool) -> None:
    body = completion(usage=usage)
    if usage == "missing":
        del body["usage"]
    sent = Sent(stream=[chunk("Paris", "stop", **{"usage": body.get("usage")})]) if streamed else Sent(body)
    reply = await replied([sent], heard=[] if streamed else None)
    assert reply.text == "Paris"
    assert reply.usage.estimated
    assert reply.usage.calls == 1
    assert 0 < reply.usage.prompt_tokens < 20
    assert 0 <= reply.usage.completion_tokens < 20


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("", ""),
        ([{"type": "text", "text": "Par"}, {"type": "text", "text": "is"}], "Paris"),
        ([{"type": "image"}, "odd", {"text": "Paris"}], "Paris"),
        ("\ud83d half", "\ufffd half"),
        ("\U0001f600", "\U0001f600"),
    ],
)
async def test_content_in_every_shape_is_text(content: object, text: str) -> None:
    reply = await replied([Sent(completion(content))])
    assert reply.text == text
    reply.text.encode()


TOO_LONG = {"error": {"message": "8192 tokens at most", "code": "context_length_exceeded", "type": "invalid_request"}}
FINAL = {
    "401": (Sent({"error": {"message": "bad key"}}, status=401), "refused the key"),
    "403": (Sent({"error": "no"}, status=403), "refused the key"),
    "404": (
        Sent({"error": {"message": "no such model"}}, status=404),
        "no such model.*no model 'small'.*it has small, large",
    ),
    "400 context": (Sent(TOO_LONG, status=400), "does not fit the context window.*8192"),
    "413": (Sent(b"too large", status=413, kind="text/plain"), "does not fit the context window"),
    "400": (Sent({"error": {"message": "what?"}}, status=400), r"what\? \(400\)"),
    "422": (Sent({"detail": []}, status=422), r"HTTP status 422 \(422\)"),
    "no money": (Sent({"error": {"message": "pay", "code": "insufficient_quota"}}, status=429), r"pay \(429\)"),
    "redirect": (Sent(b"", status=302, headers={"Location": "http://127.0.0.1:9/v1"}), r"302"),
}
PASSING = {
    "429": Sent({"error": {"message": "slow down", "code": "rate_limit"}}, status=429),
    "500": Sent(b"oops", status=500, kind="text/plain"),
    "503": Sent(b"<html>busy</html>", status=503, kind="text/html"),
    "529": Sent({"type": "error", "error": {"type": "overloaded"}}, status=529),
    "408": Sent({}, status=408),
    "HTML with 200": Sent(b"<html>Welcome</html>", kind="text/html"),
    "truncated JSON": Sent(json.dumps(completion()).encode()[:-20]),
    "empty": Sent(b""),
    "null": Sent(None),
    "a list": Sent([]),
    "deep": Sent(b"[" * 100_000),
    "no UTF-8": Sent(b'{"choices": [{"message": {"content": "\xff"}}]}'),
    "no choices": Sent(completion(choices=[])),
    "choices null": Sent(completion(choices=None)),
    "choices of text": Sent(completion(choices=["Paris"])),
    "no message": Sent(completion(choices=[{"finish_reason": "stop"}])),
    "error with 200": Sent({"error": {"message": "server is tired"}}),
    "cut short": Sent(completion(), missing=50),
}
STREAMED_PASSING = {
    "no finish reason": (chunk("Par"), chunk("is")),
    "only done": (event(b"[DONE]"),),
    "nothing": (),
    "only pings": (b": ping\n\n",) * 3,
    "broken event": (chunk("Par"), b'data: {"choices": [\n\n', chunk("", "stop")),
    "event of another kind": (event([1, 2]),),
    "error event": (chunk("Par"), event({"error": {"message": "worker died"}})),
    "choices of text": (event({"choices": ["Paris"]}),),
    "a delta of text": (event({"choices": [{"delta": "Paris", "finish_reason": "stop"}]}),),
    "choices that are a number": (event({"choices": 3}),),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", FINAL)
async def test_what_would_fail_again_is_asked_once_and_says_why(fault: str, streamed: bool) -> None:
    sent, message = FINAL[fault]
    with Server([sent]) as server:
        model = model_at(server, api_key="sk-secret", key_variable="SOME_KEY")
        with pytest.raises(ModelError, match=message) as caught:
            await asked(model, streamed)
    assert not isinstance(caught.value, ModelUnavailableError)
    assert len(server.asked) == 1
    assert "\n" not in str(caught.value)
    assert "sk-secret" not in str(caught.value)
    assert ("SOME_KEY" in str(caught.value)) == (fault in ("401", "403"))


async def test_an_error_in_a_reply_that_looks_fine_is_read_by_its_code() -> None:
    with pytest.raises(ModelError, match="does not fit the context window") as caught:
        await replied([Sent(TOO_LONG)])
    assert not isinstance(caught.value, ModelUnavailableError)
    with pytest.raises(ModelUnavailableError, match="server is tired"):
        await replied([PASSING["error with 200"]])
    with pytest.raises(ModelUnavailableError, match="worker died"):
        await replied([Sent(stream=STREAMED_PASSING["error event"])], heard=[])


async def asked(model: OpenAICompatible, streamed: bool, budget: Budget | None = None) -> tuple[Reply, Ledger]:
    """One call through the gateway, with its retries."""
    ledger = Ledger(budget or Budget())
    spender = Spender("a", "debater", 1, "test")
    reply = await call(model, ASK, ledger=ledger, spender=spender, on_text=(lambda piece: None) if streamed else None)
    return reply, ledger


async def test_what_may_pass_is_tried_again_and_counted_once() -> None:
    async def outcome(fault: Sent, fine: Sent) -> tuple[object, ...]:
        with Server([fault, fine]) as server:
            try:
                reply, ledger = await asked(model_at(server), streamed=fine.stream is not None)
            except ModelError as error:
                return (error,)
            return reply.text, len(server.asked), ledger.total.calls

    streams = {name: Sent(stream=stream) for name, stream in STREAMED_PASSING.items()}
    faults = [(fault, Sent(completion())) for fault in PASSING.values()]
    faults += [(fault, Sent(stream=STREAM)) for fault in streams.values()]
    outcomes = await asyncio.gather(*(outcome(*fault) for fault in faults))
    names = [*PASSING, *(f"streamed {name}" for name in streams)]
    assert dict(zip(names, outcomes, strict=True)) == dict.fromkeys(names, ("Paris", 2, 1))


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_server_that_fails_three_times_is_asked_a_fourth_time_and_no_fifth(streamed: bool) -> None:
    fine = Sent(stream=STREAM) if streamed else Sent(completion())
    with Server([*[PASSING["500"]] * 3, fine]) as server:
        reply, _ = await asked(model_at(server), streamed)
    assert (reply.text, len(server.asked)) == ("Paris", 4)
    with Server([PASSING["500"]]) as server, pytest.raises(ModelUnavailableError, match="500"):
        await asked(model_at(server), streamed)
    assert len(server.asked) == 4


async def test_a_reply_that_is_too_large_is_refused() -> None:
    with pytest.raises(ModelUnavailableError, match="more than 16 MiB"):
        await replied([Sent(completion("x" * (17 * 2**20)))])


async def test_nobody_at_the_address_is_said_plainly() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = load_model(f"vllm:http://127.0.0.1:{port}/v1#m")
    with pytest.raises(ModelUnavailableError, match=f":{port}/v1: is the server running\\? \\(Connection refused\\)$"):
        await model.complete(ASK)
    with pytest.raises(ModelUnavailableError) as caught:
        await disputatio.asolve("Why?", strategy=chain_of_thought, model=model)
    assert caught.value.result is not None
    assert caught.value.result.stop_reason == "error"


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999/v1", "http://", "http:///v1"])
async def test_an_address_that_is_none_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(ModelError):
        await OpenAICompatible(name="test", base_url=url, model="m").complete(ASK)


async def test_the_first_model_that_the_server_lists_is_used_and_asked_for_once() -> None:
    with Server([Sent(completion())]) as server:
        model = load_model(f"vllm:{server.url}")
        for _ in range(3):
            await model.complete(ASK)
    assert [asked.body["model"] for asked in server.asked] == ["small"] * 3


async def test_a_server_without_models_says_how_to_name_one() -> None:
    with Server([Sent(completion())], models=()) as server, pytest.raises(ModelError, match=r"lists no model.*#NAME"):
        await load_model(f"vllm:{server.url}").complete(ASK)


@pytest.mark.parametrize("stream", [None, (), STREAM[:1]], ids=["no headers", "no event", "in the middle"])
async def test_a_server_that_falls_silent_is_left_at_the_deadline(stream: Sequence[bytes] | None) -> None:
    with Server([Sent(stream=stream, hangs=True)]) as server:
        with pytest.raises(BudgetExceededError, match="deadline") as caught:
            await asked(model_at(server), True, Budget(seconds=0.3))
        assert await asyncio.to_thread(server.hung_up.wait, 10)
    assert caught.value.partial == ("Par" if stream else "")


async def test_stopping_a_run_in_the_middle_of_a_stream_closes_the_connection() -> None:
    with Server([Sent(stream=STREAM[:2], hangs=True)]) as server:
        context = prepare(model=model_at(server))
        heard: list[str] = []

        def listen(said: object) -> None:
            heard.append(str(getattr(said, "text", "")))
            if "is" in heard:
                threading.Thread(target=context.ledger.stop, args=("cancelled",)).start()

        context.on_event = listen
        result = await run(Question(text="Capital?"), chain_of_thought, context)
        assert await asyncio.to_thread(server.hung_up.wait, 10)
    assert (result.stop_reason, result.answer.value, result.thoughts[0].text) == ("cancelled", None, "Paris")
    assert result.thoughts[0].cut
    assert (result.usage.calls, result.usage.estimated) == (1, True)


def test_one_model_serves_many_event_loops_and_leaves_nothing_open() -> None:
    with Server([Sent(completion("Answer: Paris"))]) as server:
        model = model_at(server)
        for _ in range(5):
            result = disputatio.solve("Capital?", strategy=self_consistency(samples=3), model=model)
            assert result.answer.value == "paris"
            assert not _SESSIONS
        alone = {"strategy": chain_of_thought, "model": model}
        threads = [threading.Thread(target=disputatio.solve, args=("Capital?",), kwargs=alone) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not _SESSIONS
        gc.collect()  # a connection left open would warn here, and warnings are errors
    assert len(server.asked) == 19


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_reply_of_a_server_raises_anything_but_our_errors(data: st.DataObject) -> None:
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["choices", "message", "content", "delta", "usage", "error", "code"]), inner
            )
        ),
        max_leaves=12,
    )
    whole = json.dumps(completion(usage=USAGE)).encode()
    cut = st.integers(0, len(whole)).map(lambda size: whole[:size])
    bodies = st.one_of(st.binary(), values.map(lambda value: json.dumps(value).encode()), cut)
    streamed = data.draw(st.booleans())
    pieces = data.draw(st.lists(bodies, max_size=4))
    sent = Sent(stream=[event(piece) for piece in pieces]) if streamed else Sent(b"".join(pieces))
    with Server([sent]) as server:
        try:
            reply = asyncio.run(model_at(server).complete(ASK, (lambda piece: None) if streamed else None))
        except ModelError:
            pass
        else:
            assert isinstance(reply.text, str)
            assert isinstance(reply.finish_reason, str)
            assert reply.usage.calls == 1


@pytest.mark.parametrize(
    ("field", "on", "off"),
    [
        ("chat_template_kwargs", {"enable_thinking": True}, {"enable_thinking": False}),
        ("reasoning_effort", "medium", "none"),
    ],
)
async def test_a_model_is_told_whether_to_think(field: str, on: object, off: object) -> None:
    def thinks(asked: Any) -> Sent:
        return Sent(completion("<think>Two it is.</think>\n\n2" if asked.body[field] == on else "2"))

    with Server(thinks) as server:
        model = model_at(server, thinking_field=field)
        deep = await model.complete(replace(ASK, thinking=True))
        heard: list[str] = []
        fast = await model.complete(replace(ASK, thinking=False), heard.append)
        assert [asked.body[field] for asked in server.asked] == [on, off]
    assert (deep.text, deep.reasoning) == ("2", "Two it is.")
    assert (fast.text, fast.reasoning) == ("2", "")


@pytest.mark.parametrize(("text", "thinking"), [("2", True), ("<think>Two.</think>2", False), ("Two.</think>2", False)])
async def test_a_server_that_ignores_the_switch_is_found_out(text: str, thinking: bool) -> None:
    with Server([Sent(completion(text))]) as server:
        model = model_at(server)
        with pytest.raises(UnsupportedError, match="although it was told otherwise") as error:
            await model.complete(replace(ASK, thinking=thinking))
        assert error.value.usage == Usage(prompt_tokens=7, completion_tokens=3)
        assert "thinking" not in model.profile.features
