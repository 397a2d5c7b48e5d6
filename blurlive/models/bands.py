"""Bands of a picture, so that a 3x3 convolution with a wide result makes, and whoever takes it sees, a part at a time.

What such a convolution needs beside a band is one row; where the picture ends, so does the band, and the convolution's
own padding follows: bands together equal the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

Area = tuple[int, int, int, int]
"""Top, bottom, left, right."""
Place = tuple[slice, slice]
"""The same as rows and columns."""
ROWS = 8
"""Bands begin at multiples of so many rows: those of half a picture at whole cells of its field."""


@dataclass(frozen=True)
class Span:
    """Rows or columns from ``start`` to ``stop`` of ``length``."""

    start: int
    stop: int
    length: int

    @property
    def own(self) -> slice:
        """Where it lies."""
        return slice(self.start, self.stop)

    @property
    def seen(self) -> slice:
        """The same with one more on either side, as far as there is one."""
        return slice(max(0, self.start - 1), min(self.length, self.stop + 1))

    @property
    def inside(self) -> slice:
        """Where it lies in what it sees."""
        return slice(self.start - self.seen.start, self.stop - self.seen.start)


def spans(start: int, stop: int, length: int, width: int, places: int) -> Iterator[Span]:
    """Cut rows from ``start`` to ``stop`` of ``length`` into bands, ``width`` places wide, of so many ``places`` or
    fewer, but of :data:`ROWS` rows at least."""
    rows = max(ROWS, places // width // ROWS * ROWS)
    for top in range(start, stop, rows):
        yield Span(top, min(stop, top + rows), length)


def doubled(span: slice) -> slice:
    """The same at twice the size."""
    return slice(span.start * 2, span.stop * 2)


def convolved(seen: Tensor, rows: Span, columns: Span, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The part of a 3x3 convolution of ``seen (N, C, H, W)`` that rows and columns own, channels first: so those who
    weigh by it are faster."""
    part = F.conv2d(seen[..., rows.seen, columns.seen], weight, bias, padding=1)
    return part[..., rows.inside, columns.inside].contiguous()
