"""The tool `python`: what the model reads of a result, and the variables that it finds again."""

import json

import pytest

from disputatio.context import Context
from disputatio.errors import ConfigurationError, ToolError
from disputatio.model import ToolCall
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools import Limits, Sandbox, SandboxResult, Tool, ToolRuntime, dispatch, python_tool
from disputatio.tools.rendering import MAX_ATTACHMENT
from disputatio.tools.sandbox import USUAL, ErrorKind

python = python_tool("monty")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


class Gives:
    """A sandbox that gives one result, and remembers what it was asked."""

    name = offers = "fake"

    def __init__(self, result: SandboxResult) -> None:
        self.result = result
        self.earlier: list[object] = []

    def run(self, code: str, *, earlier: object = None, limits: Limits = USUAL) -> SandboxResult:
        if "secret" in code or "PATH" in code or "system" in code or "open(" in code:  # the check
            return SandboxResult()
        self.earlier.append(earlier)
        return self.result

    def close(self) -> None:
        pass


def giving(**result: object) -> Tool:
    fake: Sandbox = Gives(SandboxResult(**result))  # type: ignore[arg-type]
    return python_tool(fake)


async def called(tool: Tool, code: str, context: Context, author: str = "solver", round: int = 0) -> Thought:
    runtime = ToolRuntime(question=Question(text="?"), author=author, context=context, round=round)
    [made] = await dispatch([ToolCall(id="", name=tool.name, arguments=json.dumps({"code": code}))], [tool], runtime)
    context.say(made)
    return made


async def test_what_is_printed_and_the_last_value_come_back() -> None:
    assert await python.call({"code": "print(1)\n2"}) == "1\n2"
    assert await python.call({"code": "x = 1"}) == "(it printed nothing; print what you want to see)"


async def test_errors_are_one_line_and_what_was_printed_before() -> None:
    with pytest.raises(ToolError) as error:
        await python.call({"code": "print('so far')\n1 / 0"})
    assert str(error.value) == "ZeroDivisionError: division by zero (line 2)\nBefore that it printed:\nso far"


@pytest.mark.parametrize(
    ("kind", "fault"),
    [("time", "timeout"), ("memory", "failed"), ("output", "failed"), ("crash", "failed"), ("unavailable", "failed")],
)
async def test_code_that_was_stopped(kind: ErrorKind, fault: str) -> None:
    with pytest.raises(ToolError) as error:
        await giving(error="it was stopped", error_kind=kind).call({"code": "1"})
    assert (str(error.value), error.value.fault) == ("nothing is kept of this code: it was stopped", fault)


async def test_figures_become_attachments() -> None:
    context = Context()
    made = await called(giving(output="drawn\n", figures=(PNG, PNG + bytes(MAX_ATTACHMENT))), "1", context)
    text = made.text.splitlines()
    assert text[0] == "drawn"
    assert text[1].startswith("[image/png: 0 x 0 pixels, 32 bytes")
    assert text[2:] == ["(1 figures are too large to be shown)"]
    [one] = made.data["attachments"]  # type: ignore[misc]
    assert one["media_type"] == "image/png"  # type: ignore[index, call-overload]


async def test_long_output_keeps_head_and_tail() -> None:
    shown = await python_tool("monty", max_output=100).call({"code": "print('a' * 1000, 'end')"})
    assert shown.startswith("a" * 75 + "\n... (904 of 1,004 characters left out) ...\n")
    assert shown.endswith("a end")


async def test_variables_are_kept_for_the_agent_and_the_run_only() -> None:
    tool, context = python_tool("monty", keeps_state=True), Context()
    assert (await called(tool, "x = 1", context, round=1)).data["error"] is None
    assert (await called(tool, "x += 1\nx", context, round=2)).text == "2"
    assert (await called(tool, "y = 5\n1 / 0", context, round=3)).data["error"] == "failed"
    assert (await called(tool, "x + y", context, round=4)).text == "7", "what an error comes after is kept"
    assert "NameError" in (await called(tool, "x", context, author="another")).text
    assert "NameError" in (await called(tool, "x", Context())).text


async def test_variables_are_made_again_from_the_record() -> None:
    context = Context()
    await called(python_tool("monty", keeps_state=True), "x = 41", context)
    again = python_tool("monty", keeps_state=True)  # in another process, for example
    assert (await called(again, "x + 1", context, round=1)).text == "42"


async def test_code_that_was_stopped_leaves_nothing() -> None:
    tool, context = python_tool("monty", keeps_state=True, limits=Limits(seconds=0.2)), Context()
    await called(tool, "x = 1", context, round=1)
    stopped = await called(tool, "x = 2\nwhile True:\n    pass", context, round=2)
    assert stopped.data["error"] == "timeout"
    assert (await called(tool, "x", context, round=3)).text == "1"


async def test_without_state_each_call_starts_anew() -> None:
    context = Context()
    await called(python, "x = 1", context)
    assert "NameError" in (await called(python, "x", context, round=1)).text
    assert "Each call starts anew." in python.description


def test_a_sandbox_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown sandbox 'docker'; known: auto, monty, wasi"):
        python_tool("docker")  # type: ignore[arg-type]
