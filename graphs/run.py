"""Running: one question, one strategy, one result."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import JsonValue, ValidationError

import disputatio
from disputatio.agents.speech import load_all
from disputatio.budget import Budget
from disputatio.context import Context, Event
from disputatio.errors import ConfigurationError, DisputatioError, unknown
from disputatio.gate import Gate
from disputatio.graphs import CATALOGUE
from disputatio.journal import Journal
from disputatio.ledger import Ledger
from disputatio.model import Model
from disputatio.models import load_model
from disputatio.permission import Permission
from disputatio.question import Question
from disputatio.result import Result, Spent
from disputatio.run_store import RunStore
from disputatio.strategies import Strategy
from disputatio.telemetry import from_environment
from disputatio.thought import Answer, in_order
from disputatio.tracing import Tracer

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langgraph.store.base import BaseStore

T = TypeVar("T")

CALLS_PER_TURN = 2
"""A turn is one model call, and a second, extracting one where the model needs two steps."""


async def asolve(
    question: Question | str,
    *,
    strategy: Strategy[...] | str = "disputation",
    model: "Model | BaseChatModel | str" = "local",
    models: "Mapping[str, Model | BaseChatModel | str] | None" = None,
    budget: Budget | None = None,
    budgets: Mapping[str, Budget] | None = None,
    at_once: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    permission: Permission | None = None,
    on_event: Callable[[Event], None] | None = None,
    journal: Journal | Path | str | None = None,
    runs: RunStore | Path | str | None = None,
    tracer: Tracer | None = None,
    store: "BaseStore | None" = None,
    **params: Any,
) -> Result:
    """Answer a question.

    Args:
        question: What is asked.
        strategy: How to reason: a strategy, or a name of `disputatio.graphs.CATALOGUE`.
        model: The model of all agents that have none of their own; see `load_model` for the strings. It may also
            be a chat model of LangChain. Of several ("openai:gpt-5-mini | local") the next is asked where one cannot
            be reached.
        models: Other models by role ("judge") or by agent's name.
        budget: What the run may spend. What the strategy can need at most is always a limit, too.
        budgets: What a role ("judge") or an agent may spend of that.
        at_once: The most model calls under way at one time; None sets no limit.
        temperature: Randomness of replies, from 0, where an agent sets none; None is the backend's default.
        seed: Makes sampling repeatable where the backend can.
        permission: What tools may do, and who is asked for more; None lets them compute and read.
        on_event: Called with each event of the run as it happens, in the thread of the run.
        journal: A file in which the calls of the run are written down; one that was interrupted goes on from what is
            there. A `Journal` can also replay the run that it holds, without asking a model.
        runs: A store that keeps the run, or its file or address: it can be looked at, resumed and branched from later,
            and can wait for a person (docs/runs.md).
        tracer: Who watches the run; None is nobody, unless the environment asks for it (docs/observability.md).
        store: What outlives the run, for strategies that remember (docs/memory.md); None is nothing.
        **params: Parameters of the strategy, for example `rounds=3`.

    Returns:
        The answer, all that was said, and what it cost. A run that its budget, its deadline or `Ledger.stop` ended
        answers from what it had; `stop_reason` says so.

    Raises:
        ConfigurationError: If a parameter, a name or the question is wrong; no model was called.
        StoreError: If the journal or the store cannot be read or written.
        ModelError: If a model failed; the error's `result` holds what was said before.
    """
    if runs is not None and journal is not None:
        raise ConfigurationError("a run is kept in a journal of its own or in a store, not in both")
    if runs is None and permission and permission.approve == "wait":
        raise ConfigurationError('a run that waits for a person is kept in a store: give it runs="FILE"')
    found = find(strategy, **params)
    if runs is not None:
        journal = Journal(RunStore.of(runs).new(recipe_of(found)))
    context = prepare(
        model=model,
        models=models,
        budget=budget,
        budgets=budgets,
        at_once=at_once,
        temperature=temperature,
        seed=seed,
        permission=permission,
        on_event=on_event,
        journal=journal,
        tracer=tracer,
        store=store,
    )
    return await run(as_question(question), found, context)


def solve(question: Question | str, **settings: Any) -> Result:
    """Answer a question: the synchronous twin of `asolve`, with the same parameters. Works in notebooks, too."""
    return synchronously(asolve(question, **settings))


def prepare(
    *,
    model: "Model | BaseChatModel | str" = "local",
    models: "Mapping[str, Model | BaseChatModel | str] | None" = None,
    budget: Budget | None = None,
    budgets: Mapping[str, Budget] | None = None,
    at_once: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    permission: Permission | None = None,
    on_event: Callable[[Event], None] | None = None,
    journal: Journal | Path | str | None = None,
    tracer: Tracer | None = None,
    store: "BaseStore | None" = None,
) -> Context:
    """Make the context of one run, with the parameters of `asolve`.

    Raises:
        ConfigurationError: If the temperature or the number of calls at once is out of range.
    """
    if temperature is not None and not 0 <= temperature <= 5:
        raise ConfigurationError(f"the temperature must be from 0 to 5, got {temperature}")
    chosen = {**(models or {}), "default": model}
    return Context(
        models={role: one if isinstance(one, str) else load_model(one) for role, one in chosen.items()},
        ledger=Ledger(budget or Budget()),
        gate=Gate(most=at_once) if at_once is not None else None,
        budgets=budgets or {},
        temperature=temperature,
        seed=seed,
        permission=permission or Permission(),
        on_event=on_event,
        journal=Journal(journal) if isinstance(journal, Path | str) else journal,
        tracer=tracer or from_environment(),
        store=store,
    )


async def run(question: Question, strategy: Strategy[...], context: Context) -> Result:
    """Run a strategy in a context made for it; see `asolve` for what is returned and raised."""
    if context.tracer is None:
        return await _recorded(question, strategy, context)
    with context.tracer.run(question, strategy) as tell:
        result = await _recorded(question, strategy, context)
        tell(result)
        return result


async def _recorded(question: Question, strategy: Strategy[...], context: Context) -> Result:
    ledger = context.ledger
    if ledger.budget.calls is None:
        ledger.budget = ledger.budget.model_copy(update={"calls": strategy.calls * CALLS_PER_TURN})
    if context.journal is None:
        return await _run(question, strategy, context)
    with context.journal.of(question, repr(strategy), settings_of(context), context):
        return await _run(question, strategy, context)


async def _run(question: Question, strategy: Strategy[...], context: Context) -> Result:
    graph = strategy.compiled if context.store is None else strategy.compile(store=context.store)
    if any(isinstance(model, str) for model in context.models.values()):
        await asyncio.to_thread(load_all, context)
    context.ledger.started = time.monotonic()
    try:
        output = await graph.ainvoke({"question": question}, context=context)
    except DisputatioError as error:
        error.result = outcome(question, strategy, context, Answer(stop_reason="error"))
        raise
    # A run that waits for a person has no answer yet.
    answer = Answer(stop_reason="waiting") if "__interrupt__" in output else output["answer"]
    return outcome(question, strategy, context, answer)


def outcome(question: Question, strategy: Strategy[...], context: Context, answer: Answer) -> Result:
    """The result of a run, finished or not."""
    ledger = context.ledger
    result = Result(
        run_id=context.run_id,
        question=question,
        strategy=repr(strategy),
        answer=answer,
        thoughts=tuple(context.thoughts),
        links=in_order(context.links, context.thoughts),
        usage=ledger.total,
        spent=tuple(Spent(**spender._asdict(), usage=usage) for spender, usage in ledger.lines.items()),
        seconds=round(ledger.seconds, 3),
        stop_reason=ledger.reason or answer.stop_reason,
        settings=settings_of(context),
    )
    return context.journal.ended(result) if context.journal else result


def settings_of(context: Context) -> dict[str, JsonValue]:
    """What a run was told, for its record."""
    names = {role: model if isinstance(model, str) else model.name for role, model in context.models.items()}
    limits: dict[str, JsonValue] = {} if context.gate is None else {"at_once": int(context.gate.most)}
    if context.budgets:
        limits["budgets"] = {name: one.model_dump(mode="json") for name, one in context.budgets.items()}
    return {
        "models": dict(names),
        "budget": context.ledger.budget.model_dump(mode="json"),
        "temperature": context.temperature,
        "seed": context.seed,
        "version": disputatio.__version__,
        **limits,
    }


def find(strategy: Strategy[...] | str, **params: Any) -> Strategy[...]:
    """The strategy that a name means, with its parameters set.

    Raises:
        ConfigurationError: If the name or a parameter is unknown, or a value is not allowed.
    """
    if isinstance(strategy, str):
        if strategy not in CATALOGUE:
            raise unknown("strategy", strategy, CATALOGUE)
        strategy = CATALOGUE[strategy]
    return strategy(**params) if params else strategy


def recipe_of(strategy: Strategy[...]) -> dict[str, JsonValue]:
    """What `find` makes a strategy from again, in another process; empty if it has parts that only a program has."""
    try:
        params = json.loads(json.dumps(dict(strategy.params)))
    except (TypeError, ValueError):
        return {}
    is_known = CATALOGUE.get(strategy.name) is not None and not strategy.args
    return {"strategy": strategy.name, "params": params} if is_known and params == dict(strategy.params) else {}


def as_question(question: Question | str) -> Question:
    """A question, made from its text if need be.

    Raises:
        ConfigurationError: If the text is empty or too long.
    """
    try:
        return Question.of(question)
    except ValidationError as error:
        raise ConfigurationError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from error


def synchronously(
    work: Coroutine[Any, Any, T], *, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> T:
    """Run a coroutine to its end, in a thread of its own where this one runs an event loop (in a notebook)."""

    def finish() -> T:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(work)

    if not _in_event_loop():
        return finish()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(finish).result()


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
