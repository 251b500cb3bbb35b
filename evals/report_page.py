"""The report of a bench as one self-contained HTML page, with a chart whose cost can be chosen and tables that sort."""

import json
from collections.abc import Sequence
from importlib.resources import files

from disputatio.evals.report import Report, Row
from disputatio.evals.report_agents_tables import ungraded
from disputatio.evals.report_text import NOTES, PAIRED, TITLES, cells, further, pairs, roles, titles_of
from disputatio.page import assembled, in_script
from disputatio.writing import xml

AXES = {"tokens": "tokens", "calls": "calls", "seconds": "seconds", "cost": "money"}


def page(report: Report, command: str) -> str:
    """The page, which needs nothing from the network.

    Args:
        report: What was found.
        command: By which it can be made again.
    """
    own = files("disputatio.evals")
    style = files("disputatio").joinpath("page.css").read_text("utf-8") + own.joinpath("report.css").read_text("utf-8")
    return assembled(
        own.joinpath("report.html").read_text("utf-8"),
        style=style,
        script=own.joinpath("report.js").read_text("utf-8"),
        title=xml(_title(report)),
        one=report.compared[0],
        compared=report.compared[1].capitalize(),
        verdict=xml(report.verdict).replace(" %", "&#160;%"),
        facts="".join(f"<li>{xml(fact)}</li>" for fact in _facts(report)),
        axes=_axes(report),
        rows=_table(titles_of(report), [cells(row) for row in report.rows]),
        by_task=_by_task(report) + _further(report),
        paired=PAIRED,
        pairs=_table(*pairs(report)) if report.comparisons else '<p class="empty">There is nothing to compare.</p>',
        roles=_table(*roles(report.rows, report.compared[0])),
        command=xml(command),
        manifest=xml(json.dumps(report.manifest, indent=2)),
        points=in_script([_point(row) for row in report.rows]),
    )


def _title(report: Report) -> str:
    tasks = report.manifest.get("tasks")
    names = [str(task.get("name")) for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []
    return f"{len(report.rows)} {report.compared[len(report.rows) != 1]} on {', '.join(names)}"


def _facts(report: Report) -> list[str]:
    first, budget, models = report.rows[0], report.manifest.get("budget"), report.manifest.get("models")
    facts = [f"{first.items:,} items", f"{first.runs // first.items} epochs" if first.runs > first.items else "1 epoch"]
    if isinstance(budget, dict):
        facts += [f"at most {limit:,} {name} each" for name, limit in budget.items() if isinstance(limit, int | float)]
    if isinstance(models, dict):
        facts += [str(model.get("name")) for model in models.values() if isinstance(model, dict)]
    return facts


def _axes(report: Report) -> str:
    known = {name: title for name, title in AXES.items() if any(_point(row)[name] for row in report.rows)}
    return "".join(
        f'<button type="button" data-axis="{name}" aria-pressed="{str(name == "tokens").lower()}">{title}</button>'
        for name, title in known.items()
    )


def _point(row: Row) -> dict[str, str | float | None]:
    low, high = row.interval or (None, None)
    return {
        "strategy": row.strategy,
        "accuracy": row.accuracy,
        "low": low,
        "high": high,
        "tokens": row.tokens,
        "calls": row.usage.calls / row.runs,
        "seconds": row.seconds / row.runs,
        "cost": row.cost,
        "about": ", ".join(f"{title}: {cell}" for title, cell in zip(TITLES, cells(row), strict=True)),
    }


def _by_task(report: Report) -> str:
    names = dict.fromkeys(row.task for row in report.by_task)
    rows = {name: [cells(row) for row in report.by_task if row.task == name] for name in names}
    return "".join(
        f'<h3 class="task">{xml(name)}</h3><div class="tables"><div>{_table(titles_of(report), lines)}</div></div>'
        for name, lines in rows.items()
    )


def _further(report: Report) -> str:
    lack = ungraded(report.rulings, report.grader)
    shown = [
        f'<h3 class="task">{xml(name)}</h3><div class="tables"><div>{_table(*table)}</div></div>'
        f'<p class="note">{xml(NOTES[name])}</p>'
        for name, table in further(report).items()
    ]
    return "".join([*shown, f'<p class="note">{xml(lack)}</p>' if lack else ""])


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col" data-sort>{xml(title)}</th>' for title in titles)
    rows = "".join(
        f'<tr data-name="{xml(name)}"><th scope="row">{xml(name)}</th>'
        f"{''.join(f'<td>{xml(cell)}</td>' for cell in rest)}</tr>"
        for name, *rest in lines
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
