"""The Pareto front of a bench as a picture: accuracy against tokens, with intervals, as SVG or PNG."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, dist, floor, log10

from disputatio.drawing import FONTS, rendered
from disputatio.evals.report import Report, Row
from disputatio.writing import excerpt, text_width, xml

_PAPER, _INK, _GREY, _RULE, _ACCENT = "#fbfaf7", "#22201c", "#6b6558", "#e0dacd", "#7c2d2d"
_WIDTH, _HEIGHT = 860, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 56, 64
_SIZE = 13
_LINE = 16.0
"""Height of a name."""
Place = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def png(report: Report) -> bytes:
    """The picture as PNG.

    Raises:
        MissingExtraError: If resvg-py is not installed.
        ConfigurationError: If the machine has no font to write with.
    """
    return rendered(svg(report))


def svg(report: Report) -> str:
    """The picture as SVG; strategies without a score are not in it."""
    rows = [row for row in report.rows if row.accuracy is not None]
    x_ticks = ticks(0.0, max((row.tokens for row in rows), default=1.0))
    y_ticks = ticks(
        min((row.interval[0] for row in rows if row.interval), default=0.0) * 100,
        max((row.interval[1] for row in rows if row.interval), default=1.0) * 100,
    )

    def at(tokens: float, accuracy: float) -> Place:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * tokens / x_ticks[-1]
        share = (accuracy * 100 - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return x, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share

    places = {row.strategy: at(row.tokens, row.accuracy or 0.0) for row in rows}
    parts = [_grid(x, "x", at(x, y_ticks[0] / 100)) for x in x_ticks]
    parts += [_grid(y, "y", at(0.0, y / 100)) for y in y_ticks]
    steps = [places[name] for name in report.front]
    bars = [(at(row.tokens, row.interval[1]), at(row.tokens, row.interval[0])) for row in rows if row.interval]
    parts += [_front(steps), *(_whisker(*bar) for bar in bars)]
    parts += [_point(places[row.strategy], row.strategy in report.front) for row in rows]
    drawn = [(x - 4, high, x + 4, low) for (x, high), (_, low) in bars]
    drawn += [(x, y - 2, end, y + 2) for (x, y), (end, _) in pairwise([*steps, (_WIDTH - _RIGHT, 0.0)])]
    parts += _labels(rows, places, drawn)
    return _frame(parts, f"{rows[0].items:,} items" if rows else "no strategy has a score")


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers with equal steps that span a range.

    >>> ticks(0, 1730)
    [0, 500, 1000, 1500, 2000]
    """
    rough = max(high - low, 1e-9) / (most - 1)
    scale = 10 ** floor(log10(rough))
    step = next(scale * factor for factor in (1, 2, 2.5, 5, 10) if scale * factor >= rough * 0.999)
    first, last = floor(low / step), max(ceil(high / step), floor(low / step) + 1)
    return [round(step * number, 10) for number in range(first, last + 1)]


def _grid(value: float, axis: str, point: Place) -> str:
    x, y = point
    if axis == "x":
        line = f'<path d="M{x:.1f},{_TOP} V{_HEIGHT - _BOTTOM}" stroke="{_RULE}"/>'
        return line + _text(f"{value:,.0f}" if value == int(value) else f"{value:g}", x, y + 20, "middle", _GREY)
    line = f'<path d="M{_LEFT},{y:.1f} H{_WIDTH - _RIGHT}" stroke="{_RULE}"/>'
    return line + _text(f"{value:g} %", _LEFT - 10, y + 4, "end", _GREY)


def _front(points: Sequence[Place]) -> str:
    """The front as steps: what accuracy so many tokens buy."""
    if not points:
        return ""
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    path += "".join(f" H{x:.1f} V{y:.1f}" for x, y in points[1:])
    return f'<path d="{path} H{_WIDTH - _RIGHT}" fill="none" stroke="{_ACCENT}" stroke-width="1.6" opacity="0.7"/>'


