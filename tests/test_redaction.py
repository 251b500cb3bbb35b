"""Redaction: no secret gets into a journal, whatever way it takes; ordinary text stays as it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import disputatio as dp
from disputatio.agents import Solver, Verifier
from disputatio.errors import ModelError, ToolError
from disputatio.graphs import chain_of_thought, sequence
from disputatio.journal import Journal
from disputatio.model import Profile, Reply, Request, ToolCall
from disputatio.models import ScriptedModel
from disputatio.redaction import HIDDEN, redactor
from disputatio.tools import tool

ENVIRONMENT = {
    "ACME_API_KEY": "marker-01-aaaa",
    "ACME_TOKEN": "marker-02-bbbb",
    "ACME_SECRET": 'marker-03 "quoted" \\ \n and more',
    "ACME_PASSWORD": "marker-04-dddd/&=?",
    "acme_key": "marker-05-\u00fcml\u00e4ut",
}
NAMED = "marker-06-ffff"
FORMS = {
    "marker07": "Authorization: Bearer marker07",
    "marker08": "'authorization': 'marker08'",
    "marker09": "proxy-authorization=Basic marker09",
    "marker10": "it said: bearer xyz-marker10",
    "marker11": "sk-proj-marker11marker11marker11",
    "marker12": "hf_marker12marker12marker12",
    "marker13": "ghp_marker13marker13marker13",
    "marker14": "https://user:marker14@example.org/v1",
    "marker15": "https://example.org/v1?api_key=marker15&x=1",
    "marker16": "https://example.org/v1?x=1&token=marker16",
    "marker17": '{"api_key": "marker17marker17"}',
    "marker18": "x-api-key: marker18marker18",
    "marker19": "access_token=marker19marker19",
    "marker20": "client_secret: marker20marker20",
}
SECRETS = [*ENVIRONMENT.values(), NAMED, *FORMS]
TEXTS = [*ENVIRONMENT.values(), NAMED, *FORMS.values(), quote(ENVIRONMENT["ACME_PASSWORD"], safe="")]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("text", TEXTS)
def test_a_secret_is_taken_out_and_the_words_around_it_stay(text: str) -> None:
    redact = redactor([NAMED])
    found = redact({f"Before {text} after": [text, (f"[{text}]",), 1, None, json.dumps({"x": text})]})
    assert not any(one in json.dumps(found, ensure_ascii=False) for one in ("marker", "quoted"))
    [(key, values)] = found.items()
    assert key.startswith("Before ")
    assert HIDDEN in key
    assert key.endswith(" after")
    assert values[2:4] == [1, None]
    assert redact(found) == found, "what was redacted stays as it is"


@pytest.mark.parametrize(
    "text",
    [
        "The authorization of the council was basic and the bearer of the news was late.",
        "A secret: honesty. A password is a word. The token of the API keys the reply.",
        "See https://example.org/a?keyword=tea&tokens=3 and mail ann@example.org at 10:30.",
        "bearer responsibilities; basic understanding",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redactor()(text) == text


@given(st.text(min_size=8).filter(lambda text: text not in HIDDEN), st.text(), st.text())
def test_no_named_secret_is_left(secret: str, before: str, after: str) -> None:
    found = redactor([secret])(f"{before}{secret}{after}")
    assert secret not in found.replace(HIDDEN, "\x00")


class Leaky(ScriptedModel):
    """Says all secrets in every field of a reply."""

    api_key = "of-the-model-itself"

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        said = await super().complete(request, on_text)
        if "Use: <" in request.messages[-1]["content"]:
            return said
        leaks = "\n".join([*TEXTS, self.api_key])
        calls = (ToolCall(id=leaks, name="x", arguments=json.dumps({"key": leaks})),)
        return Reply(text=f"{leaks}\n{said.text}", reasoning=leaks, refusal=leaks, others=(leaks,), tool_calls=calls)


@pytest.mark.usefixtures("environment")
def test_no_secret_gets_into_a_journal(tmp_path: Path) -> None:
    leaks = "\n".join(TEXTS)

    @tool
    def leak(text: str) -> str:
        """Leak."""
        raise ToolError(leaks)

    def reply(prompt: str) -> str:
        if "Use: <" in prompt:
            return json.dumps({"use": {"tool": "leak", "arguments": {"text": leaks}}})
        if "Give up." in prompt:
            raise ModelError(leaks)
        return "Answer: 4"

    path = tmp_path / "run.jsonl"
    strategy = sequence(Verifier(tools=[leak]), chain_of_thought, Solver("last", instruction=f"Give up. {leaks}"))
    model = Leaky(reply, name=f"openai-compatible:{FORMS['marker14']}", profile=Profile())
    with pytest.raises(ModelError):
        dp.solve(f"Is it so?\n{leaks}", strategy=strategy, model=model, journal=Journal(path, secrets=[NAMED]))
    content = path.read_text(encoding="utf-8")
    assert content.count('"line":"call"') >= 4
    texts: list[str] = []

    def walk(value: Any) -> None:
        match value:
            case str():
                texts.append(value)
            case dict():
                walk([*value.keys(), *value.values()])
            case list():
                [walk(one) for one in value]

    walk([json.loads(line) for line in content.splitlines()])
    everything = content + "\n".join(texts)
    assert [one for one in [*SECRETS, "marker", Leaky.api_key] if one in everything] == []
