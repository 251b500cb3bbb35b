"""Tool-integrated reasoning: text and code that is run alternate in one trajectory, until the answer.

START -> reason -+-> execute -> reason
                 +-> conclude -> END
"""

import json
import re
from typing import NamedTuple

from langgraph.runtime import Runtime

from disputatio.agents.agent import Agent
from disputatio.agents.proposer import unfinished
from disputatio.agents.tool_step import observe
from disputatio.context import Context
from disputatio.errors import ConfigurationError
from disputatio.graphs.act_observe import Trail, ending, in_turns, observed, turn
from disputatio.graphs.compose import turns_of
from disputatio.graphs.conclude import reported
from disputatio.graphs.wiring import Graph
from disputatio.memory.transcript import of_kind, words
from disputatio.question import Question
from disputatio.state import Output
from disputatio.strategies import strategy
from disputatio.tools.python import python_tool
from disputatio.tools.tool import Tool

REASON = """\
Solve the problem step by step. Whenever it helps, write Python code in a block that begins with ```python and ends \
with ```, and end your reply there: it is run, and what it prints is shown to you in a block that begins with \
```output. Never write such a block yourself. Only printed values and the value of the last line come back. {state} \
{offers}{early}

Go on from where the work so far ends. Give the answer once you have it; it is none in a reply that ends in code."""
KEPT, ANEW = "Variables are kept from block to block.", "Each block starts anew, without the variables of those before."
EARLY = " Write code early: as soon as you know what is to be computed, and not only to check."
NEITHER = "(There is neither code nor an answer here; go on.)"
LAST = "No more code can be run. Give the answer now."
_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:python|py|python3)[ \t]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.M | re.S | re.I)
_FIELDS = re.compile(r"^[\s*_]*answer[*_\s]*:.*", re.I | re.M | re.S)
_MADE_UP = re.compile(r"^[ \t]*```[ \t]*output\b", re.M | re.I)


class Block(NamedTuple):
    """Code that a reply ends with."""

    before: str
    """The reply up to the end of the code, which is all of it that counts."""
    code: str
    place: int
    """Characters of text before it."""


class Trajectory(Trail):
    """The state of the loop; its trail is of text, code and output."""

    code: str
    """The code to be run; empty if there is none."""
    blocks: int
    """How many were run."""
    first: int
    """Characters of the trajectory before the first block; -1 if there was none."""


@strategy(
    source="Lin and Xu 2025, arXiv:2508.19201; how the model is used, not how it is trained",
    calls=lambda turns, tool, keeps_state, code_early, solver: turns * turns_of(solver),
)
def tool_integrated_reasoning(
    *,
    turns: int = 8,
    tool: Tool | None = None,
    keeps_state: bool = True,
    code_early: bool = False,
    solver: Agent | None = None,
) -> Graph:
    """Reason in text and code, see what the code prints, and go on, until the answer is found.

    A run with m blocks of code costs m + 1 calls, each of which reads all before it.

    Args:
        turns: The most calls, at least 1. In the last one no more code can be run.
        tool: What runs the code, from a parameter `code`; None is `tools.python_tool` in its sandbox `auto`.
        keeps_state: Whether variables are kept from block to block; for a tool of your own, what it does.
        code_early: Whether code is asked for as early as possible.
        solver: Who reasons, with the form `agents.proposer.unfinished`; None makes one.

    Raises:
        ConfigurationError: If there are no turns, or the tool has no parameter `code`.

    Departs from the paper: the paper trains a model to do this and studies its samples at pass@k; here an untrained
    one is prompted, once. Generation is not stopped at the end of a block, but what comes after it is cut off and
    never read. `code_early` is a wish in the prompt, where the paper changes the training; `first_code` in the answer's
    data says where in the trajectory the first block stood, from 0 to 1. The last turn is told that it is the last.
    """
    runner = tool or python_tool(keeps_state=keeps_state)
    if turns < 1 or "code" not in runner.schema.get("properties", {}):
        raise ConfigurationError(
            f"tool-integrated reasoning needs at least 1 turn and a tool with a parameter 'code', got {turns} turns "
            f"and {runner}"
        )
    instruction = REASON.format(
        state=KEPT if keeps_state else ANEW, offers=runner.description, early=EARLY if code_early else ""
    )
    thinker = solver or Agent(
        name="solver", role="solver", instruction=instruction, form=unfinished, view=of_kind("plan")
    )

    async def reason(state: Trajectory, runtime: Runtime[Context]) -> dict[str, object]:
        trail, is_last = state.get("trail", []), state.get("round", 0) + 1 >= turns
        shown = ["\n".join(["Work so far:", *trail])] if trail else []
        update, last = await turn(thinker, "\n\n".join([*shown, *([LAST] if is_last else [])]), state, runtime)
        if last is None:
            return update
        block = None if is_last else block_of(last.text)
        first = state.get("first", -1)
        if block and first < 0:
            first = sum(map(len, trail)) + block.place
        return {
            **update,
            "trail": [*trail, block.before if block else without_output(last.text)],
            "code": block.code if block else "",
            "first": first,
            "ended": "answered" if last.answer is not None and block is None else "",
        }

    async def execute(state: Trajectory, runtime: Runtime[Context]) -> dict[str, object]:
        last, context = state["last"], runtime.context
        if not state["code"]:
            return {"trail": [*state["trail"], NEITHER]}
        question, given = Question.of(state["question"]), json.dumps({"code": state["code"]})
        result = await observe(
            [runner], runner.name, given, question, context, asked_by=last.author, round=state["round"]
        )
        shown = words(result).replace("```", "` ` `")  # what is printed does not end the block
        update = observed(result, f"```output\n{shown}\n```", state, context)
        return {**update, "blocks": state.get("blocks", 0) + 1}

    async def conclude(state: Trajectory) -> Output:
        length = sum(map(len, state.get("trail", [])))
        report = {
            "ended": state["ended"] or "turns",
            "turns": state["round"],
            "blocks": state.get("blocks", 0),
            "first_code": round(state["first"] / length, 3) if state.get("first", -1) >= 0 and length else None,
        }
        return {"answer": reported(ending(state), report)}

    return in_turns(reason, execute, conclude, most=turns)


def block_of(text: str) -> Block | None:
    """The first block of code in a reply; one without an end goes to the end, or to the answer's line."""
    found = _FENCE.search(without_output(text))
    if not found or not found[1].strip():
        return None
    is_closed = found[0].rstrip().endswith("```")
    code = found[1] if is_closed else _FIELDS.sub("", found[1])
    before = text[: found.start()]
    return Block(f"{before}```python\n{code.rstrip()}\n```", code, len(before))


def without_output(text: str) -> str:
    """A reply up to an output that it made up."""
    found = _MADE_UP.search(text)
    return (text[: found.start()] if found else text).rstrip()
