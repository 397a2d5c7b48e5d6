"""Does the director see the right line and length? `python benchmarks/lengths.py PHOTOS|CLIPS [--weights FILE]`.

In a folder of clips (needs '.[eval]'): what it says of each blurred photo, against the flow of the true frames. In
one of photos: of even shifts of those that were never trained on, in random directions (needs '.[train]'); with
``--instants 7`` not of a shutter that stays open but of the plain average of seven frames, as benchmarks have it. By
class of true length in pixels: mean and standard deviation of the length's error in the natural logarithm of (1 +
pixels), and the mean cosine between the double angles of said and true lines; 1 is the same line, 0 is chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from blurlive.data.photos import PhotoBank
from blurlive.evaluation.clips import find_clips
from blurlive.evaluation.flow import cells_first_to_last
from blurlive.evaluation.frames import Image
from blurlive.extractor import Extractor
from blurlive.models.director import CELL, motion

CLASSES = (1, 3, 6, 12, 24, 60)
SHIFTS = (2.0, 4.0, 8.0, 16.0, 32.0)
SIDE = 320


def clips(folder: Path) -> Iterator[tuple[Image, Tensor]]:
    """Blurred photos and the true motion ``(2, h, w)`` of their cells."""
    for source in find_clips(folder):
        clip = source.load()
        yield clip.blurred, cells_first_to_last(clip.sharp)


def shifts(folder: Path, instants: int, number: int = 20) -> Iterator[tuple[Image, Tensor]]:
    """As :func:`clips`, of textures that are shifted evenly."""
    bank, rng = PhotoBank(folder, "held-out"), np.random.default_rng(0)
    for length in SHIFTS:
        for _ in range(number):
            texture, _ = bank.texture(rng, SIDE + 2 * int(length))
            angle = rng.uniform(0, np.pi)
            shift = length * np.array([np.cos(angle), np.sin(angle)])
            true = torch.from_numpy(shift).float().view(2, 1, 1).expand(2, *(SIDE // CELL,) * 2)
            yield shifted(texture, shift, instants), true


def shifted(texture: Image, shift: np.ndarray, instants: int) -> Image:
    """The middle ``(320, 320, 3)`` of a texture as it is seen at ``instants`` while it shifts by ``shift`` pixels."""
    corner, light = np.array(texture.shape[1::-1]) / 2 - SIDE / 2, np.zeros((SIDE, SIDE, 3))
    for time in np.linspace(-0.5, 0.5, instants):
        moved = np.hstack([np.eye(2), (corner - time * shift)[:, None]])
        seen = cv2.warpAffine(texture, moved, (SIDE, SIDE), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        light += (seen / 255) ** 2.2
    return np.round(255 * (light / instants) ** (1 / 2.2)).astype(np.uint8)


def judged(extractor: Extractor, photo: Image, true: Tensor) -> Tensor:
    """Of each cell: true length, error of the said one, and how well the lines agree, ``(3, n)``."""
    field = extractor.direction(photo)
    assert field is not None, "a network that is not directed has no director"
    said = motion(field)
    lengths = [one.norm(dim=0) for one in (true, said)]
    cosine = (true * said).sum(0) / (lengths[0] * lengths[1]).clamp_min(1e-6)
    error = torch.log1p(lengths[1]) - torch.log1p(lengths[0])
    return torch.stack([lengths[0], error, 2 * cosine**2 - 1]).flatten(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--instants", type=int, default=37, help="that a shift is averaged over")
    options = parser.parse_args()
    extractor = Extractor(options.weights, dtype="fp32")
    real = any(path.is_dir() for path in options.folder.iterdir())
    examples = clips(options.folder) if real else shifts(options.folder, options.instants)
    found = torch.cat([judged(extractor, photo, true) for photo, true in examples], 1)
    for least, most in pairwise(CLASSES):
        here = found[:, (found[0] >= least) & (found[0] < most)]
        if here.shape[1] > 1:
            length = f"length {here[1].mean():+.2f} +- {here[1].std():.2f}"
            print(f"{least:2} to {most:2} px  {length}  line {here[2].mean():.2f}  cells {here.shape[1]}")


if __name__ == "__main__":
    main()
