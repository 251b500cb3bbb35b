"""A strategy's wiring as a picture: SVG, PNG or Mermaid, drawn here, with no program outside Python."""

from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from disputatio.errors import ConfigurationError, require
from disputatio.layers import HEIGHT, LABEL_HEIGHT, LABEL_SIZE, LOOP, NAME_SIZE, TOP, Edge, Layout, Spot, arrange
from disputatio.writing import excerpt, plain, text_width, xml

if TYPE_CHECKING:
    from disputatio.strategies import Strategy

FONTS = "Inter, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Noto Sans', 'DejaVu Sans', sans-serif"
"""What drawings are written in: the first of these that there is."""
_ENDS = {"__start__": "START", "__end__": "END"}
_NO_FONT = "no font was found to write the PNG's text with; install one, for example: apt-get install fonts-dejavu-core"
_PAPER, _INK, _GREY, _LINE = "#fbfaf7", "#22201c", "#6b6558", "#b9b1a0"

Point = tuple[float, float]


def mermaid(strategy: "Strategy[Any]") -> str:
    """A strategy's graph in Mermaid's language."""
    return strategy.compile().get_graph().draw_mermaid()


def png(strategy: "Strategy[Any]") -> bytes:
    """A strategy's graph as a PNG, at twice the size of the SVG; raises what `rendered` raises."""
    return rendered(svg(strategy))


def rendered(picture: str) -> bytes:
    """An SVG image as a PNG, at twice its size.

    Raises:
        MissingExtraError: If resvg-py is not installed.
        ConfigurationError: If the machine has no font to write with.
    """
    resvg = require("resvg_py", extra="png")
    frame = "<svg xmlns='http://www.w3.org/2000/svg' width='32' height='16'>{}</svg>"
    written = frame.format(f'<text y="12" font-family="{FONTS}">Aa</text>')
    # Without a font the renderer leaves text out and says nothing.
    if resvg.svg_to_bytes(svg_string=written) == resvg.svg_to_bytes(svg_string=frame.format("")):
        raise ConfigurationError(_NO_FONT)
    return bytes(resvg.svg_to_bytes(svg_string=picture, zoom=2))


def svg(strategy: "Strategy[Any]") -> str:
    """A strategy's graph as an SVG image: edges that depend on the state are dashed, loops run at the side."""
    graph = strategy.compile().get_graph()
    edges = [
        Edge(edge.source, edge.target, excerpt(str(edge.data or ""), 40), edge.conditional) for edge in graph.edges
    ]
    ids = sorted(graph.nodes, key=lambda id_: (id_ != "__start__", id_ == "__end__"))
    layout = arrange({id_: _ENDS.get(id_) or excerpt(graph.nodes[id_].name, 40) for id_ in ids}, edges)
    chains = [_path(edge, _curve(spots)) for edge, spots in layout.chains]
    labels = [_words(spot.label, (spot.x, spot.y), "middle") for _, spots in layout.chains for spot in spots[1:-1]]
    loops, left, right = _loops(layout)
    boxes = [_box(id_, spot) for id_, spot in layout.nodes.items()]
    bottom = max(spot.y for spot in layout.nodes.values()) + HEIGHT / 2 + TOP
    return _frame(plain(strategy.name), [*chains, *loops, *labels, *boxes], (left - TOP, right + TOP), bottom)


def _loops(layout: Layout) -> tuple[list[str], float, float]:
    """Paths and labels of the edges that go back, and the left and right end of the whole drawing."""
    nodes = layout.nodes
    # How far each layer reaches to either side, as distances from x = 0.
    reach = {
        1: [max((spot.x + spot.right for spot in layer), default=-inf) for layer in layout.layers],
        -1: [max((spot.left - spot.x for spot in layer), default=-inf) for layer in layout.layers],
    }
    middle = (max(reach[1]) - max(reach[-1])) / 2
    used: Counter[tuple[int, int]] = Counter()
    drawn = []
    for edge in sorted(layout.loops, key=lambda edge: nodes[edge.source].layer - nodes[edge.target].layer):
        source, target = nodes[edge.source], nodes[edge.target]
        if source is target:
            drawn.append(_turn(edge, source))
            continue
        side = 1 if source.x + target.x >= 2 * middle - 1 else -1
        spanned = range(target.layer, source.layer + 1)
        channel = max(reach[side][layer] for layer in spanned) + LOOP
        out, back = _way_out(layout, source, side, 1, used), _way_out(layout, target, side, -1, used)
        corners = [*out, (side * channel, out[-1][1]), (side * channel, back[-1][1]), *reversed(back)]
        middle_y = (out[-1][1] + back[-1][1]) / 2
        anchor = "start" if side > 0 else "end"
        drawn.append(_path(edge, rounded(corners, 12)) + _words(edge.label, (side * (channel + 7), middle_y), anchor))
        for layer in spanned:
            reach[side][layer] = channel + (text_width(edge.label, LABEL_SIZE) + 10 if edge.label else 0)
    return drawn, -max(reach[-1]), max(reach[1])


