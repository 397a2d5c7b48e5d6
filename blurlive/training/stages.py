"""Stages: given nets and a batch, return named loss terms. The loop weighs them and knows nothing else of a stage."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.dataset import Batch
from ..models.director import cells, direction, line, signed_like
from ..models.generator import CELL, spread_field
from ..models.restorer import Restorer

TRUST_AFTER = 1500
"""Steps after which most examples are directed by the director's own lines instead of the exact motion."""


def base_step(net: Restorer, batch: Batch, step: int, random: torch.Generator) -> dict[str, Tensor]:
    """Stage 1 of the shipped recipe: L1 on all seven frames in time order, and the director's line field.

    The generator is told the direction, so the order of the frames is no guess and no order-invariant loss is needed.
    It is told the exact direction at first; later mostly what the director sees, each line with its true sign, so that it meets
    in training the errors that it will meet in use.
    """
    blurred, sharp = batch.blurred.float() / 255, batch.sharp.float() / 255
    if net.director is None:
        return {"frames": F.l1_loss(net(blurred), sharp)}
    truth = direction(cells(batch.motion, CELL))
    lines = net.director(blurred)
    field = _mixed_field(truth, lines.detach(), step, random)
    return {
        "frames": F.l1_loss(net(blurred, spread_field(field)), sharp),
        "direction": F.mse_loss(lines, line(truth)),  # L1 would prefer "no line" wherever it is unsure
    }


def _mixed_field(truth: Tensor, lines: Tensor, step: int, random: torch.Generator) -> Tensor:
    trust = 0.7 * min(1.0, step / TRUST_AFTER)
    own = torch.rand(len(truth), 1, 1, 1, generator=random) < trust
    return torch.where(own, signed_like(lines, truth), truth)
