"""The transcript: what was said so far, as one agent sees it.

All agents read one text that only grows, in the same order, so that a server's prefix cache serves the second reader.
A view chooses the thoughts; it never reorders or rewrites them.
"""

import json
from collections.abc import Callable, Iterable

from disputatio.state import State
from disputatio.thought import Kind, Thought
from disputatio.writing import as_data

SHOWN = 80
"""The most characters of what a tool was given."""
View = Callable[[State], list[Thought]]
"""Chooses the thoughts of a state that an agent sees, in the order in which they were said."""


def everything(state: State) -> list[Thought]:
    """See all that was said."""
    return list(state.get("thoughts", []))


def by(*authors: str) -> View:
    """See only what these authors said."""
    return lambda state: [thought for thought in everything(state) if thought.author in authors]


def of_kind(*kinds: Kind) -> View:
    """See only thoughts of these kinds."""
    return lambda state: [thought for thought in everything(state) if thought.kind in kinds]


def without(*roles: str) -> View:
    """See all but what these roles said."""
    return lambda state: [thought for thought in everything(state) if thought.role not in roles]


def shortened(thoughts: Iterable[Thought], words: int = 40) -> list[Thought]:
    """The same thoughts with no more than their first words, for a context window that is too small for all."""
    return [_cut(thought, words) for thought in thoughts]


def _cut(thought: Thought, words: int) -> Thought:
    kept = thought.text.split(maxsplit=words)
    return thought.model_copy(update={"text": " ".join([*kept[:words], "[...]"])}) if len(kept) > words else thought


def render(thoughts: Iterable[Thought]) -> str:
    """The transcript as a text: a heading a round, then each author's words."""
    lines: list[str] = []
    spoken_round = 0
    for thought in thoughts:
        if thought.round > spoken_round:
            spoken_round = thought.round
            lines.append(f"Round {spoken_round}")
        lines.append(f"[{_label(thought)}] {words(thought)}")
    return "\n\n".join(lines)


def _label(thought: Thought) -> str:
    """Who spoke; of a tool that an agent called by itself also what it was given, which stands nowhere else."""
    given = thought.data.get("arguments")
    if thought.role != "tool" or not isinstance(given, dict) or "input" in thought.data:
        return thought.author
    written = {name: json.dumps(value, ensure_ascii=False) for name, value in given.items()}
    shown = ", ".join(f"{name}={value}" for name, value in written.items())
    if len(given) == 1:
        [shown] = (value if isinstance(value, str) else written[name] for name, value in given.items())
    line = " ".join(shown.split())
    return f"{thought.author}({line if len(line) <= SHOWN else f'{line[:SHOWN]} ...'})"


def words(thought: Thought) -> str:
    """The words of a thought as a prompt shows them: what a tool read outside is marked as data."""
    text = thought.text.strip()
    return as_data(text) if thought.data.get("trusted") is False else text
