"""Tools: what they take, what they give, and what they refuse."""

import asyncio
import json
import threading
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disputatio.errors import ConfigurationError, ToolError
from disputatio.tools import Tool, calculator, python_tool, tool
from disputatio.tools.rendering import MAX_OUTPUT


@tool
def price(ticker: str, day: int = 0) -> float:
    """Last price of a share."""
    return len(ticker) + day / 10


@tool
async def slow(word: str) -> str:
    """Say a word, late."""
    await asyncio.sleep(0)
    return word


def test_a_tool_is_made_of_a_typed_function() -> None:
    assert (price.name, price.description) == ("price", "Last price of a share.")
    assert price.signature == "price(ticker: string, day: integer = 0)"
    assert price("ACME", day=5) == 4.5
    assert isinstance(price, Tool)


async def test_arguments_are_checked_and_results_are_text() -> None:
    assert await price.call({"ticker": "ACME"}) == "4.0"
    assert await price.call({"ticker": "ACME", "day": "5"}) == "4.5"
    assert await slow.call({"word": "late"}) == "late"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "ticker: Field required"),
        ({"ticker": 3}, "ticker: Input should be a valid string"),
        ({"ticker": "A", "day": "soon"}, "day: Input should be a valid integer"),
        ({"ticker": "A", "hour": 3}, "hour: Extra inputs are not permitted"),
        ({"ticker": None, "day": None}, "ticker: .*; day: "),
    ],
)
async def test_wrong_arguments_are_named_and_nothing_runs(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        await price.call(arguments)


def failing(error: BaseException) -> Tool:
    @tool
    def fails() -> None:
        """Fail."""
        raise error

    return fails


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("x"), ZeroDivisionError(), RecursionError("deep")], ids=repr
)
async def test_an_error_of_the_function_is_told_to_the_model(error: Exception) -> None:
    with pytest.raises(ToolError, match=f"fails failed: {type(error).__name__}"):
        await failing(error).call({})


async def test_an_error_that_is_written_for_the_model_stays_as_it_is() -> None:
    with pytest.raises(ToolError, match=r"^try again$"):
        await failing(ToolError("try again")).call({})


async def test_a_tool_that_takes_too_long_is_left() -> None:
    @tool
    async def hangs() -> None:
        """Hang."""
        await asyncio.Event().wait()

    patient = replace(hangs, timeout_s=0.01)
    with pytest.raises(ToolError, match=r"hangs took longer than 0\.01 s"):
        await patient.call({})


async def test_results_are_json_and_cut_off() -> None:
    @tool
    def gives(kind: str) -> object:
        """Give something."""
        return {"long": "x" * 10_000, "dict": {"a": [1, None], "b": "ü"}, "object": {1, 2}, "none": None}[kind]

    long = await gives.call({"kind": "long"})
    assert len(long) < MAX_OUTPUT + 60
    assert "(6,000 of 10,000 characters left out)" in long
    assert json.loads(await gives.call({"kind": "dict"})) == {"a": [1, None], "b": "ü"}
    assert await gives.call({"kind": "object"}) == "[1, 2]"
    assert await gives.call({"kind": "none"}) == "null"


async def test_a_quick_tool_runs_in_the_event_loop_and_others_in_threads_that_are_used_again() -> None:
    def where() -> str:
        """Say in which thread."""
        return str(threading.get_ident())

    here = str(threading.get_ident())
    assert await tool(access="pure", quick=True)(where).call({}) == here
    elsewhere = {await tool(where).call({}) for _ in range(20)}
    assert len(elsewhere) == 1
    assert here not in elsewhere
    with pytest.raises(ConfigurationError, match="'where' is quick, so it must be 'pure'"):
        tool(quick=True)(where)


async def test_a_thread_that_hangs_is_not_used_again() -> None:
    go_on = threading.Event()

    @tool(timeout_s=0.05)
    def hangs() -> None:
        """Hang."""
        go_on.wait(20)

    @tool(timeout_s=5)
    def answers() -> int:
        """Answer."""
        return 1

    with pytest.raises(ToolError, match="hangs took longer"):
        await hangs.call({})
    assert await asyncio.gather(*(answers.call({}) for _ in range(30))) == ["1"] * 30
    go_on.set()


