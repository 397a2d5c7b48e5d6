"""Direction fields that err as a director errs on real photos.

On synthesised scenes the director is right far more often than on real clips (docs/recipe.md), so a generator that is
told its fields believes them too much. Here fields are turned, lengthened or shortened, and smeared over the borders of
things, by random amounts that vary slowly over the picture; where they lead astray, the generator has to look for
itself.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.director import stretched

TURN = (0.05, 0.12)
"""Deviations of the angle in radians: of a whole picture, and within it."""
LENGTH = (0.1, 0.12)
"""The same for the natural logarithm of the length."""
SHORT = -0.1
"""Mean of that logarithm: said lengths are rather too short."""
SMEARED = 0.3
"""Share of the fields that are averaged over 5 x 5 cells, as if nothing had a border."""


def astray(field: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Direction fields ``(N, 3, h, w)``, a ``share`` of them led astray, their doubt as it was. ``random`` draws on the
    CPU."""
    count, _, height, width = field.shape
    whole = torch.randn(count, 2, 1, 1, generator=random)
    within = torch.randn(count, 2, 3, 3, generator=random)
    within = F.interpolate(within, (height, width), mode="bicubic", align_corners=True)
    chance = torch.rand(2, count, 1, 1, 1, generator=random)
    turn, length = ((s[0] * whole[:, i] + s[1] * within[:, i])[:, None] for i, s in enumerate((TURN, LENGTH)))
    turn, length, chance = (part.to(field) for part in (turn, length + SHORT, chance))
    smeared = F.avg_pool2d(F.pad(field, (2, 2, 2, 2), mode="replicate"), 5, 1)
    wrong = torch.where(chance[0] < SMEARED, smeared, field)
    ways = stretched(_turned(wrong[:, :2], turn), torch.exp(length))
    return torch.where(chance[1] < share, torch.cat([ways, wrong[:, 2:]], 1), field)


def _turned(field: Tensor, angle: Tensor) -> Tensor:
    """Directions ``(N, 2, h, w)`` turned by ``angle (N, 1, h, w)`` in radians."""
    quarter = torch.stack([-field[:, 1], field[:, 0]], 1)
    return field * torch.cos(angle) + quarter * torch.sin(angle)
