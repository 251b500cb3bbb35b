"""The report of a bench: accuracy with its interval, what it cost, and what can be said of the strategies at all.

Nothing that failed or could not be read is right: both are among the runs, and each is counted for itself. Where more
than 5 % of the runs failed, there is no accuracy: it would be that of the server.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict, JsonValue

from disputatio.budget import Usage
from disputatio.evals.bench import Trial
from disputatio.evals.compare import Comparison, compare, front, winner
from disputatio.evals.grading import Grades
from disputatio.evals.items import Task
from disputatio.evals.metrics.accuracy import wilson
from disputatio.evals.report_agents import Grader, Preferences, Rulings, examined_rows
from disputatio.evals.report_answers import Confidence, Repeats, confidences, repeats

MOST_ERRORS = 0.05
"""Share of runs that may fail before there is no accuracy."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Part):
    """What came of one strategy; sums are over all its runs."""

    strategy: str
    task: str
    """Empty for all tasks together."""
    items: int
    runs: int
    accuracy: float | None
    """The mean over items of the mean over epochs of the score; None where too many runs failed."""
    interval: tuple[float, float] | None
    """Wilson's 95 % interval, for so many items: epochs of one item tell little more than one of them."""
    unparsed: int
    """Runs whose answer could not be read."""
    errors: int
    """Runs in which the model failed, or whose answer cannot be compared on this machine."""
    short: int
    """Runs that the ceiling ended."""
    usage: Usage
    roles: dict[str, Usage]
    seconds: float

    @property
    def tokens(self) -> float:
        """Tokens of one run, on average."""
        return self.usage.tokens / self.runs

    @property
    def cost(self) -> float | None:
        """Money for one run, on average; None if a model has no known price."""
        return None if self.usage.unpriced else self.usage.cost / self.runs


