"""The tables of agents in a report, and what is to be said below them."""

from collections.abc import Sequence

from disputatio.evals.report_agents import Grader, Interval, Preferences, Rulings, Share

_RULING_TITLES = (
    "agent", "task", "right", "wrong", "right passed", "wrong found", "first error found", "MCC", "MCC 95 % interval",
    "localised", "unparsed",
)  # fmt: skip
_SCORE_TITLES = ("agent", "task", "MCC", "first error found", "and its reason", "MR-Score", "95 % interval")
_GRADER_TITLES = ("grader", "reasons", "unread", "failed", "true reasons accepted", "other reasons refused", "calls",
                  "tokens", "s", "money")  # fmt: skip
_PREFERENCE_TITLES = ("agent", "task", "pairs", "agrees with the key", "kappa", "consistent", "first", "second",
                      "unparsed")  # fmt: skip
UNGRADED = """\
No grader of reasons was given (--grader), so there is no MR-Score where an agent found a first error: half of it is \
the reason."""
NOTES = {
    "Solutions": "Right and wrong are solutions; the next columns are shares of them with Wilson's 95 % interval. The "
    "first error counts among all wrong solutions; localised is the share of all solutions of which it was said "
    "rightly where the first error is, or that there is none. MCC is Matthews' correlation of ruling and truth, its "
    "interval from the bootstrap over items. A ruling that could not be read is a miss of its class.",
    "MR-Score": "0.2 max(0, MCC) + 0.3 first error found + 0.5 its reason, after Zeng et al. 2023, arXiv:2312.17080: "
    "shares of all wrong solutions, the reason only where the step is right too, by the grader below. None without a "
    "grader, where the data has no reasons, where a grade failed, and where all solutions are right or all wrong. Its "
    "interval is from the bootstrap over items, and leaves out that the grader errs.",
    "Grader": "Its calls are no part of the agents' figures. Each reason was held against the true one; one that could "
    "not be read is a no. Whether it can be trusted was tried on reasons whose grade is known: the true ones "
    "themselves, which it should accept, and those of other solutions, which it should refuse.",
    "Pairs of responses": "Each pair is judged in both orders. Agreement and Cohen's kappa with the key are over "
    "single rulings that could be read; consistent is the share of pairs in which the same response was preferred "
    "both times, first and second the shares in which a place was, with Wilson's 95 % interval.",
}


def examined_tables(
    rulings: Sequence[Rulings], preferences: Sequence[Preferences], grader: Grader | None
) -> dict[str, tuple[list[str], list[list[str]]]]:
    """The tables of agents by their headings: titles, and a row for each agent and task; `NOTES` explains them."""
    solved = [
        [
            one.agent,
            one.task,
            f"{one.right:,}",
            f"{one.wrong:,}",
            *map(_shown, (one.passed, one.found, one.first_error)),
            _figure(one.mcc),
            _bounds(one.mcc_interval),
            _shown(one.localised),
            f"{one.unparsed:,}",
        ]
        for one in rulings
    ]
    meta = [
        [
            one.agent,
            one.task,
            _figure(one.mcc),
            _shown(one.first_error),
            _shown(one.reasons) if one.reasons or grader else "not graded",
            _figure(one.score),
            _bounds(one.score_interval),
        ]
        for one in rulings
    ]
    compared = [
        [
            one.agent,
            one.task,
            f"{one.pairs:,}",
            _shown(one.agreement),
            _figure(one.kappa),
            *map(_shown, (one.consistent, one.first, one.second)),
            f"{one.unparsed:,}",
        ]
        for one in preferences
    ]
    tables = {
        "Solutions": (list(_RULING_TITLES), solved),
        "MR-Score": (list(_SCORE_TITLES), meta),
        "Grader": (list(_GRADER_TITLES), [_graded(grader)] if grader else []),
        "Pairs of responses": (list(_PREFERENCE_TITLES), compared),
    }
    return {name: table for name, table in tables.items() if table[1]}


def _graded(grader: Grader) -> list[str]:
    usage = grader.usage
    counts = [f"{count:,}" for count in (grader.reasons, grader.unread, grader.failed)]
    spent = [f"{usage.calls:,}", f"{'≈ ' * usage.estimated}{usage.tokens:,}", f"{grader.seconds:.1f}"]
    money = "unknown" if usage.unpriced else f"{usage.cost:.3g}"
    return [grader.model, *counts, _shown(grader.accepted), _shown(grader.refused), *spent, money]


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _bounds(interval: Interval | None) -> str:
    return "none" if interval is None else "{:.2f} to {:.2f}".format(*interval)


def _shown(share: Share | None) -> str:
    if share is None:
        return "none"
    low, high = share.interval
    return f"{share.value * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"


def ungraded(rulings: Sequence[Rulings], grader: Grader | None) -> str:
    """Why agents that are known well enough have no MR-Score; empty if there is none of that kind."""
    lack = any(one.mcc is not None and one.score is None for one in rulings)
    return UNGRADED if lack and grader is None else ""
