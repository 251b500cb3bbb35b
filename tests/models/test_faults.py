"""What a server can do wrong, row by row: how each fault ends, how often the server is asked, and what is booked."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

import pytest

from disputatio.budget import Budget, Usage
from disputatio.context import Retried
from disputatio.errors import BudgetExceededError, ModelError, ModelUnavailableError, UnsupportedError
from disputatio.graphs import debate
from disputatio.graphs.run import prepare, run
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Request
from disputatio.models import OpenAICompatible
from disputatio.models.gateway import call
from disputatio.models.transport import Clocks
from disputatio.question import Question
from tests.servers import STREAM, USAGE, Asked, Plan, Sent, Server, chunk, completion, event

ASK = Request(messages=[Message(role="user", content="Capital?")], max_tokens=9)
DEADLINE = 6.0
FINE = Sent(completion(usage=USAGE))


def refused(status: int, code: str = "", **headers: str) -> Sent:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent({"error": {"message": "no", "code": code}}, status=status, headers=names)


@dataclass
class Outcome:
    """How a call ended."""

    ended: str
    """The text of the reply, or the fault."""
    asked: int
    seconds: float
    retries: Sequence[Retried]
    ledger: Ledger
    error: ModelError | None = None


async def outcome(plan: Plan, *, streamed: bool = False, ask: Request = ASK, patient: bool = False) -> Outcome:
    """One call through the gateway, with short clocks and a deadline."""
    ledger, retries = Ledger(Budget(seconds=DEADLINE)), []  # type: ignore[var-annotated]
    with Server(plan) as server:
        clocks = Clocks(connect=1.0, silent=0.4, total=20.0 if patient else 0.8)
        model = OpenAICompatible(name="test", base_url=server.url, model="small", api_key="sk-secret", clocks=clocks)
        begun, error = time.monotonic(), None
        try:
            reply = await call(
                model,
                ask,
                ledger=ledger,
                spender=Spender("a", "r", 1, "m"),
                on_text=(lambda piece: None) if streamed else None,
                on_retry=retries.append,
            )
            ended = reply.text
        except ModelError as failure:
            ended, error = failure.fault, failure
        except BudgetExceededError as stop:
            ended = stop.reason
        seconds = time.monotonic() - begun
    assert ledger._held == Usage()
    assert seconds < DEADLINE + 1.0, "no hang past the deadline"
    return Outcome(ended, len(server.asked), seconds, retries, ledger, error)


TOO_LONG = refused(400, "context_length_exceeded")
BROKEN = b'{"choices": [{"message": {"content": "Par'
ROWS: dict[str, tuple[Sequence[Sent], str, int]] = {
    "429 with Retry-After 1": ([refused(429, Retry_After="1"), FINE], "Paris", 2),
    "429 with Retry-After -5": ([refused(429, Retry_After="-5"), FINE], "Paris", 2),
    "429 with nonsense": ([refused(429, Retry_After="soon"), FINE], "Paris", 2),
    "429 with Retry-After 130": ([refused(429, Retry_After="130")], "rate_limited", 1),
    "429 without money": ([refused(429, "insufficient_quota")], "quota", 1),
    "500": ([Sent(b"oops", status=500, kind="text/plain"), FINE], "Paris", 2),
    "503 in HTML, twice": ([Sent(b"<html>", status=503, kind="text/html")] * 2 + [FINE], "Paris", 3),
    "529 for ever": ([refused(529)], "overloaded", 4),
    "401": ([refused(401)], "auth", 1),
    "403": ([refused(403)], "auth", 1),
    "404": ([refused(404)], "bad_request", 1),
    "400 context": ([TOO_LONG], "context_too_long", 1),
    "413": ([refused(413)], "context_too_long", 1),
    "400 that says to try again": ([refused(400, x_should_retry="true")], "bad_request", 1),
    "reset before headers": ([Sent(resets=True), FINE], "Paris", 2),
    "closed before headers": ([Sent(stream=(), headers={"Content-Length": "5"}), FINE], "Paris", 2),
    "shorter than promised": ([Sent(completion(), missing=9), FINE], "Paris", 2),
    "shorter than promised for ever": ([Sent(completion(), missing=9)], "transport", 3),
    "no headers for ever": ([Sent(hangs=True)], "timeout", 2),
    "a byte now and then": ([Sent(completion(), drips=0.05)], "timeout", 2),
    "cut JSON": ([Sent(BROKEN), FINE], "Paris", 2),
    "HTML for ever": ([Sent(b"<html>Hello</html>", kind="text/html")], "bad_reply", 2),
    "empty": ([Sent(b"")], "bad_reply", 2),
    "null": ([Sent(None), FINE], "Paris", 2),
    "list": ([Sent([])], "bad_reply", 2),
    "an error with 200": ([Sent({"error": {"message": "no", "code": "rate_limit_exceeded"}}), FINE], "Paris", 2),
    "a final error with 200": ([Sent({"error": {"message": "no", "code": "invalid_api_key"}})], "auth", 1),
    "no choices": ([Sent(completion(choices=[])), FINE], "Paris", 2),
    "null choices": ([Sent(completion(choices=None))], "bad_reply", 2),
    "no UTF-8": ([Sent(b'{"choices": "\xff"}'), FINE], "Paris", 2),
    "half a pair of surrogates": ([Sent(completion("Par\ud83dis"))], "Par\ufffdis", 1),
    "100,000 arrays": ([Sent(b"[" * 100_000)], "bad_reply", 2),
    "17 MiB": ([Sent(completion("x" * (17 * 2**20)))], "bad_reply", 2),
    "empty text": ([Sent(completion("")), FINE], "Paris", 2),
    "empty text for ever": ([Sent(completion(""))], "", 2),
    "null text": ([Sent(completion(None)), FINE], "Paris", 2),
    "text in parts": ([Sent(completion([{"type": "text", "text": "Par"}, {"text": "is"}]))], "Paris", 1),
    "redirect": ([Sent(b"", status=307, headers={"Location": "http://127.0.0.1:9/"})], "bad_request", 1),
}
STREAMED: dict[str, tuple[Sequence[Sent], str, int]] = {
    "no end": ([Sent(stream=STREAM[:2]), Sent(stream=STREAM)], "Paris", 2),
    "no end for ever": ([Sent(stream=STREAM[:2])], "truncated", 3),
    "reset in the middle": ([Sent(stream=STREAM[:2], resets=True), Sent(stream=STREAM)], "Paris", 2),
    "a bad event": ([Sent(stream=(chunk("Par"), b"data: {\n\n")), Sent(stream=STREAM)], "Paris", 2),
    "an error event": (
        [Sent(stream=(chunk("P"), event({"error": {"message": "no"}}))), Sent(stream=STREAM)],
        "Paris",
        2,
    ),
    "only pings": ([Sent(stream=(b": ping\n\n",) * 50, drips=0.01)], "timeout", 2),
    "a stall": ([Sent(stream=STREAM[:1], hangs=True)], "timeout", 2),
    "plain JSON": ([FINE], "Paris", 1),
    "one token for ever": ([Sent(stream=(chunk("x"),) * 20_000, hangs=True)], "x" * 35, 1),
}


@pytest.mark.parametrize("row", ROWS)
async def test_a_reply_that_goes_wrong(row: str) -> None:
    plan, ended, asked = ROWS[row]
    await check(await outcome(plan, patient="MiB" in row), ended, asked)


@pytest.mark.parametrize("row", STREAMED)
async def test_a_stream_that_goes_wrong(row: str) -> None:
    plan, ended, asked = STREAMED[row]
    await check(await outcome(plan, streamed=True), ended, asked)


async def check(found: Outcome, ended: str, asked: int) -> None:
    assert (found.ended, found.asked) == (ended, asked)
    assert len(found.retries) == asked - 1, "every attempt but the first is an event"
    assert found.ledger.total.calls == (0 if found.error else 1)
    if found.error:
        assert "sk-secret" not in str(found.error)
        assert "\n" not in str(found.error)
        assert isinstance(found.error, ModelUnavailableError) == (found.error.fault in PASSING)


PASSING = ("rate_limited", "overloaded", "transport", "timeout", "bad_reply", "truncated")


async def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    found = await outcome([refused(429, Retry_After="1"), FINE])
    assert 1.0 <= found.seconds < 2.5
    assert [round(retry.seconds) for retry in found.retries] == [1]
    dated = await outcome([refused(429, Retry_After=formatdate(time.time() + 2, usegmt=True)), FINE])
    assert (dated.ended, dated.asked) == ("Paris", 2)
    assert dated.seconds >= 0.9
    never = await outcome([refused(429, Retry_After="130")])
    assert "130 s" in str(never.error)


async def test_too_many_requests_for_ever_end_at_the_deadline() -> None:
    found = await outcome([refused(429, Retry_After="0.5")])
    assert found.ended in ("rate_limited", "deadline")
    assert 4 <= found.asked <= 7


async def test_what_failed_attempts_cost_is_booked_and_no_call_twice() -> None:
    spent = (await outcome([Sent(completion(choices=[], usage=USAGE)), FINE])).ledger.total
    assert (spent.calls, spent.prompt_tokens, spent.completion_tokens, spent.estimated) == (1, 14, 6, False)
    silent = (await outcome([Sent(completion("", usage=USAGE)), FINE])).ledger.total
    assert (silent.calls, silent.prompt_tokens, silent.completion_tokens) == (1, 14, 6)
    cut = (await outcome([Sent(stream=STREAM[:2]), Sent(stream=STREAM)], streamed=True)).ledger.total
    assert (cut.calls, cut.estimated) == (1, True)
    assert cut.prompt_tokens > 7
    nothing = (await outcome([Sent(b"oops", status=500), FINE])).ledger.total
    assert (nothing.prompt_tokens, nothing.estimated) == (7, False)


async def test_a_model_that_only_thinks_is_asked_for_its_answer_once() -> None:
    def reply(asked: Asked) -> Sent:
        if "Now give your answer" in asked.prompt:
            return FINE
        body: dict[str, Any] = completion("", usage=USAGE)
        body["choices"][0]["message"]["reasoning_content"] = "France, so it is ..."
        return Sent(body)

    found = await outcome(reply)
    assert (found.ended, found.asked, found.ledger.total.calls) == ("Paris", 2, 1)


async def test_thoughts_and_refusals_are_kept_apart_from_the_words() -> None:
    async def reply(**message: object) -> Any:
        body = completion()
        body["choices"][0]["message"] = {"role": "assistant", **message}
        with Server([Sent(body)]) as server:
            return await OpenAICompatible(name="t", base_url=server.url, model="m").complete(ASK)

    thought = await reply(content="Paris", reasoning_content="France ...")
    assert (thought.text, thought.reasoning) == ("Paris", "France ...")
    inline = await reply(content="<think>France ...</think>\n\nParis")
    assert (inline.text, inline.reasoning) == ("Paris", "France ...")
    declined = await reply(content=None, refusal="I will not.")
    assert (declined.text, declined.refusal) == ("", "I will not.")


async def test_a_debater_that_is_filtered_or_declines_abstains_and_the_others_decide() -> None:
    def reply(asked: Asked) -> Sent:
        body: dict[str, Any] = completion("So.\nAnswer: Paris", usage=USAGE)
        if "debater 1" in asked.prompt.rpartition("You are")[2]:
            body["choices"][0] |= {"message": {"content": None, "refusal": "I will not."}}
        return Sent(body)

    with Server(reply) as server:
        model = OpenAICompatible(name="t", base_url=server.url, model="m")
        result = await run(Question(text="Capital?"), debate(3, rounds=1), prepare(model=model))
    assert (result.answer.value, result.usage.calls) == ("paris", 3)
    assert [one.text for one in result.thoughts if one.answer is None] == ["I will not."]


async def test_a_prompt_that_is_too_long_is_shortened_once() -> None:
    def reply(asked: Asked) -> Sent:
        fits = len(asked.prompt) < 3000
        return Sent(completion(f"{'word ' * 400}\nAnswer: Paris", usage=USAGE)) if fits else TOO_LONG

    with Server(reply) as server:
        model = OpenAICompatible(name="t", base_url=server.url, model="m")
        result = await run(Question(text="Capital?"), debate(3, rounds=2), prepare(model=model))
    assert result.answer.value == "paris"
    assert any("[...]" in asked.prompt for asked in server.asked)


async def test_a_server_that_knows_other_names_is_learned_once() -> None:
    def reply(asked: Asked) -> Sent:
        if "max_tokens" in asked.body:
            message = "Unsupported parameter: 'max_tokens' is not supported with this model."
            return Sent({"error": {"message": message}}, status=400)
        return FINE

    with Server(reply) as server:
        model = OpenAICompatible(name="t", base_url=server.url, model="m")
        for _ in range(3):
            assert (await model.complete(ASK)).text == "Paris"
    assert len(server.asked) == 4
    assert server.asked[-1].body["max_completion_tokens"] == 9


async def test_a_feature_that_the_server_refuses_is_named_and_remembered() -> None:
    def reply(asked: Asked) -> Sent:
        if "logprobs" in asked.body:
            return Sent({"error": {"message": "logprobs is not supported"}}, status=400)
        return FINE

    wanted = Request(messages=ASK.messages, max_tokens=9, logprobs=2)
    with Server(reply) as server:
        model = OpenAICompatible(name="t", base_url=server.url, model="m")
        with pytest.raises(UnsupportedError, match="logprobs") as caught:
            await model.complete(wanted)
        assert caught.value.feature == "logprobs"
        with pytest.raises(UnsupportedError, match="cannot do what is asked: logprobs"):
            await call(model, wanted, ledger=Ledger(), spender=Spender("a", "r", 1, "m"))
    assert len(server.asked) == 1


async def test_many_calls_under_faults_are_neither_lost_nor_counted_twice() -> None:
    faults = [refused(500), refused(503), Sent(b""), Sent(resets=True), Sent(completion(choices=[], usage=USAGE))]
    attempts = Counter[int]()

    def reply(asked: Asked) -> Sent:
        number = int(asked.prompt)
        attempts[number] += 1
        if number % 20 == 0:  # beyond saving: it cannot be understood, however often it is asked
            return Sent(b"")
        is_faulty = attempts[number] == 1 and number % 10 < 3
        return faults[number // 10 % len(faults)] if is_faulty else FINE

    ledger = Ledger()
    with Server(reply) as server:
        model = OpenAICompatible(name="t", base_url=server.url, model="m")
        spender = Spender("a", "r", 1, "m")
        asked = (replace(ASK, messages=[Message(role="user", content=str(number))]) for number in range(200))
        calls = (call(model, one, ledger=ledger, spender=spender) for one in asked)
        replies = await asyncio.gather(*calls, return_exceptions=True)
    failed = [number for number, one in enumerate(replies) if isinstance(one, BaseException)]
    assert failed == [*range(0, 200, 20)]
    assert {one.fault for one in replies if isinstance(one, ModelError)} == {"bad_reply"}
    assert attempts == {number: 2 if number % 10 < 3 else 1 for number in range(200)}
    assert ledger.total.calls == 190
    assert ledger._held == Usage()
