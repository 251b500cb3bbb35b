"""Resuming: a run of a store goes on from where it stopped, in this process or another."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disputatio.budget import Budget
from disputatio.errors import ConfigurationError
from disputatio.graphs.run import find, prepare, run, synchronously
from disputatio.journal import Journal
from disputatio.model import Model
from disputatio.result import Result
from disputatio.run_record import RunRecord
from disputatio.run_store import RunStore
from disputatio.strategies import Strategy

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel


async def aresume(
    run_id: str,
    *,
    runs: RunStore | Path | str | None = None,
    strategy: Strategy[...] | None = None,
    models: "Mapping[str, Model | BaseChatModel | str] | None" = None,
    replay: bool = False,
    **settings: Any,
) -> Result:
    """Go on with a run: what it was told before is taken from its record and not paid for again.

    The graph is run from its start, which costs milliseconds: calls of models and tools that were completed are
    answered from the journal, in which they stand in the order of the first life.

    Args:
        run_id: Its id, or the beginning of it; "last" is the one that was written last.
        runs: The store, or its file or address; None is the one in the user's data folder.
        strategy: Its strategy, where that has parts that only a program has (agents, functions).
        models: By role, other models than those it was begun with; needed where these have no string to load them by.
        replay: Repeat it without asking a model or calling a tool, exactly as it went.
        **settings: What else `asolve` takes and a record does not hold: `permission`, `on_event`, `store` and `tracer`;
            and other limits than those of the record, by `budget`, `budgets` and `at_once`.

    Returns:
        The result. A run that waits for a person who has not decided yet waits on.

    Raises:
        ConfigurationError: If there is no such run, another process has it, or something must be given.
        StoreError: If the store cannot be used.
        ModelError: If a model failed; the error's `result` holds what was said before.
    """
    store = RunStore() if runs is None else RunStore.of(runs)
    record = store.get(run_id)
    found = strategy or strategy_of(record)
    told: Any = record.settings
    chosen = {**told["models"], **(models or {})}
    told = {
        "model": chosen.pop("default"),
        "models": chosen,
        "budget": Budget.model_validate(told["budget"]),
        "temperature": told["temperature"],
        "seed": told["seed"],
        "at_once": told.get("at_once"),
        "budgets": {name: Budget.model_validate(one) for name, one in told.get("budgets", {}).items()},
        **settings,
    }
    context = prepare(**told, journal=Journal(store.resume(record.id), replay=replay))
    return await run(record.question, found, context)


def resume(run_id: str, **settings: Any) -> Result:
    """Go on with a run: the synchronous twin of `aresume`, with the same parameters. Works in notebooks, too."""
    return synchronously(aresume(run_id, **settings))


def strategy_of(record: RunRecord) -> Strategy[...]:
    """The strategy of a run, made again.

    Raises:
        ConfigurationError: If it has parts that only a program has.
    """
    match record.recipe:
        case {"strategy": str(name), "params": dict(params)}:
            return find(name, **params)
    needed = "has parts that only the program has which began it"
    raise ConfigurationError(f"{record.strategy} {needed}: give resume(...) its strategy")
