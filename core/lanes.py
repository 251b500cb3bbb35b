"""The graph of thoughts as swim lanes in SVG: a column for each author, time from top to bottom, links between.

The colours come from the page's style sheet, by classes: node, refuted, link, and the kinds of thoughts and links.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple, get_args

from disputatio.drawing import Point, rounded
from disputatio.thought import Link, LinkKind, Thought, struck
from disputatio.writing import excerpt, percent, wrapped, xml

if TYPE_CHECKING:
    from disputatio.result import Result

KINDS: tuple[LinkKind, ...] = get_args(LinkKind)
_MAX_LANES = 12
_WIDTH, _HEIGHT, _GUTTER, _ROW_GAP, _TITLE, _MARGIN, _HEAD = 200, 122, 38, 52, 42, 24, 52


class Band(NamedTuple):
    """Thoughts that belong to one part of the run, in the order in which they were said."""

    title: str
    thoughts: list[Thought]


class Board(NamedTuple):
    """The drawing: the heads of the lanes, which stay in sight, and the field under them."""

    heads: str
    field: str
    width: float
    """In pixels."""


@dataclass
class _Spot:
    number: int
    thought: Thought
    lane: int
    x: float
    y: float


def once(thoughts: Iterable[Thought]) -> list[Thought]:
    """Thoughts with each id once: the first of them, as in a run's state."""
    first: dict[str, Thought] = {}
    for thought in thoughts:
        first.setdefault(thought.id, thought)
    return list(first.values())


def bands(thoughts: Iterable[Thought]) -> list[Band]:
    """Sort a run's thoughts into opening, rounds and closing.

    What was said outside any round belongs to the opening if it came before all rounds, to the closing if it came
    after, and else to the round that was last begun. Rounds of strategies that ran at once are put together.
    """
    thoughts = once(thoughts)
    last = max((n for n, thought in enumerate(thoughts) if thought.round), default=len(thoughts))
    parts: dict[float, list[Thought]] = defaultdict(list)
    begun = 0
    for n, thought in enumerate(thoughts):
        begun = max(begun, thought.round)
        parts[inf if n > last else thought.round or begun].append(thought)
    titles: dict[float, str] = {0: "Opening" if len(parts) > 1 else "", inf: "Closing"}
    return [Band(titles.get(key, f"Round {key}"), parts[key]) for key in sorted(parts)]


def board(result: "Result") -> Board:
    """Draw all thoughts and the links between them; links to thoughts that are not there are left out."""
    lane_of = _lanes(result.thoughts)
    lanes: dict[str, set[str]] = defaultdict(set)
    for thought in result.thoughts:
        lanes[lane_of(thought)].add(thought.role if lane_of is _author else thought.author)
    spots, titles, height = _place(result, list(lanes), lane_of)
    width = 2 * _MARGIN + max(len(lanes), 1) * (_WIDTH + _GUTTER) - _GUTTER
    refuted = struck(result.thoughts, result.links)
    parts = [
        *(f'<path class="lane" d="M{_middle(n):.0f},0 V{height:.0f}"/>' for n in range(len(lanes))),
        *(_title(title, y, width) for title, y in titles),
        *_links(result.links, spots),
        *(_node(spot, spot.thought.id in refuted) for spot in spots.values()),
    ]
    size = f'width="{width}" height="{height:.0f}" viewBox="0 0 {width} {height:.0f}"'
    tips = "".join(_tip(kind) for kind in KINDS)
    field = f'<svg id="graph" class="graph" {size} role="group" aria-label="Graph of thoughts"><defs>{tips}</defs>'
    heads = (
        f'<div class="heads"><svg width="{width}" height="{_HEAD}" viewBox="0 0 {width} {_HEAD}" aria-hidden="true">'
    )
    names = "".join(_head(n, name, sorted(others)) for n, (name, others) in enumerate(lanes.items()))
    return Board(f"{heads}{names}</svg></div>", f"{field}{''.join(parts)}</svg>", width)


