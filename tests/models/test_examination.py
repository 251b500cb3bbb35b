"""An examination tells what a server does from what it says it does."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from disputatio.errors import StoreError
from disputatio.model import Profile, Reply, Request
from disputatio.models import OpenAICompatible, load_model
from disputatio.models.examination import Examination, examine
from disputatio.models.weights import smollm2
from tests.servers import Asked, Sent, Server, chunk, completion, event

USAGE = {"prompt_tokens": 7, "completion_tokens": 3}


def able(asked: Asked) -> Sent:
    """A server that does all that it is asked for."""
    body = asked.body
    if body.get("stream"):
        return Sent(stream=[chunk("The "), chunk("sea", "stop"), event({"choices": [], "usage": USAGE})])
    if "tools" in body:
        made = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
        choice = {"message": {"content": None, "tool_calls": [made]}, "finish_reason": "tool_calls"}
        return Sent({"choices": [choice], "usage": USAGE})
    if "response_format" in body:
        return Sent(completion('{"wet": true, "digit": 7}'))
    if "seed" in body:
        return Sent(completion(f"HMS {body['seed']}"))
    choice = {"message": {"content": "Yes."}, "finish_reason": "stop"}
    if body.get("logprobs"):
        top = [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": -2.5}]
        choice["logprobs"] = {"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": top}]}
    return Sent({"choices": [choice] * body.get("n", 1), "usage": USAGE})


def deaf(asked: Asked) -> Sent:
    """A server that takes every field, heeds none, and reports no usage."""
    deaf.said = getattr(deaf, "said", 0) + 1  # type: ignore[attr-defined]
    return Sent({"choices": [{"message": {"content": f"Well {deaf.said}"}, "finish_reason": "stop"}]})  # type: ignore[attr-defined]


def refusing(asked: Asked) -> Sent:
    """A server that refuses each field that it does not know."""
    for name in ("response_format", "tools", "logprobs", "n", "seed", "stream"):
        if asked.body.get(name):
            return Sent({"error": {"message": f"Unrecognized request argument: {name}"}}, status=400)
    return Sent(completion("Yes."))


def examined(plan: Callable[[Asked], Sent], **settings: Any) -> Examination:
    with Server(plan) as server:
        model = OpenAICompatible(name="vllm:x", base_url=server.url, model="small", **settings)
        return asyncio.run(examine(model))


def works(found: Examination) -> dict[str, bool | None]:
    return {one.name: one.works for one in found.findings}


def notes(found: Examination) -> dict[str, str]:
    return {one.name: one.note for one in found.findings}


def test_a_server_that_does_everything() -> None:
    found = examined(able)
    assert works(found) == {
        "reachable": True,
        "text reply": True,
        "streaming": True,
        "JSON schema": True,
        "tools": True,
        "log-probabilities": True,
        "several replies": True,
        "seed": True,
        "usage reported": True,
        "context window": None,
    }
    assert notes(found)["text reply"] == "'Yes.'"
    assert notes(found)["streaming"] == "2 pieces"
    assert notes(found)["tools"] == 'weather({"city": "Paris"})'
    assert notes(found)["log-probabilities"] == "1 tokens, 2 alternatives each"
    assert notes(found)["seed"] == "the same text twice"
    assert notes(found)["usage reported"] == "7 tokens read, 3 written"
    assert found.replies
    assert found.usage.calls == 10 - 1
    assert found.first_token_s is not None
    assert found.first_token_s < 30
    assert found.tokens_per_second is not None
    assert found.tokens_per_second > 0


def test_a_server_that_ignores_what_it_is_asked_for() -> None:
    found = examined(deaf)
    can = [name for name, does in works(found).items() if does]
    assert can == ["reachable", "text reply"]
    said = notes(found)
    assert said["streaming"] == "the reply came in one piece"
    assert said["JSON schema"].startswith("not kept: 'Well")
    assert said["tools"].startswith("no call, but 'Well")
    assert said["log-probabilities"] == "none were sent"
    assert said["several replies"] == "2 were asked for, 1 came"
    assert said["seed"] == "two texts from one seed"
    assert said["usage reported"] == "estimated from the length of texts"
    assert found.tokens_per_second is None


def test_a_server_that_refuses_says_why() -> None:
    found = examined(refusing)
    assert [name for name, does in works(found).items() if does] == ["reachable", "text reply", "usage reported"]
    for name, field in [("JSON schema", "response_format"), ("tools", "tools"), ("several replies", "n")]:
        assert f"Unrecognized request argument: {field}" in notes(found)[name]


@pytest.mark.parametrize(
    ("reply", "works", "note"),
    [
        ('{"wet": true, "digit": 7}', True, "kept"),
        ('{"wet": "yes", "digit": 7}', False, "not kept"),
        ('{"wet": true, "digit": 4}', False, "not kept"),
        ('{"wet": true, "digit": 7, "more": 1}', False, "not kept"),
        ("[true, 7]", False, "not kept"),
        ("null", False, "not kept"),
        ('{"wet": tr', False, "not kept"),
        ('```json\n{"wet": true, "digit": 7}\n```', False, "not kept"),
    ],
)
def test_a_schema_is_kept_or_not(reply: str, works: bool, note: str) -> None:
    def plan(asked: Asked) -> Sent:
        return Sent(completion(reply)) if "response_format" in asked.body else able(asked)

    [found] = [one for one in examined(plan).findings if one.name == "JSON schema"]
    assert found.works == works
    assert found.note.startswith(note)


@pytest.mark.parametrize("arguments", ['{"town": "Paris"}', "[]", "null", "{", '{"city": 3}'])
def test_a_call_with_wrong_arguments_is_none(arguments: str) -> None:
    def plan(asked: Asked) -> Sent:
        made = {"id": "c", "function": {"name": "weather", "arguments": arguments}}
        choice = {"message": {"content": "", "tool_calls": [made]}, "finish_reason": "tool_calls"}
        return Sent({"choices": [choice]}) if "tools" in asked.body else able(asked)

    found = examined(plan)
    assert works(found)["tools"] is False
    assert arguments in notes(found)["tools"]


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        ({"max_model_len": 4096}, "4,096 tokens"),
        ({"meta": {"n_ctx_train": 2048}}, "2,048 tokens"),
        ({"meta": "none", "max_model_len": "many"}, "not said"),
    ],
)
def test_the_context_window_is_the_one_that_the_server_lists(entry: dict[str, Any], size: str) -> None:
    with Server(able) as server:
        listed = {"data": [{"id": "other", "max_model_len": 1}, {"id": "small", **entry}]}
        by_plan = server.reply_to
        server.reply_to = lambda asked: Sent(listed) if asked.path.endswith("/models") else by_plan(asked)  # type: ignore[method-assign]
        model = OpenAICompatible(name="vllm:x", base_url=server.url, model="small")
        assert notes(asyncio.run(examine(model)))["context window"] == size


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    model = OpenAICompatible(name="vllm:x", base_url=f"http://127.0.0.1:{port}/v1", model="small")
    found = asyncio.run(examine(model, seconds=20))
    assert works(found) == {"reachable": False}, "the same is not said twice"
    assert not found.replies
    assert notes(found)["reachable"].endswith("/v1: is the server running? (Connection refused)")


def test_a_wrong_key_ends_it_at_once() -> None:
    found = examined(lambda asked: Sent({"error": {"message": "no"}}, status=401), key_variable="SOME_KEY")
    assert works(found) == {"reachable": True, "text reply": False}
    assert "set SOME_KEY" in notes(found)["text reply"]


def test_a_reply_without_a_word_is_none() -> None:
    found = examined(lambda asked: Sent(completion("")))
    assert works(found) == {"reachable": True, "text reply": False}
    assert notes(found)["text reply"] == "the reply was empty (stop)"


def test_time_that_is_over() -> None:
    tried: list[str] = []

    class Slow:
        name = "slow"
        profile = Profile(context=77)

        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            if on_text:
                await asyncio.Event().wait()
            return Reply(text="Yes.")

    found = asyncio.run(examine(Slow(), seconds=0.2, on_step=tried.append)).findings
    assert [one.name for one in found] == tried
    assert tried[:3] == ["text reply", "streaming", "JSON schema"], "no server to be reached"
    assert [one.note for one in found[1:3]] == ["not tried: 0.2 s were over"] * 2
    assert (found[-1].works, found[-1].note) == (True, "77 tokens")


@pytest.mark.embedded
def test_the_embedded_model() -> None:
    try:
        smollm2()
    except StoreError as error:
        pytest.skip(f"no weights: {error}")
    found = asyncio.run(examine(load_model("local")))
    can = works(found)
    for name in ("reachable", "text reply", "streaming", "JSON schema", "log-probabilities", "seed", "usage reported"):
        assert can[name], (name, notes(found)[name])
    assert can["tools"] is False
    assert notes(found)["context window"] == "8,192 tokens"
    assert found.tokens_per_second
    assert json.dumps(notes(found))
