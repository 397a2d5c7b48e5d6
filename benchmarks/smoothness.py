"""Does slow motion run on evenly? `python benchmarks/smoothness.py PHOTO [--iters 2]
[--weights FILE]...` (needs '.[eval]').

The flow between neighbouring frames (OpenCV's DIS), projected on the photo's own direction field and averaged over
what moves, is how far each step goes. Reported, as shares of the mean step: the smallest (below 0: time jumps back;
near 0: a frozen frame) and the largest, within groups and at the seams between them.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from blurlive.evaluation.flow import neighbours
from blurlive.extractor import Extractor
from blurlive.image import load_photo
from blurlive.models.director import motion
from blurlive.models.generator import FRAMES, spread_field
from blurlive.slowmo import slowmo

LEAST = 1.0
"""Motion in pixels, from first frame to last, below which a pixel does not count as moving."""


def steps(frames: list[np.ndarray], way: np.ndarray) -> np.ndarray:
    """How far each frame is from the one before, in pixels along ``way (H, W, 2)``, in the mean over what moves."""
    far = np.linalg.norm(way, axis=-1)
    moving = far >= LEAST
    if not moving.any():
        raise SystemExit("nothing moves in this photo, as far as the director sees")
    along = way[moving] / far[moving][:, None]
    flows = (neighbours(np.stack(pair))[0].permute(1, 2, 0).numpy()[moving] for pair in pairwise(frames))
    return np.array([float((flow * along).sum(1).mean()) for flow in flows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--iters", type=int, default=2)
    parser.add_argument("--weights", action="append")
    options = parser.parse_args()
    photo = load_photo(options.photo).pixels
    for weights in options.weights or [None]:
        extractor = Extractor(weights)
        print(weights or extractor.card.file.stem)
        report(extractor, photo, options.iters)


def report(extractor: Extractor, photo: np.ndarray, iters: int) -> None:
    """Print the steps of one network's slow motion."""
    field = extractor.direction(photo)
    assert field is not None, "bundled networks are directed"
    half = spread_field(motion(field)[None])
    way = torch.nn.functional.interpolate(half, scale_factor=2, mode="bilinear")[0].permute(1, 2, 0).numpy()
    found = steps(list(slowmo(extractor, photo, iters)), way[: photo.shape[0], : photo.shape[1]])
    mean = found.mean()
    seams = np.arange(1, len(found) + 1) % FRAMES == 0
    print(f"{len(found) + 1} frames, mean step {mean:.2f} px along the field")
    for name, part in (("within groups", found[~seams]), ("at seams", found[seams])):
        if len(part):
            print(f"{name}: {part.min() / mean:.2f} to {part.max() / mean:.2f} of the mean step")


if __name__ == "__main__":
    main()
