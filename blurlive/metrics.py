"""Figures of merit of sequences."""

from __future__ import annotations

import torch
from torch import Tensor


def psnr(frames: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of all values of ``frames`` against ``truth``, both in [0, 1]; 100 where equal."""
    error = torch.mean((frames.double() - truth.double()) ** 2).item()
    return 100.0 if error < 1e-10 else -10.0 * float(torch.log10(torch.tensor(error)).item())
