"""What a report tells of answers besides accuracy: whether confidence can be trusted, and what asking again gives."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from disputatio.evals.bench import Trial
from disputatio.evals.metrics.calibration import auroc, brier, ece, selective_accuracy
from disputatio.evals.metrics.sampling import pass_at_k, pass_until


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Confidence(_Part):
    """How sure a strategy was, against how often it was right: over its answers that could be read and state it."""

    strategy: str
    answers: int
    mean: float
    """Confidence, on average."""
    right: float
    """The share of these answers that is right."""
    ece: float
    brier: float
    auroc: float | None
    """None unless there are both right and wrong answers."""
    surest_half: float
    """The accuracy of the surest answers that make up half of them."""


class Repeats(_Part):
    """What a strategy gains from epochs: means over items. An epoch is passed by an answer that is worth 1."""

    strategy: str
    chances: dict[int, float]
    """pass@k by k: 1, 2, 4 and so on, and the number of epochs."""
    until: float
    """PassUntil: one pass, by the epochs that it took; 0 for an item that is passed in none."""
    never: int
    """Items that are passed in no epoch."""


def confidences(trials: Sequence[Trial]) -> list[Confidence]:
    """One for each strategy whose answers state a confidence."""
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for trial in trials:
        if trial.value is not None and trial.confidence is not None:
            found[trial.strategy].append((min(max(trial.confidence, 0.0), 1.0), trial.value == 1))
    rows = []
    for strategy, pairs in found.items():
        sure, right = [one for one, _ in pairs], [hit for _, hit in pairs]
        rows.append(
            Confidence(
                strategy=strategy,
                answers=len(pairs),
                mean=fmean(sure),
                right=fmean(right),
                ece=ece(sure, right),
                brier=brier(sure, right),
                auroc=auroc(sure, right),
                surest_half=selective_accuracy(sure, right, coverage=0.5),
            )
        )
    return rows


def repeats(trials: Sequence[Trial]) -> list[Repeats]:
    """One for each strategy, where items were asked more than once."""
    found: dict[str, dict[tuple[str, str], list[bool]]] = defaultdict(lambda: defaultdict(list))
    for trial in sorted(trials, key=lambda trial: trial.epoch):
        found[trial.strategy][trial.task, trial.item].append(trial.value == 1)
    rows = []
    for strategy, items in found.items():
        outcomes = list(items.values())
        epochs = min(map(len, outcomes))
        sizes = sorted({epochs, *(2**n for n in range(epochs.bit_length()))})
        if epochs > 1:
            chances = {k: fmean(pass_at_k(len(one), sum(one), k) for one in outcomes) for k in sizes}
            until = fmean(pass_until(one).rate for one in outcomes)
            never = sum(not any(one) for one in outcomes)
            rows.append(Repeats(strategy=strategy, chances=chances, until=until, never=never))
    return rows


NOTES = {
    "Confidence": "Over answers that could be read and have a confidence: the one they state, or the share of votes. "
    "ECE (10 bins) and Brier's score are 0 at best; AUROC is the chance that a right answer is surer than a wrong one, "
    "0.5 where confidence tells nothing. The surest half is the accuracy of the surest answers that make up half.",
    "Epochs": "pass@k is the chance that one of k epochs is right, without bias, as a mean over items: what a perfect "
    "choice among k runs would give. PassUntil is one pass by the epochs that it took, 0 where none passed. An epoch "
    "that failed or could not be read is not right.",
}


def answer_tables(
    sure: Sequence[Confidence], again: Sequence[Repeats], one: str
) -> dict[str, tuple[list[str], list[list[str]]]]:
    """The tables by their headings: titles, and a row for each strategy; `NOTES` explains them."""
    titles = [one, "answers", "confidence", "accuracy", "surest half", "ECE", "Brier", "AUROC"]
    lines = [
        [
            row.strategy,
            f"{row.answers:,}",
            *(f"{share * 100:.1f} %" for share in (row.mean, row.right, row.surest_half)),
            *(f"{score:.3f}" for score in (row.ece, row.brier)),
            "none" if row.auroc is None else f"{row.auroc:.3f}",
        ]
        for row in sure
    ]
    sizes = list(again[0].chances) if again else []
    passed = [
        [row.strategy, *(f"{share * 100:.1f} %" for share in (*row.chances.values(), row.until)), f"{row.never:,}"]
        for row in again
    ]
    tables = {
        "Confidence": (titles, lines),
        "Epochs": ([one, *(f"pass@{k}" for k in sizes), "PassUntil", "never right"], passed),
    }
    return {name: table for name, table in tables.items() if table[1]}
