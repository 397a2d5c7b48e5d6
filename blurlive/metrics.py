"""Figures of merit of sequences. Frames are ``(T, 3, H, W)`` in time order: uint8, or float in [0, 1].

PSNR on uint8 works on exact integers, so it agrees with plain NumPy to the last digits. SSIM is ours and not
torchmetrics': the definition takes 30 lines, gives scikit-image's numbers (to about 1e-7), and a depthwise
convolution, channels last, one frame at a time so that it stays in the cache, is several times faster than either
(``benchmarks/scoring.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

PERFECT = 100.0
"""PSNR in dB of equal pictures, and the most that any picture gets: the mean over frames must stay finite."""
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SAME_LEVELS = 10.0
"""Grey levels up to which a point of one true frame counts as found again in the next (see :func:`warp_error`)."""


def psnr(frames: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of all values of ``frames`` against ``truth``; 100 where equal."""
    return float(psnr_of(squared_error(frames, truth)[None]).item())


def frame_psnr(frames: Tensor, truth: Tensor) -> list[float]:
    """Peak signal-to-noise ratio in dB of each frame, all its values together."""
    return [float(value) for value in psnr_of(squared_error(frames, truth))]


def squared_error(frames: Tensor, truth: Tensor) -> Tensor:
    """Squared difference ``(T, H, W)``, mean over the three colours, of values in [0, 1]."""
    if frames.dtype == torch.uint8 and truth.dtype == torch.uint8:
        levels = (frames.to(torch.int16) - truth.to(torch.int16)).float()
        return (levels * levels).sum(1) / (3 * 255.0**2)
    return ((frames.double() - truth.double()) ** 2).mean(1)


def psnr_of(error: Tensor) -> Tensor:
    """PSNR in dB ``(T,)``, float64, of squared errors ``(T, ...)``: all but the first dimension are averaged."""
    mean = error.flatten(1).mean(1, dtype=torch.float64)
    return -10 * torch.log10(mean.clamp(min=10 ** (-PERFECT / 10)))


def mean_psnr(frames: Sequence[float]) -> float:
    """Mean of frame PSNRs in dB. Frames that equal the truth have no finite one and are left out; 100 if all do.

    Else the one perfect frame of "sharp centre repeated" would lift its mean above any real method's.
    """
    finite = [value for value in frames if value < PERFECT]
    return sum(finite) / len(finite) if finite else PERFECT


def windowed_error(forward: Tensor, backward: Tensor, window: int = 32) -> Tensor:
    """Mean squared error ``(T,)`` if each square window were free to choose its own order.

    ``forward`` and ``backward`` are the squared errors ``(T, H, W)`` of the two orders. What this gains over one
    choice for the whole picture is what a prediction loses because its regions disagree about the direction of time.
    """
    sums = [_window_sums(error, window) for error in (forward, backward)]  # each (T, rows, columns)
    free = torch.where(sums[1].sum(0) < sums[0].sum(0), sums[1], sums[0])
    return free.sum((1, 2)) / forward[0].numel()


def _window_sums(error: Tensor, window: int) -> Tensor:
    down, right = -error.shape[-2] % window, -error.shape[-1] % window
    padded = F.pad(error.double(), (0, right, 0, down))
    return F.avg_pool2d(padded[:, None], window)[:, 0] * window**2


