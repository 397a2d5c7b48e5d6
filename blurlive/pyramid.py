"""Long blur, undone at half the size: there it is half as long.

The networks follow a motion of 40 pixels at most, and are at their best below that; a photo of twelve megapixels that
was shaken can hold hundreds. So the director reads the photo at half the size too, and at half of that, as long as
there is something to see; where the smaller photo says that things move far, its word counts. There the frames are
those of the smaller photo as well: what it changed, enlarged, and added to the photo. A size that has no say somewhere
is not asked there. Coarse to fine, as optical flow and deblurring have long been (Nah et al. 2017); the paper has
nothing like it. docs/recipe.md has the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from .models.bands import Area
from .models.director import ALIGNED, CELL, distance, lengthened, stretched
from .tiles import within

NEAR, FAR = 16.0, 32.0
"""Motion, in pixels from first frame to last, up to which a photo goes by itself, and from which by its half."""
SMALLEST = 384
"""Shorter side, in pixels, from which a photo is seen at half the size too."""
FEWEST = 8
"""Cells that must take their frames from half the size for it to be worth the time: about 45 x 45 pixels."""
Image = NDArray[np.uint8]


def halved(photo: Image) -> Image:
    """A photo ``(H, W, 3)`` at half the size, rounded up: each pixel the mean of four."""
    return np.array(Pillow.fromarray(photo).reduce(2))


def has_half(photo: Image) -> bool:
    """Whether a photo is large enough to be seen at half the size too."""
    return bool(min(photo.shape[:2]) >= SMALLEST)


def doubled(lines: Tensor, rows: int, columns: int) -> Tensor:
    """Lines ``(3, about rows/2, about columns/2)`` of a photo's half, for the photo: ``(3, rows, columns)``."""
    large = F.interpolate(lines[None], scale_factor=2, mode="bilinear", align_corners=False)[0]
    return lengthened(large[:, :rows, :columns], 2)


def share_of_far(far: Tensor) -> Tensor:
    """How much lines ``(3, h, w)`` that :func:`doubled` gave count, ``(h, w)`` from 0 to 1: wholly where things move
    far."""
    return _share(distance(far[2]))


def merged(lines: Tensor, far: Tensor) -> Tensor:
    """A photo's own lines ``(3, h, w)``, and those that :func:`doubled` gave of its half by their share."""
    return torch.lerp(lines, far, share_of_far(far))


def halved_cells(used: Tensor, photo: Image) -> Tensor:
    """Cells of a photo's half, which is ``photo``, that are seen in cells ``used (h, w)`` of the whole or beside
    them."""
    rows, columns = _cells(photo)
    pooled = F.max_pool2d(within(used, CELL)[None].float(), 2)[0] > 0
    return F.pad(pooled, (0, columns - pooled.shape[-1], 0, rows - pooled.shape[-2]))


def halved_field(field: Tensor, photo: Image) -> Tensor:
    """The direction field ``(C, h, w)`` of a photo, for its half, which is ``photo``."""
    rows, columns = _cells(photo)
    pooled = stretched(F.avg_pool2d(field[None], 2), 1 / 2, math.inf)
    return F.pad(pooled, (0, columns - pooled.shape[-1], 0, rows - pooled.shape[-2]), mode="replicate")[0]


def _cells(photo: Image) -> tuple[int, int]:
    """How many cells of lines a photo has."""
    rows, columns = (-(-side // ALIGNED) * ALIGNED // CELL for side in photo.shape[:2])
    return rows, columns


def share_of_half(field: Tensor) -> Tensor:
    """How much of each cell's frames shall be those of half the size, ``(h, w)`` from 0 to 1, by its motion in a
    direction field ``(C, h, w)``; without steps, which would show as seams."""
    share = _share(distance(field[:2].norm(dim=0)))
    return F.avg_pool2d(share[None], 3, 1, 1, count_include_pad=False)[0]


def _share(far: Tensor) -> Tensor:
    return ((far - NEAR) / (FAR - NEAR)).clamp(0, 1)


@dataclass(frozen=True)
class Half:
    """What half the size makes of a photo: its ``photo (H/2, W/2, 3)`` and ``frames (7, H/2, W/2, 3)``, and the
    ``share (h, w)`` that each cell of the whole takes of them."""

    photo: Image
    frames: Image
    share: Tensor

    @property
    def used(self) -> Tensor:
        """Cells ``(h, w)`` that take something of it."""
        return within(self.share > 0, CELL)  # shares are enlarged smoothly: a neighbour's counts

    @property
    def rest(self) -> Tensor:
        """Cells ``(h, w)`` that do not take all of it."""
        return within(self.share < 1, CELL)

    def alone(self, blurred: Tensor, own: Area) -> Tensor:
        """Its frames ``(7, 3, h, w)`` alone, of the part ``blurred (3, h, w)`` of the whole that an area of whole cells
        is."""
        top, bottom, left, right = (edge // 2 for edge in own)
        return blurred.float() + self._change(top, left, bottom - top, right - left).to(blurred.device)

    def mixed(self, frames: Tensor, blurred: Tensor, own: Area) -> Tensor:
        """``frames (7, 3, h, w)`` of such a part, with their share of those of half the size."""
        top, bottom, left, right = (edge // CELL for edge in own)
        share = _part(self.share[None, None], top, left, bottom - top, right - left)
        if not share.any():
            return frames
        return torch.lerp(frames.float(), self.alone(blurred, own), _enlarged(share, CELL).to(blurred.device))

    def _change(self, *area: int) -> Tensor:
        """What frames of half the size add to their photo, enlarged: ``(7, 3, h, w)`` for an area of half that."""
        frames, photo = (_part(torch.from_numpy(seen).movedim(-1, -3), *area) for seen in (self.frames, self.photo))
        return _enlarged((frames.float() - photo.float()) / 255, 2)


def _part(picture: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """A part of ``picture (..., H, W)`` and what is one beside it, all round; beyond the border, the border."""
    rows = torch.arange(top - 1, top + height + 1).clamp(0, picture.shape[-2] - 1)
    columns = torch.arange(left - 1, left + width + 1).clamp(0, picture.shape[-1] - 1)
    return picture[..., rows[:, None], columns]


def _enlarged(part: Tensor, times: int) -> Tensor:
    """``part (N, C, h + 2, w + 2)`` at so many times the size, bilinearly, without what lies all round it."""
    large = F.interpolate(part, scale_factor=times, mode="bilinear", align_corners=False)
    return large[..., times:-times, times:-times]
