"""Answer sets: logic programs in the language of clingo, grounded and solved in a process of its own."""

import re
from typing import Any

from disputatio.errors import ToolError
from disputatio.tools.own_process import in_own_process
from disputatio.tools.tool import tool

MAX_PROGRAM = 20_000
"""Characters."""
MOST_SETS = 50
MAX_DIGITS = 9
"""Digits of one number: those of clingo have 32 bits and wrap around."""
DIRECTIVES = (
    *("const", "show", "minimize", "maximize", "minimise", "maximise", "count", "sum", "min", "max", "true", "false"),
    *("inf", "infimum", "sup", "supremum", "external", "defined", "project", "heuristic", "edge", "program"),
)
"""What may follow a # sign. Left out are `script`, which runs Python or Lua, and `include`, which reads files."""


@tool(access="pure", timeout_s=40)
def answer_sets(program: str, sets: int = 5) -> dict[str, Any]:
    """Find the answer sets of a logic program in the language of clingo; with #minimize or #maximize, a best one.

    Args:
        program: Facts, rules, constraints and choices, such as "1 {in(X) : node(X)} 2. :- in(X), bad(X). #show in/1."
        sets: The most answer sets that are shown, at most 50.
    """
    if len(program) > MAX_PROGRAM:
        raise ToolError(f"the program has {len(program)} characters, at most {MAX_PROGRAM} fit")
    if not 1 <= sets <= MOST_SETS:
        raise ToolError(f"between 1 and {MOST_SETS} answer sets can be shown, not {sets}")
    # Comments and texts are searched, too: what counts is what clingo could take for a directive.
    for word in re.findall(r"#\s*([A-Za-z]*)", program):
        if word not in DIRECTIVES:
            raise ToolError(f"#{word[:40]} is not allowed, not even in a comment; allowed: {', '.join(DIRECTIVES)}")
    if "\0" in program or re.search(rf"\d{{{MAX_DIGITS + 1}}}", program):
        raise ToolError(f"a number has over {MAX_DIGITS} digits, or the program holds a null character")
    return in_own_process("clingo", "answer_sets", {"program": program, "sets": sets})
