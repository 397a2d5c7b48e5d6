"""The director: which way, along which line, does each region of a blurred photo move?

Blur shows the *line* of a motion and not its sense: a photo fits a motion and its reverse. So the network predicts a
line field in double-angle form, which has no sign to guess, and :mod:`blurlive.orient` gives the lines signs that
agree over the whole photo. The result is the direction field, the second input of the generator.

A direction stands for a motion ``v`` in pixels, from the first frame to the last, on a logarithmic scale:
``u = v / |v| log(1 + |v|) / log(1 + 64)``. So an error in ``u`` is about one in proportion, for faint blur as for long.
The line is ``q = (ux^2 - uy^2, 2 ux uy) / |u|``: the same for ``u`` and ``-u``, of the same length as ``u``. The paper
has nothing like it; its cycle flow loss (Eq. 4) is meant to settle the order instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Up, blocks, gradient, start_as_identity

UNIT = 64.0
"""Motion, in pixels from first frame to last, whose direction has length 1."""
LONGEST = 40.0
"""Longest motion, in pixels, that a direction stands for."""
OUTPUTS = 3
"""What the director says of a cell: its line (2) and the length of its direction (1)."""
ANGLES = 8
"""Directions of the derivatives whose statistics the director sees, over half a turn."""
SCALES = 3
"""Octaves of those derivatives: full, half and quarter size."""
LAGS = (1, 2, 3, 4, 6)
"""Distances, in pixels of an octave, at which derivatives are compared with themselves."""
STATISTICS = ANGLES * SCALES * (2 + len(LAGS))
FAINT = 2e-3
"""Derivative, of a range of 1, below which texture is taken for noise."""


@dataclass(frozen=True)
class DirectorConfig:
    """``width`` of its convolutions, stored in the weights file beside the generator's sizes."""

    width: int = 128


class Director(nn.Module):
    """Line field of a blurred image: ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, H/16, W/16)``; H, W multiples of 16.

    Two channels are the line, whose own length says how sure it is: where lines are in doubt, their mean is short. So
    a third one is the length of the direction.

    Blur wipes out the derivatives along its line, spares those across it, and leaves an echo of every edge at the
    distance that it moved. So the network looks at :func:`statistics` of directional derivatives (fixed, no weights)
    and not at pixels. They are strongly correlated: ``standardise`` whitens them, which made training three times as
    fast.
    """

    reach = 272
    """Pixels around a cell that can change it (tested)."""

    def __init__(self, config: DirectorConfig | None = None) -> None:
        super().__init__()
        self.config = config or DirectorConfig()
        width = self.config.width
        self.register_buffer("mean", torch.zeros(STATISTICS))
        # Not torch.eye: on the meta device, where weights are read to, it imports 800 modules, two seconds of them.
        self.register_buffer("whitening", torch.zeros(STATISTICS, STATISTICS).fill_diagonal_(1))
        self.stem = nn.Conv2d(STATISTICS, width, 2, stride=2)
        self.body = nn.Sequential(blocks(width, 2), _Around(width), blocks(width, 1))
        self.head = nn.Conv2d(width, OUTPUTS, 1)
        start_as_identity(self)

    def forward(self, blurred: Tensor) -> Tensor:
        return self.judge(statistics(blurred.float()))

    def judge(self, seen: Tensor) -> Tensor:
        """Line field ``(N, 3, h/2, w/2)`` of :func:`statistics` ``(N, 168, h, w)``."""
        mean, whitening = self.get_buffer("mean").float(), self.get_buffer("whitening").float()
        white = F.conv2d(seen - mean.view(1, -1, 1, 1), whitening[:, :, None, None])
        lines: Tensor = self.head(self.body(self.stem(white.to(self.head.weight.dtype))))
        return lines

    def agreed(self, blurred: Tensor) -> Tensor:
        """As :meth:`forward`, the mean of what it sees in four positions of the picture: a tenth less error for four
        times the work."""
        seen = statistics(blurred.float())
        found = [self.judge(seen), *(turn.lines(self.judge(turn.seen(seen))) for turn in TURNS)]
        return torch.stack(found).mean(0)

    @torch.no_grad()
    def standardise(self, seen: Tensor) -> None:
        """Learn, from the statistics ``(N, 168, h, w)`` of many pictures, how to bring them to mean 0 and covariance
        1."""
        flat = seen.float().permute(1, 0, 2, 3).flatten(1)
        self.get_buffer("mean").copy_(flat.mean(1))
        sizes, axes = torch.linalg.eigh(torch.cov(flat))
        sizes = sizes.clamp_min(1e-4 * float(sizes[-1]))
        self.get_buffer("whitening").copy_(axes @ torch.diag(sizes.rsqrt()) @ axes.T)


