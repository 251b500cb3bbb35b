"""Tools on every backend: by calls of the model's own, by calls that it writes, and by a form."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from disputatio.agents import Agent, Form, Solver
from disputatio.agents.written_calls import written_calls
from disputatio.budget import Budget, Usage
from disputatio.context import Context
from disputatio.errors import ModelError, ToolError
from disputatio.graphs import chain_of_thought
from disputatio.graphs.run import prepare, run
from disputatio.journal import Journal
from disputatio.ledger import Ledger
from disputatio.model import Profile, Reply, Request, ToolCall
from disputatio.models import ScriptedModel
from disputatio.models.load import load_model
from disputatio.question import Question
from disputatio.result import Result
from disputatio.tools import Tool, calculator, tool
from tests.servers import Asked, Sent, Server, completion

ASKED = Question(text="How much is it?", answer_type="number")
DONE: list[str] = []


@tool(access="pure")
async def price(thing: str, count: int = 1) -> int:
    """Price of things.

    Args:
        thing: What.
        count: How many.
    """
    DONE.append(thing)
    if thing not in ("tea", "cake"):
        raise ToolError(f"nobody sells {thing}")
    return {"tea": 3, "cake": 5}[thing] * count


def call(name: str, id: str = "c1", **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name=name, arguments=json.dumps(arguments))


Said = str | Sequence[ToolCall]


@dataclass
class Native:
    """A model with calls of its own: says what is given, in turn."""

    replies: Sequence[Said]
    name: str = "native"
    profile: Profile = field(default_factory=Profile)
    requests: list[Request] = field(default_factory=list)

    async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
        said = self.replies[len(self.requests)]
        self.requests.append(request)
        usage = Usage(calls=1, prompt_tokens=10 * len(self.requests), completion_tokens=1)
        if isinstance(said, str):
            return Reply(text=said, usage=usage)
        return Reply(text="", usage=usage, tool_calls=tuple(said), finish_reason="tool_calls")


async def asked(model: Any, *tools: Tool, agent: Agent | None = None, **more: Any) -> Result:
    DONE.clear()
    solver = agent or Solver(tools=list(tools) or [price, calculator])
    return await run(ASKED, chain_of_thought(solver=solver), prepare(model=model, **more))


def seen(result: Result) -> list[str]:
    return [one.text for one in result.thoughts if one.role == "tool"]


async def test_calls_are_offered_carried_out_together_and_answered_until_the_model_speaks() -> None:
    both = [call("price", "c1", thing="tea"), call("price", "c2", thing="cake", count=2)]
    model = Native([both, [call("calculator", "c3", expression="3 + 10")], "So.\nAnswer: 13"])
    result = await asked(model)
    assert (result.answer.value, result.usage.calls, seen(result)) == ("13", 3, ["3", "10", "13"])
    assert [one.name for one in model.requests[0].tools] == ["price", "calculator"]
    assert model.requests[0].tools[0].parameters == price.schema
    assert {one.tool_choice for one in model.requests} == {"auto"}
    first, second, third = (one.messages for one in model.requests)
    assert "Answer: <" in first[-1]["content"]
    assert "First you may use" not in first[-1]["content"]
    assert [*third[: len(second)]] == [*second], "a prompt only grows, so a server finds it in its cache"
    assert [*second[: len(first)]] == [*first]
    assert [(one["role"], one["content"]) for one in third[2:]] == [
        ("assistant", ""), ("tool", "3"), ("tool", "10"), ("assistant", ""), ("tool", "13"),
    ]  # fmt: skip
    assert [one.get("tool_call_id") for one in third[3:5]] == ["c1", "c2"]
    [thought] = [one for one in result.thoughts if one.role == "solver"]
    assert [link.target for link in result.links if link.source == thought.id] == [
        one.id for one in result.thoughts if one.role == "tool"
    ]
    assert sum((one.usage for one in result.thoughts), Usage()) == result.usage.model_copy(update={"unpriced": 0})


async def test_a_model_that_needs_no_tool_is_asked_once() -> None:
    model = Native(["Answer: 4"])
    result = await asked(model)
    assert (result.answer.value, result.usage.calls, seen(result)) == ("4", 1, [])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (call("prize", thing="tea"), "unknown tool 'prize'; did you mean 'price'"),
        (call("price", thin="tea"), "thing: Field required"),
        (ToolCall(id="c1", name="price", arguments='{"thing": "te'), "cannot be read"),
        (ToolCall(id="c1", name="price", arguments='{"thing": "tea", "thing": "cake"}'), "the key 'thing' is there"),
        (ToolCall(id="c1", name="price\n\u202e", arguments=""), "unknown tool 'price"),
        (call("price", thing="soup"), "nobody sells soup"),
    ],
)
async def test_a_wrong_call_is_answered_with_what_is_wrong_about_it(wrong: ToolCall, told: str) -> None:
    model = Native([[wrong], [call("price", thing="tea")], "Answer: 3"])
    result = await asked(model)
    first, right = seen(result)
    assert first.startswith("error: ")
    assert told in first
    assert (right, result.answer.value, result.usage.calls) == ("3", "3", 3)
    assistant, answer = model.requests[1].messages[-2:]
    assert answer["content"] == first
    [sent] = assistant["tool_calls"]
    assert json.loads(sent.arguments) is not None, "servers parse what they are sent back"
    assert sent.name.replace("_", "").isalnum()


async def test_steps_are_what_is_declared_and_then_the_agent_has_to_speak() -> None:
    for steps in (1, 3, 5):
        model = Native([*[[call("price", thing="tea")]] * steps, "Answer: 3", "never"])
        agent = replace(Solver(tools=[price]), tool_steps=steps)
        result = await asked(model, agent=agent)
        assert (result.answer.value, result.usage.calls) == ("3", steps + 1)
        assert chain_of_thought(solver=agent).calls == agent.turns == steps + 1
        assert model.requests[-1].tools == ()
        assert '[price(thing="tea", count=1)] 3' in model.requests[-1].messages[-1]["content"]


async def test_calls_of_one_reply_may_share_an_id_or_have_none_and_the_same_one_is_made_once() -> None:
    twice = call("price", "c1", thing="tea")
    calls = [twice, twice, call("price", "c1", thing="cake"), call("price", "", thing="soup")]
    model = Native([calls, "Answer: 3"])
    result = await asked(model)
    assert DONE == ["tea", "cake", "soup"]
    assert seen(result) == ["3", "3", "5", "error: nobody sells soup"]
    *_, assistant, one, two, three = model.requests[1].messages
    ids = [made.id for made in assistant["tool_calls"]]
    assert (ids[0], len(set(ids))) == ("c1", 3)
    assert [answer["tool_call_id"] for answer in (one, two, three)] == ids


@pytest.mark.parametrize(
    "written",
    [
        '<tool_call>\n{"name": "price", "arguments": {"thing": "tea"}}\n</tool_call>',
        'I look.\n```json\n{"name": "price", "parameters": {"thing": "tea"}}\n```',
        '[TOOL_CALLS] [{"name": "price", "arguments": "{\\"thing\\": \\"tea\\"}"}]',
        '{"type": "function", "function": {"name": "price", "arguments": {"thing": "tea"}}}',
    ],
)
async def test_a_call_that_is_written_is_read(written: str) -> None:
    model = Native([written, "Answer: 3"])
    result = await asked(model)
    assert (seen(result), DONE, result.answer.value) == (["3"], ["tea"], "3")
    said, told = model.requests[1].messages[-2:]
    assert (said["content"], told["role"]) == (written, "user")
    assert told["content"].startswith("[price] 3")


def test_written_calls_are_those_of_tools_and_nothing_is_mended() -> None:
    offered = {"price"}
    two = (
        '{"name": "price", "arguments": {"a": {"name": "price", "arguments": {}}}} and {"name":"price","arguments":{}}'
    )
    assert [one.arguments for one in written_calls(two, offered)] == [
        '{"a": {"name": "price", "arguments": {}}}', "{}"
    ]  # fmt: skip
    for other in ('{"name": "cost", "arguments": {}}', '{"name": "price"}', '{"name": ["price"], "arguments": {}}',
                  "{" * 5000, '{"name": "price", "arguments": {', "", '{"name": "price", "arguments": 5}'):  # fmt: skip
        assert written_calls(other, offered) == ()
    doubled = '{"name": "price", "arguments": {"thing": "tea", "thing": "cake"}}'
    assert written_calls(doubled, offered) == (ToolCall(id="", name="price", arguments=doubled),)


class Taste(Form):
    colour: str = Field(description="a colour")


async def test_a_form_that_is_no_prose_is_read_from_the_reply_or_held_to_its_schema() -> None:
    agent = Agent(name="a", role="solver", instruction="Choose.", form=Taste, prose=False, tools=(price,))
    for replies, calls in ((["Colour: green"], 1), (["Green!", '{"colour": "green"}'], 2)):
        model = Native(replies)
        context = Context(models={"default": model})
        result = await run(ASKED, chain_of_thought(solver=agent), context)
        assert (result.thoughts[0].data, result.usage.calls) == ({"colour": "green"}, calls)
        assert model.requests[0].schema is None
        assert (model.requests[-1].schema is not None, bool(model.requests[-1].tools)) == ((calls == 2), (calls == 1))


async def test_a_budget_that_is_used_up_ends_it_and_the_tools_count_in_the_prompt() -> None:
    model = Native([[call("price", thing="tea")], "Answer: 3"])
    ledger = Ledger(Budget(calls=1))
    result = await run(ASKED, chain_of_thought(solver=Solver(tools=[price])), Context({"default": model}, ledger))
    assert (seen(result), result.usage.calls, result.stop_reason) == (["3"], 1, "budget")
    bare = Request(messages=[], max_tokens=1)
    with_tools = replace(bare, tools=(price.spec,))
    assert sum(map(len, with_tools.texts)) > len(json.dumps(price.schema))
    assert bare.texts == []


async def test_a_prompt_with_tools_that_does_not_fit_is_asked_without_them() -> None:
    class Narrow(Native):
        async def complete(self, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
            if request.tools and self.requests:
                raise ModelError("too long", fault="context_too_long")
            return await super().complete(request, on_text)

    result = await asked(Narrow([[call("price", thing="tea")], "Answer: 3"]))
    assert (seen(result), result.answer.value) == (["3"], "3")


async def test_a_model_that_cannot_chooses_by_a_form_and_may_choose_again() -> None:
    uses = iter(
        [
            {"tool": "prize", "arguments": {"thing": "tea"}},
            {"tool": "price", "arguments": {"count": 2}},
            {"tool": "price", "arguments": {"thing": "tea"}},
        ]
    )
    model = ScriptedModel(lambda p: json.dumps({"use": next(uses)}) if "Use: <" in p else "Answer: 3")
    result = await asked(model)
    assert [text[:30] for text in seen(result)] == [
        "error: unknown tool 'prize'; d",
        "error: price: thing: Field req",
        "3",
    ]
    assert result.usage.calls == 4 == Solver(tools=[price]).turns
    assert "That gave:\nerror: unknown tool 'prize'" in model.prompts[1]
    assert "thing: Field required" in model.prompts[2]
    assert "thing: Field required" not in model.prompts[1]


async def test_a_choice_that_is_wrong_in_the_same_way_again_is_not_asked_for_a_third_time() -> None:
    use = json.dumps({"use": {"tool": "prize", "arguments": {}}})
    result = await asked(ScriptedModel(lambda prompt: use if "Use: <" in prompt else "Answer: 3"))
    assert (len(seen(result)), result.usage.calls) == (1, 3)


def tool_reply(*calls: ToolCall) -> Sent:
    body = completion(None)
    listed = [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}} for one in calls
    ]
    body["choices"][0] |= {"message": {"role": "assistant", "tool_calls": listed}, "finish_reason": "tool_calls"}
    return Sent(body)


async def test_over_the_wire_and_replayed_from_the_journal(tmp_path: Path) -> None:
    def plan(asked: Asked) -> Sent:
        answered = [one["content"] for one in asked.body["messages"] if one["role"] == "tool"]
        if not answered:
            return tool_reply(call("price", "a", thing="tea"), call("price", "b", thin="cake"))
        return tool_reply(call("price", "a", thing="cake")) if len(answered) == 2 else Sent(completion("Answer: 8"))

    path = tmp_path / "run.jsonl"
    with Server(plan) as server:
        result = await asked(f"openai-compatible:{server.url}#small", journal=Journal(path))
    assert (result.answer.value, result.usage.calls, DONE) == ("8", 3, ["tea", "cake"])
    assert server.asked[0].body["tools"][0]["function"]["name"] == "price"
    assert server.asked[0].body["tool_choice"] == "auto"
    sent = server.asked[2].body["messages"]
    assert [one["role"] for one in sent[2:]] == ["assistant", "tool", "tool", "assistant", "tool"]
    assert sent[2]["tool_calls"][1] == {
        "id": "b", "type": "function", "function": {"name": "price", "arguments": '{"thin": "cake"}'},
    }  # fmt: skip
    written = path.read_bytes()
    DONE.clear()
    strategy = chain_of_thought(solver=Solver(tools=[price, calculator]))
    replayed = await run(ASKED, strategy, prepare(journal=Journal(path, replay=True)))
    assert replayed.model_dump_json() == result.model_dump_json()
    assert (DONE, path.read_bytes()) == ([], written)


@pytest.mark.parametrize(
    "message",
    [
        "gemma:2b does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "tools param requires --jinja flag",
        "Unrecognized request argument supplied: tools",
    ],
)
async def test_a_server_that_takes_no_tools_is_learned_and_asked_by_a_form(message: str) -> None:
    def plan(asked: Asked) -> Sent:
        if asked.body.get("tools"):
            return Sent({"error": {"message": message}}, status=400)
        use = '{"use": {"tool": "price", "arguments": {"thing": "tea"}}}'
        return Sent(completion(use if "response_format" in asked.body else "Answer: 3"))

    with Server(plan) as server:
        model = load_model(f"openai-compatible:{server.url}#small")
        for _ in range(2):
            result = await asked(model)
            assert (result.answer.value, result.usage.calls, seen(result)) == ("3", 2, ["3"])
    assert ["tools" in one.body for one in server.asked] == [True, False, False, False, False]
    assert "tools" not in model.profile.features


async def test_a_stand_in_goes_on_with_what_was_found() -> None:
    def first(asked: Asked) -> Sent:
        if any("3" in one["content"] for one in asked.body["messages"]):
            return Sent({"error": {"message": "no credit", "code": "insufficient_quota"}}, status=429)
        return tool_reply(call("price", thing="tea"))

    def second(asked: Asked) -> Sent:
        if asked.body.get("tools"):
            return Sent({"error": {"message": "tools: not supported"}}, status=400)
        return Sent(completion("Answer: 3" if '[price(thing="tea", count=1)] 3' in asked.prompt else "Answer: 0"))

    with Server(first) as one, Server(second) as other:
        result = await asked(f"openai-compatible:{one.url}#small | openai-compatible:{other.url}#small")
    assert (result.answer.value, seen(result)) == ("3", ["3"])
