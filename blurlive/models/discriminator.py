"""The discriminator D of stage 1 (Eq. 3): is this frame a real one? The paper says no more of it.

The choice made here: a patch discriminator (Isola et al. 2017), five convolutions, no normalisation (statistics of a
batch would tie the answer for one frame to the others). It sees one frame at a time, as Eq. 3 reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import normal_init


@dataclass(frozen=True)
class DiscriminatorConfig:
    """``channels`` as the generator's; ``widths`` of the strided layers."""

    channels: int = 3
    widths: tuple[int, int, int, int] = (32, 64, 128, 128)
    init: str = "identity"


class Discriminator(nn.Module):
    """Logits ``(N, 1, H/16, W/16)``, one for each patch of ``(N, C, H, W)`` in [0, 1]: above 0 is "real"."""

    def __init__(self, config: DiscriminatorConfig | None = None) -> None:
        super().__init__()
        self.config = config or DiscriminatorConfig()
        sizes = (self.config.channels, *self.config.widths)
        self.body = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(sizes))
        self.head = nn.Conv2d(sizes[-1], 1, 3, padding=1)
        if self.config.init == "normal":
            normal_init(self)

    def forward(self, frames: Tensor) -> Tensor:
        x = frames * 2 - 1
        for layer in self.body:
            x = F.leaky_relu(layer(x), 0.2)
        answer: Tensor = self.head(x)
        return answer
