"""The report of a bench in words: as Markdown, and the cells that every form of it shares."""

from collections.abc import Mapping, Sequence

from disputatio.evals import report_agents_tables, report_answers
from disputatio.evals.report import Report, Row, points
from disputatio.evals.report_agents_tables import examined_tables, ungraded
from disputatio.writing import harmless

PAIRED = """\
Differences are in percentage points, intervals from the paired bootstrap over items, p from McNemar's exact test \
(with several epochs, or scores between right and wrong, the sign test on the items), corrected by Holm's method for \
all pairs."""
TITLES = ("strategy", "accuracy", "95 % interval", "unparsed", "errors", "short", "calls", "tokens", "s", "money")


def cells(row: Row) -> list[str]:
    """One row of the table under `TITLES`; figures from calls on are those of one run, on average."""
    if row.accuracy is None or row.interval is None:
        accuracy = ["no score", "> 5 % errors"]
    else:
        accuracy = [f"{row.accuracy * 100:.1f} %", f"{row.interval[0] * 100:.1f} to {row.interval[1] * 100:.1f}"]
    mean = [f"{row.usage.calls / row.runs:.1f}", f"{'≈ ' * row.usage.estimated}{row.tokens:,.0f}"]
    counts = [f"{row.unparsed:,}", f"{row.errors:,}", f"{row.short:,}"]
    return [row.strategy, *accuracy, *counts, *mean, f"{row.seconds / row.runs:.2f}", money(row)]


def titles_of(report: Report) -> list[str]:
    """`TITLES`, with what a row stands for."""
    return [report.compared[0], *TITLES[1:]]


def money(row: Row) -> str:
    """What one run cost, or that nobody knows."""
    return "unknown" if row.cost is None else f"{row.cost:.3g}"


def speed(report: Report) -> str:
    """How many tokens a second went through, in a sentence; empty if that is not known."""
    return f"{report.pace:,.0f} tokens a second were read and written." if report.pace else ""


def roles(rows: Sequence[Row], one: str = "strategy") -> tuple[list[str], list[list[str]]]:
    """Tokens by role, of one run on average: the titles, and a row for each strategy."""
    names = list(dict.fromkeys(role for row in rows for role in row.roles))
    lines = [
        [row.strategy, *(f"{row.roles[name].tokens / row.runs:,.0f}" if name in row.roles else "" for name in names)]
        for row in rows
    ]
    return [one, *names], lines


def pairs(report: Report) -> tuple[list[str], list[list[str]]]:
    """The paired tests: the titles, and a row for each pair."""
    titles = ["first", "second", "difference", "95 % interval", "better on", "p", "p corrected", "better"]
    lines = [
        [
            one.first,
            one.second,
            points(one.difference),
            f"{points(one.interval[0])} to {points(one.interval[1])}",
            f"{one.only_first:,} : {one.only_second:,}",
            f"{one.p:.3g}",
            f"{one.corrected:.3g}",
            one.better or "neither",
        ]
        for one in report.comparisons
    ]
    return titles, lines


NOTES = report_answers.NOTES | report_agents_tables.NOTES
"""Below each of the `further` tables."""


def further(report: Report) -> dict[str, tuple[list[str], list[list[str]]]]:
    """The tables of answers and of agents by their headings: titles and rows."""
    own = report_answers.answer_tables(report.confidences, report.repeats, report.compared[0])
    return own | examined_tables(report.rulings, report.preferences, report.grader)


def markdown(report: Report, command: str) -> str:
    """The whole report.

    Args:
        report: What was found.
        command: By which it can be made again.
    """
    manifest = report.manifest
    first = report.rows[0]
    tasks = manifest.get("tasks")
    one, titles = report.compared[0], titles_of(report)
    about = (
        f"{first.runs:,} runs of each {one} on {first.items:,} items, under the same ceiling. {speed(report)}".strip()
    )
    sections = ["# Bench", about, report.verdict, _table(titles, [cells(row) for row in report.rows])]
    sections.append(
        "Figures from calls on are those of one run, on average. Unparsed answers and errors are never right, and "
        "with more than 5 % errors there is no score. Intervals are Wilson's, over items."
    )
    for name in dict.fromkeys(row.task for row in report.by_task):
        rows = [cells(row) for row in report.by_task if row.task == name]
        sections += [f"## {_cell(name)}", _table(titles, rows)]
    for name, table in further(report).items():
        sections += [f"## {name}", _table(*table), NOTES[name]]
    sections += [lack] if (lack := ungraded(report.rulings, report.grader)) else []
    sections += ["## Pairs", _table(*pairs(report)), PAIRED] if report.comparisons else []
    sections += ["## Tokens by role", _table(*roles(report.rows, one))]
    sections += [
        "## Front",
        "![Accuracy against tokens](front.svg)",
        f"No other {one} is both cheaper and more accurate than: {', '.join(map(_cell, report.front)) or 'none'}.",
    ]
    if isinstance(tasks, list):
        sections += ["## Data", "\n".join(_source(task) for task in tasks if isinstance(task, dict))]
    sections += ["## Again", f"```sh\n{command}\n```"]
    return "\n\n".join(sections) + "\n"


def _source(task: Mapping[str, object]) -> str:
    return f"- {_cell(str(task.get('name')))}: {_cell(str(task.get('source')))} ({_cell(str(task.get('licence')))})"


def _cell(text: str) -> str:
    return harmless(" ".join(text.split())).replace("|", "\\|")


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(titles) - 1)]
    shown = [titles, rule, *([_cell(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in shown)
