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
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Up, blocks, gradient, start_as_identity

UNIT = 64.0
"""Motion, in pixels from first frame to last, whose direction has length 1."""
LONGEST = 40.0
"""Longest motion, in pixels, that a direction stands for."""
FIELD = 3
"""What the generator is told of a cell: its direction (2) and how much that is in doubt (1)."""
OUTPUTS = 3
"""What the director says of a cell: its line (2) and the length of its direction (1)."""
ANGLES = 8
"""Directions of the derivatives whose statistics the director sees, over half a turn."""
SCALES = 3
"""Octaves of those derivatives: full, half and quarter size."""
WINDOW = 16
"""Side, in pixels of an octave, of the windows whose spectra the director sees."""
BINS = WINDOW * (WINDOW // 2 + 1)
STATISTICS = SCALES * (BINS + 2 * ANGLES)
CELL = 16
"""Side of a cell of the line field, in pixels."""
ALIGNED = 2 * CELL
"""Its coarsest cells: sides of what it sees in use, and starts of tiles, are multiples of this."""
FAINT = 2e-3
"""Derivative, or amplitude, of a range of 1, below which texture is taken for noise."""
DIM = 0.01
"""Contrast, of a range of 1, below which the pixels that it looks at are not brought up to that of others."""
NEARBY = 17
"""Side, in pixels, of what a pixel's contrast is told by."""


@dataclass(frozen=True)
class DirectorConfig:
    """Sizes of the director, stored in the weights file beside the generator's. ``width`` of its convolutions on cells
    and their ``depth``, in residual blocks after the look around; ``pixels`` are the widths of convolutions at 1/2, 1/4
    and 1/8 of the size that look at the picture itself, beside the statistics: none are none."""

    width: int = 128
    depth: int = 1
    pixels: tuple[int, ...] = ()


class Director(nn.Module):
    """Line field of a blurred image: ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, H/16, W/16)``; H, W multiples of 16.

    Two channels are the line, whose own length says how sure it is: where lines are in doubt, their mean is short. So
    a third one is the length of the direction.

    Blur over a distance multiplies the spectrum by a sinc along its line: dark stripes across that line, the closer
    the longer the blur. In the logarithm that is a sum, whatever the picture. So the network looks at fixed
    :func:`statistics`: log spectra of windows, sizes of directional derivatives. They are strongly correlated:
    ``standardise`` whitens them, which made training three times as fast. Spectra know nothing of places: convolutions
    over the ``pixels`` add what edges and borders show (they took a GPU to learn anything, docs/recipe.md).
    """

    reach = 352
    """Pixels around a cell that can change it (tested)."""
    near = 80
    """Pixels around a cell that can change its :meth:`features` (tested)."""

    def __init__(self, config: DirectorConfig | None = None) -> None:
        super().__init__()
        self.config = config or DirectorConfig()
        width = self.config.width
        self.register_buffer("mean", torch.zeros(STATISTICS))
        # Not torch.eye: on the meta device, where weights are read to, it imports 800 modules, two seconds of them.
        self.register_buffer("whitening", torch.zeros(STATISTICS, STATISTICS).fill_diagonal_(1))
        self.stem = nn.Conv2d(STATISTICS, width, 1)
        self.look = _Look(self.config.pixels, width) if self.config.pixels else None
        self.body = nn.Sequential(blocks(width, 2), _Around(width), blocks(width, self.config.depth))
        self.head = nn.Conv2d(width, OUTPUTS, 1)
        start_as_identity(self)

    def forward(self, blurred: Tensor) -> Tensor:
        return self.lines(self.features(blurred))

    def features(self, blurred: Tensor) -> Tensor:
        """What each cell shows by itself, ``(N, width, H/16, W/16)``: most of the work, and local."""
        told = self._whitened(statistics(blurred.float())).to(self.head.weight.dtype)
        return told if self.look is None else told + self.look(local(blurred.float()).to(told.dtype))

    def lines(self, features: Tensor) -> Tensor:
        """The line field ``(N, 3, H/16, W/16)`` by the :meth:`features` of all cells, far and near."""
        lines: Tensor = self.head(self.body(features))
        return lines

    def _whitened(self, seen: Tensor) -> Tensor:
        """The stem's answer to :func:`statistics` ``(N, 480, h, w)``, in fp32: whitened in bf16, they would be
        noise."""
        mean, whitening = self.get_buffer("mean").float(), self.get_buffer("whitening").float()
        bias = None if self.stem.bias is None else self.stem.bias.float()
        with torch.autocast(seen.device.type, enabled=False):
            both = self.stem.weight.float()[:, :, 0, 0] @ whitening  # one product instead of two for every cell
            return F.conv2d(seen - mean.view(1, -1, 1, 1), both[:, :, None, None], bias)

    @torch.no_grad()
    def standardise(self, seen: Tensor) -> None:
        """Learn, from the statistics ``(N, 480, h, w)`` of many pictures, how to bring them to mean 0 and covariance
        1."""
        flat = seen.float().permute(1, 0, 2, 3).flatten(1)
        self.get_buffer("mean").copy_(flat.mean(1))
        sizes, axes = torch.linalg.eigh(torch.cov(flat))
        sizes = sizes.clamp_min(1e-4 * float(sizes[-1]))
        self.get_buffer("whitening").copy_(axes @ torch.diag(sizes.rsqrt()) @ axes.T)


class _Look(nn.Module):
    """Convolutions over pixels, as :func:`local` shows them: ``(N, 16, H/2, W/2)`` to ``(N, width, H/16, W/16)``,
    nothing at first."""

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        w0, w1, w2 = widths
        self.stem = nn.Conv2d(4 * 4, w0, 3, padding=1)
        self.at2, self.down0 = blocks(w0, 1), nn.Conv2d(w0, w1, 2, stride=2)
        self.at4, self.down1 = blocks(w1, 2), nn.Conv2d(w1, w2, 2, stride=2)
        self.at8, self.down2 = blocks(w2, 2), nn.Conv2d(w2, width, 2, stride=2)
        for parameter in self.down2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down0(self.at2(self.stem(x)))
        found: Tensor = self.down2(self.at8(self.down1(self.at4(x))))
        return found


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


def local(picture: Tensor) -> Tensor:
    """A picture ``(N, 3, H, W)`` in [0, 1] and its lightness with the contrast of its surroundings brought to one size,
    folded to ``(N, 16, H/2, W/2)``: how far things move has nothing to do with how bright they are."""
    grey = picture.mean(1, keepdim=True)
    beside = grey - _nearby(grey)
    contrast = torch.sqrt(_nearby(beside.square()) + DIM**2)
    return F.pixel_unshuffle(torch.cat([picture - 0.5, beside / contrast / 2], 1), 2)


def _nearby(picture: Tensor) -> Tensor:
    """Mean over :data:`NEARBY` pixels a side, as many as there are at a border."""
    for side in ((1, NEARBY), (NEARBY, 1)):
        picture = F.avg_pool2d(picture, side, 1, (side[0] // 2, side[1] // 2), count_include_pad=False)
    return picture


def statistics(picture: Tensor) -> Tensor:
    """What the director sees: ``(N, C, H, W)`` in [0, 1] to ``(N, 480, H/16, W/16)``.

    Log spectra, octave by octave; then, for derivatives in eight directions, log of their mean and of their largest
    size over a cell (the largest tells a sharp edge from a smeared one where there are few edges).
    """
    grey = picture.mean(1, keepdim=True)
    spectra, sizes = [], []
    for scale in range(SCALES):
        level = F.avg_pool2d(grey, 2**scale) if scale else grey
        along, cell = _derivatives(level).abs_(), CELL // 2**scale
        spectra.append(_spectra(level, cell))
        sizes += [F.avg_pool2d(along, cell), F.max_pool2d(along, cell)]
    return torch.cat([*spectra, torch.log(torch.cat(sizes, 1) + FAINT) + 4.0], 1)


def _spectra(level: Tensor, cell: int) -> Tensor:
    """Log power spectrum ``(N, 144, H/cell, W/cell)`` of ``level (N, 1, H, W)``: the mean over the 4x4 windows of
    16x16 pixels, half a cell apart, around each cell (Welch 1967)."""
    step, edge = cell // 2, WINDOW // 2 - cell // 4
    windows = F.pad(level, (edge,) * 4, mode="replicate").unfold(2, WINDOW, step).unfold(3, WINDOW, step)[:, 0]
    windows = (windows - windows.mean((-1, -2), keepdim=True)) * _hann(level)
    power = torch.fft.rfft2(windows).abs().square().flatten(-2).permute(0, 3, 1, 2) / _hann(level).square().sum()
    power = F.avg_pool2d(F.pad(power, (1, 1, 1, 1), mode="replicate"), 4, 2)
    return torch.log(power + FAINT**2) / 2 + 2.0


def _hann(like: Tensor) -> Tensor:
    """Hann window ``(16, 16)``, symmetric."""
    places = (torch.arange(WINDOW, device=like.device, dtype=like.dtype) + 0.5) / WINDOW
    side = torch.sin(math.pi * places).square()
    return side[:, None] * side


def _derivatives(grey: Tensor) -> Tensor:
    """Derivatives ``(N, 8, H, W)`` of ``(N, 1, H, W)`` in eight directions over half a turn."""
    dx, dy = gradient(grey)
    angles = torch.arange(ANGLES, device=grey.device, dtype=grey.dtype) * (torch.pi / ANGLES)
    return dx * torch.cos(angles).view(1, -1, 1, 1) + dy * torch.sin(angles).view(1, -1, 1, 1)


def direction(motion: Tensor) -> Tensor:
    """Direction ``(..., 2, H, W)`` of a motion in pixels from first frame to last; 1 long for one of 64 pixels."""
    far = torch.sqrt(motion.square().sum(-3, keepdim=True)).clamp_min(1e-6)
    return motion / far * (torch.log1p(far) / math.log1p(UNIT))


def distance(length: Tensor) -> Tensor:
    """Motion in pixels that a direction of this ``length`` stands for."""
    return torch.expm1(length.clamp_min(0) * math.log1p(UNIT))


def motion(field: Tensor, longest: float = LONGEST) -> Tensor:
    """Undo :func:`direction`: the motion ``(..., 2, H, W)`` in pixels that a direction field stands for, at most
    ``longest`` long."""
    field = field[..., :2, :, :]
    length = torch.sqrt(field.square().sum(-3, keepdim=True) + 1e-12)  # a gradient at 0 too
    return field / length * distance(length.clamp_max(math.log1p(longest) / math.log1p(UNIT)))


def line(field: Tensor) -> Tensor:
    """Line field ``(..., 3, H, W)`` of a direction field ``(..., 2, H, W)``; ``line(u) == line(-u)``."""
    x, y = field.unbind(-3)
    length = torch.sqrt(x * x + y * y).clamp_min(1e-6)
    return torch.stack([(x * x - y * y) / length, 2 * x * y / length, length], -3)


def half_angle(lines: Tensor) -> Tensor:
    """Undo :func:`line` up to the sign: the direction that points right (or straight down)."""
    x, y, length = lines.float().unbind(-3)
    angle, length = torch.atan2(y, x + 1e-12) / 2, length.clamp_min(0)
    return torch.stack([length * torch.cos(angle), length * torch.sin(angle)], -3)


def doubt(lines: Tensor) -> Tensor:
    """How much each line of ``lines (..., 3, H, W)`` is in doubt, ``(..., 1, H, W)``: the mean of lines in doubt is
    short, so it is what the line lacks of its length."""
    x, y, length = lines.float().unbind(-3)
    return (length - torch.sqrt(x * x + y * y + 1e-12)).clamp(0, 1).unsqueeze(-3)


def sure(field: Tensor) -> Tensor:
    """A direction field ``(..., 3, H, W)``; of directions alone, ``(..., 2, H, W)``, none is in doubt. Doubt is never
    negative, so the negative of a field is the same played backwards."""
    ways, doubts = field[..., :2, :, :], field[..., 2:, :, :]
    return torch.cat([ways, doubts.abs() if field.shape[-3] == FIELD else torch.zeros_like(ways[..., :1, :, :])], -3)


def stretched(field: Tensor, factor: Tensor | float, longest: float = LONGEST) -> Tensor:
    """A direction field whose motion, ``longest`` pixels at most before, is ``factor`` times as far, and as much in
    doubt in proportion."""
    ways, doubts = field[..., :2, :, :], field[..., 2:, :, :]
    farther = direction(motion(ways, longest) * factor)
    share = farther.norm(dim=-3, keepdim=True) / ways.norm(dim=-3, keepdim=True).clamp_min(1e-6)
    return torch.cat([farther, doubts * share], -3)


def lengthened(lines: Tensor, factor: float) -> Tensor:
    """A line field ``(3, H, W)`` whose motion is ``factor`` times as far, and as much in doubt in proportion."""
    length = torch.log1p(distance(lines[2:]) * factor) / math.log1p(UNIT)
    return torch.cat([lines[:2] * (length / lines[2:].clamp_min(1e-3)), length])


def limited(field: Tensor) -> Tensor:
    """A direction field ``(C, H, W)`` whose motion is at most :data:`LONGEST` long, as those in training are."""
    ways, doubts = field[:2], field[2:]
    return torch.cat([direction(motion(ways)), doubts])


def sureness(lines: Tensor) -> Tensor:
    """A line field ``(..., 3, H, W)`` with the lengths by which its lines are sure, in place of the motion's."""
    line = lines[..., :2, :, :]
    return torch.cat([line, line.square().sum(-3, keepdim=True).sqrt()], -3)


def cells(motion: Tensor, cell: int) -> Tensor:
    """Mean motion ``(N, 2, H/cell, W/cell)`` of each cell of a dense motion ``(N, 2, H, W)``."""
    return F.avg_pool2d(motion, cell)
