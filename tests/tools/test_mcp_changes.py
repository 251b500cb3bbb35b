"""Servers whose tools change while they are used, in both eras of the protocol."""

import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from disputatio.agents import Solver
from disputatio.budget import Usage
from disputatio.context import Context
from disputatio.errors import ConfigurationError, ModelError
from disputatio.graphs import chain_of_thought, constraint_first, react, rewoo
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.model import Profile, Reply, Request, ToolCall
from disputatio.models import ScriptedModel
from disputatio.permission import Approval, Permission
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools import McpServer, Toolbox, ToolRuntime, dispatch, tool

pytest.importorskip("mcp", reason="needs the extra mcp: pip install 'disputatio[mcp]'")
CHANGING = Path(__file__).with_name("mcp_changing.py")


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[McpServer]:
    era = getattr(request, "param", "old")
    made = McpServer(name="s", command=[sys.executable, str(CHANGING), era], access="read", trusted=True)
    yield made
    await made.close()


async def called(box: Toolbox, context: Context, name: str, **arguments: Any) -> Thought:
    runtime = ToolRuntime(question=Question(text="?"), author="a", context=context)
    [one] = await dispatch([ToolCall(id="", name=name, arguments=json.dumps(arguments))], box.by_name, runtime)
    return one


async def test_a_toolbox_follows_its_server_and_changed_tools_need_a_yes(server: McpServer) -> None:
    box, asked = Toolbox(), []

    def approve(approval: Approval) -> bool:
        asked.append((approval.tool, approval.reason))
        return len(asked) > 1

    box.add(server, prefix="p")
    assert sorted(box.by_name) == ["p__s__change", "p__s__gone", "p__s__other", "p__s__same"]
    before = dict(box.by_name)
    context = Context(permission=Permission(approve=approve))
    assert (await called(box, context, "p__s__other")).text == "2"
    heard = server.changes
    await called(box, context, "p__s__change")
    assert (server.changes, sorted(box.by_name)) == (heard + 1, sorted(before))

    # Who still holds the tools as they were gets one line for what is gone or other.
    gone = await called(box, context, "p__s__gone")
    assert (gone.text, gone.data["error"]) == ("error: the server s no longer has its tool gone", "unknown_tool")
    other = await called(box, context, "p__s__other")
    assert other.text == "error: the server changed its tool other after it was offered"
    assert (await called(box, context, "p__s__same")).text == "2"
    assert asked == []


async def test_a_refreshed_toolbox_has_the_new_tools(server: McpServer) -> None:
    asked: list[str] = []

    def approve(approval: Approval) -> bool:
        asked.append(approval.reason)
        return len(asked) > 1

    @tool(access="pure")
    def s__fresh(x: int) -> int:
        """The program's own."""
        return x

    box, crowded = Toolbox(), Toolbox(s__fresh)
    box.add(server)
    crowded.add(server)
    context = Context(permission=Permission(approve=approve))
    await called(box, context, "s__change")
    await crowded.refresh()
    assert crowded["s__fresh"] is s__fresh, "a server does not take a name that another source has"
    assert "s__gone" not in crowded
    await box.refresh()
    assert "s__fresh" in box
    assert (box["s__other"].changed, box["s__other"].trusted) == (True, False)
    assert (box["s__same"].changed, box["s__same"].trusted) == (False, True)
    refused = await called(box, context, "s__other", x=4)
    assert (refused.data["error"], asked) == ("refused", ["its server changed it after its tools were taken"])
    assert (await called(box, context, "s__other", x=4)).text == "8"
    assert (await called(box, context, "s__other", x=5)).data["approved"]
    assert len(asked) == 3, "each call is approved by itself"
    assert (await called(box, context, "s__fresh", x=5)).text == "10"


async def test_a_tool_that_changes_while_a_person_decides_is_not_called(server: McpServer) -> None:
    box = Toolbox(server)

    async def approve(approval: Approval) -> bool:
        await called(box, Context(), "s__change")
        return True

    everything: Any = ("pure", "network", "write")
    context = Context(permission=Permission(allowed=everything, approve=approve))
    one = await called(box, context, "s__other")
    assert (one.data["error"], one.data["approved"]) == ("refused", True)
    assert "changed its tool other" in one.text


@pytest.mark.parametrize("server", ["old", "new"], indirect=True)
async def test_an_agent_is_offered_what_there_is_now(server: McpServer) -> None:
    class Native:
        name, profile = "native", Profile()

        def __init__(self) -> None:
            self.offered: list[list[str]] = []

        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            self.offered.append([one.name for one in request.tools])
            names = iter([("s__change", {}), ("s__fresh", {"x": 21})][len(self.offered) - 1 : len(self.offered)])
            calls = [ToolCall(id="c", name=name, arguments=json.dumps(given)) for name, given in names]
            text = "" if calls else "Answer: 42"
            return Reply(text=text, tool_calls=tuple(calls), usage=Usage(calls=1, prompt_tokens=1))

    model = Native()
    solver = Solver(tools=Toolbox(server))
    context = Context(models={"default": model})
    result = await run(Question(text="?"), chain_of_thought(solver=solver), context)
    assert [one.text for one in result.thoughts if one.role == "tool"] == ["2", "42"]
    assert [sorted(names) for names in model.offered] == [
        ["s__change", "s__gone", "s__other", "s__same"],
        *[["s__change", "s__fresh", "s__other", "s__same"]] * 2,
    ]


