"""A run as text: Markdown, Mermaid, and on the terminal."""

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from disputatio.budget import Usage
from disputatio.lanes import bands, once
from disputatio.thought import Thought, struck
from disputatio.writing import ending, excerpt, harmless, inline, percent, plain, wrapped

if TYPE_CHECKING:
    from disputatio.result import Result
    from disputatio.thought import Answer

_MOST_LINES = 16
"""Thoughts that `show` lists; the rest are counted."""
_COLOURS = {"verdict": "cyan", "critique": "yellow", "rebuttal": "magenta", "answer": "green", "vote": "green"}


def document(result: "Result") -> str:
    """The whole run as a Markdown document."""
    answer = result.answer
    parts = [f"# {inline(excerpt(result.question.text, 300))}"]
    if len(result.question.text) > 300:
        parts.append(_quoted(result.question.text))
    pairs = zip(result.question.labels, result.question.choices, strict=True)
    parts.append("\n".join(f"- **{label}** {inline(choice)}" for label, choice in pairs))
    parts.append(f"## Answer\n\n{_bold(answer.text or answer.value or '')}{_sureness(answer.confidence)}")
    if result.stop_reason != "finished":
        parts.append(f"*The run was not finished: {inline(ending(result.stop_reason))}.*")
    parts.append(_under(answer.rationale, 3))
    if answer.dissent:
        parts.append("\n".join(["### Dissent", "", *(f"- {inline(other)}" for other in answer.dissent)]))
    if known := remembered(answer):
        parts.append("\n".join(["### From memory", "", *(f"- {inline(one)}" for one in known)]))
    parts.append("## Transcript")
    parts += _transcript(result)
    parts.append("## Cost")
    parts.append(_costs(result))
    parts.append(f"Strategy: {inline(result.strategy)} · run {inline(result.run_id)} · {result.seconds:,.1f} s")
    return "\n\n".join(part for part in parts if part) + "\n"


def _bold(text: str) -> str:
    return f"**{inline(text)}**" if text.strip() else "*No answer.*"


def _sureness(confidence: float | None) -> str:
    return "" if confidence is None else f" ({percent(confidence)} sure)"


def _under(markdown: str, level: int) -> str:
    """Markdown whose highest headings get this level, and the lower ones the levels below."""
    markdown = harmless(markdown).strip()
    heading = re.compile(r"^(#{1,6})(?=\s)", re.MULTILINE)
    highest = min((len(marks) for marks in heading.findall(markdown)), default=level)
    return heading.sub(lambda match: "#" * min(len(match[1]) - highest + level, 6), markdown)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in harmless(text).split("\n"))


def _transcript(result: "Result") -> list[str]:
    refuted = struck(result.thoughts, result.links)
    parts = []
    for title, thoughts in bands(result.thoughts):
        if title:
            parts.append(f"### {title}")
        for thought in thoughts:
            is_refuted = thought.id in refuted
            marks = ("refuted" if is_refuted else "", "cut off" if thought.cut else "")
            sure = f"{percent(thought.confidence)} sure" if thought.confidence is not None else ""
            meta = inline(", ".join(filter(None, (thought.role, thought.kind, sure, *marks))))
            parts.append(f"**{inline(thought.author)}** ({meta})")
            lines = plain(thought.text).split("\n")
            # Marks inside a struck line could end it early, so they are shown as they are.
            crossed = [f"> ~~{inline(line)}~~" if line.strip() else ">" for line in lines]
            parts.append("\n".join(crossed) if is_refuted else _quoted(thought.text))
            if thought.answer:
                answer = inline(thought.answer)
                parts.append(f"Answer: ~~{answer}~~" if is_refuted else f"Answer: {answer}")
    return parts or ["Nothing was said."]


def _by_role(result: "Result") -> dict[str, Usage]:
    totals: dict[str, Usage] = defaultdict(Usage)
    for line in result.spent:
        totals[line.role] += line.usage
    return totals


