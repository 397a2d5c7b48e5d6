"""One clip on the page: the photo, the truth and each method's frames, with scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .clips import Clip
from .frames import Image
from .methods import BLURRED, CENTRE, Method
from .pictures import Crop, busiest, strip
from .plots import SERIES
from .protocol import Row
from .report import Report
from .summary import headline
from .tables import number, signed


@dataclass(frozen=True)
class _Tile:
    """Frames ``(7, H, W, 3)``, or the photo ``(1, H, W, 3)``, under a title; ``role`` is what the page's script finds
    it by."""

    role: str
    title: str
    scores: str
    frames: Image
    colour: int | None = None


def article(report: Report, clip: Clip, methods: Sequence[Method], gain: float) -> str:
    """The HTML of ``clip``, whose frames are predicted anew; ``gain`` is what the page sorts by."""
    crop = busiest(clip)
    row = report.table[BLURRED][clip.name]
    tiles = [_tile(tile, crop) for tile in _tiles(report, clip, methods)]
    length = "" if row.motion is None else f", blur of {row.motion:.1f} px"
    name = escape(clip.name)
    return (
        f'<article class="clip" data-name="{name}" data-gain="{gain:.4f}" data-motion="{row.motion or 0:.3f}" '
        f'style="{_geometry(crop, clip)}">'
        f"<h3>{name}<small>{escape(row.group)}{length}, {clip.sharp.shape[2]}x{clip.sharp.shape[1]}</small>"
        f'<input type="range" min="0" max="6" value="0" aria-label="frame of {name}"></h3>'
        f'<div class="tiles" style="--n: {len(tiles)}">{"".join(tiles)}</div></article>'
    )


def colour(report: Report, method: str) -> int:
    """Number of a method's colour: the two trivial rows have the first two."""
    return list(report.table).index(method) % SERIES


def _tiles(report: Report, clip: Clip, methods: Sequence[Method]) -> Iterator[_Tile]:
    blurred = headline(report.table[BLURRED][clip.name])
    yield _Tile("input", "Blurred photo", f"{blurred:.2f} dB, repeated", clip.blurred[None])
    yield _Tile("truth", "Ground truth", "seven sharp frames", clip.sharp)
    for method in methods:
        if method.name not in (BLURRED, CENTRE):
            row = report.table[method.name][clip.name]
            frames = method.predict(clip)
            scores = _scores(row, headline(row) - blurred)
            yield _Tile(
                "method", method.name, scores, frames[::-1] if row.reversed else frames, colour(report, method.name)
            )


def _scores(row: Row, gain: float) -> str:
    kind = "better" if gain >= 0 else "worse"
    turned = ", turned round" if row.reversed else ""
    lpips = row.best.value("lpips")
    ssim, epe = number(row.best.value("ssim"), 3), number(row.best.epe)
    scores = f'{headline(row):.2f} dB (<span class="{kind}">{signed(gain)}</span>), SSIM {ssim}, EPE {epe} px'
    return scores + ("" if lpips is None else f", LPIPS {lpips:.3f}") + turned


def _tile(tile: _Tile, crop: Crop) -> str:
    dot = "" if tile.colour is None else f'<i class="s{tile.colour}"></i>'
    moving = "strip" if len(tile.frames) > 1 else "still"
    title = escape(tile.title)
    return (
        f'<figure class="tile" data-role="{tile.role}">'
        f'<div class="view full"><img class="{moving}" alt="{title}" src="{strip(tile.frames)}">'
        '<span class="box"></span></div>'
        f'<div class="view zoom" style="--ratio: {crop.width} / {crop.height}">'
        f'<img class="{moving}" alt="{title}, crop" src="{strip(crop.of(tile.frames))}"></div>'
        f"<figcaption><b>{dot}{title}</b>{tile.scores}</figcaption></figure>"
    )


def _geometry(crop: Crop, clip: Clip) -> str:
    """Shape of the pictures and place of the crop in them, as CSS variables."""
    height, width = clip.blurred.shape[:2]
    place = {"l": crop.left / width, "t": crop.top / height, "w": crop.width / width, "h": crop.height / height}
    return f"--ratio: {width} / {height}; " + "; ".join(f"--{key}: {100 * value:.2f}%" for key, value in place.items())
