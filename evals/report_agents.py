"""What an examination shows of agents besides accuracy: where they find faults, and whether places sway them."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from disputatio.evals.bench import Trial
from disputatio.evals.compare import LEVEL
from disputatio.evals.examination import finding_in
from disputatio.evals.items import Item, Task
from disputatio.evals.metrics.accuracy import wilson
from disputatio.evals.metrics.agreement import cohen_kappa, position_bias
from disputatio.evals.metrics.meta_reasoning import Finding, MetaReasoning, known_of, meta_reasoning

RESAMPLES = 2_000
Interval = tuple[float, float]
_RULING_TITLES = (
    "agent", "task", "right", "wrong", "right passed", "wrong found", "first error found", "MCC", "MCC 95 % interval",
    "localised", "unparsed",
)  # fmt: skip
_PREFERENCE_TITLES = ("agent", "task", "pairs", "agrees with the key", "kappa", "consistent", "first", "second",
                      "unparsed")  # fmt: skip
NOTES = {
    "Solutions": "Right and wrong are solutions; the next columns are shares of them with Wilson's 95 % interval. The "
    "first error counts among all wrong solutions; localised is the share of all solutions of which it was said "
    "rightly where the first error is, or that there is none. MCC is Matthews' correlation of ruling and truth, its "
    "interval from the bootstrap over items. A ruling that could not be read is a miss of its class.",
    "Pairs of responses": "Each pair is judged in both orders. Agreement and Cohen's kappa with the key are over "
    "single rulings that could be read; consistent is the share of pairs in which the same response was preferred "
    "both times, first and second the shares in which a place was, with Wilson's 95 % interval.",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(_Part):
    """A share with its 95 % interval."""

    value: float
    interval: Interval

    @classmethod
    def of(cls, hits: int, trials: int, items: int) -> "Share | None":
        """The share of hits; its interval is for so many items, of which each may have several trials."""
        return cls(value=hits / trials, interval=wilson(hits / trials * items, items)) if trials else None


class Rulings(_Part):
    """How an agent ruled on the solutions of one task."""

    agent: str
    task: str
    right: int
    """Solutions, not trials."""
    wrong: int
    passed: Share | None
    """Of the right ones; None where there is none."""
    found: Share | None
    """Of the wrong ones."""
    first_error: Share | None
    """Of the wrong ones."""
    localised: Share | None
    """Of all; see `MetaReasoning.localisation`."""
    mcc: float | None
    """None where all solutions are right, or all are wrong: there is nothing to tell apart."""
    mcc_interval: Interval | None
    unparsed: int
    """Trials."""


class Preferences(_Part):
    """Which of two responses an agent preferred, over the pairs of one task."""

    agent: str
    task: str
    pairs: int
    agreement: Share | None
    """Of single rulings that could be read, with the key; None where none could be."""
    kappa: float | None
    consistent: Share | None
    first: Share | None
    """Of pairs in which what came first was preferred both times."""
    second: Share | None
    unparsed: int
    """Trials with a ruling that could not be read."""


def examined_rows(trials: Sequence[Trial], tasks: Sequence[Task]) -> tuple[list[Rulings], list[Preferences]]:
    """What agents did on solutions and on pairs: one row for each agent and task. Trials that failed are left out."""
    rulings, preferences = [], []
    for task in tasks:
        items = {item.id: item for item in task.items}
        by_agent: dict[str, list[Trial]] = defaultdict(list)
        for trial in trials:
            if trial.task == task.name and not trial.error:
                by_agent[trial.strategy].append(trial)
        for agent, own in by_agent.items():
            kind = items[own[0].item].scorer
            if kind == "ruling":
                rulings.append(_rulings(agent, task.name, own, items))
            elif kind == "preference":
                preferences.append(_preferences(agent, task.name, own, items))
    return rulings, preferences


def _rulings(agent: str, task: str, trials: Sequence[Trial], items: Mapping[str, Item]) -> Rulings:
    known = {item: known_of(items[item]) for item in {trial.item for trial in trials}}
    said: dict[str, list[Finding]] = defaultdict(list)
    for trial in trials:
        said[trial.item].append(finding_in(trial.answer))
    pairs = [(known[item], one) for item, found in said.items() for one in found]
    total = meta_reasoning([truth for truth, _ in pairs], [one for _, one in pairs])
    parts = [meta_reasoning([known[item]] * len(found), found) for item, found in said.items()]
    right = sum(bool(one.correct) for one in known.values())
    wrong, wrongs = len(known) - right, total.tn + total.fp
    return Rulings(
        agent=agent,
        task=task,
        right=right,
        wrong=wrong,
        passed=Share.of(total.tp, total.tp + total.fn, right),
        found=Share.of(total.tn, wrongs, wrong),
        first_error=Share.of(total.steps, wrongs, wrong),
        localised=Share.of(total.tp + total.steps, len(pairs), len(known)),
        mcc=total.mcc if right and wrong else None,
        mcc_interval=mcc_interval(parts) if right and wrong else None,
        unparsed=total.unread,
    )


def mcc_interval(items: Sequence[MetaReasoning], *, seed: int = 0) -> Interval:
    """The 95 % interval of Matthews' correlation: the percentile bootstrap over items, drawn anew with replacement."""
    draw = random.Random(seed).choices
    counts = [(one.tp, one.tn, one.fp, one.fn) for one in items]

    def drawn() -> float:
        sums = [0, 0, 0, 0]
        for count, often in Counter(draw(counts, k=len(counts))).items():
            for place, number in enumerate(count):
                sums[place] += often * number
        tp, tn, fp, fn = sums
        return MetaReasoning(tp=tp, tn=tn, fp=fp, fn=fn, unread=0, steps=0, reasons=0, graded=False).mcc

    found = sorted(drawn() for _ in range(RESAMPLES))
    cut = int(RESAMPLES * LEVEL / 2)
    return found[cut], found[-1 - cut]


