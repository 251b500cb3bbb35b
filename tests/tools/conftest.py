from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from disputatio.context import Context
from disputatio.model import ToolCall
from disputatio.permission import Permission
from disputatio.question import Question
from disputatio.thought import Thought
from disputatio.tools import Tool, ToolRuntime, dispatch

Calls = Callable[..., Awaitable[list[Thought]]]


@pytest.fixture
def context() -> Context:
    return Context(permission=Permission())


@pytest.fixture
def runtime(context: Context) -> ToolRuntime:
    return ToolRuntime(question=Question(text="Why?"), author="solver", role="solver", round=2, context=context)


@pytest.fixture
def calls(runtime: ToolRuntime) -> Calls:
    """Carry out calls, each given as (name, arguments as JSON) or (name, arguments, id)."""

    async def make(tools: list[Tool], *wanted: tuple[Any, ...]) -> list[Thought]:
        named = [
            ToolCall(name=name, arguments=arguments, id=rest[0] if rest else f"c{number}")
            for number, (name, arguments, *rest) in enumerate(wanted)
        ]
        return await dispatch(named, tools, runtime)

    return make
