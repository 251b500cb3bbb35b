"""Scorer of code: a completion against its tests, in the sandbox that tools use and nowhere else."""

import ast
import builtins
import re
from secrets import token_hex
from textwrap import indent

from disputatio.errors import ToolError
from disputatio.evals.items import Item
from disputatio.evals.scorers.score import Score, abstained, scored, unscorable
from disputatio.thought import Answer
from disputatio.tools.python import python

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_MISSING = re.compile(r"NotImplementedError|ModuleNotFoundError|ImportError|has no attribute|not (?:yet )?supported")
_UNDEFINED = re.compile(r"NameError: name '(\w+)' is not defined")


def code(item: Item, answer: Answer, *, test: str, prompt: str = "") -> Score:
    """Python that passes its tests in the sandbox, which has no files, no network and few modules.

    Code that needs what the sandbox lacks cannot be scored here, and is not called wrong. Code that takes too long is.

    Args:
        item: Its target is code that passes, as an example.
        answer: Code, in a block of Markdown or alone: the whole function, or what continues the prompt.
        test: Code that fails by an exception unless the answer is right.
        prompt: Code that the answer continues, or that it needs.
    """
    program = _program(answer.text or answer.value or "", prompt)
    if program is None:
        return abstained("no code that Python can read")
    # The value of the last line comes back whatever was printed before, and code cannot know it.
    passed = token_hex(8)
    try:
        output = python(f"{program}\n\n{test}\n\n{passed!r}\n")
    except ToolError as error:
        message = str(error)
        name = _UNDEFINED.search(message)
        if _MISSING.search(message) or "SyntaxError" in message or (name and hasattr(builtins, name[1])):
            return unscorable(f"the sandbox cannot run it: {message}")
        return scored(0, message)
    return scored(output.endswith(repr(passed)), "all tests passed")


def _program(text: str, prompt: str) -> str | None:
    """The prompt and its continuation, as the first of the usual ways to write one that Python can read."""
    blocks = _FENCE.findall(text)
    said = "\n\n".join(blocks) if blocks else text
    start = prompt.rstrip()
    for program in (f"{start}\n{said}", f"{start}\n\n{said.strip()}", f"{start}\n{indent(said.strip(), '    ')}"):
        try:
            ast.parse(program)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return program
    return None
