"""Servers on this machine are found at once, whatever else listens on their ports."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from disputatio.errors import ModelUnavailableError
from disputatio.model import Message, Request
from disputatio.models import OpenAICompatible
from disputatio.models.backends import KNOWN, backends
from disputatio.models.load import PROVIDERS
from disputatio.models.servers import LONGEST, Found, Place, look, usual
from tests.servers import Sent, Server, completion


def look_at(*places: Place) -> list[Found]:
    return asyncio.run(look(places))


def at(server: Server, provider: str = "vllm") -> Place:
    return Place("some", provider, server.url)


def test_the_models_that_a_server_lists() -> None:
    with Server([Sent()], models=["a", "b/c:4b"]) as server:
        [found] = look_at(at(server))
        [ollama] = look_at(at(server, "ollama"))
    assert found.models == ("a", "b/c:4b")
    assert found.specs == (f"vllm:{server.url}#a", f"vllm:{server.url}#b/c:4b")
    assert ollama.specs == ("ollama:a", "ollama:b/c:4b")
    assert found.problem == ""


def test_no_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPUTATIO_API_KEY", "planted-secret")
    heads = []
    with Server([Sent()]) as server:
        by_plan = server.reply_to
        server.reply_to = lambda asked: (heads.append(asked.headers), by_plan(asked))[1]  # type: ignore[method-assign]
        look_at(at(server))
    assert "authorization" not in heads[0]


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (Sent({"data": []}), "runs, but has no model yet"),
        (Sent({"data": None}), "runs, but has no model yet"),
        (Sent({"data": 3}), "runs, but has no model yet"),
        (Sent({"data": ["small", 3]}), "runs, but has no model yet"),
        (Sent(b"<html>Hello</html>", kind="text/html"), "something else answers there (no JSON)"),
        (Sent([1, 2]), "something else answers there (no JSON)"),
        (Sent({}, status=404), "something else answers there (HTTP status 404)"),
        (
            Sent({}, status=302, headers={"Location": "http://127.0.0.1:1/"}),
            "something else answers there (HTTP status 302)",
        ),
        (Sent({}, status=401), "wants a key: set DISPUTATIO_API_KEY"),
    ],
)
def test_something_else_on_the_port(sent: Sent, problem: str) -> None:
    with Server([sent]) as server:
        server.reply_to = lambda asked: sent  # type: ignore[method-assign]
        [found] = look_at(at(server))
    assert (found.models, found.problem) == ((), problem)


def test_silent_ports_cost_no_more_than_the_limit_all_together() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        silent = [Place("x", "vllm", f"http://127.0.0.1:{one.getsockname()[1]}/v1") for one in (one, two)]
        with Server([Sent(completion())]) as server:
            began = time.monotonic()
            found = look_at(*silent, at(server))
            assert time.monotonic() - began < LONGEST * 2
    assert [one.problem for one in found] == ["does not answer", "does not answer", ""]


def test_a_port_on_which_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    [found] = look_at(Place("x", "vllm", f"http://127.0.0.1:{port}/v1"))
    assert found.problem == "not running"


def test_the_usual_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert [place.url for place in usual()] == [f"http://127.0.0.1:{port}/v1" for port in (11434, 8000, 8080, 1234)]
    monkeypatch.setenv("OLLAMA_HOST", "http://gpu:9/")
    assert usual()[0].url == "http://gpu:9/v1"


def test_every_provider_is_described() -> None:
    assert set(PROVIDERS) <= {one.provider for one in KNOWN}
    assert {one.provider for one in backends()} == set(PROVIDERS)


def test_what_a_backend_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {one.provider: one for one in KNOWN}
    assert named["local"].installed
    assert not named["vllm-engine"]._replace(package="no_such_package").installed
    assert named["vllm-engine"].command == "pip install 'disputatio[vllm]'"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert not named["openai"].has_key
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert named["openai"].has_key


@pytest.mark.parametrize(("content", "said"), [(b"<html>", "no JSON: '<html>'"), (b"[]", "no JSON object: '[]'")])
@pytest.mark.parametrize("hear", [None, lambda piece: None])
def test_who_sent_no_json_is_said(content: bytes, said: str, hear: Callable[[str], None] | None) -> None:
    request = Request(messages=[Message(role="user", content="Why?")], max_tokens=9)
    with Server([Sent(content)]) as server, pytest.raises(ModelUnavailableError) as caught:
        asyncio.run(OpenAICompatible(name="test", base_url=server.url, model="m").complete(request, hear))
    assert str(caught.value) == f"{server.url} sent {said}"