ACTIONS = ("Action: s__change[]", "Action: s__fresh[21]", "Answer: 42")


def acts(*replies: str) -> ScriptedModel:
    said = iter(replies)
    return ScriptedModel(lambda prompt: next(said))


def offered(prompt: str) -> list[str]:
    return sorted(re.findall(r"^- (s__\w+)\(", prompt, re.MULTILINE))


BEFORE, AFTER = ["s__change", "s__gone", "s__other", "s__same"], ["s__change", "s__fresh", "s__other", "s__same"]


async def test_react_is_shown_and_can_call_what_there_is_now(server: McpServer) -> None:
    model = acts(*ACTIONS)
    result = await run(Question(text="?"), react(tools=Toolbox(server)), prepare(model=model))
    assert [one.text for one in result.thoughts if one.role == "tool"] == ["2", "42"]
    assert [offered(prompt) for prompt in model.prompts] == [BEFORE, AFTER, AFTER]
    assert result.answer.text == "42"


async def test_a_step_of_rewoo_can_call_a_tool_that_came_after_the_plan(server: McpServer) -> None:
    model = acts(
        "Plan: a.\n#E1 = s__change[]\nPlan: b.\n#E2 = s__fresh[#E1]\nPlan: c.\n#E3 = s__gone[#E1]", "Answer: 4"
    )
    result = await run(Question(text="?"), rewoo(tools=Toolbox(server)), prepare(model=model))
    observed = [(one.author, one.text[:21]) for one in result.thoughts if one.role == "tool"]
    assert sorted(observed) == [("s__change", "2"), ("s__fresh", "4"), ("s__gone", "error: unknown tool '")]
    assert offered(model.prompts[0]) == BEFORE


async def test_a_turn_of_constraint_first_is_shown_and_can_call_what_there_is_now(
    server: McpServer, tmp_path: Path
) -> None:
    pytest.importorskip("z3", reason="needs the extra logic")
    formal = "Variables:\n1. x: int\nObjective: x"
    turns = ("Add: none\nAction: s__change[]", "Add: none\nAction: s__fresh[21]", "Add: x == 42")
    model, path, question = acts(formal, *turns), tmp_path / "run.jsonl", Question(text="?", answer_type="number")
    strategy = constraint_first(tools=Toolbox(server))
    result = await run(question, strategy, prepare(model=model, journal=Journal(path)))
    observed = [one.text for one in result.thoughts if one.role == "tool" and one.author.startswith("s__")]
    assert observed == ["2", "42"]
    assert [offered(prompt) for prompt in model.prompts] == [[], BEFORE, AFTER, AFTER]
    assert result.answer.value == "42"
    replayed = await run(question, strategy, prepare(journal=Journal(path, replay=True)))
    assert replayed.thoughts == result.thoughts


async def test_the_lists_are_in_the_record_and_another_server_does_not_change_them(
    server: McpServer, tmp_path: Path
) -> None:
    path, question = tmp_path / "run.jsonl", Question(text="?")
    context = prepare(model=acts(*ACTIONS), journal=Journal(path))
    result = await run(question, react(tools=Toolbox(server)), context)
    anew = McpServer(name="s", command=server.command, access="read", trusted=True)
    box = Toolbox(anew)
    replayed = await run(question, react(tools=box), prepare(journal=Journal(path, replay=True)))
    assert replayed.thoughts == result.thoughts
    assert sorted(box.by_name) == BEFORE, "nothing was called, so this one has not changed"


async def test_a_run_that_goes_on_repeats_what_was_offered_and_then_sees_what_there_is(
    server: McpServer, tmp_path: Path
) -> None:
    path, question = tmp_path / "run.jsonl", Question(text="?")

    def breaks(prompt: str) -> str:
        step = prompt.count("Observation:") - 1  # one is in the example
        if step == 2:
            raise ModelError("gone")
        return ACTIONS[step]

    first = ScriptedModel(breaks)
    with pytest.raises(ModelError):
        await run(question, react(tools=Toolbox(server)), prepare(model=first, journal=Journal(path)))
    assert len(first.prompts) == 3
    await server.close()  # and with it the process, which forgets
    second = acts("Action: s__fresh[1]", "Answer: 42")
    context = prepare(model=second, journal=Journal(path))
    result = await run(question, react(tools=Toolbox(server)), context)
    assert result.answer.text == "42"
    assert [offered(prompt) for prompt in second.prompts] == [AFTER, BEFORE]
    observed = [one.text[:30] for one in result.thoughts if one.role == "tool"]
    assert observed[:2] == ["2", "42"]
    assert observed[2].startswith("error: unknown tool 's__fresh'")


async def test_a_server_that_cannot_be_asked_keeps_what_it_had(
    server: McpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Toolbox(server)
    await called(box, Context(), "s__change")

    async def dead(self: McpServer) -> list[Any]:
        raise ConfigurationError("gone")

    monkeypatch.setattr(McpServer, "list_tools", dead)
    await box.refresh()
    assert "s__gone" in box