def _preferences(agent: str, task: str, trials: Sequence[Trial], items: Mapping[str, Item]) -> Preferences:
    number = len({trial.item for trial in trials})
    read = [(trial.answer.split(" ") if trial.answer else ["?", "?"], items[trial.item]) for trial in trials]
    single = [(letter, item.question.canonical(str(item.target))) for pair, item in read for letter in pair]
    ruled = [(letter, key) for letter, key in single if letter != "?"]
    # In the second order A stands in the second place.
    places = [({"A": 1, "B": 2}.get(one), {"A": 2, "B": 1}.get(other)) for (one, other), _ in read]
    bias, whole = position_bias(places), len(places)
    hits = sum(letter == key for letter, key in ruled)
    letters, keys = zip(*ruled, strict=True) if ruled else ((), ())
    return Preferences(
        agent=agent,
        task=task,
        pairs=number,
        agreement=Share.of(hits, len(ruled), min(number, len(ruled))),
        kappa=cohen_kappa(letters, keys) if ruled else None,
        consistent=Share.of(round(bias.consistent * whole), whole, number),
        first=Share.of(round(bias.first * whole), whole, number),
        second=Share.of(round(bias.second * whole), whole, number),
        unparsed=sum("?" in pair for pair, _ in read),
    )


def examined_tables(
    rulings: Iterable[Rulings], preferences: Iterable[Preferences]
) -> dict[str, tuple[list[str], list[list[str]]]]:
    """The tables of agents by their headings: titles, and a row for each agent and task; `NOTES` explains them."""
    solved = [
        [
            one.agent,
            one.task,
            f"{one.right:,}",
            f"{one.wrong:,}",
            *map(_shown, (one.passed, one.found, one.first_error)),
            "none" if one.mcc is None else f"{one.mcc:.2f}",
            "none" if one.mcc_interval is None else "{:.2f} to {:.2f}".format(*one.mcc_interval),
            _shown(one.localised),
            f"{one.unparsed:,}",
        ]
        for one in rulings
    ]
    compared = [
        [
            one.agent,
            one.task,
            f"{one.pairs:,}",
            _shown(one.agreement),
            "none" if one.kappa is None else f"{one.kappa:.2f}",
            *map(_shown, (one.consistent, one.first, one.second)),
            f"{one.unparsed:,}",
        ]
        for one in preferences
    ]
    tables = {"Solutions": (list(_RULING_TITLES), solved), "Pairs of responses": (list(_PREFERENCE_TITLES), compared)}
    return {name: table for name, table in tables.items() if table[1]}


def _shown(share: Share | None) -> str:
    if share is None:
        return "none"
    low, high = share.interval
    return f"{share.value * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"
