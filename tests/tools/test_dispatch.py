"""Dispatch: whatever a model asks for and whatever a tool does, there is one thought for each call."""

import asyncio
import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from disputatio.budget import Budget
from disputatio.context import Context, Spoken
from disputatio.errors import ToolError
from disputatio.ledger import Ledger
from disputatio.model import ToolCall
from disputatio.result import Result
from disputatio.thought import Thought
from disputatio.tools import ToolRuntime, calculator, dispatch, tool
from disputatio.tools.dispatch import MAX_CALLS

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000002800000001e0806000000")


@tool(access="pure")
def double(x: int) -> int:
    """Double it."""
    return 2 * x


async def test_a_call_becomes_a_thought_with_all_there_is_to_know(calls: Any) -> None:
    [one] = await calls([double], ("double", '{"x": "21"}', "abc"))
    assert (one.author, one.role, one.kind, one.text, one.round) == ("double", "tool", "observation", "42", 2)
    seconds = one.data.pop("seconds")
    assert 0 <= seconds < 1
    assert one.data == {
        "call": "abc",
        "arguments": {"x": 21},
        "failed": False,
        "error": None,
        "source": "tool:double",
        "trusted": True,
        "asked_by": "solver",
    }
    assert Thought.model_validate_json(one.model_dump_json()) == one


@pytest.mark.parametrize(
    ("name", "arguments", "fault", "message"),
    [
        ("doubel", "{}", "unknown_tool", "unknown tool 'doubel'; did you mean 'double'?"),
        ("", "{}", "unknown_tool", "unknown tool ''"),
        ("x" * 10**6, "{}", "unknown_tool", "unknown tool"),
        ("double", '{"x": 1', "bad_arguments", "cannot be read: "),
        ("double", '{"x": 1, "x": 2}', "bad_arguments", "'x' is there twice; write a JSON object that meets {"),
        ("double", '{"x": NaN}', "bad_arguments", "NaN is no JSON"),
        ("double", "[1]", "bad_arguments", "a JSON object is needed"),
        ("double", "", "bad_arguments", "double: x: Field required"),
        ("double", '{"x": "two"}', "bad_arguments", "double: x: Input should be a valid integer"),
        ("double", '{"y": 2}', "bad_arguments", "y: Extra inputs are not permitted"),
    ],
)
async def test_wrong_calls_are_answered_with_what_is_wrong(
    calls: Any, name: str, arguments: str, fault: str, message: str
) -> None:
    [one] = await calls([double], (name, arguments))
    assert one.text.startswith("error: ")
    assert message in one.text
    assert (one.data["failed"], one.data["error"]) == (True, fault)
    assert len(one.text) < 2000


async def test_calls_keep_their_order_and_get_ids_of_their_own(calls: Any) -> None:
    wanted = [("double", f'{{"x": {x}}}', id_) for x, id_ in ((1, "a"), (2, "a"), (3, ""), (4, ""), (1, "a"))]
    seen = await calls([double], *wanted)
    assert [one.text for one in seen] == ["2", "4", "6", "8", "2"]
    ids = [one.data["call"] for one in seen]
    assert len(set(ids[:4])) == 4
    assert ids[0] == ids[4] == "a"
    assert len({one.id for one in seen}) == 5


async def test_one_call_that_is_there_twice_is_made_once(calls: Any) -> None:
    made = []

    @tool
    def count(x: int) -> int:
        """Count."""
        made.append(x)
        return len(made)

    assert [one.text for one in await calls([count], *[("count", '{"x": 1}', "a")] * 3)] == ["1", "1", "1"]
    both = await calls([count], ("count", '{"x": 1}', "b"), ("count", '{"x": 1}', "c"))
    assert {one.text for one in both} == {"2", "3"}


async def test_calls_run_at_the_same_time(calls: Any) -> None:
    @tool
    def sleep(n: int) -> int:
        """Sleep."""
        time.sleep(0.1)
        return n

    @tool
    async def rest(n: int) -> int:
        """Rest."""
        await asyncio.sleep(0.1)
        return n

    started = time.perf_counter()
    seen = await calls([sleep, rest], *((("sleep", "rest")[n % 2], f'{{"n": {n}}}') for n in range(20)))
    assert time.perf_counter() - started < 0.8
    assert [one.text for one in seen] == [str(n) for n in range(20)]


