"""Averages of two and three frames taken apart: `python benchmarks/exposures.py CLIPS [--weights FILE]...` (needs
'.[eval]').

Slow motion feeds G averages of two frames (Sec. 4.3), stage gram trains on averages of three (Sec. 3.2). Here true
frames of each clip are averaged in linear light, the average goes through G along the photo's own field, in proportion
to the time between the frames, and what it makes of them is held against those frames and the one in the middle. Mean
gain in dB over the average repeated (PSNR of the three together, better of two orders).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blurlive.evaluation.clips import Clip, find_clips
from blurlive.extractor import Extractor
from blurlive.metrics import psnr, reblur
from blurlive.models.director import stretched

CASES = (
    ("two neighbours of the middle", (2, 4)),
    ("first and last", (0, 6)),
    ("middle and its neighbours", (2, 3, 4)),
    ("first, middle, last", (0, 3, 6)),
)
"""What is averaged, as places among the seven frames."""


def gains(extractor: Extractor, clip: Clip) -> list[float]:
    """Gain in dB for each of :data:`CASES`."""
    field = extractor.direction(clip.blurred)
    assert field is not None, "a network that is not directed has no field"
    found = []
    for _, places in CASES:
        sharp, exposed = tensor(clip.sharp[[places[0], 3, places[-1]]]), tensor(clip.sharp[list(places)])
        blurred = reblur(exposed)
        photo = np.ascontiguousarray(blurred[0].permute(1, 2, 0).numpy())
        frames = tensor(extractor.extract(photo, stretched(field, (places[-1] - places[0]) / 6))[[0, 3, 6]])
        found.append(max(psnr(frames, sharp), psnr(frames.flip(0), sharp)) - psnr(blurred.expand_as(sharp), sharp))
    return found


def tensor(frames: np.ndarray) -> Tensor:
    """Frames ``(T, H, W, 3)`` as ``(T, 3, H, W)``."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--weights", action="append")
    options = parser.parse_args()
    for weights in options.weights or [None]:
        extractor = Extractor(weights, dtype="fp32")
        rows = [gains(extractor, source.load()) for source in find_clips(options.clips)]
        print(weights or extractor.card.file.stem)
        for (name, _), gain in zip(CASES, np.mean(rows, 0), strict=True):
            print(f"  {name:30} {gain:+.2f} dB")


if __name__ == "__main__":
    main()
