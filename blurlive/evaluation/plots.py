"""Small plots as SVG text. Colours come from the page: classes ``s0`` to ``s7`` for series, ``axis`` and ``label`` for
the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 40
SERIES = 8
"""How many colours the page has; more series start over."""


@dataclass(frozen=True)
class Point:
    """A place in a plot, and what to say about it on hover."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Series:
    """Points of one colour; ``joined`` ones are connected by a line."""

    colour: int
    points: Sequence[Point]
    joined: bool = False


def plot(series: Sequence[Series], x_label: str, y_label: str) -> str:
    """An SVG with all ``series`` in one pair of axes whose ranges fit them."""
    points = [point for one in series for point in one.points]
    x_ticks, y_ticks = ticks([point.x for point in points]), ticks([point.y for point in points])
    frame = _Frame(x_ticks[0], x_ticks[-1], y_ticks[0], y_ticks[-1])
    inside = "".join(
        [*_grid(frame, x_ticks, y_ticks), *(_drawn(frame, one) for one in series), _labels(x_label, y_label)]
    )
    about = f"{escape(y_label)} by {escape(x_label)}"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">{inside}</svg>'


def ticks(values: Iterable[float], about: int = 6) -> list[float]:
    """Round numbers, evenly spaced, that enclose ``values``; at least two, and no nearer to each other than labels of
    four digits can tell."""
    found = list(values) or [0.0]
    low, high = min(found), max(found)
    step = _round_step(max(high - low, 0.01 * max(abs(low), abs(high), 1)) / about)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * i for i in range(first, max(last, first + 1) + 1)]


def _round_step(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... and their tenths."""
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= step * 0.999)


@dataclass(frozen=True)
class _Frame:
    """From values to places in the picture."""

    left: float
    right: float
    bottom: float
    top: float

    def x(self, value: float) -> float:
        return LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.bottom) / (self.top - self.bottom) * (HEIGHT - TOP - BOTTOM)


def _grid(frame: _Frame, x_ticks: list[float], y_ticks: list[float]) -> Iterable[str]:
    for value in y_ticks:
        y = frame.y(value)
        kind = "axis zero" if abs(value) < 1e-9 else "axis"
        yield f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="label" text-anchor="end" x="{LEFT - 6}" y="{y + 4:.1f}">{value:.4g}</text>'
    for value in x_ticks:
        yield _text(frame.x(value), HEIGHT - BOTTOM + 16, f"{value:.4g}")


def _drawn(frame: _Frame, series: Series) -> str:
    places = [(frame.x(point.x), frame.y(point.y), point.title) for point in series.points]
    dots = "".join(_dot(*place) for place in places)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    joined = f'<polyline points="{line}"/>' if series.joined else ""
    return f'<g class="s{series.colour % SERIES}">{joined}{dots}</g>'


def _dot(x: float, y: float, title: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{escape(title)}</title></circle>'


def _labels(x_label: str, y_label: str) -> str:
    upright = _text(0, 0, y_label, f"translate(11 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)")
    return _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label) + upright


def _text(x: float, y: float, text: str, transform: str = "") -> str:
    moved = f' transform="{transform}"' if transform else ""
    return f'<text class="label" text-anchor="middle" x="{x:.1f}" y="{y:.1f}"{moved}>{escape(text)}</text>'
