"""How evenly do things move? `python benchmarks/paths.py CLIPS` (needs '.[eval]'), the same for synthesised paths.

For each clip, cells of 16 pixels that move by more than 2 are followed from the middle frame to all others (OpenCV's
DIS). Against a straight and even path between the same two ends, root mean square of what they are off, along the
motion and across it, as shares of its length; the median of cells. DIS adds errors of its own, so that still
backgrounds and textureless clips seem restless. Then the quartiles of clips, and of 1,000 synthesised paths.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blurlive.data.motion import MotionRange, path
from blurlive.data.shutter import FRAMES, Shutter
from blurlive.evaluation.clips import find_clips
from blurlive.evaluation.flow import MIDDLE, flow, greys
from blurlive.evaluation.frames import Image
from blurlive.models.director import CELL

Array = NDArray[np.float64]
LEAST = 2.0
"""Motion in pixels from which on a path is looked at."""


def off(tracks: Array) -> Array:
    """Shares ``(2, n)`` along and across by which ``tracks (7, n, 2)`` are off the even path between their ends."""
    net = tracks[-1] - tracks[0]
    length = np.linalg.norm(net, axis=-1)
    ahead = net / length[:, None]
    aside = np.stack([-ahead[:, 1], ahead[:, 0]], -1)
    even = tracks[0] + np.linspace(0, 1, FRAMES)[:, None, None] * net
    return np.stack([np.sqrt(np.square(((tracks - even) * one).sum(-1)).mean(0)) / length for one in (ahead, aside)])


def tracked(frames: Image) -> Array:
    """Tracks ``(7, n, 2)`` in pixels of those cells of the middle frame that move."""
    grey = greys(frames)
    found = [flow(grey[MIDDLE], one).permute(1, 2, 0).numpy() for one in grey]
    small = np.stack([cv2.resize(one, None, fx=1 / CELL, fy=1 / CELL, interpolation=cv2.INTER_AREA) for one in found])
    tracks = small.reshape(FRAMES, -1, 2).astype(np.float64)
    return tracks[:, np.linalg.norm(tracks[-1] - tracks[0], axis=-1) > LEAST]


def synthesised(number: int = 1000, length: float = 10.0) -> Array:
    """As many synthesised paths ``(7, n, 2)``."""
    rng, shutter = np.random.default_rng(0), Shutter()
    return np.stack([path(rng, shutter.times, length, MotionRange())[shutter.instants(1)] for _ in range(number)], 1)


def tell(name: str, shares: Array) -> None:
    """One line of quartiles for each of ``shares (2, n)``."""
    for direction, row in zip(("along", "across"), shares, strict=True):
        print(f"{name:12} {direction:7}", *(f"{share:.3f}" for share in np.percentile(row, (25, 50, 75))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    rows = []
    for source in find_clips(parser.parse_args().clips):
        tracks = tracked(source.load().sharp)
        if tracks.shape[1] >= FRAMES:
            rows.append(np.median(off(tracks), 1))
            print(f"{source.name:26} {rows[-1][0]:.3f} {rows[-1][1]:.3f}", flush=True)
    if rows:
        tell("clips", np.stack(rows, 1))
    tell("synthesised", off(synthesised()))


if __name__ == "__main__":
    main()