def _author(thought: Thought) -> str:
    return f"{thought.author} · {thought.scope}" if thought.scope else thought.author


def _role(thought: Thought) -> str:
    return thought.role


def _lanes(thoughts: Sequence[Thought]) -> Callable[[Thought], str]:
    """What a lane is for: an author, or, where those are too many for a page, a role."""
    return _author if len({_author(thought) for thought in thoughts}) <= _MAX_LANES else _role


def _place(
    result: "Result", lanes: Sequence[str], lane_of: Callable[[Thought], str]
) -> tuple[dict[str, _Spot], list[tuple[str, float]], float]:
    """A spot for each thought by its id, the titles of the bands with their heights, and the height of the whole.

    In a band, a thought stands below those in its lane that came before and below those that it is about.
    """
    about: dict[str, list[str]] = defaultdict(list)
    for link in result.links:
        about[link.source].append(link.target)
    spots: dict[str, _Spot] = {}
    titles = []
    y: float = _MARGIN
    for title, thoughts in bands(result.thoughts):
        if title:
            titles.append((title, y))
            y += _TITLE
        row: dict[str, int] = {}
        free: Counter[int] = Counter()
        for thought in thoughts:
            lane = lanes.index(lane_of(thought))
            row[thought.id] = max(free[lane], *(row.get(target, -1) + 1 for target in about[thought.id]), 0)
            free[lane] = row[thought.id] + 1
            x = _MARGIN + lane * (_WIDTH + _GUTTER)
            spots[thought.id] = _Spot(len(spots), thought, lane, x, y + row[thought.id] * (_HEIGHT + _ROW_GAP))
        y += max(row.values()) * (_HEIGHT + _ROW_GAP) + _HEIGHT + _ROW_GAP
    return spots, titles, y - _ROW_GAP + _MARGIN if spots else 2 * _MARGIN


def _middle(lane: int) -> float:
    return _MARGIN + lane * (_WIDTH + _GUTTER) + _WIDTH / 2


def _head(lane: int, name: str, under: Sequence[str]) -> str:
    below = under[0] if len(under) == 1 else f"{len(under)} authors"
    return (
        f'<text class="name" x="{_middle(lane):.0f}" y="24" text-anchor="middle">{xml(excerpt(name, 26))}</text>'
        f'<text class="label" x="{_middle(lane):.0f}" y="41" text-anchor="middle">{xml(excerpt(below, 30))}</text>'
    )


def _title(title: str, y: float, width: float) -> str:
    line = f'<path class="rule" d="M{_MARGIN},{y + 12:.0f} H{width - _MARGIN}"/>'
    return f'{line}<text class="band" x="{_MARGIN}" y="{y + 16:.0f}">{xml(title)}</text>'


def _tip(kind: LinkKind) -> str:
    box = 'viewBox="0 0 8 8" refX="6.5" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse"'
    return f'<marker id="tip-{kind}" {box} orient="auto"><path class="tip {kind}" d="M0,0.5 L8,4 L0,7.5 Z"/></marker>'


def _links(links: Iterable[Link], spots: dict[str, _Spot]) -> list[str]:
    """Paths that leave a thought at its top and arrive at the bottom of the one that it is about."""
    drawn = [
        (link, spots[link.source], spots[link.target])
        for link in dict.fromkeys(links)
        if link.source in spots and link.target in spots and link.source != link.target
    ]
    ports: dict[tuple[int, bool], list[tuple[float, int, bool]]] = defaultdict(list)
    for n, (_, source, target) in enumerate(drawn):
        ports[source.number, source.y < target.y].append((target.x, n, True))
        ports[target.number, source.y > target.y].append((source.x, n, False))
    shift = {
        (n, leaves): _WIDTH * (0.12 + 0.76 * (place + 1) / (len(users) + 1))
        for users in ports.values()
        for place, (_, n, leaves) in enumerate(sorted(users))
    }
    tracks: Counter[float] = Counter()
    paths = []
    for n, (link, source, target) in enumerate(drawn):
        start = (source.x + shift[n, True], source.y + _HEIGHT * (source.y < target.y))
        end = (target.x + shift[n, False], target.y + _HEIGHT * (source.y > target.y))
        passed = {spot.lane for spot in spots.values() if min(start[1], end[1]) < spot.y < max(start[1], end[1])}
        lanes = (source.lane, target.lane)
        path = _route(start, end, lanes, passed, tracks) if source.y != target.y else _arc(start, end)
        ends = f'data-source="{source.number}" data-target="{target.number}"'
        paths.append(f'<path class="link {link.kind}" {ends} d="{path}" marker-end="url(#tip-{link.kind})"/>')
    return paths


