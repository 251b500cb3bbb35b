"""Changing kept runs: `disputatio runs resume`, `branch`, `replay`, `delete`, `gc` and `repair`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from disputatio.apps.options import Debug, Models, OutputFormat, Page, Parameters, Quiet, Runs
from disputatio.apps.output import complain, put, reported
from disputatio.apps.run_looks import Named, store, when
from disputatio.apps.settings import Settings

if TYPE_CHECKING:
    from disputatio.run_store import RunStore

DAY_S = 24 * 3600


def resume(
    run: Named,
    approve: Annotated[bool, typer.Option("--approve", metavar="", help="Say yes to what it asks.")] = False,
    deny: Annotated[bool, typer.Option("--deny", metavar="", help="Say no to what it asks.")] = False,
    answer: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Answer what it asks; or say what came of a call, where it asks.")
    ] = None,
    question: Annotated[
        str | None, typer.Option(metavar="KEY", help="Which question, where there are several; see: runs show.")
    ] = None,
    model: Models = None,
    runs: Runs = None,
    format: OutputFormat = "text",
    html: Page = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Go on with a run that was interrupted, stopped, or waits for a person. What was done is not paid for again.

    Exit codes: 0 answered, 1 failed, 2 wrong input, 3 no answer could be read, 4 waits for a person, 130 stopped
    """
    with reported(debug):
        from disputatio.apps import session

        kept = store(runs)
        decision = _decision(approve=approve, deny=deny, answer=answer)
        if decision is not None:
            _decide(kept, run, decision, question)
        settings = Settings(model=model, format=format, html=html, quiet=quiet, wait=True)
        raise typer.Exit(session.resume(kept.resume(run), settings))


def _decision(*, approve: bool, deny: bool, answer: str | None) -> str | None:
    from disputatio.errors import ConfigurationError

    given = [*(["approve"] if approve else []), *(["deny"] if deny else []), *([] if answer is None else [answer])]
    if len(given) > 1:
        raise ConfigurationError("give one of --approve, --deny and --answer")
    return given[0] if given else None


def _decide(kept: "RunStore", run: str, decision: str, key: str | None) -> None:
    from getpass import getuser

    from disputatio.errors import ConfigurationError

    record = kept.get(run)
    if record.is_held:
        kept.resume(run).open()  # says who holds it
    questions = [one for one in kept.questions(record.id) if one.key.startswith(key or "")]
    pending = [one for one in questions if one.decision is None]
    if len(pending) > 1:
        raise ConfigurationError(f"it asks {len(pending)} questions; give --question, one of: {_listed(pending)}")
    if not pending:
        held = f": {questions[-1].asked['question']} {questions[-1].decision}" if questions else ""
        raise ConfigurationError(f"run {record.id[:8]} asks nothing that is undecided{held}")
    [one] = pending
    if decision not in ("approve", "deny") and not one.asked.get("free"):
        raise ConfigurationError("it asks for a yes or a no: --approve or --deny")
    if "tool" not in one.asked and decision in ("approve", "deny"):
        raise ConfigurationError(f"it asks for words, by --answer: {one.asked['question']}")
    held = kept.decide(record.id, one.key, decision, getuser()).decision or ""
    if held != decision:
        raise ConfigurationError(f"somebody else has decided in the meantime: {held}")


def _listed(pending: Sequence[Any]) -> str:
    return "; ".join(f"{one.key[:6]} ({one.asked['question']})" for one in pending)


