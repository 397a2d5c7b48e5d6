"""Building blocks shared by the networks. No instance statistics anywhere, so a tile equals the whole."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.1
"""Slope below 0 to begin with. With none, orthogonalised steps drove whole blocks to where no unit answers, and no
gradient brings such a block back (docs/recipe.md)."""


class ResidualBlock(nn.Module):
    """``x + conv(act(conv(x)))``, two 3x3 convolutions, between them a ReLU whose slope below 0 is
    learnt (PReLU, He et al. 2015). ``(N, C, H, W)`` to the same, with ``inner`` channels between the two."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, inner, 3, padding=1)
        self.conv2 = nn.Conv2d(inner, width, 3, padding=1)
        self.act = nn.PReLU(init=LEAK)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self._act(self.conv1(x)))
        return out.add_(x)

    def _act(self, x: Tensor) -> Tensor:
        """Where nothing is learnt, in place: wide blocks are where memory is tightest. Compilers see to that
        themselves, and stop at a number that is taken out of a tensor."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            learnt: Tensor = self.act(x)
            return learnt
        return F.leaky_relu_(x, self.act.weight.item())


class Up(nn.Module):
    """1x1 convolution and pixel shuffle: ``(N, C, H, W)`` to ``(N, out, 2H, 2W)``.

    The 1x1 runs on the small side, so it costs a quarter of a convolution after upsampling.
    """

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 4 * out, 1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        up: Tensor = self.shuffle(self.conv(x))
        return up


def blocks(width: int, count: int, inner: int | None = None) -> nn.Sequential:
    """``count`` residual blocks in a row, as wide inside as outside unless told otherwise."""
    return nn.Sequential(*(ResidualBlock(width, inner or width) for _ in range(count)))


def gradient(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of ``(N, C, H, W)`` to the right and downwards, same shape; at the border half the one-sided
    ones."""
    wide = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    dx = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
    dy = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    return dx, dy


def start_as_identity(module: nn.Module) -> None:
    """Zero the second convolution of every residual block, so that training starts from the identity."""
    for block in module.modules():
        if isinstance(block, ResidualBlock):
            for parameter in block.conv2.parameters():
                nn.init.zeros_(parameter)


def normal_init(module: nn.Module, std: float = 0.01) -> None:
    """N(0, std) weights and zero biases in every convolution: the paper's initialisation (Sec. 4.2)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
