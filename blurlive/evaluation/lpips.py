"""LPIPS (Zhang et al. 2018), version 0.1 on AlexNet: a learnt distance between pictures.

Its weights are no part of this package. A safetensors file brings them, with the names that their authors gave them:
``features.{0,3,6,8,10}.{weight,bias}`` of torchvision's AlexNet and ``lin{0..4}.model.1.weight`` of the heads.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from ..errors import WeightsError
from ..files import sha256

CONVOLUTIONS = (0, 3, 6, 8, 10)
"""Places of the five convolutions in torchvision's ``alexnet().features``."""
STRIDES = (4, 1, 1, 1, 1)
PADDINGS = (2, 2, 1, 1, 1)
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""What LPIPS subtracts from and divides colours in [-1, 1] by."""
SMALLEST = 31
"""Side in pixels below which AlexNet's second pooling has nothing left to pool."""


class Lpips:
    """Distance of pictures, 0 for equal ones. Raises WeightsError if ``file`` does not hold the weights named above."""

    def __init__(self, file: Path, device: torch.device | str = "cpu") -> None:
        try:
            self.weights = {name: value.to(device).float() for name, value in load_file(str(file)).items()}
        except (OSError, SafetensorError) as error:
            raise WeightsError(
                f"{file}: cannot be read as safetensors ({error}); give --lpips the AlexNet weights of LPIPS"
            ) from error
        missing = sorted(_names() - self.weights.keys())
        if missing:
            raise WeightsError(f"{file}: lacks {missing[0]}; give --lpips a file with AlexNet and the heads of LPIPS")
        self.device = torch.device(device)
        self.name = f"{file.name} sha256 {sha256(file)[:12]}"  # rows scored by another must not be mixed in

    @torch.inference_mode()
    def __call__(self, frames: Tensor, truth: Tensor) -> list[float]:
        """Distance of each of ``frames`` to its ``truth``, both ``(T, 3, H, W)`` uint8 of at least 31 x 31 pixels."""
        return [float(self._distance(a[None], b[None]).item()) for a, b in zip(frames, truth, strict=True)]

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        layers = zip(self._features(a), self._features(b), strict=True)
        total = torch.zeros((), device=self.device)
        for i, (x, y) in enumerate(layers):
            difference = (_unit(x) - _unit(y)) ** 2
            total = total + F.conv2d(difference, self.weights[f"lin{i}.model.1.weight"]).mean()
        return total

    def _features(self, picture: Tensor) -> list[Tensor]:
        """What the five rectified convolutions answer to ``picture (1, 3, H, W)`` uint8."""
        x = picture.to(self.device).float() / 127.5 - 1
        x = (x - x.new_tensor(SHIFT).view(1, 3, 1, 1)) / x.new_tensor(SCALE).view(1, 3, 1, 1)
        answers = []
        for place, stride, padding in zip(CONVOLUTIONS, STRIDES, PADDINGS, strict=True):
            if place in (3, 6):
                x = F.max_pool2d(x, 3, 2)
            weight, bias = self.weights[f"features.{place}.weight"], self.weights[f"features.{place}.bias"]
            x = F.relu(F.conv2d(x, weight, bias, stride, padding))
            answers.append(x)
        return answers


def _unit(features: Tensor) -> Tensor:
    """Channels at each place scaled to length 1."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def _names() -> set[str]:
    convolutions = {f"features.{place}.{part}" for place in CONVOLUTIONS for part in ("weight", "bias")}
    return convolutions | {f"lin{i}.model.1.weight" for i in range(len(CONVOLUTIONS))}
