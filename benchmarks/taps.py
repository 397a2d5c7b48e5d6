"""What knowing the motion is worth: `python benchmarks/taps.py PHOTOS [--sequences 300] [--clean]`.

Each sharp frame of a sequence is fitted as a weighted sum of the blurred photo and its samples along the motion, one
set of weights per frame and class of length (least squares on two thirds of the sequences). Printed is the mean gain in
dB over the blurred photo on the other third: for several sets of taps with the exact motion, and for what the bundled
director sees, its line and its length each replaced by the true one. Sequences are synthesised from the held-out photos
alone, since the director knows the others. With ``--clean`` things only shift, evenly, before a camera that adds
nothing. No generator is involved: this is the floor that a generator told the same should pass.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from blurlive import weights
from blurlive.data.camera import Camera
from blurlive.data.dataset import make_batch
from blurlive.data.motion import MotionRange
from blurlive.data.source import Photos
from blurlive.data.synthesis import SceneSpec
from blurlive.models.director import cells, half_angle, motion
from blurlive.models.generator import CELL, SEEN, TAPS, pixels, sample

EDGES = (0, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 1000)
"""Classes of length, in pixels."""
EVEN = MotionRange(longest=16, still=0, even=1, rotation=0, zoom=0, tilt=0, turning=0, swinging=0)
CLEAN = SceneSpec(
    EVEN, Camera(linear=0.0, lights=0.0, tone=0.0, grey=0.0, noise=0.0, jpeg=0.0, sharpened=0.0),
    (1.0,), exposures=(1.0, 0.0, 0.0), soft=0.0, faint=0.0, bending=0.0, plain=0.0, half=0.0,
)  # fmt: skip
SETS = {
    "a sixteenth": (-1 / 16, 1 / 16),
    "halves": (-1, -0.5, 0.5, 1),
    "thirds": SEEN,
    "quarters": (-1, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1),
    "halves, twice as far": (-2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2),
    "sixths": tuple(k / 6 for k in range(-6, 7) if k),
    "the generator's": TAPS,
}


def main() -> None:
    """Synthesise, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--sequences", type=int, default=300)
    parser.add_argument("--clean", action="store_true")
    options = parser.parse_args()
    spec, ridge = (CLEAN, 1e-5) if options.clean else (SceneSpec(), 3e-3)
    batch = make_batch(Photos(options.photos, spec, "held-out"), 128, options.sequences, (77,))
    blurred, sharp = batch.blurred.float() / 255, batch.sharp.float() / 255
    for name, taps in SETS.items():
        print(f"exact motion, taps at {name:22} {gain(blurred, sharp, batch.motion, taps, ridge):+.2f} dB", flush=True)
    for name, way in seen(blurred, batch.motion).items():
        print(f"{name:44} {gain(blurred, sharp, way, TAPS, ridge):+.2f} dB", flush=True)


@torch.inference_mode()
def seen(blurred: Tensor, exact: Tensor) -> dict[str, Tensor]:
    """Motions ``(N, 2, H, W)`` by the director and by halves of it, with true signs."""
    director = weights.load()[0].director
    assert director is not None, "the bundled weights have a director"
    truth = cells(exact, CELL)
    own = torch.cat([motion(half_angle(director(part))) for part in blurred.split(32)])
    own = torch.where((own * truth).sum(1, keepdim=True) < 0, -own, own)
    far, true_far = (way.norm(dim=1, keepdim=True).clamp_min(1e-3) for way in (own, truth))
    ways = {
        "exact, a mean for 16 x 16 pixels": truth,
        "director": own,
        "director's line, true length": own / far * true_far,
        "true line, director's length": truth / true_far * far,
    }
    return {
        name: F.interpolate(way, scale_factor=CELL, mode="bilinear", align_corners=False) for name, way in ways.items()
    }


def gain(blurred: Tensor, sharp: Tensor, way: Tensor, taps: tuple[float, ...], strength: float) -> float:
    """Mean gain in dB on the last third of the sequences."""
    first = len(blurred) * 2 // 3
    size = blurred.new_tensor([blurred.shape[-1] / 2, blurred.shape[-2] / 2])
    step = way.permute(0, 2, 3, 1) / size
    seen = torch.stack([sample(blurred, pixels(blurred) + step * tap) - blurred for tap in taps], -1)
    wanted = (sharp - blurred.unsqueeze(1)).permute(0, 2, 3, 4, 1)  # (N, 3, H, W, 7)
    far, got = way.norm(dim=1), torch.zeros_like(wanted[first:])
    for low, high in pairwise(EDGES):
        chosen = ((far >= low) & (far < high)).unsqueeze(1).expand(-1, 3, -1, -1)
        x, y = seen[:first][chosen[:first]], wanted[:first][chosen[:first]]
        if len(x):
            ridge = torch.eye(len(taps)) * (strength * len(x) * x.var() + 1e-3)
            got[chosen[first:]] = seen[first:][chosen[first:]] @ torch.linalg.solve(x.T @ x + ridge, x.T @ y)
    before, after = (
        part.square().mean((1, 2, 3, 4)).clamp_min(1e-6) for part in (wanted[first:], wanted[first:] - got)
    )
    return float((10 * torch.log10(before / after)).mean())


if __name__ == "__main__":
    main()
