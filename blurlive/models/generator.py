"""The generator G: one blurred image in, seven sharp frames out, exactly 30 convolution layers (Sec. 3).

The paper names an encoder-decoder of 30 convolutions and says no more. The choice made here:

* the picture is folded by a pixel-unshuffle of 2, so that no convolution runs at full resolution;
* four levels (1/2, 1/4, 1/8, 1/16), residual blocks, additive skips, no normalisation: a tile equals the whole;
* a *direction field* says which way and how far each region moves (see :mod:`blurlive.models.director`). A blurred
  photo fits a motion and its reverse equally well; with the field as second input the order is no longer a guess that
  each region makes for itself;
* the picture is sampled along the field (*taps*), as far as five thirds of the motion, both ways. Blur of one motion is
  an average along one line, so each sharp frame is nearly a weighted sum of taps: the head predicts the weights, pixel
  by pixel and frame by frame (a kernel-predicting network, Bako et al. 2017, Mildenhall et al. 2018, with its kernels
  along the motion), and a residual for what taps cannot give;
* the head starts at zero, so that training starts from the photo.

Convolutions: stem 1, levels 2+4+4+4 down and 4+2+2 up, 3 strided, 3 before shuffles, head 1 = 30.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Up, blocks, normal_init, start_as_identity
from .director import CELL, FIELD, motion, sure

FRAMES = 7
"""Frames that one forward pass gives (Sec. 3)."""
_TAPS = (1 / 6, 1 / 3, 5 / 12, 1 / 2, 7 / 12, 2 / 3, 5 / 6, 1.0, 4 / 3, 5 / 3)
TAPS = (*(-tap for tap in reversed(_TAPS)), *_TAPS)
"""Where the picture is sampled along the motion, in motions from first frame to last (docs/recipe.md, Taps)."""
SEEN = (-1.0, -2 / 3, -1 / 3, 1 / 3, 2 / 3, 1.0)
"""Those that the convolutions see; the others are only weighed."""
SLOPE = 8.0
"""Taps differ from the picture by about an eighth: this brings all inputs to one scale."""
CHANGE = 0.1
"""Frames differ from the blurred photo by about a tenth of the range: this brings the head's weights to the others'
scale."""
WEIGHT = 0.5
"""The same for the weights of the taps."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of G, stored in the weights file.

    ``channels`` 3 is RGB; 1 is luminance, as the paper feeds it (Sec. 3.1). ``inner`` says how many times as wide as
    the ``widths`` of the four levels their residual blocks are inside. ``directed`` False drops the direction
    field and the taps, which leaves the plain network of the paper. ``init`` is ``identity`` or ``normal`` (Sec. 4.2).
    """

    channels: int = 3
    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    inner: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    directed: bool = True
    init: str = "identity"

    @property
    def inner_widths(self) -> tuple[int, ...]:
        """Channels inside the residual blocks of each level, at least one."""
        return tuple(max(1, round(w * share)) for w, share in zip(self.widths, self.inner, strict=True))


class Generator(nn.Module):
    """Seven frames from one blurred image in one pass.

    ``forward(blurred, field, around)``: ``blurred`` is ``(N, C, H, W)`` in [0, 1], H and W multiples of 16; ``field``
    is ``(N, 3, H/2, W/2)``, the direction field brought to half size by :func:`spread_field`, or its directions alone,
    which then pass for sure (``None`` when the network is not directed). ``around`` is for training on crops: the
    picture that ``blurred`` is the middle of, ``(N, C, H + 2m, W + 2m)``, which taps are then sampled from; without it,
    beyond the border is more of the border. Returns ``(N, 7, C, H, W)`` in time order, not clamped.
    """

    reach = 224
    """Pixels around a pixel that can change its output (tested): the halo that makes a tile equal the whole."""

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config or GeneratorConfig()
        c, (w0, w1, w2, w3) = self.config.channels, self.config.widths
        i0, i1, i2, i3 = self.config.inner_widths
        taps, seen = (len(TAPS), len(SEEN)) if self.config.directed else (0, 0)
        inputs = 4 * c * (1 + seen) + FIELD * self.config.directed
        self.stem = nn.Conv2d(inputs, w0, 3, padding=1)
        self.enc0, self.down0 = blocks(w0, 1, i0), nn.Conv2d(w0, w1, 2, stride=2)
        self.enc1, self.down1 = blocks(w1, 2, i1), nn.Conv2d(w1, w2, 2, stride=2)
        self.enc2, self.down2 = blocks(w2, 2, i2), nn.Conv2d(w2, w3, 2, stride=2)
        self.deep, self.up2 = blocks(w3, 2, i3), Up(w3, w2)
        self.dec2, self.up1 = blocks(w2, 2, i2), Up(w2, w1)
        self.dec1, self.up0 = blocks(w1, 1, i1), Up(w1, w0)
        self.dec0 = blocks(w0, 1, i0)
        self.head = nn.Conv2d(w0, FRAMES * (4 * c + taps), 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        if self.config.init == "normal":
            normal_init(self)
            return
        start_as_identity(self)
        nn.init.zeros_(self.head.weight)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    def forward(self, blurred: Tensor, field: Tensor | None = None, around: Tensor | None = None) -> Tensor:
        blurred = blurred.contiguous()
        if not self.config.directed:
            change = _by_frame(self._foretell(_folded(blurred)))
        elif field is None:
            raise ValueError("this generator needs a direction field beside the blurred image")
        else:
            change = self._along(blurred, field, blurred if around is None else around.contiguous())
        return F.pixel_shuffle(change, 2).add_(blurred.unsqueeze(1))

    def _along(self, blurred: Tensor, field: Tensor, around: Tensor) -> Tensor:
        """What a directed network adds to the photo, ``(N, 7, 4C, H/2, W/2)``. The stem sees the photo, the field and a
        few taps."""
        tap, folded = _taps(blurred, field, around), _folded(blurred)
        out = self._foretell(torch.cat([folded, sure(field).to(folded), *map(tap, SEEN)], 1))
        weights, change = out[:, : FRAMES * len(TAPS)], out[:, FRAMES * len(TAPS) :]
        return _with_taps(_by_frame(change), map(tap, TAPS), weights)

    def _foretell(self, seen: Tensor) -> Tensor:
        """What the head says of what the stem sees, in its number format."""
        out: Tensor = self._head(self._body(self.stem(seen.to(self.stem.weight.dtype)))).to(seen.dtype)
        return out

    def _head(self, x: Tensor) -> Tensor:
        """The head with its scales, its result channels first: weighing the taps is six times as fast then. In fp32 the
        convolution writes it so by itself; in bf16 that is slow where the CPU emulates it."""
        scale = self.head.weight.new_full((self.head.out_channels,), CHANGE)
        scale[: FRAMES * len(TAPS) * self.config.directed] = WEIGHT / SLOPE
        weight = (self.head.weight * scale[:, None, None, None]).contiguous()
        bias = None if self.head.bias is None else self.head.bias * scale
        out = F.conv2d(x if x.dtype != torch.float32 else x.contiguous(), weight, bias, padding=1)
        return out.contiguous()

    def _body(self, x: Tensor) -> Tensor:
        e0 = self.enc0(x)
        e1 = self.enc1(self.down0(e0))
        e2 = self.enc2(self.down1(e1))
        d2 = self.dec2(self.up2(self.deep(self.down2(e2))) + e2)
        d1 = self.dec1(self.up1(d2) + e1)
        out: Tensor = self.dec0(self.up0(d1) + e0)
        return out


def pixels(picture: Tensor) -> Tensor:
    """Places ``(1, H, W, 2)`` of a picture's pixels as ``grid_sample`` counts them: edges at -1 and 1."""
    height, width = picture.shape[-2:]
    x, y = ((torch.arange(side, device=picture.device) + 0.5) * (2 / side) - 1 for side in (width, height))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]


