"""A small optical flow network of PWC-Net's kind (Sun et al. 2018): feature pyramid, warping, cost volume.

Made for crops and short motions (up to some 40 pixels): five levels down to 1/32, a cost volume of 5x5 at each, no
dense connections, no context network. Its flow is a quarter of the picture's size, brought up bilinearly, as PWC-Net's.

Two departures let it learn in minutes of a CPU. Features are brought to one length before they are compared (much as
in UFlow, Jonschkowski et al. 2020): even random ones tell places apart then. And each level starts from where they
agree best, in the mean (a soft argmax of the cost volume, Kendall et al. 2017): estimators only correct it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses import warp

SHARPNESS = 10.0
"""How strongly the better agreement counts, to begin with."""
FINEST = 4
"""Side in pixels of a cell of the finest level at which flow is estimated."""


@dataclass(frozen=True)
class FlowConfig:
    """``widths`` of the feature pyramid at 1/2, 1/4, ... ; ``reach`` of the cost volume in cells; ``hidden`` widths of
    the estimator of each level."""

    widths: tuple[int, ...] = (16, 32, 48, 64, 96)
    reach: int = 2
    hidden: tuple[int, int, int] = (96, 64, 32)


class FlowNet(nn.Module):
    """Flow ``(N, 2, H, W)`` in pixels from ``first`` to ``last``, both ``(N, 1 or 3, H, W)`` in [0, 1], any size.

    A point at ``p`` of ``first`` lies at ``p + flow(p)`` in ``last``, so ``warp(last, flow)`` looks like ``first``.
    """

    def __init__(self, config: FlowConfig | None = None) -> None:
        super().__init__()
        self.config = config or FlowConfig()
        sizes = (3, *self.config.widths)
        self.pyramid = nn.ModuleList(_stage(a, b) for a, b in pairwise(sizes))
        cost = (2 * self.config.reach + 1) ** 2
        self.estimators = nn.ModuleList(_estimator(cost + width + 4, self.config.hidden) for width in sizes[:1:-1])
        self.sharpness = nn.Parameter(torch.full((len(self.estimators),), SHARPNESS))

    def forward(self, first: Tensor, last: Tensor) -> Tensor:
        height, width = first.shape[-2:]
        flow = self.estimates(first, last)[-1]
        whole = F.interpolate(flow, scale_factor=FINEST, mode="bilinear", align_corners=False)
        return whole[..., :height, :width]

    def estimates(self, first: Tensor, last: Tensor) -> list[Tensor]:
        """Flow at each level ``(N, 2, h, w)`` from coarse to fine, in pixels of the full size."""
        a, b = (self._features(self._padded(picture)) for picture in (first, last))
        flow = torch.zeros_like(a[-1][:, :2])
        found: list[Tensor] = []
        for step, level in enumerate(range(len(a) - 1, 0, -1)):
            if found:
                flow = F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)
            flow = self._refine(a[level], b[level], flow, 2 ** (level + 1), step)
            found.append(flow)
        return found

    def _refine(self, a: Tensor, b: Tensor, flow: Tensor, cell: int, step: int) -> Tensor:
        cost = cost_volume(a, warp(b, flow / cell), self.config.reach)
        best = agreement(cost * self.sharpness[step], self.config.reach)
        update: Tensor = self.estimators[step](torch.cat([cost, a, flow / cell, best], 1))
        return flow + (best + update) * cell

    def _features(self, picture: Tensor) -> list[Tensor]:
        x, levels = picture.expand(-1, 3, -1, -1) * 2 - 1, []
        for stage in self.pyramid:
            x = stage(x)
            levels.append(F.normalize(x - x.mean((-1, -2), keepdim=True), dim=1) * x.shape[1] ** 0.5)
        return levels

    def _padded(self, picture: Tensor) -> Tensor:
        cell = 2 ** len(self.config.widths)
        bottom, right = -picture.shape[-2] % cell, -picture.shape[-1] % cell
        return F.pad(picture, (0, right, 0, bottom), mode="replicate")


def cost_volume(a: Tensor, b: Tensor, reach: int) -> Tensor:
    """Agreement ``(N, (2 reach + 1)^2, h, w)`` of each cell of ``a`` with those of ``b`` around it, row by row: the
    mean product of features ``(N, C, h, w)``."""
    height, width = a.shape[-2:]
    around = F.pad(b, (reach, reach, reach, reach))
    shifts = [(dy, dx) for dy in range(2 * reach + 1) for dx in range(2 * reach + 1)]
    return torch.stack([(a * around[..., dy : dy + height, dx : dx + width]).mean(1) for dy, dx in shifts], 1)


def agreement(cost: Tensor, reach: int) -> Tensor:
    """Mean shift ``(N, 2, h, w)`` in cells, x and y, of a :func:`cost_volume` read as log odds (soft argmax)."""
    side = 2 * reach + 1
    odds = torch.softmax(cost, 1).view(len(cost), side, side, *cost.shape[2:])
    shifts = torch.arange(-reach, reach + 1, device=cost.device, dtype=cost.dtype).view(1, -1, 1, 1)
    return torch.stack([(odds.sum(1) * shifts).sum(1), (odds.sum(2) * shifts).sum(1)], 1)


def _stage(before: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 3, stride=2, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
    )


def _estimator(before: int, hidden: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.LeakyReLU(0.1, inplace=True)]
        before = width
    last = nn.Conv2d(before, 2, 3, padding=1)
    nn.init.zeros_(last.weight)  # training starts from "nothing moves", at every level
    return nn.Sequential(*layers, last)
