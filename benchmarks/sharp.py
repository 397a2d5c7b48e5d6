"""What becomes of sharp photos: `python benchmarks/sharp.py PHOTOS [--weights FILE]` (needs '.[train]').

The middle of every held-out photo, reduced to 320 x 320 (by up to 1.6), goes through as it is: PSNR in dB of the seven
frames together against the photo itself, and how many come out below 40 dB.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from blurlive.data.photos import Image, PhotoBank
from blurlive.extractor import Extractor

SIDE, REDUCED = 320, 1.6
UNHARMED = 40.0
"""PSNR in dB from which on a photo counts as returned as it was."""


def middle(photo: Image) -> Image:
    """The middle of a photo, ``(SIDE, SIDE, 3)``."""
    side = int(SIDE * min(REDUCED, min(photo.shape[:2]) / SIDE))
    top, left = ((length - side) // 2 for length in photo.shape[:2])
    square = photo[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def psnr(frames: Image, photo: Image) -> float:
    error = float(np.square(frames.astype(np.float64) - photo).mean())
    return 100.0 if error == 0 else 10 * np.log10(255**2 / error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights")
    options = parser.parse_args()
    extractor = Extractor(options.weights)
    photos = [middle(photo) for photo in PhotoBank(options.photos, "held-out").photos]
    rows = [psnr(extractor.extract(photo), photo) for photo in photos]
    below = sum(row < UNHARMED for row in rows)
    print(f"{len(rows)} photos: mean {np.mean(rows):.1f} dB, least {min(rows):.1f} dB, {below} below {UNHARMED:.0f} dB")


if __name__ == "__main__":
    main()