class _Around(nn.Module):
    """What half the size shows of the surroundings, added to ``(N, C, H, W)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.deep, self.up = nn.Conv2d(width, width, 2, stride=2), blocks(width, 2), Up(width, width)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        even = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
        out: Tensor = x + self.up(self.deep(self.down(even)))[..., :height, :width]
        return out


def statistics(picture: Tensor) -> Tensor:
    """What the director sees: ``(N, C, H, W)`` in [0, 1] to ``(N, 168, H/8, W/8)``, by kind, octave and angle.

    For derivatives in eight directions: log of their mean and of their largest size over 8x8 pixels (the largest tells
    a sharp edge from a smeared one where there are few edges), then their correlation over 24x24 pixels with
    themselves some way further in their own direction.
    """
    grey = picture.mean(1, keepdim=True)
    sizes, echoes = [], []
    for scale in range(SCALES):
        level = F.avg_pool2d(grey, 2**scale) if scale else grey
        along, block = _derivatives(level), 8 // 2**scale
        sizes += [F.avg_pool2d(along.abs(), block), F.max_pool2d(along.abs(), block)]
        echoes += [_echo(along, lag, block) for lag in LAGS]
    return torch.cat([torch.log(torch.cat(sizes, 1) + FAINT) + 4.0, torch.cat(echoes, 1) * 2], 1)


@dataclass(frozen=True)
class Turn:
    """A symmetry of the square that undoes itself: what it makes of statistics, and of a line field.

    ``move`` is what it does to a picture. Angles run backwards from the ``start``-th; ``signs`` are those of the line's
    double angle.
    """

    move: Callable[[Tensor], Tensor]
    start: int
    signs: tuple[int, int]

    def seen(self, seen: Tensor) -> Tensor:
        """Statistics ``(N, 168, h, w)`` of the turned picture."""
        order = [(self.start - angle) % ANGLES for angle in range(ANGLES)]
        moved = self.move(seen)
        return moved.reshape(len(moved), -1, ANGLES, *moved.shape[2:])[:, :, order].flatten(1, 2)

    def lines(self, lines: Tensor) -> Tensor:
        """Line field ``(N, 3, h, w)`` of the turned picture."""
        return self.move(lines) * lines.new_tensor([*self.signs, 1]).view(3, 1, 1)


TURNS = (
    Turn(lambda x: x.flip(-1), 0, (1, -1)),
    Turn(lambda x: x.flip(-2), 0, (1, -1)),
    Turn(lambda x: x.transpose(-1, -2), ANGLES // 2, (-1, 1)),
)
"""Left and right swapped, top and bottom swapped (an angle a becomes -a), rows and columns swapped (90 degrees - a)."""


def _echo(along: Tensor, lag: int, block: int) -> Tensor:
    """Correlation ``(N, 8, h, w)`` of each derivative with itself ``lag`` pixels further along."""
    echoes = []
    for number, derivative in enumerate(along.chunk(ANGLES, 1)):
        x, y = (_whole(lag * part(math.pi * number / ANGLES)) for part in (math.cos, math.sin))
        before, after = _two(derivative, x, y)
        energy = (_mean(before.square(), block) + _mean(after.square(), block)) / 2
        echoes.append(_mean(before * after, block) / (energy + FAINT**2))
    return torch.cat(echoes, 1)


def _two(picture: Tensor, x: int, y: int) -> tuple[Tensor, Tensor]:
    """The picture seen half of ``(x, y)`` pixels back and half of it ahead, in whole pixels."""
    far, (height, width) = max(abs(x), abs(y)), picture.shape[-2:]
    wide = F.pad(picture, (far,) * 4, mode="replicate")

    def at(dx: int, dy: int) -> Tensor:
        return wide[..., far + dy : far + dy + height, far + dx : far + dx + width]

    half_x, half_y = int(x / 2), int(y / 2)
    return at(half_x - x, half_y - y), at(half_x, half_y)


def _whole(value: float) -> int:
    """Nearest integer, halves away from zero: the same for both senses of a line."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _mean(picture: Tensor, block: int) -> Tensor:
    """Mean over blocks and the blocks around each."""
    return F.avg_pool2d(F.pad(F.avg_pool2d(picture, block), (1, 1, 1, 1), mode="replicate"), 3, 1)


