"""Recalling: items of other runs enter a prompt as data, with where they come from.

A memory is a way into later runs: what one run read in a page of the web can be remembered, and read by the next as
if it were its own ("Memory Poisoning Attack and Defense on Memory Based LLM-Agents", Sunil et al. 2026,
arXiv:2601.05504).
Therefore the text of an item stands behind marks that nothing in it can end, characters that are not seen are
written out, and a run that reads an item is marked by all that the run which wrote it had read: tools that change
something then ask, whatever the item says.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from disputatio.context import Context
from disputatio.memory.memory import MemoryItem
from disputatio.writing import as_data, excerpt, visible

LONGEST = 2000
"""Characters of one item in a prompt."""


def recalled(items: Iterable[MemoryItem], context: Context) -> str:
    """Items as a prompt shows them; the run is marked by those that nobody vouches for.

    Args:
        items: What was found.
        context: The run that reads them.
    """
    parts = []
    for item in items:
        if item.untrusted:
            context.taint.untrusted.add(f"memory:{item.id}")
        parts.append(as_data(f"{provenance(item)}\n{_cut(item.text)}"))
    return "\n\n".join(parts)


def provenance(item: MemoryItem) -> str:
    """Where an item comes from, on one line."""
    where = [
        f"{_word(item.kind)} {_word(item.id)}",
        f"{datetime.fromtimestamp(item.created, UTC):%Y-%m-%d}",
        f"by {_word(item.author)}" if item.author else "",
        f"in run {_word(item.run_id)}" if item.run_id else "",
        f"from {_word(item.source)}" if item.source else "",
        f"which had read {', '.join(map(_word, item.untrusted[:3]))}" if item.untrusted else "",
    ]
    return f"[{', '.join(part for part in where if part)}]"


def _word(text: str) -> str:
    return excerpt(visible(text), 80)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n... ({len(text) - LONGEST:,} characters left out)"