async def test_no_more_run_at_once_than_a_tool_takes(calls: Any) -> None:
    running, most = 0, 0

    @tool(concurrency=3)
    async def busy(n: int) -> None:
        """Work."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    seen = await calls([busy], *(("busy", f'{{"n": {n}}}') for n in range(12)))
    assert (len(seen), most) == (12, 3)


async def test_a_reply_with_too_many_calls_gets_the_first_ones(calls: Any) -> None:
    seen = await calls([double], *(("double", f'{{"x": {x}}}') for x in range(MAX_CALLS + 5)))
    assert [one.data["error"] for one in seen] == [None] * MAX_CALLS + ["refused"] * 5


async def test_what_a_pure_tool_returned_is_kept_for_the_run(calls: Any, context: Context) -> None:
    made = []

    @tool(access="pure")
    def square(x: int, y: int = 2) -> int:
        """Square."""
        made.append(x)
        return int(x**y)

    for arguments in ('{"x": 3}', '{"x": 3, "y": 2}', '{"y": 2.0, "x": "3"}'):
        assert [one.text for one in await calls([square], ("square", arguments))] == ["9"]
    assert made == [3]
    context.kept.clear()
    await calls([square], ("square", '{"x": 3}'))
    assert made == [3, 3]


@pytest.mark.parametrize(("idempotent", "attempts"), [(True, 2), (False, 1)])
async def test_a_failure_is_retried_only_where_that_does_no_harm(calls: Any, idempotent: bool, attempts: int) -> None:
    made: list[list[int]] = []

    @tool(idempotent=idempotent)
    def flaky(numbers: list[int]) -> str:
        """Fail at first."""
        made.append(list(numbers))
        numbers.clear()
        if len(made) < 2:
            raise ConnectionError("gone")
        return "here"

    [one] = await calls([flaky], ("flaky", '{"numbers": [1, 2]}'))
    assert made == [[1, 2]] * attempts
    assert one.text == ("here" if idempotent else "error: flaky failed: ConnectionError: gone")
    assert one.data["arguments"] == {"numbers": [1, 2]}


async def test_a_refusal_of_the_tool_is_not_retried(calls: Any) -> None:
    made = []

    @tool(idempotent=True)
    def refuses() -> None:
        """Refuse."""
        made.append(1)
        raise ToolError("no")

    [one] = await calls([refuses], ("refuses", "{}"))
    assert (one.text, len(made)) == ("error: no", 1)


async def test_a_tool_that_hangs_is_left_and_holds_nothing_up(calls: Any) -> None:
    forever = threading.Event()

    @tool(timeout_s=0.05)
    def hangs() -> None:
        """Hang."""
        forever.wait()

    @tool(timeout_s=0.05)
    async def hangs_async() -> None:
        """Hang."""
        await asyncio.Event().wait()

    started = time.perf_counter()
    seen = await calls([hangs, hangs_async], ("hangs", "{}"), ("hangs_async", "{}"))
    assert time.perf_counter() - started < 1
    assert [one.text for one in seen] == [f"error: {name} took longer than 0.05 s" for name in ("hangs", "hangs_async")]
    assert [one.data["error"] for one in seen] == ["timeout"] * 2
    forever.set()


def test_the_end_of_the_loop_does_not_wait_for_a_tool_that_hangs(context: Context, runtime: ToolRuntime) -> None:
    forever = threading.Event()

    @tool(timeout_s=0.05)
    def hangs() -> None:
        """Hang."""
        forever.wait(20)

    started = time.perf_counter()
    asyncio.run(dispatch([ToolCall(id="a", name="hangs", arguments="{}")], [hangs], runtime))
    assert time.perf_counter() - started < 2
    forever.set()


async def test_the_end_of_the_run_cuts_tools_off(context: Context, runtime: ToolRuntime) -> None:
    @tool
    async def slow() -> None:
        """Wait."""
        await asyncio.sleep(20)

    call = ToolCall(id="a", name="slow", arguments="{}")
    context.ledger = Ledger(Budget(seconds=0.1))
    [cut] = await dispatch([call], [slow], runtime)
    [late] = await dispatch([call], [slow], runtime)
    assert cut.text == "error: slow was cut off: the run is ending"
    assert late.text == "error: no tool is called any more: the run is ending"
    assert cut.data["error"] == late.data["error"] == "stopped"

    context.ledger = Ledger()
    waiting = asyncio.create_task(dispatch([call], [slow], runtime))
    await asyncio.sleep(0.02)
    context.ledger.stop("cancelled")
    [stopped] = await asyncio.wait_for(waiting, 1)
    assert stopped.data["error"] == "stopped"


async def test_a_cancelled_run_cancels_its_tools(runtime: ToolRuntime) -> None:
    ended = asyncio.Event()

    @tool
    async def slow() -> None:
        """Wait."""
        try:
            await asyncio.sleep(20)
        finally:
            ended.set()

    waiting = asyncio.create_task(dispatch([ToolCall(id="a", name="slow", arguments="{}")], [slow], runtime))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(ended.wait(), 1)


async def test_a_tool_sees_the_run_that_calls_it(calls: Any, context: Context) -> None:
    heard: list[Any] = []
    context.on_event = heard.append
    context.ledger = Ledger(Budget(calls=5, seconds=60))
    context.say(Thought(author="critic", role="critic", kind="critique", text="Hm."))

    @tool
    def look(runtime: ToolRuntime, word: str = "so") -> str:
        """Look around."""
        runtime.emit("looking")
        left = runtime.budget
        assert left is not None
        return f"{word}: {runtime.question.text} {left.calls} {len(runtime.memory)} {runtime.author} {runtime.round}"

    [one] = await calls([look], ("look", "{}"))
    assert one.text == "so: Why? 5 1 solver 2"
    assert one.data["arguments"] == {"word": "so"}
    assert heard[-1] == Spoken("solver", "looking")
    with pytest.raises(ToolError, match="within a run"):
        await look.call({})
    with pytest.raises(ToolError, match="Extra inputs"):
        look.check({"runtime": {}})


async def test_a_run_with_any_of_this_can_be_written_down(calls: Any, context: Context) -> None:
    seen = await calls([double], ("double", '{"x": 1}'), ("double", '{"x": "\\ud83d\\ude00"}'), ("x", "\ud800"))
    context.say(*seen)
    kept = json.loads(json.dumps([one.model_dump(mode="json") for one in context.thoughts]))
    assert [Thought.model_validate(one) for one in kept] == seen
    assert Result.model_fields["thoughts"]


async def test_the_calculator_through_dispatch(calls: Any) -> None:
    cases = ["1/3 + 1/6", "2 **", "(" * 500]
    seen = await calls([calculator], *(("calculator", json.dumps({"expression": one})) for one in cases))
    assert [one.text.partition(":")[0] for one in seen] == ["1/2", "error", "error"]
    assert replace(calculator, name="sum").name == "sum"
