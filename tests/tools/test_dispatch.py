"""Dispatch: whatever a model asks for and whatever a tool does, there is one thought for each call."""

import asyncio
import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from disputatio.budget import Budget, Ledger
from disputatio.context import Context, Spoken
from disputatio.errors import ToolError
from disputatio.model import ToolCall
from disputatio.permission import Approval, Permission
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
    assert [one.text for one in await calls([count], ("count", '{"x": 1}', "b"), ("count", '{"x": 1}', "c"))] == [
        "2",
        "3",
    ]


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


HOSTILE: dict[str, Any] = {
    "KeyError": KeyError("x"),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "CancelledError": asyncio.CancelledError(),
    "StopIteration": StopIteration(),
    "GeneratorExit": GeneratorExit(),
    "RecursionError": RecursionError("deep"),
    "MemoryError": MemoryError(),
    "ExceptionGroup": ExceptionGroup("many", [ValueError("a")]),
    "TimeoutError": TimeoutError("its own"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_nothing_that_a_tool_raises_ends_the_run(calls: Any, name: str) -> None:
    @tool
    def fails() -> None:
        """Fail."""
        raise HOSTILE[name]

    @tool
    async def fails_async() -> None:
        """Fail."""
        raise HOSTILE[name]

    seen = await calls([fails, fails_async, double], ("fails", "{}"), ("fails_async", "{}"), ("double", '{"x": 1}'))
    assert [one.data["error"] for one in seen] == ["failed", "failed", None]
    assert all(len(one.text) < 300 and "\n" not in one.text for one in seen)


class UnreadableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("never")


async def test_hostile_results_and_arguments(calls: Any) -> None:
    def cannot_be_written() -> None:
        """Fail."""
        raise UnreadableError

    def gives(what: str) -> Any:
        """Give."""
        return {
            "gigabyte": lambda: "x" * 10**9,
            "bytes": lambda: b"\xff\x00" * 10,
            "image": lambda: PNG,
            "nan": lambda: float("nan"),
            "huge": lambda: 10**5000,
            "generator": lambda: (n for n in range(3)),
            "surrogate": lambda: "\ud800\x00\x1b]0;title\x07",
            "self": lambda: gives,
        }[what]()

    def long_error() -> None:
        """Fail."""
        raise ValueError("e" * 10**6)

    tools = [tool(one) for one in (cannot_be_written, gives, long_error)]
    kinds = ["gigabyte", "bytes", "image", "nan", "huge", "generator", "surrogate", "self"]
    seen = await calls(tools, *(("gives", json.dumps({"what": one})) for one in kinds))
    texts = dict(zip(kinds, (one.text for one in seen), strict=True))
    assert "(999,996,000 of 1,000,000,000 characters left out)" in texts["gigabyte"]
    assert texts["bytes"].startswith("[application/octet-stream: 20 bytes")
    assert texts["nan"] == "not a number"
    assert texts["huge"].startswith("error: the result cannot be shown")
    assert texts["surrogate"] == "\\ud800\\x00\\x1b]0;title\\x07"
    image = seen[kinds.index("image")].data["attachments"]
    assert [one["media_type"] for one in image] == ["image/png"]
    for one in [*seen, *await calls(tools, ("cannot_be_written", "{}"), ("long_error", "{}"))]:
        assert len(one.text) < 5000
        assert Thought.model_validate_json(one.model_dump_json()) == one


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


@tool(access="write")
def send(to: str, tags: list[str] | None = None) -> str:
    """Send a letter."""
    SENT.append(to)
    if tags is not None:
        tags.clear()
    return "sent"


SENT: list[str] = []


@pytest.fixture(autouse=True)
def nothing_sent() -> None:
    SENT.clear()


async def test_what_the_run_does_not_allow_is_refused_or_asked(calls: Any, context: Context) -> None:
    call = ("send", '{"to": "Ann", "tags": ["a"]}')
    [one] = await calls([send], call)
    assert one.text == "error: send was not called: the run does not allow write, and nobody approved it"
    assert (one.data["error"], one.data["approved"], SENT) == ("refused", False, [])

    asked: list[Approval] = []

    def approve(approval: Approval) -> bool:
        asked.append(approval)
        approval.arguments["tags"].append("changed")  # what is called was fixed before
        return True

    context.permission = Permission(approve=approve)
    [one] = await calls([send], call)
    assert (one.text, one.data["approved"], one.data["arguments"]) == ("sent", True, {"to": "Ann", "tags": ["a"]})
    assert (asked[0].tool, asked[0].access, asked[0].author) == ("send", {"write"}, "solver")
    assert asked[0].reason == "the run does not allow write"

    context.permission = Permission(allowed={"write"}, after_untrusted={"write"})
    assert [one.text for one in await calls([send, double], call, ("double", '{"x": 1}'))] == [
        "sent",
        "error: double was not called: the run does not allow pure, and nobody approved it",
    ]


@pytest.mark.parametrize("answer", [False, None, "yes", 1, ValueError("broken")])
async def test_only_a_clear_yes_is_one(calls: Any, context: Context, answer: Any) -> None:
    async def later(approval: Approval) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def at_once(approval: Approval) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    for approve in (later, at_once):
        context.permission = Permission(approve=approve)
        [one] = await calls([send], ("send", '{"to": "Ann"}'))
        assert (one.data["error"], SENT) == ("refused", [])


async def test_nobody_is_asked_about_arguments_that_are_wrong(calls: Any, context: Context) -> None:
    asked: list[Approval] = []
    context.permission = Permission(approve=lambda approval: not asked.append(approval))  # type: ignore[func-returns-value]
    for arguments in ('{"to": NaN}', "{}", '{"to": 1}', '{"to": "a", "to": "b"}', "["):
        [one] = await calls([send], ("send", arguments))
        assert one.data["error"] == "bad_arguments"
    assert (asked, SENT) == ([], [])


async def test_a_hundred_decisions_at_once_are_one_each(calls: Any, context: Context) -> None:
    asking, most = 0, 0

    async def approve(approval: Approval) -> bool:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0)
        asking -= 1
        return approval.arguments["to"] == "Ann"

    context.permission = Permission(approve=approve)
    batches = [[("send", json.dumps({"to": ("Ann", "Bob")[n % 2]}), f"{b}/{n}") for n in range(20)] for b in range(5)]
    seen = [one for batch in await asyncio.gather(*(calls([send], *batch) for batch in batches)) for one in batch]
    assert (len(seen), most, SENT) == (100, 1, ["Ann"] * 50)


async def test_a_run_with_any_of_this_can_be_written_down(calls: Any, context: Context) -> None:
    seen = await calls([double, send], ("double", '{"x": 1}'), ("send", '{"to": "\\ud83d\\ude00"}'), ("x", "\ud800"))
    context.say(*seen)
    kept = json.loads(json.dumps([one.model_dump(mode="json") for one in context.thoughts]))
    assert [Thought.model_validate(one) for one in kept] == seen
    assert Result.model_fields["thoughts"]


async def test_the_calculator_through_dispatch(calls: Any) -> None:
    cases = ["1/3 + 1/6", "2 **", "(" * 500]
    seen = await calls([calculator], *(("calculator", json.dumps({"expression": one})) for one in cases))
    assert [one.text.partition(":")[0] for one in seen] == ["1/2", "error", "error"]
    assert replace(calculator, name="sum").name == "sum"