def branch(
    run: Named,
    after: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Keep the first N calls as they are, and forget the later ones."),
    ] = None,
    reply: Annotated[
        list[str] | None,
        typer.Option(metavar="N=TEXT", help="What call N is to have replied instead. Can be given several times."),
    ] = None,
    question: Annotated[str | None, typer.Option(metavar="TEXT", help="Another question, text or @FILE.")] = None,
    parameter: Parameters = None,
    model: Models = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another seed.", rich_help_panel="Models")] = None,
    temperature: Annotated[
        float | None, typer.Option(metavar="X", help="Another temperature.", rich_help_panel="Models")
    ] = None,
    go: Annotated[bool, typer.Option("--resume", metavar="", help="Carry the branch out at once.")] = False,
    runs: Runs = None,
    debug: Debug = False,
) -> None:
    """Make a run that begins as another did and goes another way; calls that it shares with it are not paid for again.

    Prints the id of the branch, which runs when it is resumed. Calls are numbered as in: disputatio runs show
    """
    with reported(debug):
        from disputatio.apps import choosing, recipes, session
        from disputatio.apps.reading import question_text
        from disputatio.run_branch import branch

        kept = store(runs)
        record = kept.get(run)
        change: dict[str, Any] = {}
        recipe = recipes.changed(record.recipe, parameter or [])
        if parameter or model:
            strategy = recipes.strategy_of(recipe)
            change["strategy"] = repr(strategy)
            others = choosing.models(model, strategy) if model else {}
            change["models"] = {**dict(record.settings["models"]), **others}  # type: ignore[arg-type]
        if parameter:  # the budget that follows from the old ones does not bind the branch
            change["budget"] = {**dict(record.settings["budget"]), "calls": None}  # type: ignore[arg-type]
        if question is not None:
            asked = record.question.model_copy(update={"text": question_text(question)})
            change["question"] = asked.model_dump(mode="json")
        change |= {} if seed is None else {"seed": seed}
        change |= {} if temperature is None else {"temperature": temperature}
        made = branch(kept, record.id, after=after, replies=_replies(reply or []), change=change, recipe=recipe)
        if go:
            raise typer.Exit(session.resume(kept.resume(made), Settings(wait=True)))
        put(made + "\n")


def _replies(given: Sequence[str]) -> dict[int, str]:
    from disputatio.errors import ConfigurationError

    replies = {}
    for text in given:
        number, equals, reply = text.partition("=")
        if not equals or not number.strip().isdecimal():
            raise ConfigurationError(f"a reply is given as N=TEXT, for example 3=..., not {text!r}")
        replies[int(number)] = reply
    return replies


def replay(
    run: Named,
    runs: Runs = None,
    format: OutputFormat = "text",
    html: Page = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Repeat a run exactly as it went; no model is asked and no tool is called."""
    with reported(debug):
        from disputatio.apps import session

        kept = store(runs).resume(run)
        settings = Settings(format=format, html=html, quiet=quiet)
        raise typer.Exit(session.resume(kept, replace(settings, replay=Path(str(kept)))))


def delete(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="The beginnings of their ids.")],
    runs: Runs = None,
) -> None:
    """Delete runs, with all that was said in them."""
    with reported():
        number = store(runs).delete(run)
        complain(f"deleted {number} run{'s' * (number != 1)}")


def gc(
    older_than: Annotated[
        float, typer.Option(metavar="DAYS", min=0, help="Delete what was not written for so many days.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", metavar="", help="Only list what would be deleted.")] = False,
    runs: Runs = None,
) -> None:
    """Delete old runs. Those that are under way, or wait for a person, are kept."""
    with reported():
        kept = store(runs)
        old = kept.old(older_than * DAY_S)
        if dry_run:
            put("".join(f"{one.id[:8]}  {when(one.updated)}  {one.standing}\n" for one in old))
            return
        number = kept.delete(one.id for one in old)
        complain(f"deleted {number} run{'s' * (number != 1)}")


def repair(runs: Runs = None) -> None:
    """Put a new file in the place of a damaged one, with all that can still be read; the damaged one is kept."""
    with reported():
        kept = store(runs)
        fault = kept.database.fault()
        if not fault:
            complain(f"{kept.database.name} is as it should be")
            return
        complain(f"{fault}")
        place, lost = kept.database.repair()
        records = kept.records()
        broken = [one.id[:8] for one in records if kept.broken(one.id)]
        complain(f"kept {len(records)} runs; the damaged file is {place}")
        if lost or broken:
            complain(f"incomplete, and not to be resumed: {', '.join(broken) or 'none that is known'}")
