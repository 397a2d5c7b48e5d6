"""In how many ways does a scene move, and how far off is the director? `python benchmarks/ways.py CLIPS PHOTOS
[--weights FILE]` (needs '.[eval]' and '.[train]').

For each real clip, and for each of as many scenes synthesised from photos that were never trained on, from the flow of
the sharp frames (OpenCV's DIS) in cells of 16 pixels that count by their texture:

* *beyond affine*: share of the motion (squared) that the best affine motion of the whole picture leaves,
* *rough*: squared difference of directions of neighbouring cells, as a share of the directions' squares,
* *against*: share of the motion that runs against the mean motion,
* *line error*: squared error of the director's lines as a share of their squares (0 is right, 1 is "nothing moves").

Printed: the 10th, 25th, 50th, 75th and 90th percentile over clips and over scenes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blurlive.data.source import Photos
from blurlive.data.synthesis import SceneSpec
from blurlive.evaluation.clips import find_clips
from blurlive.evaluation.flow import cells_first_to_last
from blurlive.evaluation.frames import Image
from blurlive.extractor import Extractor
from blurlive.models.director import CELL, direction, line
from blurlive.training.director import texture

SIDE = 352
"""Side of a synthesised scene, in pixels."""
NAMES = ("beyond affine", "rough", "against", "line error")


def clips(folder: Path) -> Iterator[tuple[Image, Image]]:
    """Blurred photos and their sharp frames."""
    for source in find_clips(folder):
        clip = source.load()
        yield clip.blurred, clip.sharp


def scenes(folder: Path, number: int) -> Iterator[tuple[Image, Image]]:
    """As :func:`clips`, of synthesised scenes in which something moves by a pixel or more."""
    source, made, key = Photos(folder, SceneSpec(), "held-out"), 0, 0
    while made < number:
        one = source.sequences((99, key), 1, SIDE)[0]
        key += 1
        if np.abs(one.motion).max() >= 1:
            made += 1
            yield one.blurred, one.sharp


def judged(extractor: Extractor, blurred: Image, sharp: Image) -> list[float]:
    """One figure for each of :data:`NAMES`."""
    motion = cells_first_to_last(sharp)
    own = extractor.direction(blurred)
    assert own is not None, "a network that is not directed has no director"
    height, width = (side // CELL for side in blurred.shape[:2])  # whole cells of the picture
    motion, own = motion[:, :height, :width], own[:, :height, :width]
    counts = texture(_tensor(blurred[: height * CELL, : width * CELL]))[0, 0]
    return [beyond_affine(motion, counts), rough(direction(motion)), against(motion, counts), off(own, motion, counts)]


def beyond_affine(motion: Tensor, counts: Tensor) -> float:
    """Share of ``motion (2, h, w)`` that a weighted least-squares affine fit leaves."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in motion.shape[1:]), indexing="ij")
    weight = counts.flatten().sqrt()[:, None]
    plane = weight * torch.stack([torch.ones_like(x), x, y]).flatten(1).T
    wanted = weight * motion.flatten(1).T
    left = wanted - plane @ torch.linalg.lstsq(plane, wanted).solution
    return float(left.square().sum() / wanted.square().sum())


def rough(field: Tensor) -> float:
    """Squared difference of neighbours in ``field (2, h, w)``, as a share of its squares."""
    steps = sum(field.diff(dim=axis).square().sum() for axis in (1, 2)) / 2
    return float(steps / field.square().sum())


def against(motion: Tensor, counts: Tensor) -> float:
    """Share of ``motion (2, h, w)`` that runs against its mean."""
    far = counts * motion.norm(dim=0)
    mean = (counts * motion).sum((1, 2), keepdim=True)
    return float(far[(motion * mean).sum(0) < 0].sum() / far.sum())


def off(own: Tensor, motion: Tensor, counts: Tensor) -> float:
    """Squared error of the lines of the field ``own (3, h, w)``, as a share of those of ``motion (2, h, w)``."""
    way, true = own[:2], line(direction(motion))[:2]
    sure = 1 - own[2] / way.norm(dim=0).clamp_min(1e-6)  # a line in doubt is shorter than its motion
    said = line(way)[:2] * sure
    return float((counts * (said - true).square()).sum() / (counts * true.square()).sum())


def _tensor(picture: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights")
    options = parser.parse_args()
    extractor = Extractor(options.weights, dtype="fp32")
    real = [judged(extractor, *one) for one in clips(options.clips)]
    made = [judged(extractor, *one) for one in scenes(options.photos, len(real))]
    for kind, rows in (("clips", real), ("synthesised", made)):
        for name, row in zip(NAMES, np.percentile(rows, (10, 25, 50, 75, 90), axis=0).T, strict=True):
            print(f"{kind:12} {name:14}", *(f"{share:.3f}" for share in row))


if __name__ == "__main__":
    main()
