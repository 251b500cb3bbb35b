"""Python: a tool that runs code which a model wrote, in a sandbox."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from disputatio.errors import ToolError, unknown
from disputatio.tools.rendering import MAX_ATTACHMENT, MAX_OUTPUT, Attachment, Rendered, cut
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.sandbox import STOPS, Limits, Sandbox, SandboxResult, Tiered
from disputatio.tools.sandbox_check import Checked
from disputatio.tools.sandbox_monty import MontySandbox
from disputatio.tools.sandbox_wasi import WasiSandbox, is_warm
from disputatio.tools.tool import Tool, tool

SandboxName = Literal["auto", "monty", "wasi"]
STOPPED = "nothing is kept of this code: "
"""How the error of code begins that left no variables."""
NOTHING = "(it printed nothing; print what you want to see)"
STARTING = 120.0
"""Seconds that a sandbox may take besides those of the code: to start, or to run again what ran before."""


def python_tool(
    sandbox: SandboxName | Sandbox = "auto",
    *,
    keeps_state: bool = False,
    limits: Limits | None = None,
    name: str = "python",
    max_output: int = MAX_OUTPUT,
) -> Tool:
    """Make a tool that runs Python code in a sandbox, without files, network, processes and environment.

    Args:
        sandbox: `monty` starts at once and knows a part of Python. `wasi` is CPython with numpy, sympy, networkx and
            matplotlib, from the extra `python`. `auto` takes the first, and the second, where it is installed and
            compiled, for what the first does not support. Or one of your own.
        keeps_state: Whether code finds the variables of the code that the same agent ran before, in this run. Code
            that was stopped leaves none.
        limits: Time, memory and output of one call; None is 5 s, 256 MiB and 1 MiB.
        name: Its name.
        max_output: Characters of the output that the model sees; the middle of what is longer is left out.

    Raises:
        MissingExtraError: If `wasi` is asked for and not installed.
        ConfigurationError: If there is no sandbox of this name.
    """
    runner = sandbox_of(sandbox) if isinstance(sandbox, str) else Checked(sandbox)
    allowed = limits or Limits()

    def run(code: str, earlier: Sequence[str] | None) -> Rendered:
        result = runner.run(code, earlier=earlier, limits=allowed)
        if result.error_kind:
            raise ToolError(_told(result), fault="timeout" if result.error_kind == "time" else "failed")
        return _rendered(result, max_output)

    def once(code: str) -> Rendered:
        """Each call starts anew."""
        return run(code, None)

    def on(code: str, runtime: ToolRuntime) -> Rendered:
        """Variables are kept from one call to the next."""
        return run(code, blocks_of(name, runtime))

    function = on if keeps_state else once
    made = tool(
        name=name,
        access="code",
        timeout_s=allowed.seconds + STARTING,  # it is the sandbox that keeps the time of the code
        max_output=max_output + 1000,
        concurrency=4,
    )(function)
    does = "Run Python code and see what it prints and the value of its last line."
    text = f"{does} There is {runner.offers}. No files, no network. {function.__doc__}"
    return replace(made, description=text, source=f"{__name__}.{name}")


def blocks_of(tool_name: str, runtime: ToolRuntime) -> list[str]:
    """The code that an agent ran before by a tool of this name, in order, without what was stopped.

    It is read off the record of the run, so that the state can be made again, where a run is resumed for example.
    """
    found = []
    for thought in runtime.context.thoughts:
        data = thought.data
        own = data.get("asked_by") == runtime.author and thought.scope == runtime.context.scope
        if thought.role != "tool" or thought.author != tool_name or not own:
            continue
        arguments, error = data.get("arguments"), data.get("error")
        left = error is None or (error == "failed" and not thought.text.startswith(f"error: {STOPPED}"))
        if left and isinstance(arguments, dict) and isinstance(arguments.get("code"), str):
            found.append(str(arguments["code"]))
    return found


def sandbox_of(name: SandboxName) -> Sandbox:
    """The sandbox of a name; see `python_tool`.

    Raises:
        MissingExtraError: If `wasi` is asked for and not installed.
        ConfigurationError: If there is no sandbox of this name.
    """
    match name:
        case "monty":
            return Checked(MontySandbox())
        case "wasi":
            return Checked(WasiSandbox())
        case "auto":
            quick = Checked(MontySandbox())
            return Tiered(quick, Checked(WasiSandbox())) if is_warm() else quick
    raise unknown("sandbox", name, ("auto", "monty", "wasi"))


def _told(result: SandboxResult) -> str:
    """Why there is no result: one line, and under it what was printed before."""
    line = " ".join(result.error.split())[:500]
    before = f"{STOPPED}{line}" if result.error_kind in STOPS else line
    printed = cut(result.output.strip(), 300)
    return f"{before}\nBefore that it printed:\n{printed}" if printed else before


def _rendered(result: SandboxResult, limit: int) -> Rendered:
    figures = [Attachment("image/png", one) for one in result.figures]
    shown = [one for one in figures if len(one.content) <= MAX_ATTACHMENT]
    lines = [cut(result.output.strip(), limit), *map(str, shown)]
    if len(shown) < len(figures):
        lines.append(f"({len(figures) - len(shown)} figures are too large to be shown)")
    return Rendered("\n".join(filter(None, lines)) or NOTHING, tuple(shown))


python = python_tool()
"""Python in the sandbox `auto`, with nothing kept from call to call."""
