"""One run at the keyboard: models are loaded, the run can be stopped, and its result is printed.

The first Ctrl-C stops the run in order, so that it answers from what it has; the second ends the process at once.
While models are loaded the run has not begun: there Ctrl-C is Python's own KeyboardInterrupt.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from disputatio.apps.output import complain, put
from disputatio.apps.reading import question_text
from disputatio.apps.recipes import KEPT
from disputatio.apps.screen import Lines, Screen, display
from disputatio.apps.settings import Settings
from disputatio.context import Context
from disputatio.errors import ConfigurationError, DisputatioError
from disputatio.writing import ending

if TYPE_CHECKING:
    from disputatio.journal import Journal
    from disputatio.models.cache import Cached
    from disputatio.question import Question
    from disputatio.result import Result
    from disputatio.stored_run import StoredRun
    from disputatio.strategies import Strategy

    Begun = tuple[Question, Strategy[...], Context]

STOPPED = 130
"""Exit code of a run that was stopped by Ctrl-C, as shells have it."""
WAITING = 4
"""Exit code of a run that waits for a person."""
NO_ANSWER = 3
"""Exit code of a run that ended without an answer that can be read."""


def answer(
    given: str | None,
    recipe: Mapping[str, Any],
    settings: Settings,
    *,
    answer_type: str | None = None,
    choices: Sequence[str] = (),
) -> int:
    """Answer a question and print the result.

    Args:
        given: The question as it was typed.
        recipe: What the strategy is made from.
        settings: The options.
        answer_type: How the answer is read.
        choices: The closed set of answers.

    Returns:
        The exit code of the process.

    Raises:
        DisputatioError: If the run fails; what had been said by then is printed first.
    """
    text = question_text(given)
    _check_target(settings.html)
    if settings.replay and (settings.record or settings.cache):
        raise ConfigurationError("--replay asks no model: it cannot be combined with --record or --cache")

    def begin(screen: Screen | Lines) -> "Begun":
        from disputatio.apps import choosing, keeping, recipes
        from disputatio.graphs.run import recipe_of

        question = choosing.question(text, answer_type=answer_type, choices=choices)
        strategy = recipes.strategy_of(recipe)
        models = choosing.models(settings.model or (), strategy)
        journal = keeping.journal(settings, {**recipe_of(strategy), **recipe})
        return question, strategy, _context(models, settings, screen, journal)

    return _carried_out(begin, settings)


def resume(run: "StoredRun", settings: Settings) -> int:
    """Go on with a run of a store, or repeat it, and print its result.

    Args:
        run: The run.
        settings: The options that are given anew: for models other than before, for output, and `replay`.

    Returns:
        The exit code of the process.

    Raises:
        DisputatioError: If the run fails; what had been said by then is printed first.
    """
    _check_target(settings.html)
    record = run.store.get(run.id)
    told: Any = record.settings
    limits = {f"max_{name}": value for name, value in told["budget"].items() if f"max_{name}" in vars(settings)}
    again: dict[str, Any] = {name: record.recipe[name] for name in KEPT if name in record.recipe}
    again["cache"] = Path(again["cache"]) if "cache" in again and not settings.replay else None
    again["trace"] = "trace" in again and not settings.replay
    limits |= {name: getattr(settings, name) for name in limits if getattr(settings, name) is not None}
    again |= {name: told.get(name) for name in ("seed", "temperature", "at_once")}
    settings = replace(settings, **again, **limits)

    def begin(screen: Screen | Lines) -> "Begun":
        from disputatio.apps import choosing, recipes
        from disputatio.journal import Journal

        strategy = recipes.strategy_of(record.recipe)
        others = choosing.models(settings.model, strategy) if settings.model else {}
        journal = Journal(run, replay=bool(settings.replay))
        return record.question, strategy, _context({**told["models"], **others}, settings, screen, journal)

    return _carried_out(begin, settings)


def _carried_out(begin: "Callable[[Screen | Lines], Begun]", settings: Settings) -> int:
    """Carry a run out at the keyboard.

    Args:
        begin: Makes it; called when the display is up, since the imports take a moment.
        settings: The options.
    """
    failure: DisputatioError | None = None
    with display(quiet=settings.quiet) as screen:
        question, strategy, context = begin(screen)
        if not settings.replay:
            _load(context, screen)
        caches = _cached(context, settings.cache) if settings.cache else []
        try:
            result: Result | None = asyncio.run(_run(question, strategy, context, screen, settings))
        except DisputatioError as error:
            failure, result = error, error.result
    if result:
        _give(result, settings)
    if settings.record and context.journal and context.journal.taken and not settings.quiet:
        complain(f"{context.journal.taken} replies came from {settings.record}")
    if caches and not settings.quiet:
        complain(f"the cache {caches[0].path}: {caches[0].stats()}")
    if run := context.journal.run if context.journal else None:
        from disputatio.apps import keeping

        keeping.tell_how_to_go_on(run)
    if failure and context.ledger.stop_reason != "cancelled":
        raise failure
    return _code(context, result)


def _check_target(html: Path | None) -> None:
    """Refuse a page that could not be written, before anything is spent on it."""
    if html and html.is_dir():
        raise ConfigurationError(f"cannot write the page to {str(html)!r}: it is a folder")
    if html and not html.absolute().parent.is_dir():
        raise ConfigurationError(f"cannot write the page to {str(html)!r}: there is no folder {str(html.parent)!r}")


def _context(
    models: Mapping[str, str], settings: Settings, screen: Screen | Lines, journal: "Journal | None"
) -> Context:
    from disputatio.apps import choosing, equipping
    from disputatio.apps.tracing import tracer
    from disputatio.graphs.run import prepare

    limits = {
        "calls": settings.max_calls,
        "tokens": settings.max_tokens,
        "seconds": settings.max_seconds,
        "cost": settings.max_cost,
    }
    return prepare(
        model=models["default"],
        models=models,
        budget=choosing.budget(limits),
        at_once=settings.at_once,
        temperature=settings.temperature,
        seed=settings.seed,
        tracer=tracer() if settings.trace else None,
        permission=equipping.permission(
            settings.allow or (),
            *((screen.ask, screen.reply) if screen.can_ask else ()),
            wait=settings.wait and journal is not None,
        ),
        on_event=screen.hear,  # also where nothing is shown: replies that are streamed can be cut off and kept
        journal=journal,
    )


def _load(context: Context, screen: Screen | Lines) -> None:
    """Load the models in the main thread, where Ctrl-C ends the download of weights, too."""
    from disputatio.agents.speech import load_all
    from disputatio.model import alternatives
    from disputatio.models import weights

    names = [name for models in context.models.values() for name in alternatives(str(models))]
    screen.note(f"loading {', '.join(dict.fromkeys(names))}")
    if any(name.removesuffix(":") == "local" for name in names):
        weights.smollm2(on_progress=screen.fetched)
    load_all(context)


def _cached(context: Context, path: Path) -> "list[Cached]":
    """Put a response cache before each model of the run."""
    from disputatio.models.cache import Cached

    caches = {name: Cached(model, path) for name, model in context.loaded.items()}
    context.loaded.update(caches)
    return list(caches.values())


async def _run(
    question: "Question", strategy: "Strategy[...]", context: Context, screen: Screen | Lines, settings: Settings
) -> "Result":
    from disputatio.apps.remembering import remembering
    from disputatio.graphs.run import run

    screen.note("")
    screen.watch(context.ledger)
    async with remembering(strategy, context, settings):
        with _stopped_by_ctrl_c(context, screen):
            return await run(question, strategy, context)


@contextmanager
def _stopped_by_ctrl_c(context: Context, screen: Screen | Lines) -> Iterator[None]:
    # A handler of the loop would wait while the loop is busy; one of the process lets the second Ctrl-C always work.
    # It must not take the ledger's lock itself, which the code that it interrupts may hold.
    loop = asyncio.get_running_loop()
    presses = 0

    def stop() -> None:
        context.ledger.stop("cancelled")
        screen.note("stopping, with what there is so far; Ctrl-C again ends at once")

    def pressed(*_: Any) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            screen.abandon()
            os._exit(STOPPED)
        loop.call_soon_threadsafe(stop)

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _give(result: "Result", settings: Settings) -> None:
    """Print the result, and write the page."""
    from disputatio import markdown

    match settings.format:
        case "json":
            put(result.model_dump_json(indent=2) + "\n")
        case "markdown":
            put(result.to_markdown())
        case _ if result.answer.stop_reason == "error" and not result.thoughts:
            pass  # nothing was said: the error is all there is to tell
        case _ if sys.stdout.isatty():
            result.show()
        case _:
            put(markdown.text(result))
    if settings.html:
        result.to_html(settings.html)
        if not settings.quiet:
            complain(f"the page is in {settings.html}")


def _code(context: Context, result: "Result | None") -> int:
    """The exit code, with a line where it is not 0."""
    if context.ledger.stop_reason == "cancelled":
        complain("stopped by Ctrl-C; what was said so far is kept")
        return STOPPED
    if result and result.stop_reason == "waiting":
        return WAITING
    if result and result.answer.abstained:
        spoken = any(thought.text.strip() for thought in result.thoughts)
        reason = "no answer could be read in what was said" if spoken else "nothing was said"
        complain(f"no answer: {reason} (the run {ending(result.stop_reason)})")
        return NO_ANSWER
    return 0
