"""Feature extractors for the perceptual loss (Eq. 1) and the Gram loss (Eq. 6): VGG up to its last convolution.

The paper names VGG19 (Simonyan & Zisserman 2015) and "the features obtained from the last convolution layer": taken
here before its ReLU, since a rectified feature has no gradient where it is off. Parameters carry torchvision's names
(``features.0.weight`` ...), so its files and timm's load as they are, and neither package is needed.
:class:`Derivatives` needs no weights: what a run falls back on, by name, where no VGG is at hand.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import gradient

LAYERS = {
    "vgg16": (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512),
    "vgg19": (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512),
}
"""Widths of the convolutions in order; 0 is a pooling by 2."""
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
FOLD = 4


class Vgg(nn.Module):
    """``(N, 1 or 3, H, W)`` in [0, 1] to features ``(N, 512, H/16, W/16)``; H and W at least 16."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str = "vgg19") -> None:
        super().__init__()
        self.features = nn.Sequential(*_layers(LAYERS[name]))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        normal = (pictures.expand(-1, 3, -1, -1) - self.mean) / self.deviation
        seen: Tensor = self.features(normal)
        return seen


class Derivatives(nn.Module):
    """Picture derivatives, folded 4x4 into channels: ``(N, C, H, W)`` to ``(N, 32C, H/4, W/4)``, no weights at all.

    Its Gram matrix holds how derivatives correlate with those a few pixels away and with those of the other frames,
    so it changes with motion as the Gram matrix of a VGG does; what it knows of objects is nothing.
    """

    def forward(self, pictures: Tensor) -> Tensor:
        return F.pixel_unshuffle(torch.cat(gradient(pictures), 1), FOLD)


def vgg_keys(name: str) -> set[str]:
    """Names of the parameters of a VGG up to its last convolution."""
    places = [i for i, layer in enumerate(_layers(LAYERS[name])) if isinstance(layer, nn.Conv2d)]
    return {f"features.{place}.{part}" for place in places for part in ("weight", "bias")}


def _layers(widths: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    before = 3
    for width in widths:
        if width:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True)]
            before = width
        else:
            layers.append(nn.MaxPool2d(2))
    return layers[:-1]  # the last convolution, before its ReLU
