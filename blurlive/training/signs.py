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
from ..orient import STEPS, played_like

ROUNDS = 32
"""How often signs are averaged: as far as that spreads a sign, in cells."""
FAR = max(abs(step) for pair in STEPS for step in pair)
WINDOW = 2 * FAR + 1
"""Side, in cells, of the window around a cell that holds those it is compared with."""


def settled_like(lines: Tensor, truth: Tensor) -> Tensor:
    """Direction fields ``(N, 3, h, w)`` of line fields ``(N, 3, h, w)``, each played in the order that agrees more with
    ``truth (N, 2, h, w)``: :func:`blurlive.orient.oriented_like`, nearly."""
    ways = half_angle(lines) * _signs(sureness(lines))
    return played_like(torch.cat([ways, doubt(lines)], 1), truth)


def _signs(lines: Tensor) -> Tensor:
    """Signs ``(N, 1, h, w)``, each 1 or -1: the best of those that begin as in a picture that shifts, turns, zooms or
    is stretched either way, as averaging does not move a border between two halves that agree within."""
    ways = half_angle(lines)
    weights = _agreements(ways)  # (N, 25, h, w)
    votes = torch.stack([_sign((ways * as_if).sum(1, keepdim=True)) for as_if in _beginnings(lines)])  # (5, N, 1, h, w)
    for _ in range(ROUNDS):
        total = _told(votes, weights)
        votes = torch.tanh(2 * total / total.abs().mean((2, 3, 4), keepdim=True).clamp_min(1e-8))
    votes = _sign(votes)
    merits = (votes * _told(votes, weights)).sum((2, 3, 4))
    best: Tensor = votes[merits.argmax(0), torch.arange(len(lines), device=lines.device)]
    return best


def _beginnings(lines: Tensor) -> list[Tensor]:
    """Directions that signs begin by: a picture's main line, and those of what turns, zooms or is stretched."""
    y, x = (torch.linspace(-1, 1, side, device=lines.device) for side in lines.shape[-2:])
    y, x = torch.meshgrid(y, x, indexing="ij")
    around = (torch.stack(pair)[None] for pair in ((-y, x), (x, y), (x, -y), (y, x)))
    return [half_angle(lines.mean((2, 3), keepdim=True)), *around]


def _agreements(ways: Tensor) -> Tensor:
    """How much each cell of ``(N, 2, h, w)`` agrees with those of the window around it, ``(N, 25, h, w)``; 0 for those
    that it is not compared with."""
    near = _windows(ways).view(len(ways), 2, WINDOW**2, *ways.shape[2:])
    return (near * ways.unsqueeze(2)).sum(1) * _compared().to(ways).view(-1, 1, 1)


def _compared() -> Tensor:
    """What a cell of the window counts, ``(5, 5)``: one over its distance, or nothing."""
    counts = torch.zeros(WINDOW, WINDOW)
    for down, right in STEPS:
        for way in (1, -1):
            counts[FAR + way * down, FAR + way * right] = 1 / math.hypot(down, right)
    return counts


def _told(votes: Tensor, weights: Tensor) -> Tensor:
    """What the cells around tell each, ``(B, N, 1, h, w)``, by their ``votes`` of that shape."""
    near = _windows(votes.flatten(0, 1)).view(*votes.shape[:2], WINDOW**2, *votes.shape[3:])
    return (near * weights).sum(2, keepdim=True)


def _windows(cells: Tensor) -> Tensor:
    """The window around each cell of ``(N, C, h, w)``, ``(N, C * 25, h, w)``; beyond the border, nothing."""
    return F.unfold(cells, WINDOW, padding=FAR).view(len(cells), -1, *cells.shape[2:])


def _sign(value: Tensor) -> Tensor:
    return torch.where(value < 0, -1.0, 1.0)
