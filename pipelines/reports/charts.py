"""Charts as inline SVG, for `pipelines.reports.pages`: bars with intervals, points, lines, fronts, a histogram.

They are drawn here, not by a plotting library, because a report is one small file that needs no network, shows tooltips
and follows the page's colours, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from .pages import Html, element, join, text

COLOURS = (
    "--one", "--two", "--three", "--four", "--five", "--six", "--seven", "--eight", "--nine", "--ten", "--eleven",
    "--twelve",
)  # fmt: skip
WIDTH, HEIGHT = 440, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 42
_WIDE = 760


ALL = 0.9999
"""Where a share of 1 is drawn, whose logit is infinite."""
SHARES = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999, 1.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval; ``value`` None draws no bar but keeps the row; ``colour`` is a number."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    shown: str = ""
    colour: int = 0


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A point of `scatter`; its label is drawn beside it, or only in the tooltip if ``quiet``."""

    label: str
    x: float
    y: float
    colour: int = 0
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of `lines`; by default its colour is numbered by its position."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class Front:
    """Points of one kind in `fronts`, and those that no other point of the kind beats.

    Attributes
    ----------
    label
        For the legend.
    points
        (x, y, tooltip).
    best
        Points to join by a line, in order; the others are drawn pale.
    colour
        Colour number.
    """

    label: str
    points: Sequence[tuple[float, float, str]]
    best: Sequence[tuple[float, float, str]]
    colour: int = 0


def bars(rows: Sequence[Bar], *, top: float | None = None, caption: str = "") -> Html:
    """Return horizontal bars from 0 to ``top`` (the greatest value where None), intervals as whiskers."""
    finite = [v for row in rows for v in (row.value, row.high) if v is not None]
    end = top if top is not None else max([1e-12, *finite])
    parts: list[Html] = []
    for row in rows:
        said = row.shown or ("none" if row.value is None else f"{row.value:.3f}")
        parts += [element("span", row.label), element("span", said), element("span", _bar(row, end))]
    figure = element("div", *parts, class_="bars")
    return element("figure", figure, element("figcaption", caption) if caption else "")


def _bar(row: Bar, end: float) -> Html:
    def at(value: float) -> str:
        return f"{100 * min(max(value / end, 0), 1):.2f}%"

    inside = ['<rect width="100%" height="14" rx="2" fill="var(--wash)"/>']
    if row.value is not None:
        inside.append(
            f'<rect width="{at(row.value)}" height="14" rx="2" fill="{_colour(row.colour)}" fill-opacity=".75"/>'
        )
    if row.low is not None and row.high is not None:
        low, high = at(row.low), at(row.high)
        inside.append(f'<line x1="{low}" x2="{high}" y1="7" y2="7" stroke="var(--ink)" stroke-width="1.5"/>')
        inside += [
            f'<line x1="{x}" x2="{x}" y1="3" y2="11" stroke="var(--ink)" stroke-width="1.5"/>' for x in (low, high)
        ]
    return Html(f'<svg width="100%" height="14" role="img">{"".join(inside)}</svg>')


def scatter(
    points: Sequence[ChartPoint], *, x: str, y: str, log_x: bool = False, legend: Sequence[str] = (), caption: str = ""
) -> Html:
    """Return points over two axes; ``log_x`` for latencies and sizes."""
    frame = _Frame.around([p.x for p in points], [p.y for p in points], _log(log_x))
    return _figure(frame, "".join(_mark(frame, p) for p in points), (x, y), legend, caption)


def _mark(frame: _Frame, p: ChartPoint) -> str:
    cx, cy = frame.at(p.x, p.y)
    dot = _dot(cx, cy, 'r="4.5" fill-opacity=".85"', p.colour, f"{p.label}: {_number(p.x)}, {_number(p.y)}")
    if p.quiet:
        return dot
    side, at = ("end", cx - 8) if cx > WIDTH * 0.7 else ("start", cx + 8)  # a label stays inside the drawing
    return f'{dot}<text x="{at:.1f}" y="{cy + 4:.1f}" text-anchor="{side}">{text(p.label)}</text>'


