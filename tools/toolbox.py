"""Toolbox: tools by name, gathered from wherever they are."""

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from langchain_core.tools import BaseTool

from disputatio.errors import ConfigurationError, DisputatioError, unknown
from disputatio.tools.langchain import from_langchain
from disputatio.tools.mcp_client import McpServer
from disputatio.tools.tool import Tool, tool

GROUP = "disputatio.tools"
"""The group of entry points under which installed packages offer tools."""
Source = Tool | BaseTool | McpServer | ModuleType | Callable[..., Any] | str
"""What tools can be made of. A text names one: "FILE.py", "package.module", "package.module:object", or "calculator" or
another that comes along."""


@dataclass
class _Followed:
    """A server that was taken whole."""

    server: McpServer
    prefix: str
    names: set[str]
    changes: int = 0
    """How many of its changes were followed."""


class Toolbox:
    """Tools with names of their own. It is a list of tools for an agent, and a look-up for `dispatch`."""

    def __init__(self, *sources: Source | Iterable[Source]) -> None:
        self.by_name: dict[str, Tool] = {}
        self._servers: list[_Followed] = []
        for source in sources:
            self.add(source)

    def __repr__(self) -> str:
        changing = {name for one in self._servers for name in one.names}
        shown = [name for name in self.by_name if name not in changing] + [one.server.name for one in self._servers]
        return f"Toolbox({', '.join(shown)})"

    def add(self, source: Source | Iterable[Source], *, prefix: str = "") -> Self:
        """Take all tools of a source.

        Args:
            source: A tool, a function, a module, a tool of LangChain, an MCP server, the text that names one of
                these, or several of them.
            prefix: Put before their names, with two underscores.

        Raises:
            ConfigurationError: If something is no tool, or a name is taken.
        """
        for part in _parts(source):
            tools = [_prefixed(one, prefix) for one in ([part] if isinstance(part, Tool) else part.tools())]
            for one in tools:
                taken = self.by_name.setdefault(one.name, one)
                if taken is not one:
                    raise ConfigurationError(
                        f"two tools are named {one.name!r}: one from {taken.source}, one from {one.source}; "
                        "rename one, or add its source with a prefix"
                    )
            if isinstance(part, McpServer):
                self._servers.append(_Followed(part, prefix, {one.name for one in tools}))
        return self

    @property
    def follows(self) -> bool:
        """Whether any of it comes from servers."""
        return bool(self._servers)

    @property
    def served(self) -> frozenset[str]:
        """The names of the tools that come from servers, and may change."""
        return frozenset(name for followed in self._servers for name in followed.names)

    async def refresh(self) -> None:
        """Take the tools anew of those servers that said that theirs changed. Agents do so before each step.

        New tools are there from then on, unless another source has the name; those that are gone are not; those that
        changed need a yes for every call. A server that cannot be asked keeps what it had.
        """
        for followed in self._servers:
            changes = followed.server.changes
            if changes == followed.changes:
                continue
            with suppress(ConfigurationError):
                tools = [_prefixed(one, followed.prefix) for one in await followed.server.list_tools()]
                others = {name: one for name, one in self.by_name.items() if name not in followed.names}
                fresh = {one.name: one for one in tools if one.name not in others}
                self.by_name = {**others, **fresh}
                followed.names, followed.changes = set(fresh), changes

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> Tool:
        if name not in self.by_name:
            raise unknown("tool", name, self.by_name)
        return self.by_name[name]


def installed() -> list[Tool]:
    """The tools that installed packages offer as entry points of the group `disputatio.tools`.

    Raises:
        ConfigurationError: If one cannot be loaded.
    """
    found: list[Tool] = []
    for point in entry_points(group=GROUP):
        try:
            loaded = point.load()
        except Exception as error:
            raise ConfigurationError(
                f"the tools {point.name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        found += tools_of(loaded)
    return found


Tools = Sequence[Tool] | Toolbox
"""What an agent is given; a toolbox follows its servers when their tools change."""


def held(tools: Tools) -> tuple[Tool, ...] | Toolbox:
    """A toolbox as it is, since it may change; anything else as a tuple."""
    return tools if isinstance(tools, Toolbox) else tuple(tools)


def tools_of(source: Source | Iterable[Source]) -> list[Tool]:
    """The tools of a source; see `Toolbox.add`."""
    return [one for part in _parts(source) for one in ([part] if isinstance(part, Tool) else part.tools())]


def _prefixed(tool: Tool, prefix: str) -> Tool:
    return replace(tool, name=f"{prefix}__{tool.name}") if prefix else tool


def _parts(source: Source | Iterable[Source]) -> list[Tool | McpServer]:
    """The tools and servers that a source is made of."""
    match source:
        case Tool() | McpServer():
            return [source]
        case BaseTool():
            return [from_langchain(source)]
        case ModuleType():
            return _of_module(source)
        case str():
            return _parts(_named(source))
    if callable(source) and not inspect.isclass(source):
        return [tool(source)]
    parts: Any = source
    if isinstance(parts, Iterable):
        return [one for part in parts for one in _parts(part)]
    raise ConfigurationError(f"{source!r} is no tool: a typed function, a module or an MCP server is")


def _of_module(module: ModuleType) -> list[Tool | McpServer]:
    """The tools and servers that a module makes; those that it imports count if they are in its `__all__`."""
    listed = getattr(module, "__all__", None)
    names = listed if listed is not None else [name for name in vars(module) if not name.startswith("_")]
    values = [getattr(module, name) for name in names]
    made = [one for one in values if isinstance(one, Tool | BaseTool | McpServer)]
    if listed is None:
        made = [one for one in made if not isinstance(one, Tool) or one.source.startswith(f"{module.__name__}.")]
    if not made:
        functions = (one for one in values if inspect.isfunction(one) and one.__module__ == module.__name__)
        made = [tool(one) for one in functions]
    if not made:
        raise ConfigurationError(f"{module.__name__} has no tools: typed functions with a docstring, or made by @tool")
    return _parts(made)


def _named(text: str) -> Any:
    """The module, object or tool that a text names."""
    place, _, name = text.strip().rpartition(":") if ".py:" in text or ":" in text[2:] else (text.strip(), "", "")
    found: Any = _from_file(place) if place.endswith(".py") else _imported(place)
    if not name:
        return found
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"{place} has no {name!r}")
        found = getattr(found, part)
    return found


def _from_file(place: str) -> ModuleType:
    path = Path(place).resolve()
    if not path.is_file():
        raise ConfigurationError(f"there is no file {place!r} with tools")
    name = f"disputatio_tools_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded and loaded.__file__ == str(path):  # the tools of a file are made once
        return loaded
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{place!r} is no Python file")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        with _told(place):
            spec.loader.exec_module(module)
    except ConfigurationError:
        del sys.modules[name]
        raise
    return module


def _imported(place: str) -> ModuleType | Tool:
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        with _told(place):
            return import_module(place) if not place.isidentifier() or find_spec(place) else _that_comes_along(place)
    finally:
        sys.path.remove(folder)


def _that_comes_along(name: str) -> Tool:
    ours = import_module("disputatio.tools")
    tools = {name: one for name in ours.__all__ if isinstance(one := getattr(ours, name), Tool)}
    if name not in tools:
        raise unknown("module or tool", name, tools)
    return tools[name]


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Tell in one line why code of the user's cannot be loaded."""
    try:
        yield
    except DisputatioError:
        raise
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{place!r} cannot be loaded: {type(error).__name__}: {reason}") from error