class Report(_Part):
    """All that a bench has found."""

    manifest: dict[str, JsonValue]
    rows: tuple[Row, ...]
    """One for each strategy, over all tasks."""
    by_task: tuple[Row, ...]
    """One for each strategy and task, where there are several tasks."""
    comparisons: tuple[Comparison, ...]
    winner: str | None
    front: tuple[str, ...]
    """The strategies that no other one beats in both accuracy and tokens, the cheapest first."""
    rulings: tuple[Rulings, ...] = ()
    """Of agents on solutions, where agents were examined."""
    preferences: tuple[Preferences, ...] = ()
    """Of agents on pairs of responses."""
    grader: Grader | None = None
    """Of the reasons that agents gave, where there was one."""
    confidences: tuple[Confidence, ...] = ()
    """Of each strategy that has a score and whose answers are more or less sure."""
    repeats: tuple[Repeats, ...] = ()
    """Of each strategy that has a score, where there are several epochs."""
    pace: float | None = None
    """Tokens a second, read and written by all runs that were under way; None where it is not known."""

    @property
    def compared(self) -> tuple[str, str]:
        """What a row stands for, one and several of it."""
        return ("agent", "agents") if self.rulings or self.preferences else ("strategy", "strategies")

    @property
    def verdict(self) -> str:
        """What can be said, in one or two sentences."""
        scored = [row for row in self.rows if row.accuracy is not None]
        if len(scored) < 2:
            return f"There is nothing to compare: fewer than two {self.compared[1]} have a score."
        if self.winner:
            return f"{self.winner} is more accurate than every other {self.compared[0]} here."
        best, second = sorted(scored, key=lambda row: -(row.accuracy or 0))[:2]
        pair = next(one for one in self.comparisons if {one.first, one.second} == {best.strategy, second.strategy})
        sign = 1 if pair.first == best.strategy else -1
        low, high = sorted(sign * bound for bound in pair.interval)
        ahead = f"ahead of {second.strategy} by {points(sign * pair.difference)} points"
        if best.accuracy == second.accuracy:
            ahead = f"level with {second.strategy}"
        covers = "covers zero" if low <= 0 <= high else "does not cover zero, but the corrected test does not tell"
        bounds = f"{points(low)} to {points(high)}"
        return f"No winner: {best.strategy} is {ahead}, and the 95 % interval of the difference, {bounds}, {covers}."


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign.

    >>> points(0.0312), points(-0.0004)
    ('+3.1', '0.0')
    """
    text = f"{share * 100:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def report(
    trials: Sequence[Trial],
    manifest: Mapping[str, JsonValue],
    *,
    seed: int = 0,
    examined: Sequence[Task] = (),
    grades: Grades | None = None,
) -> Report:
    """Make the report of all trials of a bench.

    Args:
        trials: All of them.
        manifest: What they depend on.
        seed: Of the bootstrap.
        examined: The tasks on which agents were examined, if they were.
        grades: Of the reasons that they gave, if there was a grader.
    """
    strategies = list(dict.fromkeys(trial.strategy for trial in trials))
    tasks = list(dict.fromkeys(trial.task for trial in trials))
    rows = [_row(name, "", [trial for trial in trials if trial.strategy == name]) for name in strategies]
    parts = [
        _row(name, task, [trial for trial in trials if (trial.strategy, trial.task) == (name, task)])
        for task in tasks
        for name in strategies
    ]
    scored = [row.strategy for row in rows if row.accuracy is not None]
    values = {name: list(_by_item(trial for trial in trials if trial.strategy == name).values()) for name in scored}
    comparisons = compare(values, seed=seed) if len(scored) > 1 else []
    counted = [trial for trial in trials if trial.strategy in scored]
    rulings, preferences = examined_rows(trials, examined, grades)
    return Report(
        manifest=dict(manifest),
        rows=tuple(rows),
        by_task=tuple(parts) if len(tasks) > 1 else (),
        comparisons=tuple(comparisons),
        winner=winner(scored, comparisons),
        front=tuple(front({row.strategy: (row.tokens, row.accuracy) for row in rows if row.accuracy is not None})),
        rulings=tuple(rulings),
        preferences=tuple(preferences),
        grader=Grader.of(grades) if grades else None,
        confidences=tuple(confidences(counted)),
        repeats=tuple(repeats(counted)),
        pace=pace(trials),
    )


def pace(trials: Sequence[Trial]) -> float | None:
    """The tokens, read and written, of a second in which runs were under way; None if there was no such time."""
    busy = end = 0.0
    for one in sorted(trials, key=lambda trial: trial.ended - trial.seconds):
        busy += max(one.ended - max(one.ended - one.seconds, end), 0.0)
        end = max(end, one.ended)
    is_known = busy > 0 and all(trial.ended for trial in trials)
    return sum(trial.usage.tokens for trial in trials) / busy if is_known else None


def _by_item(trials: Iterable[Trial]) -> dict[tuple[str, str], float]:
    """The mean over epochs of each item's score."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for trial in trials:
        found[trial.task, trial.item].append(trial.value or 0.0)
    return {item: fmean(values) for item, values in found.items()}


def _row(strategy: str, task: str, trials: Sequence[Trial]) -> Row:
    values = _by_item(trials)
    errors = sum(bool(trial.error) for trial in trials)
    is_scored = errors <= MOST_ERRORS * len(trials)
    accuracy = fmean(values.values())
    usage, roles = Usage(), dict[str, Usage]()
    for trial in trials:
        usage += trial.usage
        for role, spent in trial.roles.items():
            roles[role] = roles.get(role, Usage()) + spent
    return Row(
        strategy=strategy,
        task=task,
        items=len(values),
        runs=len(trials),
        accuracy=accuracy if is_scored else None,
        interval=wilson(accuracy * len(values), len(values)) if is_scored else None,
        unparsed=sum(trial.value is None and not trial.error for trial in trials),
        errors=errors,
        short=sum(trial.stop_reason in ("budget", "deadline") for trial in trials),
        usage=usage,
        roles=roles,
        seconds=sum(trial.seconds for trial in trials),
    )
