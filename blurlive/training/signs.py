"""Signs for the lines of a whole batch at once, for training.

:mod:`blurlive.orient` settles the signs of one photo exactly, cell by cell, on the CPU; a batch of a GPU's would wait
for it far longer than for the networks. Here the same agreement of neighbours is spread by repeated averaging, all
pictures and cells together, and the signs are nearly as often right (tested).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.director import doubt, half_angle, sureness
from ..orient import STEPS

ROUNDS = 32
"""How often signs are averaged: as far as that spreads a sign, in cells."""
FAR = max(abs(step) for pair in STEPS for step in pair)


def settled_like(lines: Tensor, truth: Tensor) -> Tensor:
    """Direction fields ``(N, 3, h, w)`` of line fields ``(N, 3, h, w)``, each played in the order that agrees more with
    ``truth (N, 2, h, w)``: :func:`blurlive.orient.oriented_like`, nearly."""
    ways = half_angle(lines) * _signs(sureness(lines))
    against = (ways * truth).sum((1, 2, 3), keepdim=True) < 0
    return torch.cat([torch.where(against, -ways, ways), doubt(lines)], 1)


def _signs(lines: Tensor) -> Tensor:
    """Signs ``(N, 1, h, w)``, each 1 or -1: the best of those that begin as in a picture that shifts, turns, zooms or
    is stretched either way, as averaging does not move a border between two halves that agree within."""
    ways = half_angle(lines)
    near = [_agreement(ways, step) for down, right in STEPS for step in ((down, right), (-down, -right))]
    found = torch.stack([_averaged(_sign(ways, as_if), near) for as_if in _beginnings(lines)])  # (5, N, 1, h, w)
    merits = torch.stack([(votes * _total(votes, near)).sum((1, 2, 3)) for votes in found])
    best: Tensor = found[merits.argmax(0), torch.arange(len(lines), device=lines.device)]
    return best


def _beginnings(lines: Tensor) -> list[Tensor]:
    """Directions that signs begin by: a picture's main line, and those of what turns, zooms or is stretched."""
    y, x = (torch.linspace(-1, 1, side, device=lines.device) for side in lines.shape[-2:])
    y, x = torch.meshgrid(y, x, indexing="ij")
    around = (torch.stack(pair)[None] for pair in ((-y, x), (x, y), (x, -y), (y, x)))
    return [half_angle(lines.mean((2, 3), keepdim=True)), *around]


Near = list[tuple[tuple[int, int], Tensor]]


def _averaged(votes: Tensor, near: Near) -> Tensor:
    """Signs that agree with those around, of ``votes (N, 1, h, w)``."""
    for _ in range(ROUNDS):
        total = _total(votes, near)
        votes = torch.tanh(2 * total / total.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-8))
    return torch.where(votes < 0, -1.0, 1.0)


def _total(votes: Tensor, near: Near) -> Tensor:
    return torch.stack([weight * _shifted(votes, step) for step, weight in near]).sum(0)


def _sign(ways: Tensor, like: Tensor) -> Tensor:
    return torch.where((ways * like).sum(1, keepdim=True) < 0, -1.0, 1.0)


def _agreement(ways: Tensor, step: tuple[int, int]) -> tuple[tuple[int, int], Tensor]:
    """How much each cell agrees with the one a ``step`` away, ``(N, 1, h, w)``."""
    return step, (ways * _shifted(ways, step)).sum(1, keepdim=True) / math.hypot(*step)


def _shifted(cells: Tensor, step: tuple[int, int]) -> Tensor:
    """Of each cell the one a ``step`` (down, right) away; beyond the border, nothing."""
    height, width = cells.shape[-2:]
    down, right = (FAR + part for part in step)
    return F.pad(cells, (FAR,) * 4)[..., down : down + height, right : right + width]