def ssim(frames: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity ``(T,)`` of RGB frames: Gaussian window 11x11, sigma 1.5, borders that it does not fit in
    left out.

    Same numbers as ``skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False)``.
    Raises ValueError for frames that are less than 11 pixels high or wide.
    """
    if min(frames.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs frames of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels")
    return torch.stack([_ssim_map(a[None], b[None]).mean() for a, b in zip(frames, truth, strict=True)])


def _ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """SSIM at every place and colour ``(1, 3, H-10, W-10)``.

    Worked out on the sum u and the difference v of the pictures, since 2ab = (u² - v²) / 2 and a² + b² = (u² + v²) /
    2: four Gaussian means instead of five. Grey (0.5) is taken off first: float32 keeps more digits of small variances.
    """
    a, b = _centred(a), _centred(b)
    u, v = a + b, a - b
    both = torch.cat([u, v, u * u, v * v], 1).contiguous(memory_format=torch.channels_last)
    mean_u, mean_v, square_u, square_v = _gaussian(both).contiguous().chunk(4, 1)
    spread_u, spread_v = square_u - mean_u * mean_u, square_v - mean_v * mean_v
    light_u, light_v = (mean_u + 1) ** 2, mean_v * mean_v
    light = (light_u - light_v + 2 * 0.01**2) / (light_u + light_v + 2 * 0.01**2)
    return light * (spread_u - spread_v + 2 * 0.03**2) / (spread_u + spread_v + 2 * 0.03**2)


def _centred(picture: Tensor) -> Tensor:
    return picture.float() / 255 - 0.5 if picture.dtype == torch.uint8 else picture.float() - 0.5


def _gaussian(planes: Tensor) -> Tensor:
    """Gaussian means of ``(N, C, H, W)`` wherever the window fits: ``(N, C, H-10, W-10)``."""
    offsets = torch.arange(SSIM_WINDOW, device=planes.device) - SSIM_WINDOW // 2
    weights = torch.exp(-(offsets.double() ** 2) / (2 * SSIM_SIGMA**2))
    kernel = (weights / weights.sum()).to(planes.dtype).repeat(planes.shape[1], 1, 1, 1)  # (C, 1, 1, 11)
    rows = F.conv2d(planes, kernel.transpose(2, 3), groups=planes.shape[1])
    return F.conv2d(rows, kernel, groups=planes.shape[1])


def reblur(frames: Tensor, gamma: float = 2.2) -> Tensor:
    """The photo ``(1, 3, H, W)``, uint8, that uint8 ``frames`` average to in linear light; ``gamma`` 1 averages the
    values themselves."""
    levels = (torch.arange(256, device=frames.device, dtype=torch.float64) / 255) ** gamma
    light = torch.stack([levels.take(frame.long()) for frame in frames]).mean(0, keepdim=True)
    return (255 * light ** (1 / gamma)).round().to(torch.uint8)


def endpoint_error(flow: Tensor, truth: Tensor) -> float:
    """Mean length in pixels of the difference of two flow fields ``(2, H, W)``."""
    return float((flow.double() - truth.double()).square().sum(0).sqrt().mean().item())


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """``picture (N, 3, H, W)``, float, looked up bilinearly where ``flow (N, 2, H, W)`` in pixels (x, y) points to;
    border pixels repeat."""
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    there = flow + torch.stack([x, y]).to(flow)
    size = there.new_tensor([max(width - 1, 1), max(height - 1, 1)]).view(1, 2, 1, 1)
    grid = (2 * there / size - 1).permute(0, 2, 3, 1)
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=True)


def seen_twice(truth: Tensor, flow: Tensor) -> Tensor:
    """Points ``(T-1, H, W)`` of each true frame that the next one shows again where ``flow (T-1, 2, H, W)`` in pixels
    leads.

    Left out: what gets covered, what leaves the picture, and what the flow got wrong.
    """
    return _warp_difference(truth, flow) <= SAME_LEVELS


def warp_error(frames: Tensor, flow: Tensor, seen: Tensor) -> float:
    """How far neighbouring frames are from one steady scene that moves as the true one does, in grey levels (0 to 255).

    Mean absolute difference of each frame and the next one warped back along ``flow (T-1, 2, H, W)``, over the points
    ``seen`` (:func:`seen_twice`); 0 if there are none. The flow is the *true* frames': a frozen clip of a moving scene
    is not consistent. After Lai et al. 2018, who find occlusions by a second flow.
    """
    difference = _warp_difference(frames, flow)
    return float((difference * seen).sum().item() / max(int(seen.sum().item()), 1))


def _warp_difference(frames: Tensor, flow: Tensor) -> Tensor:
    """Mean over colours ``(T-1, H, W)`` of the absolute difference of uint8 frames and their warped successors."""
    levels = frames.float()
    return (warp(levels[1:], flow) - levels[:-1]).abs().mean(1)