def lines(series: Sequence[Line], *, x: str, y: str, log_x: bool = False, caption: str = "") -> Html:
    """Return lines over two axes."""
    frame = _Frame.around([v for s in series for v in s.x], [v for s in series for v in s.y], _log(log_x))
    marks = []
    for number, each in enumerate(series):
        colour = number if each.colour is None else each.colour
        marks.append(_polyline(frame, zip(each.x, each.y, strict=True), colour, 2))
    legend = [s.label if s.colour is None else _legend(s.label, s.colour) for s in series] if len(series) > 1 else ()
    return _figure(frame, "".join(marks), (x, y), legend, caption)


def fronts(
    series: Sequence[Front],
    *,
    x: str,
    y: str,
    x_scale: Scale = "linear",
    y_scale: Scale = "log",
    diagonal: bool = False,
    caption: str = "",
) -> Html:
    """Return points of several kinds over two axes, the best of each kind joined; details are in tooltips.

    A logit scale is for shares: .9, .99 and .999 are far apart, as what they miss is. A share of 1 is drawn at ``ALL``.
    ``diagonal`` draws where both axes have the same value.
    """
    every = [point for each in series for point in each.points]
    frame = _Frame.around([p[0] for p in every], [p[1] for p in every], x_scale, y_scale)
    marks = [_diagonal(frame)] if diagonal else []
    for each in series:
        marks.append(_polyline(frame, ((u, v) for u, v, _ in each.best), each.colour, 1.5))
        kept = set(each.best)
        for point in sorted(each.points, key=lambda p: p in kept):  # the best are drawn over the others
            look = 'r="4"' if point in kept else 'r="3" fill-opacity=".35"'
            marks.append(_dot(*frame.at(point[0], point[1]), look, each.colour, point[2]))
    legend = [_legend(each.label, each.colour) for each in series]
    return _figure(frame, "".join(marks), (x, y), legend, caption, width=_WIDE)


def _polyline(frame: _Frame, points: Iterable[tuple[float, float]], colour: int, width: float) -> str:
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in (frame.at(x, y) for x, y in points))
    return f'<polyline points="{path}" fill="none" stroke="{_colour(colour)}" stroke-width="{width:g}"/>'


def _diagonal(frame: _Frame) -> str:
    """Return the line of equal values, where it crosses the drawing; both axes have one scale."""
    low, high = max(frame.x0, frame.y0), min(frame.x1, frame.y1)
    if low >= high:
        return ""
    (x1, y1), (x2, y2) = (frame.at(*[_meant(end, frame.x)] * 2) for end in (low, high))
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="var(--soft)" stroke-dasharray="4 4"/>'


def _dot(cx: float, cy: float, look: str, colour: int, tip: str) -> str:
    place = f'cx="{cx:.1f}" cy="{cy:.1f}"'
    return f'<circle {place} {look} fill="{_colour(colour)}"><title>{text(tip)}</title></circle>'


def _colour(number: int) -> str:
    return f"var({COLOURS[number % len(COLOURS)]})"


