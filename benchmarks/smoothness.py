"""Does slow motion run on evenly? `python benchmarks/smoothness.py PHOTO [--iters 2] [--weights FILE]...` (needs
'.[eval]').

How far each frame has gone from the one before, as a share of the photo's own direction field: the share by which the
two, moved towards each other, fit best (least squares, Lucas & Kanade 1981). Reported, as shares of the mean step: the
smallest (below 0: time jumps back; near 0: a frozen frame) and the largest, within groups and at the seams between
them; then whether the steps add up to what the seven frames that they lie between have gone, as they must.

Optical flow does not do for this: OpenCV's DIS, which the tables use for whole motions, takes a shift of 0.05 pixels
for 0.02 and one of 0.1 for 0.06 (docs/recipe.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from blurlive.extractor import Extractor, Image
from blurlive.image import load_photo
from blurlive.metrics import warp
from blurlive.models.blocks import gradient
from blurlive.models.director import motion
from blurlive.models.generator import FRAMES, spread_field
from blurlive.slowmo import extract, slowmo

LEAST = 1.0
"""Motion in pixels, from first frame to last, below which a pixel does not count as moving."""
SIGMA = 2.0
"""Gaussian by which frames are smoothed, in pixels: what is finer than a step is not compared."""
ROUNDS = 8


def steps(frames: Iterable[Image], way: Tensor) -> NDArray[np.float64]:
    """How far each frame ``(H, W, 3)`` is from the one before, as a share of ``way (1, 2, H, W)``, in pixels."""
    return np.array([step(first, second, way) for first, second in pairwise(_smooth(frame) for frame in frames)])


def step(first: Tensor, second: Tensor, way: Tensor) -> float:
    """The share of ``way (1, 2, H, W)`` that leads from the picture ``first (1, 1, H, W)`` to ``second``.

    Both are moved, each by half: the slope of one alone, with noise that the other lacks, would make steps too short.
    """
    share = 0.0
    for _ in range(ROUNDS):
        before, after = warp(first, -share / 2 * way), warp(second, share / 2 * way)
        slope = (torch.cat(gradient((before + after) / 2), 1) * way).sum(1, keepdim=True)
        share -= float(((after - before) * slope).sum() / slope.square().sum())
    return share


def _smooth(frame: Image) -> Tensor:
    return torch.from_numpy(cv2.GaussianBlur(frame.mean(-1, dtype=np.float32), (0, 0), SIGMA))[None, None]


def way_of(field: Tensor, height: int, width: int) -> Tensor:
    """Motion ``(1, 2, H, W)`` in pixels from first frame to last that a direction field says; 0 where next to nothing
    moves."""
    halves = spread_field(motion(field)[None])
    way = F.interpolate(halves, scale_factor=2, mode="bilinear")[..., :height, :width]
    far = way.norm(dim=1, keepdim=True)
    if not (far >= LEAST).any():
        raise SystemExit("nothing moves in this photo, as far as the director sees")
    return torch.where(far >= LEAST, way, 0)


def rows(extractor: Extractor, photo: Image, iters: int) -> Iterator[str]:
    """What there is to say of one network's slow motion."""
    seven, field = extract(extractor, photo)
    assert field is not None, "bundled networks are directed"
    way = way_of(field, *photo.shape[:2])
    found = steps(slowmo(extractor, photo, iters), way)
    mean = found.mean()
    seams = np.arange(1, len(found) + 1) % FRAMES == 0
    yield f"{len(found) + 1} frames, mean step {mean * way.norm(dim=1)[way.any(1)].mean():.2f} px along the field"
    for name, part in (("within groups", found[~seams]), ("at seams", found[seams])):
        if len(part):
            yield f"{name}: {part.min() / mean:.2f} to {part.max() / mean:.2f} of the mean step"
    yield f"in all: {found.sum():.2f} of the field; the seven frames {steps(seven, way).sum():.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--iters", type=int, default=2)
    parser.add_argument("--weights", action="append")
    options = parser.parse_args()
    photo = load_photo(options.photo).pixels
    for weights in options.weights or [None]:
        extractor = Extractor(weights, dtype="fp32")
        print(weights or extractor.card.file.stem)
        print(*rows(extractor, photo, options.iters), sep="\n")


if __name__ == "__main__":
    main()
