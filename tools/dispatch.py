"""Dispatch: the one place where the calls that a model asks for are carried out.

    call -> known tool? -> strict JSON -> schema -> permission -> kept result, or: run within its limits -> thought

Whatever the model wrote and whatever the tool does, each call becomes one thought, and the run goes on. What may be
done is decided here and not by the model (see `disputatio.permission`): an instruction that was planted in a page
can make a model ask for anything, and get nothing that the run does not allow.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from disputatio.model import ToolCall
from disputatio.thought import Thought
from disputatio.tools.calling import Calling, Outcome
from disputatio.tools.runtime import ToolRuntime
from disputatio.tools.tool import Tool
from disputatio.writing import visible

MAX_CALLS = 32
"""The most calls of one reply that are carried out."""
_ID = re.compile(r"[\x21-\x7e]{1,100}")


async def dispatch(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool] | Iterable[Tool], runtime: ToolRuntime
) -> list[Thought]:
    """Carry out the calls of one reply, all at once.

    Args:
        calls: What the model asked for. A call without a usable id, or with that of another, gets one of its own;
            one that is there twice with its id is made once.
        tools: What it was offered, by name or as a list.
        runtime: On whose behalf, in which run.

    Returns:
        One observation for each call, in their order, not yet recorded. Its text is the result or begins with
        "error: "; its data are `call` (the id), `arguments`, `failed`, `error` (see `ToolError.fault`; None if there
        is none), `seconds`, `source`, `trusted` (false for text from outside), `asked_by`, and where there are any,
        `attachments` and `approved`.

    Raises:
        ConfigurationError: If the run is replayed and a call is not in its journal.
        StoreError: If its journal cannot be written.
    """
    offered = tools if isinstance(tools, Mapping) else {tool.name: tool for tool in tools}
    named = _named_apart(calls, runtime)
    if len(named) == 1:  # the usual case, without the cost of a task
        return [await Calling(named[0], offered, runtime).make()]
    made = list(dict.fromkeys(named))
    # All are waited for, also where one of them stops the run: what they did is written down then.
    calling = (Calling(call, offered, runtime).make() for call in made[:MAX_CALLS])
    ended = await asyncio.gather(*calling, return_exceptions=True)
    observed = [one for one in ended if not isinstance(one, BaseException)]
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    results = dict(
        zip(made, [*observed, *(_surplus(call, offered, runtime) for call in made[MAX_CALLS:])], strict=True)
    )
    seen: set[str] = set()
    return [_once(results[call], seen, runtime) for call in named]


def _named_apart(calls: Sequence[ToolCall], runtime: ToolRuntime) -> list[ToolCall]:
    """The calls with an id for each; equal calls stay equal."""
    owners: dict[str, ToolCall] = {}
    named = []
    for call in calls:
        if not _ID.fullmatch(call.id) or owners.get(call.id, call) != call:
            origin = (call.name, call.arguments, runtime.author, *runtime.seen)
            call = replace(call, id=f"call_{runtime.context.identify('call', runtime.round, *origin)}")
        owners[call.id] = call
        named.append(call)
    return named


def _surplus(call: ToolCall, offered: Mapping[str, Tool], runtime: ToolRuntime) -> Thought:
    """The answer to a call that is one too many."""
    text = f"error: at most {MAX_CALLS} tools can be called at once; call {visible(call.name)[:64]} again"
    return Calling(call, offered, runtime).thought(Outcome(text=text, error="refused"))


def _once(thought: Thought, seen: set[str], runtime: ToolRuntime) -> Thought:
    """The thought, under an id of its own if it is there for the second time."""
    if thought.id in seen:
        origin = runtime.context.identify(thought.author, thought.round, thought.id)
        thought = thought.model_copy(update={"id": origin})
    seen.add(thought.id)
    return thought
