"""Progress of a bench: a live table on a terminal, a line at each tenth elsewhere."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from disputatio.budget import Usage
from disputatio.evals.bench import Trial
from disputatio.writing import plain


@dataclass
class Standing:
    """What is known of one strategy so far."""

    done: int = 0
    value: float = 0.0
    unparsed: int = 0
    errors: int = 0
    usage: Usage = field(default_factory=Usage)

    def add(self, trial: Trial) -> None:
        """Count one more."""
        self.done += 1
        self.value += trial.value or 0.0
        self.unparsed += trial.value is None and not trial.error
        self.errors += bool(trial.error)
        self.usage += trial.usage

    @property
    def accuracy(self) -> str:
        """So far; what failed or was not read is not right."""
        return f"{100 * self.value / self.done:.1f} %" if self.done else ""


def screen(*, quiet: bool) -> "Screen | Lines":
    """The display that fits standard error."""
    if quiet or sys.stderr is None:
        return Lines(is_shown=False)
    if not sys.stderr.isatty() or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return Lines(is_shown=True)
    return Screen(Console(stderr=True, markup=False, emoji=False, highlight=False))


class Lines:
    """Progress as plain lines."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self.standings: dict[str, Standing] = {}
        self.size = 0
        self._new = 0
        self._tenth = 0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def note(self, text: str) -> None:
        """Say what is being done."""
        if self._is_shown:
            with suppress(BrokenPipeError):
                print(plain(text), file=sys.stderr, flush=True)  # noqa: T201

    def begin(self, strategies: Sequence[str], size: int) -> None:
        """The bench begins: so many trials of each strategy."""
        self.standings = {name: Standing() for name in strategies}
        self.size = size
        self._started = time.monotonic()

    def hear(self, trial: Trial, is_new: bool) -> None:
        """Count a trial."""
        self.standings[trial.strategy].add(trial)
        self._new += is_new
        tenth = 10 * self.done // self.whole
        if self._is_shown and is_new and tenth > self._tenth:
            self._tenth = tenth
            shown = "; ".join(f"{name}: {one.accuracy}" for name, one in self.standings.items())
            self.note(f"{self.done:,} of {self.whole:,}, {self.left} left; {shown}")
        elif not is_new:
            self._tenth = tenth

    @property
    def done(self) -> int:
        """Trials that are finished."""
        return sum(one.done for one in self.standings.values())

    @property
    def whole(self) -> int:
        """Trials in all."""
        return max(self.size * len(self.standings), 1)

    @property
    def left(self) -> str:
        """The time that is left, at the pace of this process."""
        if not self._new:
            return "unknown time"
        seconds = int((time.monotonic() - self._started) / self._new * (self.whole - self.done))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Screen(Lines):
    """Progress as a live table."""

    def __init__(self, console: Console) -> None:
        super().__init__(is_shown=False)
        self._note = ""
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """Say what is being done, until the next note."""
        self._note = plain(text)

    def begin(self, strategies: Sequence[str], size: int) -> None:
        """The bench begins: so many trials of each strategy."""
        super().begin(strategies, size)
        self._note = ""

    def _picture(self) -> RenderableType:
        if not self.standings:
            return Text(self._note)
        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
        table.add_column("strategy", overflow="ellipsis", no_wrap=True)
        for title in ("", "done", "accuracy", "unparsed", "errors", "tokens", "money"):
            table.add_column(title, justify="right", no_wrap=True)
        for name, one in self.standings.items():
            bar = ProgressBar(
                total=max(self.size, 1), completed=one.done, width=16 if self._live.console.width >= 100 else 4
            )
            money = "unknown" if one.usage.unpriced else f"{one.usage.cost:.3g}"
            counts = (f"{one.unparsed:,}", f"{one.errors:,}", f"{one.usage.tokens:,}", money)
            table.add_row(Text(plain(name)), bar, f"{one.done:,} of {self.size:,}", one.accuracy, *counts)
        note = self._note or f"{self.done:,} of {self.whole:,} runs, {self.left} left"
        return Group(table, Text(note, style="dim"))
