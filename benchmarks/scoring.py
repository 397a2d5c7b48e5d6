"""How fast scoring is: frames a second of PSNR and SSIM at 640x360, ours and scikit-image's, measured in one run.

    python benchmarks/scoring.py [--threads N]

The same frames, taken in turn, best of several rounds. The whole protocol (both orders, flow, warp error, re-blur) is
timed too; scikit-image has nothing to set against the rest of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from blurlive import metrics
from blurlive.evaluation.clips import Clip
from blurlive.evaluation.frames import Image
from blurlive.evaluation.protocol import Settings, Truth, score

HEIGHT, WIDTH, FRAMES, ROUNDS = 360, 640, 7, 5


def main() -> None:
    """Print one line a contestant, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch; scikit-image has one")
    torch.set_num_threads(parser.parse_args().threads)
    truth, frames = pictures()
    contestants: dict[str, Callable[[], object]] = {
        "blurlive, PSNR and SSIM": lambda: ours(frames, truth),
        "scikit-image, PSNR and SSIM": lambda: scikit_image(frames, truth),
        "blurlive, whole protocol": lambda: whole(frames, truth),
    }
    speeds = race(contestants)
    for name, speed in speeds.items():
        print(f"{name:30s} {speed:7.1f} frames/s")
    ratio = speeds["blurlive, PSNR and SSIM"] / speeds["scikit-image, PSNR and SSIM"]
    print(f"ratio {ratio:.2f} at {WIDTH}x{HEIGHT}, {torch.get_num_threads()} thread(s)")


def pictures() -> tuple[Image, Image]:
    """Seven smooth frames and the same with noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    bumps = np.stack([128 + 90 * np.sin((x + 3 * t) / 7) * np.cos(y / 11) for t in range(FRAMES)])[..., None]
    truth = np.repeat(bumps, 3, axis=3)
    noisy = truth + rng.normal(0, 8, truth.shape)
    return truth.clip(0, 255).astype(np.uint8), noisy.clip(0, 255).astype(np.uint8)


def race(contestants: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Frames a second of each: best of several rounds in which they take turns."""
    best = dict.fromkeys(contestants, 0.0)
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            best[name] = max(best[name], FRAMES / (time.perf_counter() - start))
    return best


def ours(frames: Image, truth: Image) -> tuple[list[float], list[float]]:
    """PSNR and SSIM of each frame."""
    a, b = (torch.from_numpy(x).permute(0, 3, 1, 2) for x in (frames, truth))
    return metrics.frame_psnr(a, b), metrics.ssim(a, b).tolist()


def scikit_image(frames: Image, truth: Image) -> tuple[list[float], list[float]]:
    """The same by scikit-image."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    pairs = list(zip(truth, frames, strict=True))
    similarity = [float(structural_similarity(a, b, channel_axis=2, **options)) for a, b in pairs]
    return [float(peak_signal_noise_ratio(a, b)) for a, b in pairs], similarity


def whole(frames: Image, truth: Image) -> object:
    """Everything that the protocol measures of one clip and method."""
    clip = Clip("clip", frames.mean(0).astype(np.uint8), truth)
    return score("method", "", "all", frames, Truth(clip), Settings())


if __name__ == "__main__":
    main()
