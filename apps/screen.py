"""Progress for a person: a live display on a terminal, plain lines elsewhere.

A turn is known by the asyncio task in which its agent speaks. Agents of one name may speak at once (checks of several
claims, candidates of one ensemble), and each has a task of its own from its first word to its last.
"""

import asyncio
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from disputatio.apps.saying import answer_of, is_refuting, marks_of, retrying, words_of
from disputatio.budget import Budget
from disputatio.context import Event, Retried, Said, Spoken, Started
from disputatio.ledger import Ledger
from disputatio.thought import Thought
from disputatio.writing import excerpt, plain

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "bright_cyan", "bright_magenta", "bright_yellow")
MOST_LINES = 6
"""Lines of a text that is being written."""


def display(*, quiet: bool) -> "Screen | Lines":
    """The display that fits standard error."""
    if quiet or sys.stderr is None:
        return Lines(None)
    is_dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    if not sys.stderr.isatty() or is_dumb:
        return Lines(sys.stderr)
    return Screen(Console(stderr=True, markup=False, emoji=False, highlight=False))


class Lines:
    """Progress without control codes: a line for each step before the run, a block for each finished thought."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self._shown = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def note(self, text: str) -> None:
        """Say what is being done."""
        if self._file and text:
            with suppress(BrokenPipeError):  # who reads the progress may have had enough of it
                print(plain(text), file=self._file, flush=True)

    def fetched(self, done: int, total: int) -> None:
        """Say how much of a download is there, at each quarter."""
        quarter = 4 * done // max(total, 1)
        if quarter > self._shown:
            self._shown = quarter
            self.note(f"fetching the embedded model, once: {done // 10**6} of {total // 10**6} MB")

    def watch(self, ledger: Ledger) -> None:
        """Show what a run spends: here at its end only, with the result."""

    def hear(self, event: Event) -> None:
        """Take an event of the run."""
        if isinstance(event, Retried):
            self.note(retrying(event))
        if isinstance(event, Said):
            thought = event.thought
            place = [f"round {thought.round}"] if thought.round else []
            marks = ", ".join([*place, *marks_of(event)])
            answer = f"\n→ {answer_of(thought)}" if answer_of(thought) else ""
            body = "\n".join(f"  {line}".rstrip() for line in f"{words_of(thought)}{answer}".split("\n"))
            self.note(f"\n{excerpt(thought.author, 60)} ({marks}):\n{body}")

    can_ask = False

    def ask(self, question: str) -> bool:
        """Ask a person: here there is nobody."""
        return False

    def reply(self, question: str) -> str | None:
        """Let a person answer: here there is nobody."""
        return None

    def abandon(self) -> None:
        """Leave at once."""


@dataclass
class _Turn:
    """What one agent is saying."""

    author: str
    role: str
    round: int
    text: str = ""


class Screen:
    """A live display: finished statements scroll by in full, under them what is being said, and what it costs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turns: dict[asyncio.Task[Any] | None, _Turn] = {}
        self._said: dict[str, Thought] = {}
        self._styles: dict[str, str] = {}
        self._round = 0
        self._note = "starting"
        self._share: float | None = None
        self._ledger: Ledger | None = None
        self._limits = Budget()
        self._spinner = Spinner("dots" if console.encoding.lower().startswith("utf") else "line")
        self._live = Live(
            console=console, get_renderable=self._picture, refresh_per_second=10, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """Say what is being done, until the next note."""
        self._note, self._share = plain(text), None

    def fetched(self, done: int, total: int) -> None:
        """Show how much of a download is there."""
        self.note(f"fetching the embedded model, once: {done // 10**6} of {total // 10**6} MB")
        self._share = done / max(total, 1)

    def watch(self, ledger: Ledger) -> None:
        """Show what a run spends, from now on."""
        self._ledger, self._limits = ledger, ledger.budget

    def hear(self, event: Event) -> None:
        """Take an event of the run."""
        task = asyncio.current_task()
        match event:
            case Started():
                self._turns[task] = _Turn(event.author, event.role, event.round)
            case Spoken():
                if task in self._turns:
                    self._turns[task].text += event.text
            case Retried():
                if task in self._turns:
                    self._turns[task].text = ""
                self.note(retrying(event))
            case Said():
                self._turns.pop(task, None)
                self._print(event)

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits at the keyboard."""
        return sys.stdin is not None and sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Ask a person; anything but yes is no. Called from another thread than the display's."""
        return (self.reply(f"{question} [y/N]") or "").lower() in ("y", "yes")

    def reply(self, question: str) -> str | None:
        """Let a person answer; None if they close the input. Called from another thread than the display's."""
        self._live.stop()
        try:
            return self._console.input(f"{question} ").strip()
        except EOFError:
            return None
        finally:
            self._live.start()

    def abandon(self) -> None:
        """Leave at once, from a signal handler: without a lock, only the cursor is brought back."""
        os.write(self._console.file.fileno(), b"\x1b[?25h\r\n")

    def _print(self, said: Said) -> None:
        thought = said.thought
        self._said[thought.id] = thought
        if thought.round > self._round:
            self._round = thought.round
            self._live.console.print(Rule(f"Round {thought.round}", style="dim", align="left"))
        refuted = is_refuting(said)
        sign = Text("✗ " if refuted else "● ", style="red" if refuted else self._style(thought.author))
        heading = Text.assemble(sign, self._who(thought.author), "  ", (" · ".join(marks_of(said)), "dim"))
        lines: list[RenderableType] = [heading]
        words = words_of(thought)
        for claim in [self._said[link.target] for link in said.links if refuted and link.target in self._said]:
            lines.append(Padding(Text(plain(claim.text), style="red strike"), (0, 0, 0, 2)))
            words = words.replace(f'On "{plain(claim.text)}": ', "", 1)  # it stands struck out above
        lines.append(Padding(Text(words), (0, 0, 0, 2)))
        if answer := answer_of(thought):
            lines.append(Text.assemble("  → ", (answer, "bold")))
        lines.append(Text())
        self._live.console.print(Group(*lines))

    def _picture(self) -> RenderableType:
        """What is under the finished statements: a region for each speaker, and the line of the run."""
        turns = [turn for task, turn in list(self._turns.items()) if task is None or not task.done()]
        width, room = self._console.width, self._console.height - 4
        shown = turns[: max(room // 2, 1)]
        lines = max(1, min(MOST_LINES, room // max(len(shown), 1) - 1))
        parts: list[RenderableType] = []
        for turn in shown:
            heading = Text.assemble(("▸ ", self._style(turn.author)), self._who(turn.author), (_place(turn), "dim"))
            heading.truncate(width, overflow="ellipsis")
            parts += [heading, Padding(self._tail(turn.text, width - 2, lines), (0, 0, 0, 2))]
        if len(turns) > len(shown):
            parts.append(Text(f"  and {len(turns) - len(shown)} more", style="dim"))
        return Group(*parts, self._status(turns))

    def _tail(self, text: str, width: int, lines: int) -> Text:
        """The end of what is being written, in so many lines at most; structured replies without their brackets."""
        room = max(width, 1) * (lines + 1)
        end = plain(text)[-room:].strip()
        if text.lstrip().startswith("{"):
            end = re.sub(r'[{}"\[\]]', "", end)
        wrapped = Text(end or "…", style="" if end else "dim").wrap(self._console, max(width, 1))
        return Text("\n").join(wrapped[-lines:])

    def _status(self, turns: list[_Turn]) -> RenderableType:
        parts = [self._note or _doing(turns)]
        if self._ledger and not self._share:
            spent, limits = self._ledger.total, self._limits
            if turns and turns[-1].round:
                parts.insert(0, f"round {turns[-1].round}")
            parts += [
                _amount(spent.calls, limits.calls, "calls"),
                _amount(spent.tokens, limits.tokens, "tokens"),
                _amount(int(self._ledger.seconds), limits.seconds, "s"),
            ]
        line = Text.assemble(str(self._spinner.render(time.monotonic())), " ", (" · ".join(parts), "bold"))
        line.truncate(self._console.width, overflow="ellipsis")
        if self._share is None:
            return line
        grid = Table.grid(padding=(0, 2))
        grid.add_row(line, ProgressBar(total=1.0, completed=self._share, width=max(10, self._console.width // 4)))
        return grid

    def _style(self, author: str) -> str:
        return self._styles.setdefault(author, COLOURS[len(self._styles) % len(COLOURS)])

    def _who(self, author: str) -> tuple[str, str]:
        return excerpt(author, 60), f"bold {self._style(author)}"


def _place(turn: _Turn) -> str:
    role = f"  {excerpt(turn.role, 60)}" if turn.role != turn.author else ""
    return f"{role}  round {turn.round}" if turn.round else role


def _doing(turns: list[_Turn]) -> str:
    """Who speaks, in a few words: "3 debaters", "the judge"."""
    roles: Mapping[str, int] = Counter(excerpt(turn.role, 40) for turn in turns)
    return ", ".join(f"{count} {role}s" if count > 1 else role for role, count in roles.items()) or "working"


def _amount(spent: int, limit: float | None, unit: str) -> str:
    if limit is not None:
        return f"{spent:,} of {limit:,} {unit}"
    return f"{spent:,} {unit.removesuffix('s') if spent == 1 and unit != 's' else unit}"
