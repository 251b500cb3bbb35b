"""What an examination shows of agents besides accuracy: where they find faults, and whether places sway them."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from disputatio.budget import Usage
from disputatio.evals.bench import Trial
from disputatio.evals.compare import LEVEL
from disputatio.evals.examination import finding_in
from disputatio.evals.grading import FOREIGN, REASONS, TRUE, Grades
from disputatio.evals.items import Item, Task
from disputatio.evals.metrics.accuracy import wilson
from disputatio.evals.metrics.agreement import cohen_kappa, position_bias
from disputatio.evals.metrics.meta_reasoning import Finding, MetaReasoning, known_of, meta_reasoning

RESAMPLES = 2_000
Interval = tuple[float, float]


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
    reasons: Share | None = None
    """Of the wrong ones: found, with the right step and the true reason; None where not all of these were graded."""
    score: float | None = None
    """The MR-Score; None where one of its parts is."""
    score_interval: Interval | None = None


class Grader(_Part):
    """What graded the reasons, apart from the agents that gave them."""

    model: str
    reasons: int
    """How many different ones it graded."""
    unread: int
    """Grades that could not be read, of these."""
    failed: int
    """Reasons on which the model failed; a bench that goes on asks again."""
    accepted: Share | None
    """Of true reasons, held against themselves."""
    refused: Share | None
    """Of the reasons of other solutions."""
    usage: Usage
    """Of all its calls, those on reasons of known grade too."""
    seconds: float

    @classmethod
    def of(cls, grades: Grades) -> "Grader":
        """What came of all its trials."""
        asked = [one for one in grades.trials if one.task == REASONS]

        def hits(task: str) -> Share | None:
            own = [one for one in grades.trials if one.task == task and not one.error]
            return Share.of(sum(one.value == 1 for one in own), len(own), len(own))

        return cls(
            model=grades.model,
            reasons=sum(not one.error for one in asked),
            unread=sum(not one.error and not one.answer for one in asked),
            failed=sum(bool(one.error) for one in asked),
            accepted=hits(TRUE),
            refused=hits(FOREIGN),
            usage=sum((one.usage for one in grades.trials), Usage()),
            seconds=sum(one.seconds for one in grades.trials),
        )


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


def examined_rows(
    trials: Sequence[Trial], tasks: Sequence[Task], grades: Grades | None = None
) -> tuple[list[Rulings], list[Preferences]]:
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
                rulings.append(_rulings(agent, task.name, own, items, grades))
            elif kind == "preference":
                preferences.append(_preferences(agent, task.name, own, items))
    return rulings, preferences


def _rulings(
    agent: str, task: str, trials: Sequence[Trial], items: Mapping[str, Item], grades: Grades | None
) -> Rulings:
    known = {item: known_of(items[item]) for item in {trial.item for trial in trials}}
    said: dict[str, list[Finding]] = defaultdict(list)
    for trial in trials:
        reason = grades.of(items[trial.item], trial.rationale) if grades else None
        said[trial.item].append(replace(finding_in(trial.answer), reason=reason))
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
        mcc_interval=bootstrap(parts, lambda drawn: drawn.mcc) if right and wrong else None,
        unparsed=total.unread,
        reasons=Share.of(total.reasons, wrongs, wrong) if total.graded else None,
        score=total.score if right and wrong else None,
        score_interval=bootstrap(parts, lambda drawn: drawn.score) if right and wrong and total.graded else None,
    )


def bootstrap(
    items: Sequence[MetaReasoning], figure: Callable[[MetaReasoning], float | None], *, seed: int = 0
) -> Interval:
    """The 95 % interval of a figure: the percentile bootstrap over items, drawn anew with replacement.

    A sample that has no such figure counts as 0.
    """
    draw = random.Random(seed).choices
    counts = [(one.tp, one.tn, one.fp, one.fn, one.steps, one.reasons) for one in items]

    def drawn() -> float:
        sums = [0] * 6
        for count, often in Counter(draw(counts, k=len(counts))).items():
            for place, number in enumerate(count):
                sums[place] += often * number
        tp, tn, fp, fn, steps, reasons = sums
        sample = MetaReasoning(tp=tp, tn=tn, fp=fp, fn=fn, unread=0, steps=steps, reasons=reasons, graded=True)
        return figure(sample) or 0.0

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
