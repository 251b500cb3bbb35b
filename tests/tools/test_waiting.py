"""Runs that wait for a person, and calls of tools of which nobody knows what came."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.types import Command

import disputatio as dp
from disputatio.agents import Solver
from disputatio.graphs import sequence, vote
from disputatio.graphs.run import prepare
from disputatio.journal import Journal
from disputatio.model import ToolCall
from disputatio.models import ScriptedModel
from disputatio.permission import Approval, Permission
from disputatio.question import Question
from disputatio.run_branch import branch
from disputatio.run_store import RunStore
from disputatio.strategies import Strategy
from disputatio.tools import Tool, ToolRuntime, tool
from disputatio.tools.ask_user import ask_user
from disputatio.tools.calling import Calling

WAIT = Permission(approve="wait")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs.sqlite")


class Sender:
    """A tool that changes something, and can be cut off in the middle."""

    def __init__(self, *, idempotent: bool = False) -> None:
        self.sent: list[str] = []
        self.keys: list[str] = []
        self.cut_off = False

        @tool(access="write", idempotent=idempotent)
        async def send(letter: str, runtime: ToolRuntime) -> str:
            """Send a letter."""
            self.sent.append(letter)
            self.keys.append(runtime.call)
            if self.cut_off:
                raise asyncio.CancelledError
            return "sent"

        self.tool: Tool = send


def using(name: str, **arguments: Any) -> ScriptedModel:
    use = json.dumps({"use": {"tool": name, "arguments": arguments}})
    return ScriptedModel(lambda prompt: use if "Use: <" in prompt else "So.\nAnswer: x\nConfidence: 80")


def alone(*tools: Tool) -> Strategy[...]:
    return sequence(Solver("writer", tools=tools))


async def test_what_happens_beside_a_question_is_finished_and_kept(store: RunStore) -> None:
    sender, model = Sender(), using("send", letter="hello")
    strategy = vote(alone(sender.tool), *(sequence(Solver(f"solver {n}")) for n in range(3)))
    result = await dp.asolve("What?", strategy=strategy, model=model, runs=store, permission=WAIT)
    assert (result.stop_reason, result.answer.value, len(model.requests)) == ("waiting", None, 4)
    [question] = store.questions("last")
    assert question.asked["arguments"] == {"letter": "hello"}
    assert question.asked["question"] == "May writer call send? The run does not allow write."
    store.decide("last", question.key, "approve", "me")
    result = await dp.aresume("last", runs=store, strategy=strategy, models={"default": model}, permission=WAIT)
    assert (result.stop_reason != "waiting", sender.sent, len(model.requests)) == (True, ["hello"], 5)


async def test_a_no_is_final(store: RunStore) -> None:
    sender, model = Sender(), using("send", letter="hello")
    told: dict[str, Any] = {"strategy": alone(sender.tool), "permission": WAIT}
    await dp.asolve("What?", model=model, runs=store, **told)
    [question] = store.questions("last")
    store.decide("last", question.key, "deny")
    result = await dp.aresume("last", runs=store, models={"default": model}, **told)
    assert ("nobody approved it" in result.thoughts[0].text, sender.sent) == (True, [])
    assert store.decide("last", question.key, "approve").decision == "deny"
    await dp.aresume("last", runs=store, models={"default": model}, **told)
    assert sender.sent == []


async def killed_within_the_tool(sender: Sender, model: ScriptedModel, **kept: Any) -> None:
    """A run that ended while the tool was at work: the task is cancelled, as at the end of a process."""

    async def life() -> None:
        await dp.asolve("What?", strategy=alone(sender.tool), model=model, permission=ALLOW, **kept)

    started = asyncio.create_task(life())

    async def slow(letter: str, runtime: ToolRuntime) -> str:
        sender.sent.append(letter)
        sender.keys.append(runtime.call)
        started.cancel()
        await asyncio.sleep(10)
        return "sent"

    function = sender.tool.function
    object.__setattr__(sender.tool, "function", slow)
    with pytest.raises(asyncio.CancelledError):
        await started
    object.__setattr__(sender.tool, "function", function)


ALLOW = Permission(allowed={"pure", "read", "write"})


@pytest.mark.parametrize(
    ("decision", "sent", "seen"),
    [("approve", 2, "sent"), ("deny", 1, "it may have been done"), ("It arrived.", 1, "It arrived.")],
)
async def test_a_call_of_which_nobody_knows_what_came_is_not_made_again_by_itself(
    store: RunStore, decision: str, sent: int, seen: str
) -> None:
    sender, model = Sender(), using("send", letter="hello")
    await killed_within_the_tool(sender, model, runs=store)
    told: dict[str, Any] = {"strategy": alone(sender.tool), "models": {"default": model}, "permission": ALLOW}
    assert store.get("last").standing == "interrupted"
    assert (await dp.aresume("last", runs=store, **told)).stop_reason == "waiting"
    [question] = store.questions("last")
    assert "what came of it is not known" in question.asked["question"]
    assert len(sender.sent) == 1
    store.decide("last", question.key, decision)
    result = await dp.aresume("last", runs=store, **told)
    assert (len(sender.sent), seen in result.thoughts[0].text) == (sent, True)
    await dp.aresume("last", runs=store, **told)
    assert len(sender.sent) == sent


async def test_a_call_that_may_be_repeated_is_and_has_the_same_key(store: RunStore) -> None:
    sender, model = Sender(idempotent=True), using("send", letter="hello")
    await killed_within_the_tool(sender, model, runs=store)
    told: dict[str, Any] = {"strategy": alone(sender.tool), "models": {"default": model}, "permission": ALLOW}
    result = await dp.aresume("last", runs=store, **told)
    assert (result.stop_reason, sender.sent) == ("finished", ["hello", "hello"])
    assert sender.keys[0] == sender.keys[1] != ""


async def test_a_journal_of_its_own_does_not_repeat_it_either(tmp_path: Path) -> None:
    sender, model = Sender(), using("send", letter="hello")
    path = tmp_path / "run.jsonl"
    await killed_within_the_tool(sender, model, journal=path)
    result = await dp.asolve("What?", strategy=alone(sender.tool), model=model, permission=ALLOW, journal=path)
    assert (sender.sent, "it may have been done" in result.thoughts[0].text) == (["hello"], True)
    asked_of: list[Approval] = []
    path = tmp_path / "other.jsonl"
    await killed_within_the_tool(sender, model, journal=path)
    yes = Permission(allowed=ALLOW.allowed, approve=lambda approval: not asked_of.append(approval))
    await dp.asolve("What?", strategy=alone(sender.tool), model=model, permission=yes, journal=path)
    assert (len(sender.sent), "not known" in asked_of[0].reason) == (3, True)


async def test_a_branch_asks_before_it_does_again_what_the_other_run_did(store: RunStore) -> None:
    sender, model = Sender(), using("send", letter="hello")
    told: dict[str, Any] = {"strategy": alone(sender.tool), "permission": ALLOW}
    await dp.asolve("What?", model=model, runs=store, **told)
    made = branch(store, "last", after=1)
    result = await dp.aresume(made, runs=store, models={"default": model}, **told)
    assert (result.stop_reason, sender.sent) == ("waiting", ["hello"])
    whole = branch(store, store.get(made).origin)
    assert (await dp.aresume(whole, runs=store, models={"default": model}, **told)).stop_reason == "finished"
    assert sender.sent == ["hello"]


async def test_equal_calls_at_once_are_decided_one_by_one(store: RunStore) -> None:
    sender = Sender()
    calls = [ToolCall(id=f"c{n}", name="send", arguments='{"letter": "hello"}') for n in range(3)]

    async def life() -> list[str]:
        journal = Journal(store.resume("last") if store.records() else store.new())
        context = prepare(model=ScriptedModel(str), permission=Permission(approve="wait"), journal=journal)
        question = Question(text="q")
        settings: dict[str, Any] = {"temperature": None, "seed": None, "models": {}}
        said: list[str] = []
        with journal.of(question, "s", settings, context):
            for call in calls:
                runtime = ToolRuntime(question=question, author="a", context=context)
                made = Calling(call, {"send": sender.tool}, runtime)
                try:
                    said.append((await made.make()).text)
                except (GraphInterrupt, RuntimeError):  # outside of a graph there is nothing to interrupt
                    said.append("waits")
        return said

    assert await life() == ["waits"] * 3
    keys = [question.key for question in store.questions("last")]
    assert len(set(keys)) == 3
    store.decide("last", keys[1], "approve")
    for _ in range(3):
        assert sorted(await life()) == ["sent", "waits", "waits"]
    assert sender.sent == ["hello"]


async def test_a_tool_asks_in_words_and_is_answered_later(store: RunStore) -> None:
    model = using("ask_user", question="Which colour?")
    told: dict[str, Any] = {"strategy": alone(ask_user)}
    stopped = await dp.asolve("What?", model=model, runs=store, permission=WAIT, **told)
    [question] = store.questions("last")
    assert stopped.stop_reason == "waiting"
    assert (question.asked["question"], question.asked["free"]) == ("writer asks: Which colour?", True)
    store.decide("last", question.key, "Green, of course.")
    result = await dp.aresume("last", runs=store, models={"default": model}, permission=WAIT, **told)
    assert result.thoughts[0].text == "Green, of course."
    refused = await dp.asolve("What?", model=model, runs=store, **told)
    assert "nobody is there to be asked" in refused.thoughts[0].text
    assert not store.questions(refused.run_id)


async def test_somebody_at_hand_is_asked_at_once_and_only_once(store: RunStore) -> None:
    said: list[str] = []

    def now(question: str) -> str:
        said.append(question)
        return "Blue."

    model = using("ask_user", question="Which colour?")
    for kept in ({"runs": store}, {}):
        result = await dp.asolve(
            "What?", model=model, strategy=alone(ask_user), permission=Permission(reply=now), **kept
        )
        assert result.thoughts[0].text == "Blue."
    assert said == ["writer asks: Which colour?"] * 2
    assert [question.decision for question in store.questions()] == ["Blue."]


async def test_within_an_application_it_is_an_interrupt_of_langgraph() -> None:
    sender, model = Sender(), using("send", letter="hello")
    graph = alone(sender.tool).compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    stopped = await graph.ainvoke({"question": "What?"}, config, context=prepare(model=model, permission=WAIT))
    [interrupt] = stopped["__interrupt__"]
    assert (interrupt.value["tool"], sender.sent) == ("send", [])
    await graph.ainvoke(Command(resume=True), config, context=prepare(model=model, permission=WAIT))
    assert sender.sent == ["hello"]


def test_waiting_needs_a_store() -> None:
    with pytest.raises(dp.ConfigurationError, match="is kept in a store"):
        dp.solve("What?", model=using("send"), permission=WAIT)
