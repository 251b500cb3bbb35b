"""The gateway: what a call may spend, how often it is tried, and how it is cut off."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from disputatio.budget import Budget, Usage
from disputatio.context import Event
from disputatio.errors import BudgetExceededError, Fault, ModelError, ModelUnavailableError
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Profile, Reply, Request
from disputatio.models import ScriptedModel
from disputatio.models.gateway import ATTEMPTS, call
from disputatio.question import Question
from tests.servers import Asked, Sent, Server, completion

WHO = Spender("ann", "debater", 2, "m")


def asking(text: str = "Why?", max_tokens: int = 50) -> Request:
    return Request(messages=[Message(role="user", content=text)], max_tokens=max_tokens)


@dataclass
class Faulty:
    """Fails as often as it has errors, then answers."""

    errors: Sequence[BaseException]
    name: str = "faulty"
    profile: Profile = field(default_factory=Profile)
    asked: int = 0

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        self.asked += 1
        if self.asked <= len(self.errors):
            raise self.errors[self.asked - 1]
        return Reply(text="So.", usage=Usage(calls=1, prompt_tokens=3, completion_tokens=1))


@dataclass
class Hanging:
    """Says some words, then nothing."""

    said: Sequence[str] = ()
    name: str = "hanging"
    profile: Profile = field(default_factory=Profile)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        for piece in self.said:
            if on_text:
                on_text(piece)
        self.started.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_call_is_booked_on_who_made_it() -> None:
    ledger = Ledger()
    for _ in range(2):
        reply = await call(ScriptedModel(lambda prompt: "It is so."), asking(), ledger=ledger, spender=WHO)
    assert reply.text == "It is so."
    spent = Usage(calls=2, prompt_tokens=2, completion_tokens=6)
    assert (ledger.total, ledger.lines) == (spent, {WHO: spent})
    assert (ledger.stop_reason, ledger._held) == (None, Usage())


async def test_what_may_pass_is_tried_again_as_one_call() -> None:
    model, ledger = Faulty([ModelUnavailableError("busy")] * (ATTEMPTS["overloaded"] - 1)), Ledger(Budget(calls=1))
    reply = await call(model, asking(), ledger=ledger, spender=WHO)
    assert (reply.text, model.asked, ledger.total.calls) == ("So.", ATTEMPTS["overloaded"], 1)


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (ModelUnavailableError("busy"), 4),
        (ModelUnavailableError("odd", fault="bad_reply"), 2),
        (ModelError("no"), 1),
        (RuntimeError("bug"), 1),
        (KeyError("x"), 1),
    ],
)
async def test_a_call_that_fails_costs_nothing_and_raises_its_own_error(error: Exception, asked: int) -> None:
    model, ledger = Faulty([error] * 9), Ledger(Budget(calls=1))
    with pytest.raises(type(error)) as caught:
        await call(model, asking(), ledger=ledger, spender=WHO)
    assert caught.value is error
    assert model.asked == asked
    assert (ledger.total, ledger._held, ledger.stop_reason) == (Usage(), Usage(), None)
    await call(Faulty([]), asking(), ledger=ledger, spender=WHO)  # the one call is still to be had


async def test_a_reply_is_shortened_to_what_the_budget_has_left() -> None:
    model, ledger = ScriptedModel(lambda prompt: "word " * 99), Ledger(Budget(tokens=60))
    reply = await call(model, asking("Why?", max_tokens=500), ledger=ledger, spender=WHO)
    prompt = 8 + 4 + len("Why?") // 2
    assert model.requests[0].max_tokens == 60 - prompt == reply.usage.completion_tokens
    assert reply.finish_reason == "length"
    assert ledger.total.tokens <= 60
    assert ledger.stop_reason == "budget", "the reply was cut off by the budget"


async def test_a_reply_that_its_own_limit_cuts_off_does_not_end_the_run() -> None:
    ledger = Ledger(Budget(tokens=1000))
    await call(ScriptedModel(lambda prompt: "word " * 99), asking(max_tokens=5), ledger=ledger, spender=WHO)
    await call(ScriptedModel(lambda prompt: "So."), asking(max_tokens=985), ledger=ledger, spender=WHO)
    assert ledger.stop_reason is None


@pytest.mark.parametrize("budget", [Budget(calls=1), Budget(tokens=30)])
async def test_a_call_that_cannot_be_paid_for_is_not_made(budget: Budget) -> None:
    model, ledger = ScriptedModel(lambda prompt: "word " * 20), Ledger(budget)
    await call(model, asking(), ledger=ledger, spender=WHO)
    with pytest.raises(BudgetExceededError) as caught:
        await call(model, asking(), ledger=ledger, spender=WHO)
    assert (caught.value.reason, ledger.stop_reason, len(model.requests)) == ("budget", "budget", 1)


async def test_at_the_deadline_a_reply_is_cut_off_and_what_was_heard_is_kept() -> None:
    heard: list[str] = []
    ledger = Ledger(Budget(seconds=0.05))
    with pytest.raises(BudgetExceededError) as caught:
        await call(Hanging(["It ", "is"]), asking("x" * 400), ledger=ledger, spender=WHO, on_text=heard.append)
    assert (caught.value.reason, caught.value.partial, heard) == ("deadline", "It is", ["It ", "is"])
    assert ledger.total.calls == 1
    assert ledger.total.estimated
    assert 50 <= ledger.total.prompt_tokens <= 200
    assert ledger._held == Usage()


async def test_a_deadline_ends_the_wait_between_attempts() -> None:
    model, ledger = Faulty([ModelUnavailableError("busy")] * 9), Ledger(Budget(seconds=0.001))
    ledger.started -= 0.0009
    with pytest.raises((BudgetExceededError, ModelUnavailableError)):
        await call(model, asking(), ledger=ledger, spender=WHO)
    assert ledger._held == Usage()


@pytest.mark.parametrize("reason", ["cancelled", "budget", "deadline"])
async def test_a_stop_cuts_off_all_calls_in_flight_and_allows_no_other(reason: str) -> None:
    ledger, models = Ledger(), [Hanging(), Hanging(["a"]), Hanging()]
    calls = [asyncio.create_task(call(one, asking(), ledger=ledger, spender=WHO)) for one in models]
    await asyncio.gather(*(one.started.wait() for one in models))
    ledger.stop(reason)
    ledger.stop("cancelled")
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(one, "reason", one) for one in found] == [reason] * 3
    assert (ledger.stop_reason, ledger.total.calls, ledger._held, ledger._clocks) == (reason, 3, Usage(), set())
    with pytest.raises(BudgetExceededError, match=reason):
        await call(Faulty([]), asking(), ledger=ledger, spender=WHO)


async def test_a_task_that_is_cancelled_gives_its_reservation_back() -> None:
    ledger, model = Ledger(Budget(calls=1)), Hanging()
    task = asyncio.create_task(call(model, asking(), ledger=ledger, spender=WHO))
    await model.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (ledger._held, ledger._clocks) == (Usage(), set())
    await call(Faulty([]), asking(), ledger=ledger, spender=WHO)


async def test_a_time_out_of_the_models_own_is_not_taken_for_the_runs_deadline() -> None:
    ledger = Ledger(Budget(seconds=60))
    with pytest.raises(ModelUnavailableError, match="faulty took too long"):
        await call(Faulty([TimeoutError("mine")]), asking(), ledger=ledger, spender=WHO)
    assert (ledger.stop_reason, ledger.total, ledger._held) == (None, Usage(), Usage())


def down(fault: Fault, status: int) -> Callable[[Asked], Sent]:
    return lambda asked: Sent({"error": {"message": f"down: {fault}", "code": fault}}, status=status)


async def test_another_model_is_asked_where_the_first_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("disputatio.models.gateway._wait", lambda state: 0.0)
    events: list[Event] = []
    with Server(down("overloaded", 503)) as first, Server([Sent(completion("Because.\nAnswer: 4"))]) as second:
        both = f"openai-compatible:{first.url}#a | openai-compatible:{second.url}#b"
        context = prepare(model="sim:accuracy=1", models={"solver": both}, on_event=events.append)
        result = await run(Question(text="2 + 2?"), chain_of_thought, context)
    assert (result.answer.text, result.thoughts[0].model) == ("4", f"openai-compatible:{second.url}#b")
    assert (result.usage.calls, len(first.asked), len(second.asked)) == (1, 4, 1)
    told = [type(event).__name__ for event in events]
    assert told == ["Started", "Retried", "Retried", "Retried", "Retried", "Started", "Spoken", "Said"]
    assert result.settings["models"]["solver"] == both  # type: ignore[index, call-overload]


async def test_no_other_model_is_asked_where_the_request_is_wrong_and_the_last_error_stands() -> None:
    with Server(down("invalid_api_key", 401)) as first, Server(down("quota", 402)) as second:
        names = [f"openai-compatible:{server.url}#a" for server in (first, second)]
        with pytest.raises(ModelError, match="refused the key"):
            await run(Question(text="2 + 2?"), chain_of_thought, prepare(model=" | ".join(names)))
        assert second.asked == []
        with pytest.raises(ModelError, match="refused the key"):  # of the second one, after the quota of the first
            await run(Question(text="2 + 2?"), chain_of_thought, prepare(model=" | ".join(reversed(names))))


async def test_a_run_with_a_stand_in_is_replayed_without_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("disputatio.models.gateway._wait", lambda state: 0.0)
    with Server(down("overloaded", 503)) as first, Server([Sent(completion("Because.\nAnswer: 4"))]) as second:
        both = f"openai-compatible:{first.url}#a | openai-compatible:{second.url}#b"
        path = tmp_path / "run.jsonl"
        result = await run(Question(text="2 + 2?"), chain_of_thought, prepare(model=both, journal=path))
    again = await run(
        Question(text="2 + 2?"), chain_of_thought, prepare(model="local", journal=Journal(path, replay=True))
    )
    assert again.model_dump_json() == result.model_dump_json()
