"""Scorer of code: a completion against its tests, in the sandbox that tools use and nowhere else."""

import ast
import builtins
import re
from functools import cache
from secrets import token_hex
from textwrap import dedent, indent

from disputatio.errors import ConfigurationError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored, unscorable
from disputatio.thought import Answer
from disputatio.tools.python import sandbox_of
from disputatio.tools.sandbox import Sandbox, SandboxResult

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_WHOLE = re.compile(r"^(?:async def|def|class|import|from|@)\b", re.MULTILINE)
_UNDEFINED = re.compile(r"name '(\w+)' is not defined")
_UNKNOWN = re.compile(r"'(\w+)' object has no attribute '(\w+)'")


def code(item: Item, answer: Answer, *, test: str, prompt: str = "") -> Score:
    """Python that passes its tests in the sandbox, which has no files, no network and few modules.

    Code that needs what the sandbox lacks cannot be scored here, and is not called wrong. Code that takes too long is.

    Args:
        item: Its target is code that passes, as an example.
        answer: Code, in a block of Markdown or alone: the whole function, or what continues the prompt.
        test: Code that fails by an exception unless the answer is right.
        prompt: Code that the answer continues, or that it needs.

    Raises:
        ConfigurationError: If the test also passes without any answer.
    """
    program = _program(answer.text or answer.value or "", prompt)
    if program is None:
        return abstained("no code that Python can read")
    # The value of the last line comes back whatever was printed before, and code cannot know it.
    passed = token_hex(8)
    result = _sandbox().run(f"{program}\n\n{test}\n\n{passed!r}\n")
    if _is_missing(result):
        return unscorable(f"the sandbox cannot run it: {result.error}")
    if result.error_kind:
        return scored(0, result.error)
    if not result.output.rstrip().endswith(repr(passed)):
        return scored(0, "it ended before its tests")
    if _says_nothing(test):
        raise ConfigurationError(f"the test of item {item.id!r} passes without any answer: is what it defines called?")
    return scored(1, "all tests passed")


@cache
def _says_nothing(test: str) -> bool:
    """Whether a test holds without an answer, as one that defines a function of checks and does not call it."""
    return not _sandbox().run(test).error_kind


@cache
def _sandbox() -> Sandbox:
    """One for all answers, since it is tried out before its first code."""
    return sandbox_of("auto")


def _is_missing(result: SandboxResult) -> bool:
    """Whether code failed by what the sandbox lacks, and Python has."""
    match result.error_kind:
        case "unavailable" | "syntax":  # Python has read the program, so its syntax is right
            return True
        case "unsupported":  # a name that does not exist anywhere looks the same
            name = _UNDEFINED.search(result.error)
            return name is None or hasattr(builtins, name[1])
        case "exception":
            attribute = _UNKNOWN.search(result.error)
            known = attribute and hasattr(getattr(builtins, attribute[1], None), attribute[2])
            return bool(known) or "PermissionError" in result.error
        case _:
            return False


def _program(text: str, prompt: str) -> str | None:
    """The prompt and its continuation, as the first of the usual ways to write one that Python can read."""
    said = "\n\n".join(_FENCE.findall(text)) or text
    start = prompt.rstrip() + "\n"
    if not prompt.strip() or (_WHOLE.search(said) and not said[0].isspace()):
        programs = [f"{start}\n{said.strip()}"]
    else:  # a body, which may have lost the indent of its first line, or of all
        programs = [f"{start}    {said.strip()}", f"{start}{indent(dedent(said), '    ')}", f"{start}{said}"]
    for program in programs:
        try:
            ast.parse(program)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return program
    return None