def _derivatives(grey: Tensor) -> Tensor:
    """Derivatives ``(N, 8, H, W)`` of ``(N, 1, H, W)`` in eight directions over half a turn."""
    dx, dy = gradient(grey)
    angles = torch.arange(ANGLES, device=grey.device, dtype=grey.dtype) * (torch.pi / ANGLES)
    return dx * torch.cos(angles).view(1, -1, 1, 1) + dy * torch.sin(angles).view(1, -1, 1, 1)


def direction(motion: Tensor) -> Tensor:
    """Direction ``(..., 2, H, W)`` of a motion in pixels from first frame to last; 1 long for one of 64 pixels."""
    far = torch.sqrt(motion.square().sum(-3, keepdim=True)).clamp_min(1e-6)
    return motion / far * (torch.log1p(far) / math.log1p(UNIT))


def motion(field: Tensor) -> Tensor:
    """Undo :func:`direction`: the motion in pixels that a direction field ``(..., 2, H, W)`` stands for, at most
    :data:`LONGEST` long."""
    length = torch.sqrt(field.square().sum(-3, keepdim=True) + 1e-12)  # a gradient at 0 too
    return field / length * torch.expm1(length.clamp_max(math.log1p(LONGEST) / math.log1p(UNIT)) * math.log1p(UNIT))


def line(field: Tensor) -> Tensor:
    """Line field ``(..., 3, H, W)`` of a direction field ``(..., 2, H, W)``; ``line(u) == line(-u)``."""
    x, y = field.unbind(-3)
    length = torch.sqrt(x * x + y * y).clamp_min(1e-6)
    return torch.stack([(x * x - y * y) / length, 2 * x * y / length, length], -3)


def half_angle(lines: Tensor) -> Tensor:
    """Undo :func:`line` up to the sign: the direction that points right (or straight down)."""
    x, y, length = lines.float().unbind(-3)
    angle, length = torch.atan2(y, x + 1e-12) / 2, length.clamp(0, 1)
    return torch.stack([length * torch.cos(angle), length * torch.sin(angle)], -3)


def sureness(lines: Tensor) -> Tensor:
    """A line field ``(..., 3, H, W)`` with the lengths by which its lines are sure, in place of the motion's."""
    line = lines[..., :2, :, :]
    return torch.cat([line, line.square().sum(-3, keepdim=True).sqrt()], -3)


def signed_like(lines: Tensor, field: Tensor) -> Tensor:
    """The directions of a line field, each with the sign that agrees with ``field``; all ``(N, 2, h, w)``."""
    u = half_angle(lines)
    agree = (u * field).sum(-3, keepdim=True)
    return torch.where(agree < 0, -u, u)


def cells(motion: Tensor, cell: int) -> Tensor:
    """Mean motion ``(N, 2, H/cell, W/cell)`` of each cell of a dense motion ``(N, 2, H, W)``."""
    return F.avg_pool2d(motion, cell)