def _arc(start: Point, end: Point) -> str:
    """Between two thoughts of one row: over the cards."""
    over = start[1] - _ROW_GAP * 0.75
    return (
        f"M{start[0]:.1f},{start[1]:.1f} C{start[0]:.1f},{over:.1f} {end[0]:.1f},{over:.1f} {end[0]:.1f},{end[1]:.1f}"
    )


def _route(start: Point, end: Point, lanes: tuple[int, int], passed: set[int], tracks: Counter[float]) -> str:
    """A way from row to row: straight where no card is passed, else in a lane that is free, else in a gutter."""
    (x, y), (end_x, end_y) = start, end
    down = 1 if y < end_y else -1
    source, target = lanes
    if abs(end_y - y) <= _ROW_GAP + _TITLE or (source == target and source not in passed):
        bend, until = (y + end_y) / 2, end_y - down * 8
        curve = f"C{x:.1f},{bend:.1f} {end_x:.1f},{bend:.1f} {end_x:.1f},{until:.1f}"
        return f"M{x:.1f},{y:.1f} {curve} V{end_y:.1f}"
    tracks[y] += 1
    tracks[end_y] += 1
    # Links that run side by side keep apart.
    low, high = y + down * (8 + 6 * (tracks[y] % 5)), end_y - down * (15 + 6 * (tracks[end_y] % 5))
    if target not in passed:
        return rounded([(x, y), (x, low), (end_x, low), (end_x, end_y)], 10)
    if source not in passed:
        return rounded([(x, y), (x, high), (end_x, high), (end_x, end_y)], 10)
    gutter = target + (target <= source)
    tracks[-gutter] += 1
    between = _MARGIN - _GUTTER / 2 + gutter * (_WIDTH + _GUTTER) + (tracks[-gutter] % 6 - 2.5) * 6
    return rounded([(x, y), (x, low), (between, low), (between, high), (end_x, high), (end_x, end_y)], 10)


def _node(spot: _Spot, refuted: bool) -> str:
    """A thought as a card; also a plain link to its place in the transcript, for readers without scripts."""
    thought = spot.thought
    lines = wrapped(thought.text, 26, 4 if thought.answer else 5)
    sure = thought.score if thought.score is not None else thought.confidence
    state = f"{thought.kind}, refuted" if refuted else thought.kind
    about = f"{thought.author}, {state}: {excerpt(thought.text, 200)}"
    rows = [f'<text class="label" x="14" y="21">{xml(state)}</text>']
    if sure is not None:
        rows.append(f'<text class="label" x="{_WIDTH - 14}" y="21" text-anchor="end">{percent(sure)}</text>')
    rows += [f'<text class="said" x="14" y="{41 + 16 * n}">{xml(line)}</text>' for n, line in enumerate(lines)]
    if thought.answer:
        rows.append(f'<text class="reply" x="14" y="{_HEIGHT - 12}">→ {xml(excerpt(thought.answer, 22))}</text>')
    # The inner svg clips what an unusual font makes wider than reckoned.
    return (
        f'<a class="node {thought.kind}{" refuted" * refuted}" href="#thought-{xml(thought.id)}" '
        f'data-number="{spot.number}" aria-label="{xml(about)}">'
        f'<rect x="{spot.x}" y="{spot.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<svg x="{spot.x}" y="{spot.y}" width="{_WIDTH}" height="{_HEIGHT}">{"".join(rows)}</svg></a>'
    )