def sample(picture: Tensor, grid: Tensor) -> Tensor:
    """``picture (N, C, H, W)`` at places ``(N, H, W, 2)``, bilinearly; beyond the border, the border."""
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _folded(blurred: Tensor) -> Tensor:
    return F.pixel_unshuffle(blurred, 2) - 0.5


def _by_frame(out: Tensor) -> Tensor:
    """``(N, 7 * 4C, h, w)`` to ``(N, 7, 4C, h, w)``."""
    return out.view(len(out), FRAMES, -1, *out.shape[2:])


def _taps(blurred: Tensor, field: Tensor, around: Tensor) -> Callable[[float], Tensor]:
    """What a picture ``(N, C, H, W)`` gains at a tap along its field, sampled from what is ``around`` it, times
    :data:`SLOPE`, folded to ``(N, 4C, H/2, W/2)``: a function of the tap, since all of them would be a gigabyte of a
    large tile; the few that are seen are sampled again to be weighed."""
    way = F.interpolate(motion(field.float()), scale_factor=2, mode="bilinear", align_corners=False)
    size = way.new_tensor([around.shape[-1] / 2, around.shape[-2] / 2])
    (height, width), margin = blurred.shape[-2:], (around.shape[-1] - blurred.shape[-1]) // 2
    rows, columns = slice(margin, margin + height), slice(margin, margin + width)
    grid, step, wide = pixels(around)[:, rows, columns], way.permute(0, 2, 3, 1) / size, around.float()
    picture = wide[..., rows, columns]

    def tap(place: float) -> Tensor:
        return F.pixel_unshuffle((sample(wide, grid + step * place) - picture).mul_(SLOPE), 2).to(blurred)

    return tap


def _with_taps(change: Tensor, taps: Iterable[Tensor], weights: Tensor) -> Tensor:
    """``change (N, 7, 4C, h, w)`` plus the ``taps (N, 4C, h, w)``, each by its ``weights (N, 7 * T, h, w)``."""
    shares = weights.view(len(weights), FRAMES, len(TAPS), *weights.shape[2:]).unbind(2)
    total: Tensor | None = None
    for tap, share in zip(taps, shares, strict=True):
        by = (tap.unsqueeze(1), share.unsqueeze(2))
        total = torch.addcmul(change, *by) if total is None else total.addcmul_(*by)
    assert total is not None, "there are taps"
    return total


def spread_field(field: Tensor) -> Tensor:
    """Bring a direction field ``(N, 3, H/16, W/16)`` to the generator's ``(N, 3, H/2, W/2)``, bilinearly."""
    return F.interpolate(field, scale_factor=CELL // 2, mode="bilinear", align_corners=False)
