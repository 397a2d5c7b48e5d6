"""Tiles of a photo: what each owns, and the halo around it that makes it equal the whole.

Where only some cells are wanted, a tile owns no more than the box around them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor

from .models.bands import Area, Place
from .models.director import ALIGNED, CELL


@dataclass(frozen=True)
class Window:
    """A tile of a canvas: the pixels it owns and the same with a halo."""

    own: Area
    seen: Area

    @property
    def inside(self) -> Area:
        """What it owns, in places of what it sees."""
        (top, bottom, left, right), (above, _, before, _) = self.own, self.seen
        return top - above, bottom - above, left - before, right - before

    def on_canvas(self, at: Place) -> Area:
        """Where rows and columns of what it sees lie on the canvas."""
        (rows, columns), (above, _, before, _) = at, self.seen
        return above + rows.start, above + rows.stop, before + columns.start, before + columns.stop


def windows(height: int, width: int, tile: int, halo: int, wanted: Tensor | None = None) -> Iterator[Window]:
    """Cut a canvas into tiles of about equal size, at most ``tile`` a side, with a halo of at least ``halo`` pixels;
    all numbers are multiples of 32. ``wanted (H/16, W/16)`` says which cells somebody asks for; others may be left
    out."""
    halo = -(-halo // ALIGNED) * ALIGNED
    for top, bottom in _spans(height, tile):
        for left, right in _spans(width, tile):
            own = _box((top, bottom, left, right), wanted)
            if own is not None:
                yield Window(own, _around(own, halo, height, width))


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    count = -(-length // tile)
    return pairwise(round(length * i / count / ALIGNED) * ALIGNED for i in range(count + 1))


def _around(area: Area, halo: int, height: int, width: int) -> Area:
    top, bottom, left, right = area
    return max(0, top - halo), min(height, bottom + halo), max(0, left - halo), min(width, right + halo)


def _box(area: Area, wanted: Tensor | None) -> Area | None:
    """The part of an area that holds all its wanted cells, in whole multiples of 32 pixels; None if there are none."""
    if wanted is None:
        return area
    here = crop_cells(wanted, area)
    if not here.any():
        return None
    (top, bottom), (left, right) = _span(here.any(1)), _span(here.any(0))
    return area[0] + top, area[0] + bottom, area[2] + left, area[2] + right


def _span(wanted: Tensor) -> tuple[int, int]:
    """From the first wanted cell of a row ``(w,)`` to the last, in pixels."""
    places = wanted.nonzero().flatten() * CELL // ALIGNED * ALIGNED
    return int(places[0]), int(places[-1]) + ALIGNED


def crop_cells(field: Tensor, area: Area) -> Tensor:
    """Cells ``(..., h, w)`` of an area in pixels, a view."""
    return crop(field, (area[0] // CELL, area[1] // CELL, area[2] // CELL, area[3] // CELL))


def crop(picture: Tensor, area: Area) -> Tensor:
    """Pixels ``(..., h, w)`` of an area, a view."""
    top, bottom, left, right = area
    return picture[..., top:bottom, left:right]


def within(wanted: Tensor, reach: int) -> Tensor:
    """Cells ``(h, w)`` that lie within ``reach`` pixels of a wanted one."""
    near = -(-reach // CELL)
    return F.max_pool2d(wanted[None].float(), 2 * near + 1, 1, near)[0] > 0
