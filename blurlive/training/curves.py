"""Loss curves as a picture, drawn with Pillow: losses on a log scale on the left, validation on the right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 560, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 64, 36
COLOURS = ("#0b6e99", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#be185d", "#475569", "#0f766e")
INK, GRID = "#334155", "#e2e8f0"
FONT = ImageFont.load_default(13)
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class _Axes:
    """From values to pixels of one plot, its left edge at ``shift``."""

    shift: int
    steps: float
    low: float
    high: float

    def x(self, step: float) -> float:
        return self.shift + LEFT + (WIDTH - LEFT - RIGHT) * step / self.steps

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.low) / (self.high - self.low)


def draw_curves(rows: Sequence[Mapping[str, Any]]) -> Image.Image:
    """One picture of all ``rows`` of a run's record, 1120 x 360. A loss that was ever 0 or below, as the adversarial
    one may be, has no place on a log scale and is left out."""
    picture = Image.new("RGB", (2 * WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(picture)
    _plot(pen, 0, "loss (log scale)", _logarithms(_series(rows, "losses")), lambda value: f"{10**value:.2g}")
    _plot(pen, WIDTH, "validation, dB", _series(rows, "validation"), lambda value: f"{value:.4g}")
    return picture


def _series(rows: Sequence[Mapping[str, Any]], part: str) -> dict[str, Points]:
    series: dict[str, Points] = {}
    for row in rows:
        for name, value in (row.get(part) or {}).items():
            series.setdefault(name, []).append((row["step"], value))
    return series


def _logarithms(series: Mapping[str, Points]) -> dict[str, Points]:
    positive = {name: line for name, line in series.items() if min(value for _, value in line) > 0}
    return {name: [(step, math.log10(value)) for step, value in line] for name, line in positive.items()}


def _plot(
    pen: ImageDraw.ImageDraw, shift: int, title: str, series: Mapping[str, Points], label: Callable[[float], str]
) -> None:
    points = [point for line in series.values() for point in line]
    pen.text((shift + LEFT, 8), title if points else f"{title}: nothing yet", INK, FONT)
    if not points:
        return
    values = [value for _, value in points]
    middle, half = (min(values) + max(values)) / 2, max((max(values) - min(values)) * 0.55, 0.05)
    axes = _Axes(shift, max(step for step, _ in points), middle - half, middle + half)
    _grid(pen, axes, label)
    at = shift + LEFT
    for i, (name, line) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        _line(pen, [(axes.x(step), axes.y(value)) for step, value in line], colour)
        text = f"{name} {label(line[-1][1])}"
        pen.text((at, 26 if i < 4 else 42), text, colour, FONT)
        at = shift + LEFT if i == 3 else at + int(pen.textlength(text, FONT)) + 14


def _grid(pen: ImageDraw.ImageDraw, axes: _Axes, label: Callable[[float], str]) -> None:
    for i in range(5):
        value = axes.low + (axes.high - axes.low) * i / 4
        y = axes.y(value)
        pen.line([(axes.x(0), y), (axes.x(axes.steps), y)], GRID)
        pen.text((axes.x(0) - 6, y), label(value), INK, FONT, anchor="rm")
        step = axes.steps * i / 4
        pen.text((axes.x(step), HEIGHT - BOTTOM + 6), f"{step:.0f}", INK, FONT, anchor="ma" if i < 4 else "ra")


def _line(pen: ImageDraw.ImageDraw, points: Points, colour: str) -> None:
    if len(points) > 1:
        pen.line(points, colour, 2, joint="curve")
    x, y = points[-1]
    pen.ellipse([(x - 3, y - 3), (x + 3, y + 3)], colour)
