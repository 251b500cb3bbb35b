"""A run as one self-contained HTML page: the answer, the graph of thoughts, the transcript and the cost.

All text of models is escaped; the page's policy lets it load nothing and run only its own script.
"""

import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from disputatio.budget import Usage
from disputatio.errors import StoreError
from disputatio.lanes import KINDS, bands, board, once
from disputatio.markdown import facts, remembered
from disputatio.thought import LinkKind, Thought, struck
from disputatio.writing import excerpt, percent, plain, xml

if TYPE_CHECKING:
    from disputatio.result import Result, Spent

_CSP = "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'"
_PASSIVE: dict[LinkKind, str] = {
    "supports": "supported by",
    "attacks": "attacked by",
    "refines": "refined by",
    "uses": "used by",
    "verifies": "verified by",
    "aggregates": "taken up by",
    "answers": "answered by",
}


def write(result: "Result", path: str | Path | None = None) -> str:
    """The run as one HTML page that needs nothing from the network; written to `path` if one is given.

    Raises:
        StoreError: If the file cannot be written.
    """
    page = _page(result)
    if path is not None:
        save(page, path)
    return page


def save(page: str, path: str | Path) -> None:
    """Write a page to a file.

    Raises:
        StoreError: If the file cannot be written.
    """
    try:
        Path(path).write_text(page, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot write the page to {str(path)!r}: {reason}") from error


def fill(template: str, *, style: str, script: str, **parts: str) -> str:
    """Fill a template of the package; its policy lets the page load nothing and run only this script.

    Args:
        template: Name of its file.
        style: The style sheet.
        script: The script.
        **parts: What else it has places for, as HTML.
    """
    return assembled(text_of(template), style=style, script=script, **parts)


def assembled(template: str, *, style: str, script: str, **parts: str) -> str:
    """Fill a template given as text; see `fill`."""
    policy = _CSP.format(_hash(style), _hash(script))
    return Template(template).substitute(policy=policy, style=style, script=script, **parts)


def embed(result: "Result") -> str:
    """The page in a frame of its own, for notebooks."""
    style = "width:100%;height:720px;border:1px solid #cfc7b6;border-radius:8px"
    title = xml(excerpt(result.question.text, 80))
    return f'<iframe title="{title}" sandbox="allow-scripts" style="{style}" srcdoc="{escape(_page(result))}"></iframe>'


def _page(result: "Result") -> str:
    style, script = text_of("page.css"), text_of("page.js")
    heads, field, width = board(result)
    style += _fit(width)
    question = result.question.text
    return fill(
        "page.html",
        style=style,
        script=script,
        title=xml(excerpt(question, 80)),
        strategy=xml(excerpt(result.strategy, 300)),
        question=xml(question),
        long=' class="long"' if len(question) > 240 else "",
        choices=_choices(result),
        answer=_answer(result),
        facts=_facts(result),
        rationale=_prose(result.answer.rationale),
        legend=_legend(result),
        graph=heads + field if result.thoughts else '<p class="empty">Nothing was said.</p>',
        transcript=_transcript(result),
        cost=_cost(result),
        footer=xml(f"Run {result.run_id}"),
        run=in_script(result.model_dump()),
    )


def _fit(width: float) -> str:
    """Rules for a graph of this width: shrink it as long as it can be read; where it fits, no scroll bars."""
    least = width * 0.8
    return (
        f"@media screen {{ .field svg {{ min-width: {least:.0f}px; }} }}\n"
        f"@media (min-width: {max(least + 60, 900):.0f}px) {{ .field {{ overflow: visible; max-height: none; }} }}\n"
    )


def text_of(name: str) -> str:
    """The text of a file of the package."""
    return files("disputatio").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def in_script(value: object) -> str:
    """JSON for a script element, which ends at the first `</script` whatever the quotes say."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _prose(markdown: str) -> str:
    """Markdown as HTML: headings, lists, quotes and emphasis; links, images and HTML stay text."""
    reader = MarkdownIt("zero", {"html": False})
    reader.enable(["heading", "lheading", "list", "blockquote", "hr", "emphasis", "strikethrough", "backticks"])
    reader.enable(["escape", "newline", "entity", "fence", "code"])
    return f'<section class="prose" dir="auto">{reader.render(plain(markdown))}</section>' if markdown.strip() else ""


def _choices(result: "Result") -> str:
    question, chosen = result.question, result.answer.value
    items = [
        f'<li class="{"chosen" * (label == chosen)}" dir="auto"><b>{label}</b>{xml(choice)}</li>'
        for label, choice in zip(question.labels, question.choices, strict=True)
    ]
    return f'<ol class="choices">{"".join(items)}</ol>' if items else ""


def _answer(result: "Result") -> str:
    answer = result.answer
    text = answer.text.strip() or answer.value or ""
    long = " long" * (len(text) > 160)
    parts = [f'<p class="value{long}" dir="auto">{xml(text)}</p>' if text else '<p class="value none">No answer</p>']
    if text and answer.abstained:
        parts.append('<p class="sure">It cannot be read as an answer of the question\'s type.</p>')
    if answer.confidence is not None:
        gauge = (
            '<svg class="gauge" viewBox="0 0 140 6" aria-hidden="true"><rect width="140" height="6" rx="3"/>{}</svg>'
        )
        full = f'<rect class="full" width="{140 * answer.confidence:.0f}" height="6" rx="3"/>'
        parts.append(f'<p class="sure">{gauge.format(full)}{percent(answer.confidence)} sure</p>')
    parts += [f'<p class="dissent" dir="auto"><b>Dissent</b>{xml(other)}</p>' for other in answer.dissent]
    parts += [f'<p class="dissent" dir="auto"><b>From memory</b>{xml(one)}</p>' for one in remembered(answer)]
    return "\n".join(parts)


def _facts(result: "Result") -> str:
    *spent, ended = facts(result)
    early = ' class="early"' if result.stop_reason not in ("finished", "agreed") else ""
    return "".join(f"<li>{fact}</li>" for fact in spent) + f"<li{early}>{xml(ended)}</li>"


def _spent(number: int, usage: Usage) -> str:
    return f"{'≈ ' * usage.estimated}{number:,}"


def _legend(result: "Result") -> str:
    used = {link.kind for link in result.links}
    line = '<path class="link {0}" d="M0,4 H18" marker-end="url(#tip-{0})"/>'
    sample = f'<svg width="26" height="8" aria-hidden="true">{line}</svg>'
    return "".join(
        f'<button type="button" data-kind="{kind}" aria-pressed="true">{sample.format(kind)}{kind}</button>'
        for kind in KINDS
        if kind in used
    )


def _transcript(result: "Result") -> str:
    thoughts = once(result.thoughts)
    by_id = {thought.id: thought for thought in thoughts}
    refuted = struck(thoughts, result.links)
    about: dict[str, list[str]] = defaultdict(list)
    for link in dict.fromkeys(result.links):
        if link.source in by_id and link.target in by_id:
            about[link.source].append(_mention(link.kind, link.kind, by_id[link.target]))
            about[link.target].append(_mention(link.kind, _PASSIVE[link.kind], by_id[link.source]))
    parts, number = [], 0
    for title, said in bands(thoughts):
        parts.append(f"<h3>{xml(title)}</h3>" if title else "")
        for thought in said:
            parts.append(_article(number, thought, thought.id in refuted, about[thought.id]))
            number += 1
    return "\n".join(parts) or '<p class="empty">Nothing was said.</p>'


def _mention(kind: LinkKind, verb: str, thought: Thought) -> str:
    text = f"{xml(thought.author)}: {xml(excerpt(thought.text, 90))}"
    return f'<li class="{kind}"><b>{verb}</b> <a href="#thought-{xml(thought.id)}"><bdi>{text}</bdi></a></li>'


def _article(number: int, thought: Thought, refuted: bool, about: Iterable[str]) -> str:
    sure = (("score", thought.score), ("sure", thought.confidence))
    meta = [
        thought.role if thought.role != thought.author else "",
        thought.scope,
        thought.kind,
        f"round {thought.round}" if thought.round else "",
        *(f"{percent(value)} {name}" for name, value in sure if value is not None),
        thought.model,
    ]
    marks = "".join(
        f' <span class="mark">{mark}</span>'
        for mark, is_so in (("refuted", refuted), ("cut off", thought.cut))
        if is_so
    )
    answer = f'<p class="reply" dir="auto">→ {xml(thought.answer)}</p>' if thought.answer else ""
    links = f'<ul class="links">{"".join(about)}</ul>' if about else ""
    details = json.dumps(thought.data, ensure_ascii=False, indent=1) if thought.data else ""
    return (
        f'<article class="thought{" refuted" * refuted}" id="thought-{xml(thought.id)}" data-number="{number}">'
        f'<h4>{xml(thought.author)}<span class="meta">{xml(" · ".join(filter(None, meta)))}{marks}</span></h4>'
        f'<p class="text" dir="auto">{xml(thought.text)}</p>{answer}{links}'
        + (f"<details><summary>Fields</summary><pre>{xml(details)}</pre></details>" if details else "")
        + "</article>"
    )


def _cost(result: "Result") -> str:
    if not result.spent:
        return '<p class="empty">No model was called.</p>'
    keys: dict[str, Callable[[Spent], str]] = {
        "Role": lambda line: line.role,
        "Author": lambda line: line.author,
        "Model": lambda line: line.model or "none",
    }
    return f'<div class="tables">{"".join(_table(name, key, result) for name, key in keys.items())}</div>'


def _table(name: str, key: "Callable[[Spent], str]", result: "Result") -> str:
    totals: dict[str, Usage] = defaultdict(Usage)
    for line in result.spent:
        totals[key(line)] += line.usage
    head = "".join(f'<th scope="col">{title}</th>' for title in (name, "calls", "prompt", "completion"))
    rows = "".join(_row(label, totals[label]) for label in totals)
    foot = f"<tfoot>{_row('All', result.usage)}</tfoot>"
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>{foot}</table></div>"


def _row(label: str, usage: Usage) -> str:
    numbers = (f"{usage.calls:,}", _spent(usage.prompt_tokens, usage), _spent(usage.completion_tokens, usage))
    return f'<tr><th scope="row">{xml(label)}</th>{"".join(f"<td>{number}</td>" for number in numbers)}</tr>'
