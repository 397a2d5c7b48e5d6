"""What the director's errors cost on clips: `python benchmarks/oracle.py CLIPS [--weights FILE]` (needs '.[eval]').

Frames are made from the director's own field, then with parts of it replaced by what the true frames show (OpenCV's
DIS between the middle frame and both ends): its signs, its signs and lengths, its lines, all. Mean gain in dB over the
blurred photo repeated (PSNR of all seven frames together, better of two orders).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blurlive.evaluation.clips import Clip, find_clips
from blurlive.evaluation.flow import cells_first_to_last
from blurlive.extractor import Extractor
from blurlive.models.director import direction

ROWS = ("director's own", "true signs", "true signs and lengths", "true lines, own lengths", "true motion")


def true_field(clip: Clip) -> Tensor:
    """Direction field ``(2, h, w)`` of the true frames, for the canvas that the extractor works on."""
    return direction(cells_first_to_last(clip.sharp))


def fields(own: Tensor, true: Tensor) -> list[Tensor]:
    """One field for each of :data:`ROWS`; own lines keep their doubt, true ones are sure."""
    ways, doubts = own[:2], own[2:]
    lengths = [field.norm(dim=0, keepdim=True).clamp_min(1e-6) for field in (ways, true)]
    signed = ways * torch.where((ways * true).sum(0, keepdim=True) < 0, -1.0, 1.0)
    as_long = signed / lengths[0] * lengths[1]
    return [own, *(torch.cat([f, doubts]) for f in (signed, as_long)), true / lengths[1] * lengths[0], true]


def score(frames: np.ndarray, sharp: np.ndarray) -> float:
    """PSNR in dB of all frames together, better of two orders."""
    errors = (np.square(f.astype(np.float32) - sharp).mean() for f in (frames, frames[::-1]))
    return float(10 * np.log10(255**2 / max(1e-3, min(errors))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--weights")
    options = parser.parse_args()
    extractor, rows = Extractor(options.weights, dtype="fp32"), []
    for source in find_clips(options.clips):
        clip = source.load()
        own = extractor.direction(clip.blurred)
        assert own is not None, "a network that is not directed has no director"
        blurred = score(np.repeat(clip.blurred[None], 7, 0), clip.sharp)
        found = [extractor.extract(clip.blurred, field) for field in fields(own, true_field(clip))]
        rows.append([score(frames, clip.sharp) - blurred for frames in found])
        print(f"{clip.name:26}", "  ".join(f"{gain:+.2f}" for gain in rows[-1]), flush=True)
    for name, gain in zip(ROWS, np.mean(rows, 0), strict=True):
        print(f"{name:26} {gain:+.2f} dB")


if __name__ == "__main__":
    main()
