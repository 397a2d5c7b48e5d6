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

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bands import Area, Place, Span, convolved, doubled, spans
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
CACHED = 2**14
"""Places of a band on a CPU: some megabytes of what the head says, which its cache holds."""
LAUNCHED = 2**18
"""The same elsewhere, where every band is some hundreds of launches."""


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
        return torch.cat([frames for _, frames in self.bands(blurred, field, around)], -2)

    def bands(
        self,
        blurred: Tensor,
        field: Tensor | None = None,
        around: Tensor | None = None,
        inside: Area | None = None,
    ) -> Iterator[tuple[Place, Tensor]]:
        """What :meth:`forward` returns, in bands ``(N, 7, C, h, W)`` from top to bottom, each with its rows and columns
        of ``blurred``: all that the head says of a large picture would be most of the memory. They begin at multiples
        of 16 rows. ``inside`` is the part of ``blurred`` whose frames are wanted; its edges are multiples of 16
        too."""
        if not self.config.directed:
            field = None
        elif field is None:
            raise ValueError("this generator needs a direction field beside the blurred image")
        blurred = blurred.contiguous()
        tap = None if field is None else _taps(blurred, field, blurred if around is None else around.contiguous())
        found, head = self._body(self._stem(blurred, field, tap)), self._scaled_head()
        height, width = found.shape[-2:]
        top, bottom, left, right = (0, height, 0, width) if inside is None else (edge // 2 for edge in inside)
        columns = Span(left, right, width)
        for rows in spans(top, bottom, height, right - left, _places(blurred)):
            at, said = (doubled(rows.own), doubled(columns.own)), convolved(found, rows, columns, *head)
            yield at, self._frames(blurred, said.to(blurred.dtype), tap, at)

    def _frames(self, blurred: Tensor, said: Tensor, tap: Tap | None, at: Place) -> Tensor:
        """Frames ``(N, 7, C, H, W)`` by what the head says of a part, ``(N, 7 * (T + 4C), H/2, W/2)``."""
        if tap is None:
            change = _by_frame(said)
        else:
            weights, rest = said[:, : FRAMES * len(TAPS)], said[:, FRAMES * len(TAPS) :]
            change = _with_taps(_by_frame(rest), (tap(place, at) for place in TAPS), weights)
        return F.pixel_shuffle(change, 2).add_(blurred[(..., *at)].unsqueeze(1))

    def _stem(self, blurred: Tensor, field: Tensor | None, tap: Tap | None) -> Tensor:
        """The stem's answer to the photo, the field and a few taps, band by band: together they are large."""
        height, width = blurred.shape[-2] // 2, blurred.shape[-1] // 2
        columns, dtype, out = slice(0, width), self.stem.weight.dtype, []
        ways = None if field is None else sure(field).to(blurred)
        for rows in spans(0, height, height, width, _places(blurred)):
            at = (doubled(rows.seen), doubled(columns))
            seen = [_folded(blurred[(..., *at)])]
            if tap is not None and ways is not None:
                seen += [ways[..., rows.seen, :], *(tap(place, at) for place in SEEN)]
            out.append(self.stem(torch.cat(seen, 1).to(dtype))[..., rows.inside, :])
        return torch.cat(out, -2)

    def _scaled_head(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of the head, with its scales."""
        scale = self.head.weight.new_full((self.head.out_channels,), CHANGE)
        scale[: FRAMES * len(TAPS) * self.config.directed] = WEIGHT / SLOPE
        weight = self.head.weight * scale[:, None, None, None]
        return weight, None if self.head.bias is None else self.head.bias * scale

    def _body(self, x: Tensor) -> Tensor:
        """Down and up again. Nothing is held longer than it is needed."""
        skips = []
        for level, down in ((self.enc0, self.down0), (self.enc1, self.down1), (self.enc2, self.down2)):
            skips.append(level(x))
            x = down(skips[-1])
        x = self.deep(x)
        for up, level in ((self.up2, self.dec2), (self.up1, self.dec1), (self.up0, self.dec0)):
            x = level(up(x).add_(skips.pop()))
        return x


def _places(picture: Tensor) -> int:
    """How many places, at half size, a band shall have at most. A compiler would write out every band: one."""
    if torch.compiler.is_compiling():
        return picture.shape[-2] * picture.shape[-1]
    return CACHED if picture.device.type == "cpu" else LAUNCHED


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


Tap = Callable[[float, Place], Tensor]


def _taps(blurred: Tensor, field: Tensor, around: Tensor) -> Tap:
    """What a picture ``(N, C, H, W)`` gains at a tap along its field, sampled from what is ``around`` it, times
    :data:`SLOPE`, folded to ``(N, 4C, h/2, w/2)``: a function of the tap and of the part, since all of them would be a
    gigabyte of a large tile; the few that are seen are sampled again to be weighed."""
    way = F.interpolate(motion(field.float()), scale_factor=2, mode="bilinear", align_corners=False)
    size = way.new_tensor([around.shape[-1] / 2, around.shape[-2] / 2])
    (height, width), margin = blurred.shape[-2:], (around.shape[-1] - blurred.shape[-1]) // 2
    middle = (slice(margin, margin + height), slice(margin, margin + width))
    grid, step, wide = pixels(around)[(..., *middle, slice(None))], way.permute(0, 2, 3, 1) / size, around.float()
    picture = wide[(..., *middle)]

    def tap(place: float, at: Place) -> Tensor:
        here = (..., *at, slice(None))
        sampled = sample(wide, grid[here] + step[here] * place)
        return F.pixel_unshuffle((sampled - picture[(..., *at)]).mul_(SLOPE), 2).to(blurred)

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
