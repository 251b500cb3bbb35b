"""The Pareto front of a bench as a picture: accuracy against tokens, with intervals, as SVG or PNG."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10

from disputatio.drawing import FONTS, rendered
from disputatio.evals.report import Report, Row
from disputatio.writing import excerpt, text_width, xml

_PAPER, _INK, _GREY, _RULE, _ACCENT = "#fbfaf7", "#22201c", "#6b6558", "#e0dacd", "#7c2d2d"
_WIDTH, _HEIGHT = 860, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 56, 64
_SIZE = 13


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

    def at(tokens: float, accuracy: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * tokens / x_ticks[-1]
        share = (accuracy * 100 - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return x, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share

    places = {row.strategy: at(row.tokens, row.accuracy or 0.0) for row in rows}
    parts = [_grid(x, "x", at(x, y_ticks[0] / 100)) for x in x_ticks]
    parts += [_grid(y, "y", at(0.0, y / 100)) for y in y_ticks]
    parts += [_front([places[name] for name in report.front])]
    parts += [_whisker(row, at) for row in rows]
    parts += [_point(places[row.strategy], row.strategy in report.front) for row in rows]
    parts += _labels(rows, places)
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


def _grid(value: float, axis: str, point: tuple[float, float]) -> str:
    x, y = point
    if axis == "x":
        line = f'<path d="M{x:.1f},{_TOP} V{_HEIGHT - _BOTTOM}" stroke="{_RULE}"/>'
        return line + _text(f"{value:,.0f}" if value == int(value) else f"{value:g}", x, y + 20, "middle", _GREY)
    line = f'<path d="M{_LEFT},{y:.1f} H{_WIDTH - _RIGHT}" stroke="{_RULE}"/>'
    return line + _text(f"{value:g} %", _LEFT - 10, y + 4, "end", _GREY)


def _front(points: Sequence[tuple[float, float]]) -> str:
    """The front as steps: what accuracy so many tokens buy."""
    if not points:
        return ""
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    path += "".join(f" H{x:.1f} V{y:.1f}" for x, y in points[1:])
    return f'<path d="{path} H{_WIDTH - _RIGHT}" fill="none" stroke="{_ACCENT}" stroke-width="1.6" opacity="0.7"/>'


def _whisker(row: Row, at: Callable[[float, float], tuple[float, float]]) -> str:
    assert row.interval
    (x, low), (_, high) = at(row.tokens, row.interval[0]), at(row.tokens, row.interval[1])
    path = f"M{x - 4:.1f},{low:.1f} H{x + 4:.1f} M{x:.1f},{low:.1f} V{high:.1f} M{x - 4:.1f},{high:.1f} H{x + 4:.1f}"
    return f'<path d="{path}" stroke="{_GREY}" stroke-width="1.2" fill="none"/>'


def _point(point: tuple[float, float], is_in_front: bool) -> str:
    fill = _ACCENT if is_in_front else _PAPER
    return (
        f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="5.5" fill="{fill}" stroke="{_ACCENT}" stroke-width="1.8"/>'
    )


def _labels(rows: Sequence[Row], places: dict[str, tuple[float, float]]) -> list[str]:
    """The names beside their points, kept off one another."""
    taken: list[tuple[float, float, float]] = []
    parts = []
    for row in sorted(rows, key=lambda row: places[row.strategy][1]):
        x, y = places[row.strategy]
        y -= 11  # above the steps of the front, which begin at the point
        name = excerpt(row.strategy, 60)
        width = text_width(name, _SIZE)
        left = x + 11 if x + 11 + width < _WIDTH else x - 11 - width
        while any(abs(y - other) < _SIZE + 3 and left < end and begin < left + width for begin, end, other in taken):
            y += 2
        taken.append((left, left + width, y))
        parts.append(_text(name, left, y + 4, "start", _INK))
    return parts


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