def _costs(result: "Result") -> str:
    rows = ["| role | calls | prompt tokens | completion tokens | cached |", "|---|---:|---:|---:|---:|"]
    for role, usage in [*_by_role(result).items(), ("all", result.usage)]:
        numbers = (usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
        rows.append(f"| {inline(role)} | {' | '.join(f'{number:,}' for number in numbers)} |")
    notes = ["Some token counts are estimates."] if result.usage.estimated else []
    if hits := result.usage.hits:
        notes.append(f"{_count(hits, 'reply', 'replies')} came from the response cache and cost nothing.")
    return "\n\n".join(["\n".join(rows), *notes])


def money(usage: Usage) -> list[str]:
    """What it cost, where something did; calls without a known price are said to be so."""
    known = [f"cost {usage.cost:,.4f}"] if usage.cost else []
    return known + ([f"{_count(usage.unpriced, 'call')} of unknown price"] if usage.unpriced else [])


def mermaid(result: "Result") -> str:
    """The graph of thoughts as a Mermaid flowchart: earlier thoughts on top, refuted ones dashed and struck out."""
    refuted = struck(result.thoughts, result.links)
    thoughts = once(result.thoughts)
    names = {thought.id: f"t{n}" for n, thought in enumerate(thoughts)}
    links = [link for link in dict.fromkeys(result.links) if link.source in names and link.target in names]
    lines = ["flowchart BT", f'  question(["{_label(result.question.text)}"])']
    for thought in thoughts:
        said = _label(f"{excerpt(thought.author, 30)}, {thought.kind}: {thought.text}")
        lines.append(f'  {names[thought.id]}["{said}"]{":::refuted" * (thought.id in refuted)}')
    lines += [f"  {names[link.source]} -->|{link.kind}| {names[link.target]}" for link in links]
    # What is about no other thought is about the question: it hangs the graph's loose ends on one root.
    about_others = {link.source for link in links}
    lines += [f"  {names[thought.id]} -.-> question" for thought in thoughts if thought.id not in about_others]
    lines.append("  classDef refuted stroke-dasharray:5 4,text-decoration:line-through,opacity:0.7")
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    """A few lines of text for a quoted label; all that could mean something to Mermaid is written as a number."""
    lines = wrapped(text, 26, 4)
    return "<br/>".join(re.sub(r"[^\w ,.?'…]|_|(?<=\d)\.", lambda match: f"#{ord(match[0])};", line) for line in lines)


def text(result: "Result") -> str:
    """The answer and how it came about, in plain lines."""
    answer = result.answer
    said = plain(answer.text or answer.value or "").strip() or "none"
    lines = [f"Answer: {said}{_sureness(answer.confidence)}"]
    if answer.rationale.strip():
        lines += ["", plain(answer.rationale).strip()]
    if answer.dissent:
        lines += ["", *(f"Dissent: {excerpt(other, 300)}" for other in answer.dissent)]
    if known := remembered(answer):
        lines += ["", *(f"From memory: {one}" for one in known)]
    return "\n".join([*lines, "", excerpt(result.strategy, 200), ", ".join(facts(result))]) + "\n"


def remembered(answer: "Answer") -> list[str]:
    """The items of the memory that a run used, each with the task and the run that it was learned in, on one line."""
    report = answer.data.get("memory")
    used = report.get("used") if isinstance(report, dict) else None
    known = [one for one in used if isinstance(one, dict)] if isinstance(used, list) else []
    return [
        excerpt(
            f'"{one.get("title")}" ({one.get("id")}), learned from "{one.get("question")}" in run {one.get("run_id")}',
            400,
        )
        for one in known
    ]


def facts(result: "Result") -> list[str]:
    """What was said and spent, in a few words each; the last says how the run ended."""
    refuted = len(struck(result.thoughts, result.links))
    rounds = len({thought.round for thought in result.thoughts} - {0})
    return [
        _count(len(result.thoughts), "thought") + (f", {refuted:,} refuted" if refuted else ""),
        *([_count(rounds, "round")] if rounds else []),
        _count(result.usage.calls, "call")
        + (f" and {result.usage.hits:,} from the cache" if result.usage.hits else ""),
        ("about " if result.usage.estimated else "") + _count(result.usage.tokens, "token"),
        *money(result.usage),
        f"{result.seconds:,.1f} s",
        plain(ending(result.stop_reason)),
    ]


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def show(result: "Result") -> None:
    """Print the answer, how it came about and what it cost, in colours where the terminal has them."""
    headings = {f"markdown.h{level}": "bold" for level in range(1, 7)}
    console = Console(highlight=False, theme=Theme({**headings, "markdown.item.number": "dim"}))
    if console.is_jupyter or console.encoding.lower().startswith("utf"):
        console.print(_screen(result))
        return
    # Not every terminal can show every letter, which should not end in an error.
    with console.capture() as capture:
        console.print(_screen(result))
    console.file.write(capture.get().encode(console.encoding, "replace").decode(console.encoding))


def _screen(result: "Result") -> RenderableType:
    answer = result.answer
    said = plain(answer.text or answer.value or "").strip()
    verdict = Text(said, style="bold") if said else Text("No answer", style="italic")
    if answer.confidence is not None:
        verdict.append(f"  {percent(answer.confidence)} sure", style="not bold dim")
    parts: list[RenderableType] = [
        Text(),
        Text(excerpt(result.question.text, 600), style="bold"),
        Text(excerpt(result.strategy, 200), style="dim"),
        Panel(verdict, border_style="green" if said else "yellow", padding=(0, 2), expand=False),
    ]
    if answer.rationale.strip():
        parts.append(Padding(Markdown(harmless(answer.rationale), hyperlinks=False), (1, 2)))
    parts += [Text.assemble(("Dissent  ", "yellow"), excerpt(other, 300)) for other in answer.dissent]
    parts += [Text.assemble(("From memory  ", "cyan"), one) for one in remembered(answer)]
    if result.thoughts:
        parts += [Text(), _said(result)]
    parts += [Text(), Text(", ".join(facts(result)), style="dim" if result.stop_reason == "finished" else "yellow")]
    return Group(*parts)


def _said(result: "Result") -> Table:
    """One line for each thought, the first ones and the last."""
    refuted = struck(result.thoughts, result.links)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
    for style in ("dim", "bold", "dim"):
        table.add_column(style=style, no_wrap=True, max_width=20)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    rows = [(title, thought) for title, thoughts in bands(result.thoughts) for thought in thoughts]
    hidden = len(rows) - _MOST_LINES
    shown_title = None
    for n, (title, thought) in enumerate(rows):
        if hidden > 0 and _MOST_LINES // 2 <= n < _MOST_LINES // 2 + hidden:
            if n == _MOST_LINES // 2:
                table.add_row("", "…", "", Text(f"{hidden} more; as Markdown or as a page all are shown", style="dim"))
            continue
        table.add_row(Text(title if title != shown_title else ""), *_row(thought, thought.id in refuted))
        shown_title = title
    return table


def _row(thought: Thought, refuted: bool) -> tuple[Text, Text, Text]:
    words = Text(excerpt(thought.text, 300), style="strike dim" if refuted else "")
    if thought.answer:
        words = Text.assemble((f"{excerpt(thought.answer, 40)}  ", "strike" if refuted else "bold"), words)
    kind = Text("refuted" if refuted else thought.kind, style="red" if refuted else _COLOURS.get(thought.kind, ""))
    return Text(excerpt(thought.author, 20)), kind, words
