"""What becomes of sharp photos: `python benchmarks/sharp.py PHOTOS [--weights FILE]` (needs '.[train]').

The middle of every held-out photo, reduced to 320 x 320 (by up to 1.6), goes through as it is: PSNR in dB of the seven
frames together against the photo itself, and how many come out below 40 dB.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from blurlive.data.photos import Image, PhotoBank
from blurlive.extractor import Extractor
from blurlive.metrics import psnr

SIDE, REDUCED = 320, 1.6
UNHARMED = 40.0
"""PSNR in dB from which on a photo counts as returned as it was."""


def middle(photo: Image) -> Image:
    """The middle of a photo, ``(SIDE, SIDE, 3)``."""
    side = int(SIDE * min(REDUCED, min(photo.shape[:2]) / SIDE))
    top, left = ((length - side) // 2 for length in photo.shape[:2])
    square = photo[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights")
    options = parser.parse_args()
    extractor = Extractor(options.weights, dtype="fp32")
    photos = [middle(photo) for photo in PhotoBank(options.photos, "held-out").photos]
    rows = []
    for photo in photos:
        frames, truth = (torch.from_numpy(p).movedim(-1, -3) for p in (extractor.extract(photo), photo))
        rows.append(psnr(frames, truth.expand_as(frames)))
    below = sum(row < UNHARMED for row in rows)
    print(f"{len(rows)} photos: mean {np.mean(rows):.1f} dB, least {min(rows):.1f} dB, {below} below {UNHARMED:.0f} dB")


if __name__ == "__main__":
    main()
