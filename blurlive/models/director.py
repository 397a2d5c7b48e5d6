"""The director: which way, along which line, does each region of a blurred photo move?

Blur shows the *line* of a motion and not its sense: a photo fits a motion and its reverse. So the network predicts a
line field in double-angle form, which has no sign to guess, and :mod:`blurlive.orient` gives the lines signs that
agree over the whole photo. The result is the direction field, the second input of the generator.

A direction is ``u = v / sqrt(|v|^2 + 2^2)`` with ``v`` the motion in pixels from the first frame to the last: its
length tells how sure a direction is (0 still, towards 1 long blur) and not how far, so that errors in length do not
matter. The line is ``q = (ux^2 - uy^2, 2 ux uy) / |u|``: the same for ``u`` and ``-u``, of the same length as ``u``.
The paper has nothing like it; its cycle flow loss (Eq. 4) is meant to settle the order instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import blocks, gradient, start_as_identity

SOFTENING = 2.0
"""Motion, in pixels from first frame to last, at which a direction has length 0.71."""


ANGLES = 8
"""Directions of the derivatives whose energies the director sees, over half a turn."""
SCALES = 3
"""Octaves of those derivatives: full, half and quarter size."""
FAINT = 2e-3
"""Derivative, of a range of 1, below which texture is taken for noise."""


@dataclass(frozen=True)
class DirectorConfig:
    """Widths at 1/8 and 1/16 of the photo's size, stored in the weights file beside the generator's."""

    widths: tuple[int, int] = (96, 128)


class Director(nn.Module):
    """Line field of a blurred image: ``(N, 3, H, W)`` in [0, 1] to ``(N, 2, H/16, W/16)``; H, W multiples of 16.

    Blur wipes out the derivatives along its line and spares those across it. So the network looks at the energies of
    directional derivatives at three scales (fixed, no weights) and not at pixels.
    """

    reach = 112
    """Pixels around a cell that can change it (tested)."""

    def __init__(self, config: DirectorConfig | None = None) -> None:
        super().__init__()
        self.config = config or DirectorConfig()
        w0, w1 = self.config.widths
        self.body = nn.Sequential(
            nn.Conv2d(2 * ANGLES * SCALES, w0, 3, padding=1),
            blocks(w0, 2),
            nn.Conv2d(w0, w1, 2, stride=2),
            blocks(w1, 2),
        )
        self.head = nn.Conv2d(w1, 2, 1)
        start_as_identity(self)

    def forward(self, blurred: Tensor) -> Tensor:
        seen = energies(blurred).to(self.head.weight.dtype)
        lines: Tensor = self.head(self.body(seen))
        return lines


def energies(picture: Tensor) -> Tensor:
    """Log energies of directional derivatives: ``(N, 3, H, W)`` to ``(N, 48, H/8, W/8)``, octave by octave.

    Each is the mean or the largest size of the derivative in one of eight directions over 8x8 pixels, on a log scale
    around 0. The largest tells a sharp edge from a smeared one where there are few edges.
    """
    grey = picture.mean(1, keepdim=True)
    octaves = []
    for scale in range(SCALES):
        level = F.avg_pool2d(grey, 2**scale) if scale else grey
        sizes, block = _derivatives(level).abs(), 8 // 2**scale
        octaves += [F.avg_pool2d(sizes, block), F.max_pool2d(sizes, block)]
    return torch.log(torch.cat(octaves, 1) + FAINT) + 4.0


def _derivatives(grey: Tensor) -> Tensor:
    """Derivatives ``(N, 8, H, W)`` of ``(N, 1, H, W)`` in eight directions over half a turn."""
    dx, dy = gradient(grey)
    angles = torch.arange(ANGLES, device=grey.device, dtype=grey.dtype) * (torch.pi / ANGLES)
    return dx * torch.cos(angles).view(1, -1, 1, 1) + dy * torch.sin(angles).view(1, -1, 1, 1)


def direction(motion: Tensor) -> Tensor:
    """Direction ``(..., 2, H, W)`` of a motion in pixels from first frame to last, length in [0, 1)."""
    return motion / torch.sqrt(motion.square().sum(-3, keepdim=True) + SOFTENING**2)


def line(field: Tensor) -> Tensor:
    """Double-angle line field of a direction field, both ``(..., 2, H, W)``; ``line(u) == line(-u)``."""
    x, y = field.unbind(-3)
    length = torch.sqrt(x * x + y * y).clamp_min(1e-6)
    return torch.stack([(x * x - y * y) / length, 2 * x * y / length], -3)


def half_angle(lines: Tensor) -> Tensor:
    """Undo :func:`line` up to the sign: the direction that points right (or straight down), length below 1."""
    x, y = lines.float().unbind(-3)
    length = torch.sqrt(x * x + y * y).clamp(1e-6, 1.0)
    angle = torch.atan2(y, x) / 2
    return torch.stack([length * torch.cos(angle), length * torch.sin(angle)], -3)


def signed_like(lines: Tensor, field: Tensor) -> Tensor:
    """The directions of a line field, each with the sign that agrees with ``field``; all ``(N, 2, h, w)``."""
    u = half_angle(lines)
    agree = (u * field).sum(-3, keepdim=True)
    return torch.where(agree < 0, -u, u)


def cells(motion: Tensor, cell: int) -> Tensor:
    """Mean motion ``(N, 2, H/cell, W/cell)`` of each cell of a dense motion ``(N, 2, H, W)``."""
    return F.avg_pool2d(motion, cell)
