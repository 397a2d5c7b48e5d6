"""From rows to figures that can be compared: means, intervals, groups, wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics import PERFECT, mean_psnr
from .methods import BLURRED
from .protocol import FIGURES, Row

Interval = tuple[float, float]
RESAMPLES = 2000


@dataclass(frozen=True)
class Gain:
    """Seven-frame PSNR, best of two orders, over "blurred photo repeated", in dB: mean, its 95 % interval, and the
    worst clip."""

    clips: int
    mean: float
    interval: Interval
    worst: float
    worst_clip: str


@dataclass(frozen=True)
class Summary:
    """One method over the clips that *every* method has frames for.

    ``forward`` and ``best`` hold the mean of each of the protocol's figures; None is "not available". ``interval`` is
    the 95 % interval of the best seven-frame PSNR. ``frames_psnr`` and ``frames_ssim`` are means over clips for each
    of the seven frames, best order.
    """

    method: str
    source: str
    clips: int
    reversed: int
    forward: dict[str, float | None]
    best: dict[str, float | None]
    interval: Interval
    frames_psnr: list[float]
    frames_ssim: list[float]
    windows: float
    reblur: float
    gain: Gain
    groups: dict[str, Gain]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


Table = dict[str, dict[str, Row]]
"""Rows by method and clip."""


def tabulate(rows: Iterable[Row], methods: list[str]) -> Table:
    """Rows of the clips that move and that all ``methods`` ("blurred photo repeated" among them) have, by method and
    clip: figures over different clips cannot be compared."""
    table: Table = {method: {} for method in methods}
    for row in rows:
        if row.method in table:
            table[row.method][row.clip] = row
    out = set(still(table[BLURRED].values()))
    common = [clip for clip in table[methods[0]] if clip not in out and all(clip in rows for rows in table.values())]
    return {method: {clip: table[method][clip] for clip in common} for method in methods}


def still(rows: Iterable[Row]) -> list[str]:
    """Clips in which nothing moves. The blurred photo repeated is the truth there, whose PSNR is not finite: a mean
    over it, or a gain over it, would say more of the number that stands for infinity than of any method."""
    return [row.clip for row in rows if row.method == BLURRED and headline(row) >= PERFECT]


def summarise(table: Table) -> list[Summary]:
    """One :class:`Summary` a method, in the table's order. The table must hold "blurred photo repeated" and a clip."""
    return [_summary(method, list(rows.values()), table[BLURRED]) for method, rows in table.items()]


def wins(table: Table) -> dict[str, dict[str, int]]:
    """``wins[a][b]``: on how many clips ``a`` has a higher best-of-two seven-frame PSNR than ``b``."""
    scores = {method: np.array([headline(row) for row in rows.values()]) for method, rows in table.items()}
    return {a: {b: int((scores[a] > scores[b]).sum()) for b in scores if b != a} for a in scores}


def bootstrap(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """95 % percentile interval of the mean: clips are drawn anew with replacement, 2000 times, the same draws every
    call."""
    rng = np.random.default_rng(seed)
    draws = (rng.integers(len(values), size=(RESAMPLES // 20, len(values))) for _ in range(20))  # a twentieth in memory
    low, high = np.percentile(np.concatenate([values[draw].mean(1) for draw in draws]), [2.5, 97.5])
    return float(low), float(high)


def gains(rows: Iterable[Row], blurred: dict[str, Row]) -> dict[str, float]:
    """Gain in dB over the blurred photo by clip."""
    return {row.clip: headline(row) - headline(blurred[row.clip]) for row in rows}


def _summary(method: str, rows: list[Row], blurred: dict[str, Row]) -> Summary:
    groups = sorted({row.group for row in rows})
    return Summary(
        method=method,
        source=rows[0].source,
        clips=len(rows),
        reversed=sum(row.reversed for row in rows),
        forward={figure: _mean(row.forward.value(figure) for row in rows) for figure in FIGURES},
        best={figure: _mean(row.best.value(figure) for row in rows) for figure in FIGURES},
        interval=bootstrap(np.array([headline(row) for row in rows])),
        frames_psnr=_by_frame(rows, lambda row: row.best.psnr),
        frames_ssim=_by_frame(rows, lambda row: row.best.ssim),
        windows=float(np.mean([row.windows for row in rows])),
        reblur=float(np.mean([row.reblur for row in rows])),
        gain=_gain(gains(rows, blurred)),
        groups={group: _gain(gains([row for row in rows if row.group == group], blurred)) for group in groups},
    )


def _gain(values: dict[str, float]) -> Gain:
    numbers = np.array(list(values.values()))
    worst = min(values, key=lambda clip: values[clip])
    return Gain(len(values), float(numbers.mean()), bootstrap(numbers), values[worst], worst)


def _mean(values: Iterable[float | None]) -> float | None:
    """Mean over clips; None if any clip lacks the figure, so that no two methods are compared on different clips."""
    found = list(values)
    return None if None in found else float(np.mean([value for value in found if value is not None]))


def _by_frame(rows: list[Row], figures: Callable[[Row], list[float]]) -> list[float]:
    means: list[float] = np.mean([figures(row) for row in rows], axis=0).tolist()
    return means


def headline(row: Row) -> float:
    """A clip's one number: seven-frame PSNR in dB, better of two orders."""
    return mean_psnr(row.best.psnr)