def histogram(values: Sequence[float], *, x: str, y: str = "questions", bins: int = 10, caption: str = "") -> Html:
    """Return the distribution of values in ``bins`` equal bins."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    frame = _Frame(low, low + bins * width, 0.0, float(max([1, *counts])), "linear")
    marks = []
    for number, count in enumerate(counts):
        left, top = frame.at(low + number * width, count)
        right, bottom = frame.at(low + (number + 1) * width, 0)
        marks.append(
            f'<rect x="{left + 1:.1f}" y="{top:.1f}" width="{right - left - 2:.1f}" height="{bottom - top:.1f}" '
            f'fill="var(--one)" fill-opacity=".75"><title>{count}</title></rect>'
        )
    return _figure(frame, "".join(marks), (x, y), (), caption)


Scale = Literal["linear", "log", "logit"]


def _log(wanted: bool) -> Scale:
    return "log" if wanted else "linear"


@dataclass(frozen=True, slots=True)
class _Frame:
    """The scales of a drawing, and their ends as they are drawn."""

    x0: float
    x1: float
    y0: float
    y1: float
    x: Scale
    y: Scale = "linear"

    @classmethod
    def around(cls, xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale = "linear") -> _Frame:
        if x == "log" and min(xs, default=1.0) <= 0:
            x = "linear"
        if y == "log" and min(ys, default=1.0) <= 0:
            y = "linear"
        return cls(*_ends(xs, 0.06, x), *_ends(ys, 0.08, y), x, y)

    def at(self, x: float, y: float) -> tuple[float, float]:
        share = (_drawn(x, self.x) - self.x0) / (self.x1 - self.x0)
        up = (_drawn(y, self.y) - self.y0) / (self.y1 - self.y0)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)


def _drawn(value: float, scale: Scale) -> float:
    if scale == "log":
        return math.log(value)
    if scale == "logit":
        share = min(max(value, 1 - ALL), ALL)
        return math.log(share / (1 - share))
    return value


def _meant(drawn: float, scale: Scale) -> float:
    """Return the value that is drawn at a place: the inverse of ``_drawn``."""
    if scale == "log":
        return math.exp(drawn)
    return 1 / (1 + math.exp(-drawn)) if scale == "logit" else drawn


def _ends(values: Sequence[float], pad: float, scale: Scale) -> tuple[float, float]:
    """Return the ends of an axis as they are drawn, a little beyond the values."""
    low, high = (_drawn(v, scale) for v in (min(values, default=0.5), max(values, default=1.0)))
    room = (high - low) * pad
    room = room or abs(high) * 0.1 or 1.0 if scale == "linear" else max(room, 0.1)
    return low - room, high + room


def _ticks(low: float, high: float, scale: Scale) -> list[float]:
    if scale == "logit":
        return [value for value in SHARES if low <= _drawn(value, scale) <= high]
    ends = _meant(low, scale), _meant(high, scale)
    return log_ticks(*ends) if scale == "log" else ticks(*ends)


def _figure(
    frame: _Frame, marks: str, axes: tuple[str, str], legend: Sequence[str | Html], caption: str, *, width: int = 600
) -> Html:
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" style="width:100%;max-width:{width}px"'
    drawing = f'<svg {size} role="img">{_axes(frame, *axes)}{marks}</svg>'
    names = [name if isinstance(name, Html) else _legend(name, i) for i, name in enumerate(legend)]
    shown = element("div", *names, class_="legend") if names else ""
    return element("figure", Html(drawing), shown, element("figcaption", caption) if caption else "")


def _legend(name: str, colour: int) -> Html:
    return Html(f'<span style="color:{_colour(colour)}"><b>{text(name)}</b></span>')


def _axes(frame: _Frame, x: str, y: str) -> Html:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = [f'<path d="M{_LEFT},{_TOP}V{bottom}H{right}" fill="none" stroke="var(--soft)"/>']
    for value in _ticks(frame.y0, frame.y1, frame.y):
        at = frame.at(_meant(frame.x0, frame.x), value)[1]
        parts.append(f'<path d="M{_LEFT},{at:.1f}H{right}" stroke="var(--line)"/>')
        parts.append(f'<text class="soft" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    for value in _ticks(frame.x0, frame.x1, frame.x):
        at = frame.at(value, _meant(frame.y0, frame.y))[0]
        parts.append(f'<path d="M{at:.1f},{bottom}v4" stroke="var(--soft)"/>')
        parts.append(f'<text class="soft" x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{_number(value)}</text>')
    middle = (_TOP + bottom) / 2
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{text(x)}</text>')
    parts.append(f'<text transform="translate(12,{middle}) rotate(-90)" text-anchor="middle">{text(y)}</text>')
    return join(*(Html(part) for part in parts))


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values between two others: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten between two positive values; powers alone where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    wide = high / low > 200
    found = [m * 10.0**p for p in powers for m in ((1,) if wide else (1, 2, 5))]
    inside = [v for v in found if low <= v <= high]
    return inside or [low, high]


def _number(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 10_000 and value % 1000 == 0:
        return f"{value / 1000:g}k"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
