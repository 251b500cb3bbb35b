"""Tool: a typed Python function that agents can call."""

import asyncio
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from langgraph.errors import GraphBubbleUp

from disputatio.errors import ConfigurationError, ToolError
from disputatio.model import ToolSpec
from disputatio.permission import Access
from disputatio.tools.arguments import Check, Parameters, check_by, schema_of, signature_of
from disputatio.tools.rendering import MAX_OUTPUT, Rendered, render
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.threads import in_thread
from disputatio.writing import visible

MAX_ERROR = 1000
"""The most characters of an error that an agent sees."""
ATTEMPTS = 2
"""How often a tool that may be called again is called before it counts as failed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tool:
    """A function with a name, a description for the model, validated arguments, and a declaration of what it does."""

    name: str
    """Letters, digits, _ and -, at most 64: what all servers take."""
    description: str
    schema: dict[str, Any]
    """JSON schema of the arguments."""
    check: Check
    """Validates the arguments."""
    function: Callable[..., Any]
    """Sync or async; a sync one runs in a thread of its own, unless it is quick."""
    runtime: str | None = None
    """The parameter that gets the `ToolRuntime`."""
    access: frozenset[Access] = field(default=frozenset(("read",)))
    """What it may touch. What a tool that is only `pure` returns is kept for the run and given again."""
    timeout_s: float = 30.0
    max_output: int = MAX_OUTPUT
    """The most characters of its result."""
    concurrency: int | None = None
    """How many calls of a run it takes at once; None is no limit."""
    idempotent: bool = False
    """Whether a call that failed may be made again, because twice is as good as once."""
    quick: bool = False
    """Whether it is called in the event loop, without a thread and its cost. For sync tools that are pure and always
    return at once: nothing can interrupt them, so their time limit is not kept."""
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is asked, and the arguments that settle it: worked examples for models too small to go by a description."""
    trusted: bool = True
    """Whether its description comes from the program; that of somebody else's server is text from outside."""
    changed: bool = False
    """Whether it is no longer what it was when its server was taken: every call of it needs a yes."""
    source: str = ""
    """Where it comes from: a function's module and name, a server."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise ConfigurationError(f"a tool's name is at most 64 letters, digits, _ and -, not {self.name!r}")
        if not self.access or ("pure" in self.access and len(self.access) > 1):
            raise ConfigurationError(f"tool {self.name!r} is 'pure' or touches something, not {sorted(self.access)}")
        if self.quick and self.access != {"pure"}:
            raise ConfigurationError(f"tool {self.name!r} is quick, so it must be 'pure', not {sorted(self.access)}")
        if min(self.timeout_s, self.max_output, 1 if self.concurrency is None else self.concurrency) <= 0:
            raise ConfigurationError(f"the limits of tool {self.name!r} must be above 0")
        for asked, arguments in self.examples.items():
            try:
                self.check(dict(arguments))
            except ToolError as error:
                raise ConfigurationError(f"example {asked!r} of tool {self.name!r}: {error}") from error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as if it were no tool."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Tool({self.signature})"

    @property
    def is_effectful(self) -> bool:
        """Whether it changes something, and twice is not as good as once."""
        return "write" in self.access and not self.idempotent

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model with tool calls of its own is told of it."""
        return ToolSpec(name=self.name, description=self.description, parameters=self.schema)

    @property
    def signature(self) -> str:
        """Name and arguments, as a model reads them: "price(ticker: string, day: integer = 0)"."""
        needed = self.schema.get("required", ())
        shown = [_shown(name, one, name in needed) for name, one in self.schema.get("properties", {}).items()]
        return f"{self.name}({', '.join(shown)})"

    async def call(self, arguments: dict[str, Any], runtime: ToolRuntime | None = None) -> str:
        """Call the tool by hand: arguments are checked, time and output are limited, nothing is asked or recorded.

        Raises:
            ToolError: If the arguments are wrong, the function fails, or it takes longer than `timeout_s`.
        """
        return (await self.run(self.check(arguments).values, runtime)).text

    async def run(self, values: dict[str, Any], runtime: ToolRuntime | None = None) -> Rendered:
        """Call the function with checked values, once, and write down its result.

        Raises:
            ToolError: If it fails, takes longer than `timeout_s`, or returns what cannot be shown.
        """
        if self.runtime:
            if runtime is None:
                raise ToolError(f"{self.name} can only be called within a run")
            values = {**values, self.runtime: runtime}
        try:
            async with asyncio.timeout(self.timeout_s) as clock:
                return await self._result(values)
        except TimeoutError as error:
            if not clock.expired():
                raise ToolError(f"{self.name} failed: {_said(error)}") from error
            raise ToolError(f"{self.name} took longer than {self.timeout_s:g} s", fault="timeout") from error
        except ToolError as error:
            raise ToolError(visible(str(error))[:MAX_ERROR], fault=error.fault) from error.__cause__ or error
        except GraphBubbleUp:  # the run stops to wait for a person
            raise
        except Exception as error:
            raise ToolError(f"{self.name} failed: {_said(error)}") from error

    async def _result(self, values: dict[str, Any]) -> Rendered:
        if not (is_async := inspect.iscoroutinefunction(self.function)) and not self.quick:
            return await in_thread(lambda: render(self.function(**values), self.max_output))
        try:
            made = self.function(**values)
            return render(await made if is_async else made, self.max_output)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            raise ToolError(f"{self.name} failed: it cancelled itself") from error
        except (KeyboardInterrupt, SystemExit, GeneratorExit) as error:  # a tool does not end the program
            raise ToolError(f"{self.name} failed: {_said(error)}") from error


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    access: Access | Collection[Access] = "read",
    timeout_s: float = 30.0,
    max_output: int = MAX_OUTPUT,
    concurrency: int | None = None,
    idempotent: bool = False,
    quick: bool = False,
    examples: Mapping[str, Mapping[str, Any]] = ...,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(function: Callable[..., Any] | None = None, /, **declared: Any) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a typed function, sync or async, as `@tool` or `@tool(access="network", ...)`.

    Its docstring is what the model reads; descriptions of arguments may be in Google's, NumPy's or Sphinx's style. A
    parameter of type `ToolRuntime` gets the run and is not shown to the model.

    Args:
        function: The function.
        **declared: Its `name`, and the fields of `Tool` from `access` to `examples`; a tool that declares nothing
            reads data that may be private.

    Raises:
        ConfigurationError: If the function has no docstring, a parameter without a type, or one that JSON cannot
            express; or if an example's arguments are wrong.
    """
    if function is None:
        return lambda function: _made(function, **declared)
    return _made(function, **declared)


def _made(function: Callable[..., Any], *, name: str | None = None, **declared: Any) -> Tool:
    name = name or str(getattr(function, "__name__", ""))
    found = signature_of(function, name)
    source = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', name)}"
    return typed(name, found.description, found.parameters, function, runtime=found.runtime, source=source, **declared)


def typed(
    name: str,
    description: str,
    parameters: Parameters,
    function: Callable[..., Any],
    *,
    access: Access | Collection[Access] = "read",
    **declared: Any,
) -> Tool:
    """Make a tool of a function whose parameters are described apart from it.

    Args:
        name: Its name.
        description: What the model is told of it.
        parameters: The arguments, which the function is called with by name.
        function: Sync or async.
        access: What it may touch.
        **declared: Other fields of `Tool`.

    Raises:
        ConfigurationError: If JSON cannot express a parameter.
    """
    return Tool(
        name=name,
        description=description,
        schema=schema_of(parameters, name),
        check=check_by(parameters, name),
        function=function,
        access=accesses(access),
        **declared,
    )


def accesses(access: Access | Collection[Access]) -> frozenset[Access]:
    """What a tool touches, given as one word or several."""
    return frozenset((access,) if isinstance(access, str) else access)


def _shown(name: str, schema: dict[str, Any], is_needed: bool) -> str:
    options = schema.get("enum") or [one.get("type", "any") for one in schema.get("anyOf", ())]
    kind = schema.get("type", "any") if not options else " | ".join(map(str, options))
    default = f" = {schema['default']}" if "default" in schema else "" if is_needed else " = ..."
    return f"{name}: {kind}{default}"


def _said(error: BaseException) -> str:
    try:
        text = str(error)[:MAX_ERROR]
    except Exception:  # noqa: BLE001 - the error is the tool's, and so is what writes it down
        text = "(its message cannot be read)"
    return f"{type(error).__name__}: {visible(text)}"
