"""The generator G: one blurred image in, seven sharp frames out, exactly 30 convolution layers (Sec. 3).

The paper names an encoder-decoder of 30 convolutions and says no more. The choice made here:

* the picture is folded by a pixel-unshuffle of 2, so that no convolution runs at full resolution;
* four levels (1/2, 1/4, 1/8, 1/16), residual blocks, additive skips, no normalisation: a tile equals the whole;
* the head starts at zero and its output is added to the blurred image, so that training starts from the photo;
* a *direction field* says which way each region moves (see :mod:`blurlive.models.director`). A blurred photo fits a
  motion and its reverse equally well; with the field as second input the order is no longer a guess that each
  region makes for itself.

Convolutions: stem 1, levels 2+4+4+4 down and 4+2+2 up, 3 strided, 3 before shuffles, head 1 = 30.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Up, blocks, gradient, normal_init, start_as_identity

FRAMES = 7
"""Frames that one forward pass gives (Sec. 3)."""
CELL = 16
"""Side of a cell of the direction field, and the multiple that the input's height and width must have, in pixels."""
SLOPE = 8.0
"""Derivatives are about an eighth of brightness differences: this brings all inputs to one scale."""
CHANGE = 0.1
"""Frames differ from the blurred photo by about a tenth of the range: this brings the head's weights to the others'
scale."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of G, stored in the weights file.

    ``channels`` 3 is RGB; 1 is luminance, as the paper feeds it (Sec. 3.1). ``directed`` False drops the direction
    field, which leaves the plain network of the paper. ``init`` is ``identity`` or ``normal`` (Sec. 4.2).
    """

    channels: int = 3
    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    directed: bool = True
    init: str = "identity"


class Generator(nn.Module):
    """Seven frames from one blurred image in one pass.

    ``forward(blurred, field)``: ``blurred`` is ``(N, C, H, W)`` in [0, 1], H and W multiples of 16; ``field`` is
    ``(N, 2, H/2, W/2)``, the direction field brought to half size by :func:`spread_field` (``None`` when the
    network is not directed). Returns ``(N, 7, C, H, W)`` in time order, not clamped.
    """

    reach = 192
    """Pixels around a pixel that can change its output (tested): the halo that makes a tile equal the whole."""

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config or GeneratorConfig()
        c, (w0, w1, w2, w3) = self.config.channels, self.config.widths
        inputs = 8 * c + 2 if self.config.directed else 4 * c
        self.stem = nn.Conv2d(inputs, w0, 3, padding=1)
        self.enc0, self.down0 = blocks(w0, 1), nn.Conv2d(w0, w1, 2, stride=2)
        self.enc1, self.down1 = blocks(w1, 2), nn.Conv2d(w1, w2, 2, stride=2)
        self.enc2, self.down2 = blocks(w2, 2), nn.Conv2d(w2, w3, 2, stride=2)
        self.deep, self.up2 = blocks(w3, 2), Up(w3, w2)
        self.dec2, self.up1 = blocks(w2, 2), Up(w2, w1)
        self.dec1, self.up0 = blocks(w1, 1), Up(w1, w0)
        self.dec0 = blocks(w0, 1)
        self.head = nn.Conv2d(w0, FRAMES * 4 * c, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        if self.config.init == "normal":
            normal_init(self)
            return
        start_as_identity(self)
        nn.init.zeros_(self.head.weight)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    def forward(self, blurred: Tensor, field: Tensor | None = None) -> Tensor:
        x = self._inputs(blurred, field).to(self.stem.weight.dtype)
        residual = F.pixel_shuffle(self.head(self._body(self.stem(x))) * CHANGE, 2)  # (N, 7C, H, W)
        return blurred.unsqueeze(1) + residual.view(len(residual), FRAMES, *blurred.shape[1:]).to(blurred.dtype)

    def _inputs(self, blurred: Tensor, field: Tensor | None) -> Tensor:
        """The folded picture and, if directed, the field and the picture's derivative along it: to first order, what
        moving along the field by one pixel changes."""
        folded = F.pixel_unshuffle(blurred, 2) - 0.5  # (N, 4C, H/2, W/2)
        if not self.config.directed:
            return folded
        if field is None:
            raise ValueError("this generator needs a direction field beside the blurred image")
        dx, dy = (F.pixel_unshuffle(d, 2) for d in gradient(blurred))
        along = field[:, :1] * dx + field[:, 1:] * dy
        return torch.cat([folded, field, along * SLOPE], 1)

    def _body(self, x: Tensor) -> Tensor:
        e0 = self.enc0(x)
        e1 = self.enc1(self.down0(e0))
        e2 = self.enc2(self.down1(e1))
        d2 = self.dec2(self.up2(self.deep(self.down2(e2))) + e2)
        d1 = self.dec1(self.up1(d2) + e1)
        out: Tensor = self.dec0(self.up0(d1) + e0)
        return out


def spread_field(field: Tensor) -> Tensor:
    """Bring a direction field ``(N, 2, H/16, W/16)`` to the generator's ``(N, 2, H/2, W/2)``, bilinearly."""
    return F.interpolate(field, scale_factor=CELL // 2, mode="bilinear", align_corners=False)
