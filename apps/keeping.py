"""Keeping: where a run of the command line is written down, and how one that has not ended is gone on with."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from disputatio.apps.output import complain
from disputatio.errors import DisputatioError
from disputatio.journal import Journal
from disputatio.run_store import SHOWN, RunStore
from disputatio.stored_run import StoredRun

if TYPE_CHECKING:
    from disputatio.apps.settings import Settings


def journal(settings: "Settings", recipe: Mapping[str, Any]) -> Journal | None:
    """Where the run is written down: in a file of its own, or by default among the runs in the user's data folder.

    Raises:
        StoreError: If a file that was named cannot be used.
    """
    if settings.replay or settings.record:
        return Journal(settings.replay or settings.record or "", replay=bool(settings.replay))
    if settings.no_runs:
        return None
    try:
        store = RunStore(settings.runs)
        store.database.check_room()
    except DisputatioError as error:
        if settings.runs or settings.wait:
            raise
        complain(f"this run is not kept: {error}")
        return None
    return Journal(store.new(recipe))


def tell_how_to_go_on(run: StoredRun) -> None:
    """Say how a run that has not ended is gone on with, and what it waits for."""
    try:
        record, questions = run.store.get(run.id), run.store.questions(run.id)
    except DisputatioError:  # it could not be kept, which was said
        return
    if record.state in ("finished", "admitted"):
        return
    for one in questions:
        if record.state == "waiting" and one.decision is None:
            complain(f"it waits for a person: {one.asked['question']}")
    choices = " --approve, --deny or --answer TEXT" if record.state == "waiting" else ""
    complain(f"go on by: disputatio runs resume {record.id[:SHOWN]}{choices}")