def _whisker(top: Place, bottom: Place) -> str:
    (x, high), (_, low) = top, bottom
    path = f"M{x - 4:.1f},{low:.1f} H{x + 4:.1f} M{x:.1f},{low:.1f} V{high:.1f} M{x - 4:.1f},{high:.1f} H{x + 4:.1f}"
    return f'<path d="{path}" stroke="{_GREY}" stroke-width="1.2" fill="none"/>'


def _point(point: Place, is_in_front: bool) -> str:
    fill = _ACCENT if is_in_front else _PAPER
    return (
        f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="5.5" fill="{fill}" stroke="{_ACCENT}" stroke-width="1.8"/>'
    )


def _labels(rows: Sequence[Row], places: dict[str, Place], drawn: Sequence[Box]) -> list[str]:
    """The names beside their points, with a line where they are far from them."""
    lines, names, boxes = [], [], list[Box]()
    for row in sorted(rows, key=lambda row: (places[row.strategy][1], -row.tokens)):
        (x, y), name = places[row.strategy], excerpt(row.strategy, 60)
        # A name may be nearer to its own point than to others, which it might be taken for.
        far = [(place, 7 if other == row.strategy else 16) for other, place in places.items()]
        taken = [*drawn, *((left - r, top - r, left + r, top + r) for (left, top), r in far)]
        box = spot((x, y), text_width(name, _SIZE), boxes, taken)
        (near, high), (left, top, right, _) = _nearest((x, y), box), box
        if dist((x, y), (near, high)) > 16:
            lines.append(f'<path d="M{x:.1f},{y:.1f} L{near:.1f},{high:.1f}" stroke="{_GREY}" stroke-width="0.8"/>')
        anchor, at = ("start", left) if near == left else ("end", right) if near == right else ("middle", near)
        names.append(_text(name, (left + right) / 2 if anchor == "middle" else at, top + _LINE - 4, anchor, _INK))
        boxes.append(box)
    return lines + names


def spot(point: Place, width: float, names: Sequence[Box], taken: Sequence[Box]) -> Box:
    """Where a name of this width hides the least of other names and of what else is taken, near to its point first."""
    (x, y), (begin, high, end, low) = point, (_LEFT, _TOP, _WIDTH - 4, _HEIGHT - _BOTTOM)
    sides = [left for away in range(11, 300, 32) for left in (x + away, x - away - width)]
    lefts = dict.fromkeys(min(max(left, begin), max(end - width, begin)) for left in sides)  # without repeats
    tops = [y + sign * (11 + n * _LINE) - _LINE / 2 for n in range(ceil((low - high) / _LINE)) for sign in (-1, 1)]
    boxes = [(left, top, left + width, top + _LINE) for top in tops if high <= top <= low - _LINE for left in lefts]

    def cost(box: Box) -> tuple[float, float]:
        near, level = _nearest(point, box)
        away = 6 * abs(near - x) + 3 * abs(level - y)  # a line that runs to the side passes other points
        return sum(_overlap(box, one) for one in names), away + sum(_overlap(box, one) for one in taken)

    return min(boxes, key=cost)


def _nearest(point: Place, box: Box) -> Place:
    """The place in a box that is nearest to a point."""
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])


def _overlap(one: Box, other: Box) -> float:
    wide, tall = (min(one[n + 2], other[n + 2]) - max(one[n], other[n]) for n in (0, 1))
    return max(wide, 0.0) * max(tall, 0.0)


def _text(text: str, x: float, y: float, anchor: str, ink: str, size: int = _SIZE) -> str:
    rim = f'stroke="{_PAPER}" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} fill="{ink}" {rim}>{xml(text)}</text>'


def _frame(parts: Sequence[str], about: str) -> str:
    title = f"Accuracy against tokens, {about}"
    heads = [
        _text(title, _LEFT, 30, "start", _INK, 16),
        _text("tokens of one run, on average", _WIDTH - _RIGHT, _HEIGHT - 18, "end", _GREY),
        _text(
            "filled points: no other strategy is both cheaper and more accurate", _LEFT, _HEIGHT - 18, "start", _GREY
        ),
    ]
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {size} role="img" '
        f'font-family="{FONTS}"><title>{xml(title)}</title>'
        f'<rect {size} rx="12" fill="{_PAPER}"/>{"".join([*parts, *heads])}</svg>'
    )
