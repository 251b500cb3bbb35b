"""Toolboxes: tools from wherever they are, each name once."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from langchain_core.tools import BaseTool, StructuredTool
from langchain_core.tools import tool as langchain_tool
from pydantic import BaseModel

from disputatio.context import Context
from disputatio.errors import ConfigurationError, ToolError
from disputatio.model import ToolCall
from disputatio.permission import Permission
from disputatio.question import Question
from disputatio.tools import Toolbox, ToolRuntime, calculator, dispatch, installed, python, tool, toolbox
from disputatio.tools.langchain import from_langchain

FILE = '''
from __future__ import annotations
from disputatio.tools import calculator, tool

@tool(access="pure")
def shout(text: str) -> str:
    """Say it loudly."""
    return text.upper()

class Kit:
    whisper = tool(access="pure", name="whisper")(lambda: "...") if False else shout
'''
PLAIN = '''
from math import sqrt
def area(width: float, height: float) -> float:
    """Area in square metres."""
    return width * height
def _hidden(x: int) -> int:
    return x
'''


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def names(*sources: Any) -> list[str]:
    return [one.name for one in Toolbox(*sources)]


def area(width: float) -> float:
    """Area of a square."""
    return width**2


def test_functions_tools_and_lists_of_them() -> None:
    assert names(calculator, area, [python]) == ["calculator", "area", "python"]
    box = Toolbox(calculator).add(calculator).add(area, prefix="my")
    assert [one.name for one in box] == ["calculator", "my__area"]
    assert ("my__area" in box, "area" in box, len(box)) == (True, False, 2)
    assert repr(box) == "Toolbox(calculator, my__area)"
    assert box["calculator"] is calculator
    with pytest.raises(ConfigurationError, match="unknown tool 'calculater'; did you mean 'calculator'"):
        box["calculater"]


def test_files_and_objects_in_them(tmp_path: Path) -> None:
    path = written(tmp_path, "kit.py", FILE)
    assert names(path) == ["shout"]
    assert names(f"{path}:shout", f"{path}:shout") == ["shout"]
    assert names(f"{path}:calculator") == ["calculator"]
    assert names(f"{path}:Kit.whisper") == ["shout"]
    assert names(written(tmp_path, "plain.py", PLAIN)) == ["area"]
    assert names(written(tmp_path, "chosen.py", FILE + "\n__all__ = ['shout', 'calculator']")) == [
        "shout",
        "calculator",
    ]


def test_modules_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "kit_of_mine.py", FILE)
    monkeypatch.chdir(tmp_path)
    assert names("kit_of_mine") == ["shout"]
    assert names("kit_of_mine:shout") == ["shout"]
    assert str(tmp_path) not in sys.path
    assert names("disputatio.tools.calculator") == ["calculator"]
    module = ModuleType("made")
    module.calculator = calculator  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="made has no tools"):
        Toolbox(module)


def test_a_tool_that_comes_along_is_found_by_its_name_unless_there_is_such_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [*Toolbox("calculator")] == [calculator]
    (tmp_path / "truth_table.py").write_text(PLAIN)
    assert names("truth_table") == ["area"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere.py", "no file 'nowhere.py'"),
        ("no.such_module_here", "'no.such_module_here' cannot be loaded: ModuleNotFoundError"),
        ("calculater", "unknown module or tool 'calculater'; did you mean 'calculator'?"),
        ("disputatio.tools:nothing", "has no 'nothing'"),
        ("", "cannot be loaded"),
        ("json:dumps.x", "has no 'dumps.x'"),
        ("math:pi", "3.14.* is no tool"),
    ],
)
def test_what_cannot_be_found_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Toolbox(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = (", "cannot be loaded: SyntaxError"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("raise SystemExit('bye')", "cannot be loaded: SystemExit: bye"),
        ("x = 1", "has no tools"),
        ("def f(x):\n  'Doc.'", "parameter 'x' of tool 'f' needs a type"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_line(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Toolbox(written(tmp_path, "wrong.py", code))
    assert "\n" not in str(caught.value)


def test_two_tools_of_one_name_are_named_with_their_sources(tmp_path: Path) -> None:
    path = written(tmp_path, "plain2.py", PLAIN)
    with pytest.raises(ConfigurationError) as caught:
        Toolbox(area, path)
    assert str(caught.value) == (
        f"two tools are named 'area': one from {area.__module__}.area, one from disputatio_tools_plain2.area; "
        "rename one, or add its source with a prefix"
    )
    assert [one.name for one in Toolbox(area).add(path, prefix="plain")] == ["area", "plain__area"]


def test_installed_packages_offer_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("sums", "disputatio.tools.calculator", "disputatio.tools")]
    monkeypatch.setattr(toolbox, "entry_points", lambda group: points if group == "disputatio.tools" else [])
    assert installed() == [calculator]
    points.append(EntryPoint("broken", "no_such_module_here:x", "disputatio.tools"))
    with pytest.raises(ConfigurationError, match=r"the tools 'broken' .*cannot be loaded: ModuleNotFoundError"):
        installed()


class Query(BaseModel):
    city: str
    days: int = 1


@langchain_tool
def weather(city: str, days: int = 1) -> str:
    """Weather of a city."""
    return f"sun in {city} for {days}"


async def forecast(city: str) -> dict[str, Any]:
    """Forecast."""
    return {"city": city}


class Old(BaseTool):
    name: str = "old"
    description: str = "A tool of a class."
    args_schema: Any = Query

    def _run(self, city: str, days: int = 1) -> str:
        if city == "nowhere":
            raise ValueError("no such city")
        return f"{city}: {days}"


async def test_tools_of_langchain() -> None:
    assert names(weather, StructuredTool.from_function(coroutine=forecast), Old()) == ["weather", "forecast", "old"]
    made = from_langchain(weather, access="read")
    assert made.schema["properties"]["days"] == {"type": "integer", "default": 1}
    assert await made.call({"city": "Rome", "days": "3"}) == "sun in Rome for 3"
    assert await from_langchain(StructuredTool.from_function(coroutine=forecast)).call({"city": "Rome"}) == (
        '{"city": "Rome"}'
    )
    assert await from_langchain(Old()).call({"city": "Rome"}) == "Rome: 1"
    with pytest.raises(ToolError, match="old failed: ValueError: no such city"):
        await from_langchain(Old()).call({"city": "nowhere"})
    with pytest.raises(ToolError, match="city: Field required"):
        await made.call({"days": 1})


async def test_tools_of_langchain_by_a_schema() -> None:
    pytest.importorskip("jsonschema", reason="needs the extra mcp: pip install 'disputatio[mcp]'")
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    made = from_langchain(StructuredTool(name="by_schema", description="d", args_schema=schema, coroutine=forecast))
    assert await made.call({"city": "Rome"}) == '{"city": "Rome"}'
    with pytest.raises(ToolError, match=r"\$: 'city' is a required property"):
        await made.call({})
    with pytest.raises(ToolError, match="Additional properties are not allowed"):
        await made.call({"city": "Rome", "x": 1})


async def test_a_tool_of_langchain_may_do_nothing_unasked() -> None:
    async def outcome(permission: Permission) -> str:
        runtime = ToolRuntime(question=Question(text="?"), author="a", context=Context(permission=permission))
        [one] = await dispatch(
            [ToolCall(id="", name="weather", arguments='{"city": "Rome"}')], Toolbox(weather), runtime
        )
        return one.text

    assert "does not allow network and write" in await outcome(Permission())
    assert await outcome(Permission(allowed={"network", "write"})) == "sun in Rome for 1"


def test_the_name_and_the_limits_can_be_declared() -> None:
    @tool(name="fetch", access=("network", "read"), timeout_s=2, max_output=10, concurrency=1, idempotent=True)
    def f(url: str) -> str:
        """Fetch."""
        return url

    assert (f.name, f.access, f.timeout_s, f.max_output) == ("fetch", {"network", "read"}, 2, 10)
    assert repr(f) == "Tool(fetch(url: string))"
    assert f.spec.parameters == f.schema
