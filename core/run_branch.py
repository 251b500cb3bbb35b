"""Branches: a run that goes another way from some point on, with what was before that point not paid for again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from disputatio.errors import ConfigurationError
from disputatio.journal_file import CallLine, IntentLine, Line, ModelLine, RunLine
from disputatio.redaction import redactor
from disputatio.run_store import RunStore


def branch(
    store: RunStore,
    run: str,
    *,
    after: int | None = None,
    replies: Mapping[int, str] | None = None,
    change: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> str:
    """Make a run of its own that begins as another did; it is carried out by resuming it.

    Args:
        store: Where the runs are.
        run: The other run.
        after: Keep this many of its calls, in the order in which they ended, whatever is asked in their place now, and
            forget those that came later; None keeps all, to be taken where the same is asked.
        replies: Calls, counted from 1, with what they are to have replied instead.
        change: Other values for the question (as JSON), the strategy (as Python would write it), or settings: models,
            budget, temperature, seed.
        recipe: What the strategy can be made from again, if it is another.

    Returns:
        The id of the branch.

    Raises:
        ConfigurationError: If there is no such run or call, or the run has not begun.
        StoreError: If the store cannot be used.
    """
    record, lines = store.get(run), store.lines(run)
    calls = [line for line in lines if isinstance(line, CallLine) and line.failure is None]
    if not calls:
        raise ConfigurationError(f"run {record.id} has made no calls to branch after")
    replies = dict(replies or {})
    kept = len(calls) if after is None else after
    for number in (kept, *replies):
        if not (0 if number == kept else 1) <= number <= len(calls):
            raise ConfigurationError(f"run {record.id} has {len(calls)} calls, there is no call {number}")
    if beyond := [number for number in replies if number > kept]:
        raise ConfigurationError(f"call {beyond[0]} is not kept after call {kept}, so its reply cannot be changed")
    first = next(line for line in lines if isinstance(line, RunLine))
    last = [line for line in lines if isinstance(line, RunLine)][-1]
    given, new = dict(change or {}), uuid4().hex
    begun = last.model_copy(
        update={
            "run_id": new,
            "origin": first.origin or first.run_id,
            "question": given.pop("question", last.question),
            "strategy": given.pop("strategy", last.strategy),
            "settings": {**last.settings, **given},
        }
    )
    models = [line for line in lines if isinstance(line, ModelLine)]
    chosen = [_as_if(call, replies.get(n)) for n, call in enumerate(calls[:kept], 1)]
    if after is not None:
        chosen = [call.model_copy(update={"digest": ""}) for call in chosen]
    # What a tool changed in the other run was done: the branch asks a person before it does it once more.
    intents = [line for line in lines if isinstance(line, IntentLine)]
    done = {(*call.place, call.digest, call.step) for call in calls[:kept]}
    again = [line for line in intents if (*line.call.place, line.call.digest, line.call.step) not in done]
    _write(store, record.id, [begun, *models, *chosen, *again], record.recipe if recipe is None else recipe)
    return new


def _as_if(call: CallLine, reply: str | None) -> CallLine:
    """The call as if another reply had come."""
    if reply is None:
        return call
    if call.reply is None:
        output = json.dumps({"text": reply})  # as a tool's outcome is kept
        return call.model_copy(update={"output": output})
    said = {"text": reply, "others": (), "reasoning": "", "refusal": "", "logprobs": (), "tool_calls": ()}
    return call.model_copy(update={"reply": _replaced(call.reply, {**said, "finish_reason": "stop"})})


def _replaced(reply: Any, changes: Mapping[str, Any]) -> Any:
    return type(reply)(**{**vars(reply), **changes})


def _write(store: RunStore, origin: str, lines: Sequence[Line], recipe: Mapping[str, Any]) -> None:
    redact, made = redactor(), store.new(recipe)
    made.id = lines[0].run_id  # type: ignore[union-attr]
    with store.database.transaction(durable=True) as database:
        for place, line in enumerate(lines):
            written = redact({"line": line.line, **line.model_dump(mode="json", exclude_defaults=True)})
            if place == 0:
                made.start(database, {**written, "origin": origin}, "admitted")
            made.put(written)
        database.execute("UPDATE runs SET updated = ? WHERE id = ?", (store.now(), made.id))
