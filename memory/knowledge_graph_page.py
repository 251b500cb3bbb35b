"""Drawings of a knowledge graph: an SVG image, and a page on which entities show their facts with their sources."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot
from pathlib import Path
from typing import Any

import networkx as nx

from disputatio.drawing import FONTS
from disputatio.errors import ConfigurationError, require
from disputatio.memory.knowledge_graph import Fact, KnowledgeGraph, Step
from disputatio.page import fill, save, text_of
from disputatio.writing import excerpt, text_width, xml

COLOURS = ("#3a6ea8", "#3f7d4e", "#8b7440", "#7b56a3", "#178080", "#b97a10")
"""Of the relations, the most frequent first."""
DENIED = "#b8382c"
READABLE = 150
"""Facts whose labels can be read in one drawing; of more, those of the chosen entity are shown."""
_HEIGHT, _SIZE, _LABEL, _MARGIN = 34.0, 14, 12, 40.0


@dataclass
class _Spot:
    number: int
    label: str
    x: float
    y: float
    half: float
    """Half its width."""


@dataclass
class _Curve:
    fact: Fact
    head: _Spot
    tail: _Spot
    path: str
    middle: tuple[float, float]
    """Where its label stands."""


@dataclass
class _Drawing:
    svg: str
    facts: list[Fact]
    entities: list[str]
    relations: list[str]


def to_svg(graph: KnowledgeGraph, *, around: Sequence[str] = (), hops: int = 1, most: int = 60) -> str:
    """Draw a graph as an SVG image.

    Args:
        graph: The graph; what is denied is dashed and red.
        around: Draw what lies around these entities; none named draws all.
        hops: How far around them.
        most: The most entities; the nearest and best connected are drawn, and the title says how many there are.

    Raises:
        ConfigurationError: If there is nothing to draw, or no such entity.
        MissingExtraError: If numpy is not installed.
    """
    return _drawn(graph, around, hops, most).svg


def to_html(
    graph: KnowledgeGraph,
    path: str | Path | None = None,
    *,
    title: str = "Knowledge graph",
    around: Sequence[str] = (),
    hops: int = 1,
    most: int = 60,
) -> str:
    """Draw a graph as one page that needs nothing from the network; written to `path` if one is given.

    Args:
        graph: See `to_svg`; so for the others.
        path: Where the page is written.
        title: Its heading.
        around: Draw what lies around these entities.
        hops: How far around them.
        most: The most entities.

    Raises:
        ConfigurationError: If there is nothing to draw, or no such entity.
        MissingExtraError: If numpy is not installed.
        StoreError: If the file cannot be written.
    """
    drawing = _drawn(graph, around, hops, most)
    counts = [f"{len(drawing.entities):,} of {len(graph.entities):,} entities"]
    counts.append(f"{len(drawing.facts):,} of {len(graph):,} facts")
    page = fill(
        "knowledge.html",
        style=text_of("page.css") + text_of("knowledge.css"),
        script=text_of("knowledge.js"),
        title=xml(excerpt(title, 200)),
        facts="".join(f"<li>{one}</li>" for one in counts),
        legend="".join(
            f'<button type="button" data-relation="{xml(relation)}" aria-pressed="true">'
            f'<i class="swatch r{number % len(COLOURS)}"></i>{xml(relation)}</button>'
            for number, relation in enumerate(drawing.relations)
        ),
        graph=drawing.svg,
        contradictions=_contradictions(graph),
        articles="".join(_article(graph, number, one, drawing) for number, one in enumerate(drawing.entities)),
    )
    if path is not None:
        save(page, path)
    return page


def _drawn(graph: KnowledgeGraph, around: Sequence[str], hops: int, most: int) -> _Drawing:
    require("numpy", extra="knowledge")
    plain: Any = nx.Graph()
    plain.add_nodes_from(graph.entities)
    plain.add_edges_from(fact.triple[::2] for fact in graph.facts())
    starts = [graph.find(name) for name in around]
    near: Mapping[str, float] = dict.fromkeys(plain, 0)
    if starts:
        near = nx.multi_source_dijkstra_path_length(plain, set(starts), cutoff=hops)
    chosen = sorted(near, key=lambda one: (near[one], -plain.degree(one), one))[:most]
    if not chosen:
        raise ConfigurationError("there is nothing to draw: the graph has no entities")
    facts = [fact for fact in graph.facts() if _between(fact, chosen, near, hops if starts else 1)]
    relations = [name for name, _ in Counter(fact.triple.relation for fact in facts).most_common()]
    drawn: Any = nx.Graph()
    drawn.add_nodes_from(chosen)
    drawn.add_edges_from(fact.triple[::2] for fact in facts)
    labelled = len(facts) <= READABLE
    spots = _placed(graph, drawn, chosen, (100.0, 44.0) if labelled else (26.0, 26.0))
    together: dict[frozenset[str], list[Fact]] = defaultdict(list)
    for fact in facts:
        together[frozenset(fact.triple[::2])].append(fact)
    curves = [
        _curve(fact, spots, place - (len(several) - 1) / 2)
        for several in together.values()
        for place, fact in enumerate(several)
    ]
    lines = [_line(curve, relations.index(curve.fact.triple.relation), labelled) for curve in curves]
    boxes = [_box(spot) for spot in spots.values()]
    title = f"{len(chosen)} of {len(graph.entities)} entities, {len(facts)} of {len(graph)} facts"
    corners = [*((spot.x + side * spot.half, spot.y) for spot in spots.values() for side in (-1, 1))]
    corners += [curve.middle for curve in curves]
    return _Drawing(_frame(title, [*lines, *boxes], corners), facts, chosen, relations)


def _between(fact: Fact, chosen: Sequence[str], near: Mapping[str, float], hops: int) -> bool:
    """Whether a fact is drawn: both of its ends are, and one lies on the way to those at the rim."""
    head, _, tail = fact.triple
    return head in chosen and tail in chosen and min(near[head], near[tail]) < hops


def _placed(graph: KnowledgeGraph, plain: Any, chosen: Sequence[str], apart: tuple[float, float]) -> dict[str, _Spot]:
    """A place for each entity: what hangs together by springs, in rows, the largest first."""
    numbers = {one: number for number, one in enumerate(chosen)}
    parts = sorted(nx.connected_components(plain), key=lambda one: (-len(one), min(numbers[name] for name in one)))
    spots: dict[str, _Spot] = {}
    width, x, y, row = 0.0, 0.0, 0.0, 0.0
    for part in parts:
        placed = _sprung(graph, plain.subgraph(sorted(part, key=numbers.__getitem__)), numbers, apart)
        left, right = (
            side(one.x + reach * one.half for one in placed.values()) for side, reach in ((min, -1), (max, 1))
        )
        top, bottom = (side(one.y for one in placed.values()) for side in (min, max))
        width = width or max(right - left, 130 * len(chosen) ** 0.5)
        if x and x + right - left > width:
            x, y, row = 0.0, y + row + _HEIGHT + 2 * apart[1], 0.0
        for one in placed.values():
            one.x, one.y = one.x + x - left, one.y + y - top
        x, row = x + right - left + apart[0], max(row, bottom - top)
        spots |= placed
    return spots


def _sprung(
    graph: KnowledgeGraph, plain: Any, numbers: Mapping[str, int], apart: tuple[float, float]
) -> dict[str, _Spot]:
    """Places by springs, and then pushed apart until no two boxes are nearer than this, across and down."""
    size = len(plain)
    wide = 130 * size**0.5
    found = nx.spring_layout(plain, seed=1, k=1.6 / size**0.5, iterations=150)
    spots = {}
    for one in plain:
        label = excerpt(graph.label(one), 32)
        half = max(text_width(label, _SIZE) + 26, 44) / 2
        spots[one] = _Spot(numbers[one], label, float(found[one][0]) * wide, float(found[one][1]) * wide * 0.7, half)
    for _ in range(120):
        moved = False
        for a, b in combinations(spots.values(), 2):
            over_x = a.half + b.half + apart[0] - abs(a.x - b.x)
            over_y = _HEIGHT + apart[1] - abs(a.y - b.y)
            if over_x > 0 and over_y > 0:
                moved = True
                if over_y < over_x:
                    push = over_y / 2 * (1 if a.y >= b.y else -1)
                    a.y, b.y = a.y + push, b.y - push
                else:
                    push = over_x / 2 * (1 if a.x >= b.x else -1)
                    a.x, b.x = a.x + push, b.x - push
        if not moved:
            break
    return spots


def _curve(fact: Fact, spots: dict[str, _Spot], lane: float) -> _Curve:
    """The way of a fact; several between two entities run side by side."""
    head, tail = spots[fact.triple.head], spots[fact.triple.tail]
    if head is tail:
        top, reach = head.y - _HEIGHT / 2, 44 + 22 * abs(lane)
        path = f"M{head.x - 14:.1f},{top:.1f} C{head.x - 34:.1f},{top - reach:.1f} {head.x + 34:.1f},{top - reach:.1f} "
        return _Curve(fact, head, tail, f"{path}{head.x + 14:.1f},{top:.1f}", (head.x, top - reach * 0.75))
    # One side for both directions, so that a fact and its converse do not lie on one another.
    flip = 1 if head.number < tail.number else -1
    length = hypot(tail.x - head.x, tail.y - head.y) or 1.0
    bend = (tail.y - head.y) / length * lane * flip * 64, (tail.x - head.x) / length * lane * flip * 64
    control = (head.x + tail.x) / 2 - bend[0], (head.y + tail.y) / 2 + bend[1]
    start, end = _border(head, control), _border(tail, control)
    path = f"M{start[0]:.1f},{start[1]:.1f} Q{control[0]:.1f},{control[1]:.1f} {end[0]:.1f},{end[1]:.1f}"
    # Labels of neighbouring curves stand at different places along them.
    at = min(max(0.5 + 0.12 * lane, 0.25), 0.75)
    weights = ((1 - at) ** 2, 2 * at * (1 - at), at**2)
    middle = [sum(w * one[axis] for w, one in zip(weights, (start, control, end), strict=True)) for axis in (0, 1)]
    return _Curve(fact, head, tail, path, (middle[0], middle[1]))


def _line(curve: _Curve, rank: int, labelled: bool) -> str:
    """A fact with its relation, which is hidden until it is pointed at where there are too many to be read."""
    fact, (x, y) = curve.fact, curve.middle
    name, colour = ("-denied", DENIED) if fact.negated else (rank % len(COLOURS), COLOURS[rank % len(COLOURS)])
    dashes = ' stroke-dasharray="5 4"' if fact.negated else ""
    words = excerpt("not " * fact.negated + fact.triple.relation.replace("_", " ").strip(), 28)
    ends = f'data-head="{curve.head.number}" data-tail="{curve.tail.number}"'
    hidden = "" if labelled else ' visibility="hidden"'
    faint = "" if labelled else ' stroke-opacity="0.35"'
    line = f'stroke="{colour}" stroke-width="1.4"{dashes}{faint} marker-end="url(#tip{name})"'
    return (
        f'<g class="fact" {ends} data-relation="{xml(fact.triple.relation)}">'
        f'<path d="{curve.path}" fill="none" {line}/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" font-size="{_LABEL}" fill="#6b6558"{hidden} '
        f'stroke="#fbfaf7" stroke-width="5" stroke-linejoin="round" paint-order="stroke">{xml(words)}</text></g>'
    )


def _border(spot: _Spot, towards: tuple[float, float]) -> tuple[float, float]:
    """Where a line from the middle of a box leaves it."""
    x, y = towards[0] - spot.x, towards[1] - spot.y
    share = min((spot.half + 2) / abs(x) if x else 9e9, (_HEIGHT / 2 + 2) / abs(y) if y else 9e9, 1.0)
    return spot.x + x * share, spot.y + y * share


def _box(spot: _Spot) -> str:
    return (
        f'<g class="entity" data-id="{spot.number}" tabindex="0" role="button" aria-label="{xml(spot.label)}">'
        f'<rect x="{spot.x - spot.half:.1f}" y="{spot.y - _HEIGHT / 2:.1f}" width="{2 * spot.half:.1f}" '
        f'height="{_HEIGHT:.1f}" rx="9" fill="#fff" stroke="#b9b1a0" stroke-width="1.2"/>'
        f'<text x="{spot.x:.1f}" y="{spot.y + 5:.1f}" text-anchor="middle" font-size="{_SIZE}" fill="#22201c">'
        f"{xml(spot.label)}</text></g>"
    )


def _frame(title: str, parts: Sequence[str], corners: Sequence[tuple[float, float]]) -> str:
    left, top = (min(one[axis] for one in corners) - _MARGIN - _HEIGHT * axis for axis in (0, 1))
    width = max(x for x, _ in corners) + _MARGIN - left
    height = max(y for _, y in corners) + _HEIGHT + _MARGIN - top
    tips = "".join(
        f'<marker id="tip{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0.5 L8,4 L0,7.5 Z" fill="{colour}"/></marker>'
        for name, colour in [*enumerate(COLOURS), ("-denied", DENIED)]
    )
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="graph" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" role="group" font-family="{FONTS}"><title>{xml(title)}</title>'
        f'<defs>{tips}</defs><rect class="ground" {place} rx="12" fill="#fbfaf7"/>{"".join(parts)}</svg>'
    )


def _article(graph: KnowledgeGraph, number: int, entity: str, drawing: _Drawing) -> str:
    """An entity with its facts; the page's script shows it beside the drawing."""
    types = ", ".join(graph.asserted.nodes[entity]["types"])
    items = "".join(_told(graph, fact) for fact in drawing.facts if entity in fact.triple[::2])
    meta = f'<span class="meta">{xml(types)}</span>' if types else ""
    return (
        f'<article class="about" id="about-{number}"><h3 dir="auto">{xml(graph.label(entity))} {meta}</h3>'
        f"<ul>{items or '<li>No facts.</li>'}</ul></article>"
    )


def _told(graph: KnowledgeGraph, fact: Fact) -> str:
    words = graph.words(fact.triple.head, Step(fact.triple.relation), fact.triple.tail)
    sources = "".join(
        f'<span class="source" dir="auto">{xml(excerpt(source, 300) or "source unknown")} ({sure:.0%} sure)</span>'
        for source, sure in fact.sources.items()
    )
    denied = ' <b class="denied">denied</b>' if fact.negated else ""
    return f'<li dir="auto">{xml(words)}{denied}{sources}</li>'


def _contradictions(graph: KnowledgeGraph) -> str:
    parts = []
    for one in graph.contradictions():
        items = "".join(_told(graph, fact) for fact in one.facts)
        parts.append(f'<article class="about"><h3>{one.kind}</h3><ul>{items}</ul></article>')
    return f"<section><h2>Contradictions</h2>{''.join(parts)}</section>" if parts else ""
