"""What a path to a query is made of: the tags that a model writes, its ends, and the vote on their results."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from typing_extensions import TypedDict

from disputatio.tools.sql_results import first_statement

_BLOCK = re.compile(r"<(intermediate_sql|final_sql)>(.*?)(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_RESULT = re.compile(r"<result>.*?(?:</result>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^\s*```(?:sql)?\s*|\s*```\s*$", re.IGNORECASE)


class Segment(NamedTuple):
    """What a model wrote, up to the end of its first query."""

    kind: Literal["intermediate", "final", "cut"]
    text: str
    """Without results, which it does not know."""
    sql: str = ""
    """The first statement of the query."""
    note: str = ""
    """What became of the rest."""


class Leaf(TypedDict):
    """The end of a path."""

    id: str
    """Of the thought that wrote the final query."""
    sql: str
    weight: int
    """How many samples came to it."""
    rows: int
    key: str
    """Equal for equal results; empty if the query failed, or there is none."""


def segment_of(text: str, *, cut: bool) -> Segment:
    """Read a reply; one that was cut off, or has no query, ends its path."""
    text = _RESULT.sub("", text)
    found = _BLOCK.search(text)
    if found is None or (cut and not found[0].rstrip().endswith(">")):
        return Segment("cut", text.strip())
    kind: Literal["intermediate", "final"] = "final" if found[1].casefold() == "final_sql" else "intermediate"
    first, rest = first_statement(_FENCE.sub("", found[2].strip()))
    kept = f"{text[: found.start()].strip()}\n<{found[1].casefold()}>{first}</{found[1].casefold()}>".strip()
    return Segment(kind, kept, first, "Only the first statement was run." if rest else "")


def elected(leaves: Sequence[Leaf]) -> tuple[Leaf | None, dict[str, int]]:
    """The leaf that wins, and the weight of each result.

    The heaviest result wins, ties to the shortest query. Empty results count only if there are no others, and queries
    that failed never do.
    """
    ran = [leaf for leaf in leaves if leaf["key"]]
    counted = [leaf for leaf in ran if leaf["rows"]] or ran
    weights: dict[str, int] = {}
    for leaf in counted:
        weights[leaf["key"]] = weights.get(leaf["key"], 0) + leaf["weight"]
    best = max(counted, key=lambda leaf: (weights[leaf["key"]], -len(leaf["sql"])), default=None)
    return best, weights
