"""Telemetry: what a run writes as spans, what it leaves out, and that nothing leaves unless it is asked for."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode

import disputatio as dp
from disputatio.agents import Verifier
from disputatio.budget import Budget, Usage
from disputatio.errors import BudgetExceededError, ModelError, ModelUnavailableError
from disputatio.graphs import best_of, chain_of_thought, debate, sequence
from disputatio.graphs.run import synchronously
from disputatio.journal import Journal
from disputatio.ledger import Ledger, Spender
from disputatio.model import Message, Profile, Reply, Request
from disputatio.models import OpenAICompatible, ScriptedModel
from disputatio.models.gateway import call
from disputatio.models.virtual_time import VirtualTimeLoop
from disputatio.tools import calculator
from tests.servers import STREAM, Sent, Server
from tests.spans import Seen, of, total

QUESTION = "Is zanzibar tea good?"
ASK = Request(messages=[Message(role="user", content="Why?")], max_tokens=50)
WHO = Spender("ann", "debater", 2, "m")


@dataclass
class Yielding:
    """A model that lets others go on in between, so that calls under way at once take turns."""

    name: str
    profile: Profile = field(default_factory=Profile)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        for _ in range(5):
            await asyncio.sleep(0)
        return Reply(text="So.\n\nAnswer: yes", usage=Usage(calls=1, prompt_tokens=5, completion_tokens=3))


@dataclass
class Faulty:
    """Fails as often as it has errors, then answers."""

    errors: list[BaseException]
    name: str = "faulty"
    profile: Profile = field(default_factory=Profile)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        if on_text:
            on_text("So")
        if self.errors:
            raise self.errors.pop(0)
        usage = Usage(calls=1, prompt_tokens=7, completion_tokens=3, cached_tokens=4)
        return Reply(text="So.\n\nAnswer: yes", usage=usage)


def test_the_spans_of_a_debate_worked_by_hand(scripted: ScriptedModel) -> None:
    seen = Seen()
    result = dp.solve(QUESTION, strategy=debate(2, rounds=2), model=scripted, tracer=seen.tracer)
    tree = Counter(map(seen.path, seen.spans))
    root = "invoke_workflow debate"
    assert tree == {
        (root,): 1,
        (root, "invoke_agent debater 1"): 2,
        (root, "invoke_agent debater 2"): 2,
        (root, "invoke_agent debater 1", "chat scripted"): 2,
        (root, "invoke_agent debater 2", "chat scripted"): 2,
    }
    assert len({span.context.trace_id for span in seen.spans}) == 1
    [run] = seen.named("invoke_workflow")
    assert of(run) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "debate",
        "disputatio.run_id": result.run_id,
        "disputatio.stop_reason": result.stop_reason,
        "disputatio.abstained": False,
        "disputatio.thoughts": 4,
        "disputatio.calls": 4,
        "disputatio.input_tokens": result.usage.prompt_tokens,
        "disputatio.output_tokens": result.usage.completion_tokens,
    }
    turns = [of(span) for span in seen.named("invoke_agent")]
    assert Counter((turn["gen_ai.agent.name"], turn["disputatio.round"]) for turn in turns) == {
        (f"debater {number}", round_): 1 for number in (1, 2) for round_ in (1, 2)
    }
    assert {turn["disputatio.role"] for turn in turns} == {"debater"}
    assert all(span.status.status_code is StatusCode.UNSET for span in seen.spans)


def test_what_a_call_says_of_itself() -> None:
    seen = Seen()
    with Server([Sent(stream=STREAM)]) as server:
        model = OpenAICompatible(name="vllm:" + server.url, base_url=server.url, model="small")
        asked = Request(
            messages=ASK.messages, max_tokens=9, temperature=0.5, seed=3, stop=("END",), schema={"type": "object"}
        )

        async def ask() -> Reply:
            return await call(model, asked, ledger=Ledger(), spender=WHO, on_text=lambda _: None, tracer=seen.tracer)

        asyncio.run(ask())
        port = server.server_address[1]
    [span] = seen.spans
    attributes = of(span)
    assert (span.name, span.kind) == ("chat small", SpanKind.CLIENT)
    assert 0 < attributes.pop("gen_ai.response.time_to_first_chunk") < 60
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "small",
        "server.address": "127.0.0.1",
        "server.port": port,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "json",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "disputatio.attempts": 1,
        "disputatio.calls": 1,
    }, "no cost: the price of a vLLM server is not known"


def test_spans_nest_under_fan_out() -> None:
    seen = Seen()
    models = {f"debater {number}": Yielding(f"m{number}") for number in range(1, 6)}
    result = dp.solve(
        QUESTION, strategy=debate(5, rounds=3), model=Yielding("default"), models=models, tracer=seen.tracer
    )
    calls = seen.named("chat")
    assert len(calls) == result.usage.calls == 15
    for span in calls:
        *_, turn, name = seen.path(span)
        assert turn.removeprefix("invoke_agent debater ") == name.removeprefix("chat m")
    first = seen.named("invoke_agent")[:5]
    assert max(span.start_time or 0 for span in first) < min(span.end_time or 0 for span in first), "they were at once"


def test_parts_of_a_composition_are_told_apart(scripted: ScriptedModel) -> None:
    seen = Seen()
    strategy = sequence(best_of(chain_of_thought(), n=2), debate(2, rounds=1))
    result = dp.solve(QUESTION, strategy=strategy, model=scripted, tracer=seen.tracer)
    scopes = Counter(of(span).get("disputatio.scope") for span in seen.named("invoke_agent solver"))
    assert scopes == {f"1. best_of/chain_of_thought {number}": 1 for number in (1, 2)}
    assert total(seen.named("chat"), "gen_ai.usage.input_tokens") == result.usage.prompt_tokens
    assert len(seen.named("invoke_workflow")) == 1


FAULTS = st.lists(
    st.one_of(
        st.sampled_from(["overloaded", "transport", "truncated", "timeout", "bad_reply", "rate_limited"]),
        st.tuples(st.just("truncated"), st.integers(0, 50), st.integers(0, 50)),
    ),
    max_size=4,
)


def error_of(fault: Any) -> ModelUnavailableError:
    if isinstance(fault, str):
        return ModelUnavailableError("no", fault=fault)  # type: ignore[arg-type]
    error = ModelUnavailableError("no", fault=fault[0])
    error.usage = Usage(calls=0, prompt_tokens=fault[1], completion_tokens=fault[2], estimated=True)
    return error


@settings(max_examples=40, deadline=None)
@given(FAULTS)
def test_spans_add_up_to_the_book_whatever_fails(faults: list[Any]) -> None:
    seen, ledger, heard = Seen(), Ledger(), []
    model = Faulty([error_of(fault) for fault in faults])

    async def ask() -> bool:
        try:
            await call(model, ASK, ledger=ledger, spender=WHO, on_text=str, on_retry=heard.append, tracer=seen.tracer)
        except ModelError:
            return False
        return True

    replied = synchronously(ask(), loop_factory=VirtualTimeLoop)
    [span] = seen.spans
    attributes = of(span)
    assert attributes["gen_ai.usage.input_tokens"] == ledger.total.prompt_tokens
    assert attributes["gen_ai.usage.output_tokens"] == ledger.total.completion_tokens
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == ledger.total.cached_tokens
    assert attributes["disputatio.calls"] == ledger.total.calls
    assert attributes.get("disputatio.estimated", False) == ledger.total.estimated
    names = [fault if isinstance(fault, str) else fault[0] for fault in faults]
    assert [event.name for event in span.events] == ["disputatio.retry"] * len(heard)
    assert [(event.attributes or {})["error.type"] for event in span.events] == names[: len(heard)]
    assert [(event.attributes or {})["disputatio.delay"] for event in span.events] == [one.seconds for one in heard]
    assert ("error.type" in attributes) == (not replied)
    assert (span.status.status_code is StatusCode.ERROR) == (not replied)


def test_a_failure_marks_the_call_the_turn_and_the_run() -> None:
    seen = Seen()
    model = Faulty([ModelError(f"no such key: {QUESTION}", fault="auth")])
    with pytest.raises(ModelError):
        dp.solve(QUESTION, strategy=chain_of_thought, model=model, tracer=seen.tracer)
    assert [of(span)["error.type"] for span in seen.spans] == ["auth"] * 3
    assert {span.status.status_code for span in seen.spans} == {StatusCode.ERROR}
    assert not any(span.events for span in seen.spans)
    assert "zanzibar" not in seen.text


def test_a_call_that_the_budget_refuses_is_marked_and_the_run_is_not() -> None:
    seen = Seen()
    result = dp.solve(
        QUESTION, strategy=debate(2, rounds=2), model=Yielding("m"), budget=Budget(calls=3), tracer=seen.tracer
    )
    assert result.stop_reason == "budget"
    assert Counter(of(span).get("error.type") for span in seen.named("chat")) == {None: 3, "budget": 1}
    assert not any("error.type" in of(span) for span in seen.spans if not span.name.startswith("chat"))
    assert of(seen.spans[0])["disputatio.stop_reason"] == "budget"


def test_a_call_that_is_cut_off_is_booked_as_estimated() -> None:
    seen, ledger = Seen(), Ledger(Budget(seconds=0.05))

    async def ask() -> None:
        async def forever(request: Request, on_text: Any = None) -> Reply:
            on_text("word " * 40)
            await asyncio.Event().wait()
            raise AssertionError

        model = Yielding("slow")
        model.complete = forever  # type: ignore[method-assign]
        await call(model, ASK, ledger=ledger, spender=WHO, on_text=lambda _: None, tracer=seen.tracer)

    with pytest.raises(BudgetExceededError):
        asyncio.run(ask())
    [span] = seen.spans
    assert of(span)["error.type"] == "deadline"
    assert of(span)["gen_ai.usage.output_tokens"] == ledger.total.completion_tokens == 50
    assert of(span)["disputatio.estimated"] is True


def test_a_replayed_run_tells_that_no_model_was_asked(scripted: ScriptedModel, tmp_path: Path) -> None:
    recorded = dp.solve(QUESTION, strategy=debate(2, rounds=1), model=scripted, journal=tmp_path / "run.jsonl")
    seen = Seen()
    replay = Journal(tmp_path / "run.jsonl", replay=True)
    result = dp.solve(QUESTION, strategy=debate(2, rounds=1), model=scripted, journal=replay, tracer=seen.tracer)
    calls = seen.named("chat")
    assert [of(span)["disputatio.attempts"] for span in calls] == [0, 0]
    assert total(calls, "gen_ai.usage.input_tokens") == recorded.usage.prompt_tokens == result.usage.prompt_tokens
    assert of(seen.spans[0])["disputatio.run_id"] == recorded.run_id


def test_the_tracer_of_a_recorded_run_sees_its_tools(tmp_path: Path) -> None:
    def reply(prompt: str) -> str:
        if "reply with json" in prompt.lower():
            return json.dumps({"use": {"tool": "calculator", "arguments": {"expression": "6 * 7"}}})
        return "Reason: so.\nVerdict: supported\nScore: 90"

    checks = sequence(chain_of_thought(), Verifier(tools=[calculator]))
    for replays in (False, True):
        seen = Seen(content=True)
        journal = Journal(tmp_path / "run.jsonl", replay=replays)
        dp.solve(QUESTION, strategy=checks, model=ScriptedModel(reply), journal=journal, tracer=seen.tracer)
        [used] = seen.named("execute_tool")
        assert of(used)["gen_ai.tool.call.result"] == "42"
