"""What half the size is worth to long blur: `python benchmarks/long.py PHOTOS [--weights FILE]` (needs '.[train]').

Scenes synthesised from photos that were never trained on, by how far they are shaken: mean gain in dB over
the blurred photo (seven frames together, better of two orders) with what moves far undone at half the size
(`blurlive/pyramid.py`), without it, and how many times as long it takes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from blurlive import pyramid
from blurlive.data.motion import MotionRange
from blurlive.data.source import Photos
from blurlive.data.synthesis import SceneSpec
from blurlive.extractor import Extractor, Image
from blurlive.metrics import psnr

CLASSES = ((5, 20), (20, 40), (40, 80), (80, 160))
KEY = 2**31 + 17


def gain(frames: Image, blurred: Image, sharp: Image) -> float:
    """In dB over the blurred photo repeated."""
    made, photo, true = (torch.from_numpy(part).movedim(-1, -3) for part in (frames, blurred[None], sharp))
    return max(psnr(made, true), psnr(made.flip(0), true)) - psnr(photo.expand_as(true), true)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--scenes", type=int, default=16, help="of each class")
    parser.add_argument("--size", type=int, default=704, help="of a scene, in pixels")
    options = parser.parse_args()
    ways = {"with": min(options.size, pyramid.SMALLEST), "without": options.size + 1}
    extractor = Extractor(options.weights, dtype="fp32")
    extractor.extract(np.zeros((options.size, options.size, 3), np.uint8))  # the first photo waits for memory
    for shortest, longest in CLASSES:
        spec = SceneSpec(MotionRange(shortest=shortest, longest=longest, still=0.0), exposures=(1.0, 0.0, 0.0))
        source, gains, seconds = Photos(options.photos, spec, "held-out"), dict[str, list[float]](), dict[str, float]()
        for scene in range(options.scenes):
            made = source.sequences((KEY, scene), 1, options.size)[0]
            for way, smallest in ways.items():
                pyramid.SMALLEST = smallest
                start = time.perf_counter()
                frames = extractor.extract(made.blurred)
                seconds[way] = seconds.get(way, 0.0) + time.perf_counter() - start
                gains.setdefault(way, []).append(gain(frames, made.blurred, made.sharp))
        told = ", ".join(f"{way} {np.mean(found):+.2f} dB" for way, found in gains.items())
        print(f"{shortest:2} to {longest:3} px: {told}; time {seconds['with'] / seconds['without']:.2f}", flush=True)


if __name__ == "__main__":
    main()