def _turn(edge: Edge, spot: Spot) -> str:
    """An edge from a node to itself."""
    border, outside, above, below = spot.x + spot.left, spot.x + spot.left + LOOP, spot.y - 7, spot.y + 7
    path = rounded([(border, above), (outside, above), (outside, below), (border, below)], 7)
    return _path(edge, path) + _words(edge.label, (outside + 6, spot.y), "start")


def _way_out(layout: Layout, spot: Spot, side: int, down: int, used: Counter[tuple[int, int]]) -> list[Point]:
    """From a node's border towards the channel: sideways if it stands outermost, else under or over its neighbours.

    No two ways run at the same height, where one line would hide the other; `used` counts them.
    """
    if layout.layers[spot.layer][-1 if side > 0 else 0] is spot and spot.left == spot.right:
        used[id(spot), side] += 1
        return [(spot.x + side * spot.left, spot.y + down * min(7 * used[id(spot), side] - 2, 15))]
    used[spot.layer, down] += 1
    x, border = spot.x + side * spot.left / 2, spot.y + down * HEIGHT / 2
    return [(x, border), (x, border + down * (5 + 5 * used[spot.layer, down]))]


def rounded(corners: Sequence[Point], radius: float) -> str:
    """A path through corners at right angles, each rounded off."""
    path = f"M{corners[0][0]:.1f},{corners[0][1]:.1f}"
    for before, (x, y), after in zip(corners, corners[1:], corners[2:], strict=False):
        points = []
        for end_x, end_y in (before, after):
            length = abs(end_x - x) + abs(end_y - y) or 1.0
            cut = min(radius, length / 2) / length
            points.append(f"{x + (end_x - x) * cut:.1f},{y + (end_y - y) * cut:.1f}")
        path += f" L{points[0]} Q{x:.1f},{y:.1f} {points[1]}"
    return f"{path} L{corners[-1][0]:.1f},{corners[-1][1]:.1f}"


def _curve(spots: Sequence[Spot]) -> str:
    """A smooth path from the bottom of the first spot to the top of the last, straight down past those between."""
    x, y = spots[0].x, spots[0].y + HEIGHT / 2
    path = f"M{x:.1f},{y:.1f}"
    for spot in spots[1:]:
        half = (HEIGHT if spot.layer % 2 == 0 else LABEL_HEIGHT) / 2
        top = spot.y - half
        middle = (y + top - 7) / 2
        path += f" C{x:.1f},{middle:.1f} {spot.x:.1f},{middle:.1f} {spot.x:.1f},{top - 7:.1f} V{top:.1f}"
        x, y = spot.x, spot.y + half
        path += f" V{y:.1f}" if spot is not spots[-1] else ""
    return path


def _path(edge: Edge, path: str) -> str:
    dashes = ' stroke-dasharray="5 4"' if edge.dashed else ""
    return f'<path d="{path}" fill="none" stroke="{_GREY}" stroke-width="1.4"{dashes} marker-end="url(#tip)"/>'


def _words(text: str, at: Point, anchor: str) -> str:
    """An edge's label, with a rim of the background's colour that keeps lines off it."""
    if not text:
        return ""
    rim = f'stroke="{_PAPER}" stroke-width="5" stroke-linejoin="round" paint-order="stroke"'
    place = f'x="{at[0]:.1f}" y="{at[1] + 4:.1f}" text-anchor="{anchor}" font-size="{LABEL_SIZE}"'
    return f'<text {place} fill="{_GREY}" {rim}>{xml(text)}</text>'


def _box(name: str, spot: Spot) -> str:
    radius, fill, ink, line = (HEIGHT / 2, _INK, _PAPER, _INK) if name in _ENDS else (9, "#fff", _INK, _LINE)
    x, y, width = spot.x - spot.left, spot.y - HEIGHT / 2, 2 * spot.left
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT:.1f}" rx="{radius}" fill="{fill}" '
        f'stroke="{line}" stroke-width="1.2"/>'
        f'<text x="{spot.x:.1f}" y="{spot.y + 5:.1f}" text-anchor="middle" font-size="{NAME_SIZE}" fill="{ink}">'
        f"{xml(spot.label)}</text>"
    )


def _frame(title: str, parts: Sequence[str], sides: Point, height: float) -> str:
    left, width = sides[0], sides[1] - sides[0]
    size = f'width="{width:.1f}" height="{height:.1f}"'
    # With a background of its own the picture is as readable on a dark page as on a light one.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.1f} 0 {width:.1f} {height:.1f}" {size} role="img" '
        f'font-family="{FONTS}"><title>{xml(title)}</title>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0.5 L8,4 L0,7.5 Z" fill="{_GREY}"/></marker></defs>'
        f'<rect x="{left:.1f}" {size} rx="12" fill="{_PAPER}"/>{"".join(parts)}</svg>'
    )
