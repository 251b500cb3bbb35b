"""The tools of one step: what there is to call at that moment, and was when the run is repeated.

A toolbox follows its servers. What they list is written down at each step, so that a run that goes on after it was
interrupted, or is replayed, offers its model the same tools as before.
"""

import json
from collections.abc import Sequence
from typing import Any

from disputatio.context import Context
from disputatio.errors import ToolError
from disputatio.ledger import Spender
from disputatio.recording import Underway
from disputatio.tools.schema_check import check_by_schema
from disputatio.tools.tool import Tool
from disputatio.tools.toolbox import Toolbox, Tools

LISTING = "list_tools"
"""What stands for the list of tools in the journal of a run, in the place of a tool's name."""


async def at_step(tools: Tools, context: Context, *, author: str, round: int, seen: Sequence[str] = ()) -> list[Tool]:
    """The tools that an agent can call in its next step.

    Args:
        tools: What it was given; a toolbox takes the tools of those servers anew that said that theirs changed.
        context: The run. If it is recorded, what servers list is, too.
        author: The agent.
        round: The round in which it asks.
        seen: What tells this step from others of that agent at the same time.

    Raises:
        ConfigurationError: If the run is replayed and did not come to this step.
        StoreError: If its journal cannot be written.
    """
    if not isinstance(tools, Toolbox):
        return [*tools]
    if context.journal is None or not tools.follows:
        await tools.refresh()
        return [*tools]

    async def make(underway: Underway) -> str:
        await tools.refresh()
        return json.dumps([_written(one, tools) for one in tools])

    kept = await context.journal.tool_call(
        make, {"seen": list(seen)}, scope=context.scope, spender=Spender(author, "", round, LISTING)
    )
    return [tool for one in json.loads(kept) if (tool := _read(one, tools))]


def _written(tool: Tool, box: Toolbox) -> dict[str, Any]:
    """A tool as the record knows it; those of the program itself are there when it runs again."""
    if tool.name not in box.served:
        return {"name": tool.name}
    return {
        "name": tool.name,
        "description": tool.description,
        "schema": tool.schema,
        "access": sorted(tool.access),
        "trusted": tool.trusted,
        "changed": tool.changed,
        "source": tool.source,
    }


def _read(written: dict[str, Any], box: Toolbox) -> Tool | None:
    """The tool that was written down; one that its server has no more, or has otherwise, can be shown, not called."""
    name = written["name"]
    now = box.by_name.get(name)
    if "schema" not in written or (now and _written(now, box) == written):
        return now

    async def gone(**arguments: Any) -> None:
        raise ToolError(f"{written['source']} is no longer what it was when it was offered", fault="unknown_tool")

    check = check_by_schema(written["schema"], name)
    return Tool(**{**written, "access": frozenset(written["access"])}, check=check, function=gone)