def test_what_a_model_could_not_use_is_no_tool() -> None:
    def silent(x: int) -> int:
        return x

    def untyped(x) -> int:  # type: ignore[no-untyped-def]
        """Double it."""
        return int(x) * 2

    def many(*numbers: int) -> int:
        """Add them."""
        return sum(numbers)

    with pytest.raises(ConfigurationError, match="'silent' needs a docstring"):
        tool(silent)
    with pytest.raises(ConfigurationError, match="parameter 'x' of tool 'untyped' needs a type"):
        tool(untyped)
    with pytest.raises(ConfigurationError, match="parameter 'numbers' of tool 'many' needs a name"):
        tool(many)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("17 * 23", "391"),
        ("3 * (4 + 1/2)", "27/2"),
        ("0.1 + 0.2", "3/10"),
        ("-2 ** 2", "-4"),
        ("2 ** -2", "1/4"),
        (" 1 ", "1"),
        ("1e3", "1000"),
        ("10 / 4", "5/2"),
    ],
)
async def test_the_calculator_is_exact(expression: str, value: str) -> None:
    assert await calculator.call({"expression": expression}) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1 +",
        "1 / 0",
        "2 ** 65",
        "2 ** 0.5",
        "(" * 20 + "9" + " ** 64)" * 20,
        "(" * 20 + "0.1" + " ** -64)" * 20,
        "9 ** 64 ** 64",
        "x",
        "abs(3)",
        "__import__('os').system('true')",
        "(1).__class__",
        "[1][0]",
        "1 if 1 else 2",
        "1; 2",
        "'a' * 9",
        "True",
        "1_000 == 1000",
        "1j",
        "lambda: 1",
        "1 << 9",
        "5 % 3",
        "nan",
        "1e999",
        "(" * 150 + "1" + ")" * 150,
        "1" * 201,
        "\x00",
        "\ud800",
        "f'{1}'",
        "1 # comment\n+ 2",
    ],
)
async def test_the_calculator_does_nothing_else(expression: str) -> None:
    with pytest.raises(ToolError) as caught:
        await calculator.call({"expression": expression})
    assert len(str(caught.value)) <= 600


@settings(deadline=None)
@given(st.text(st.sampled_from("0123456789.+-*/() e_"), max_size=30))
def test_any_arithmetic_is_a_number_or_a_refusal(expression: str) -> None:
    with suppress(ToolError):
        Fraction(calculator(expression))


python = python_tool("monty")  # the same whether the other sandbox is there or not


async def test_python_shows_what_is_printed_and_the_last_value() -> None:
    assert await python.call({"code": "print('a', 1)\nx = 2\nx + 1"}) == "a 1\n3"
    assert await python.call({"code": "x = 1"}) == "(it printed nothing; print what you want to see)"
    assert await python.call({"code": "sum(n * n for n in range(10))"}) == "285"


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "import os\nos.environ",
        "import os\nos.listdir('/')",
        "import subprocess\nsubprocess.run(['true'])",
        "import socket\nsocket.socket()",
        "__import__('os').system('true')",
        "().__class__.__base__.__subclasses__()",
        "(lambda: 0).__globals__",
        "eval(\"open('/etc/passwd')\")",
        "import sys\nsys.modules",
        "from pathlib import Path\nPath('/etc/passwd').read_text()",
        "breakpoint()",
        "input()",
        "globals()['__builtins__']",
        "1 / 0",
        "raise ValueError('so')",
        "def f(): return f()\nf()",
        "import numpy",
        "x = (",
    ],
)
async def test_python_reaches_nothing_outside(code: str) -> None:
    with pytest.raises(ToolError) as caught:
        await python.call({"code": code})
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize("code", ["while True:\n    pass", "x = []\nwhile True:\n    x.append('y' * 10_000_000)"])
async def test_python_that_does_not_end_is_ended(code: str) -> None:
    with pytest.raises(ToolError):
        await python.call({"code": code})


async def test_pythons_output_is_cut_off() -> None:
    assert len(await python.call({"code": "print('x' * 100_000)"})) <= MAX_OUTPUT + 50
    assert len(await python.call({"code": "'x' * 100_000"})) <= MAX_OUTPUT + 50


async def test_one_run_of_python_leaves_nothing_for_the_next() -> None:
    await python.call({"code": "secret = 41"})
    with pytest.raises(ToolError, match="secret"):
        await python.call({"code": "secret"})
