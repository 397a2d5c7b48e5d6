"""Does the director see better with more around? `python benchmarks/context.py PHOTOS [--weights FILE]`.

Mean gain in dB over the blurred photo in the middle of synthesised moving scenes, made of photos that were never
trained on (needs '.[train]'): frames made with the exact motion, with the director reading the whole picture, and with
it reading the middle alone, in the order that agrees more with the truth. The generator sees the whole each time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from blurlive import weights
from blurlive.data.dataset import Batch, inner, make_batch
from blurlive.data.motion import MotionRange
from blurlive.data.source import Photos
from blurlive.data.synthesis import SceneSpec
from blurlive.metrics import psnr
from blurlive.models.director import CELL, cells, direction
from blurlive.models.generator import spread_field
from blurlive.models.restorer import Restorer
from blurlive.orient import oriented_like

PART = 4
KEY = 2**31 + 3


@torch.inference_mode()
def gains(net: Restorer, batch: Batch, margin: int) -> dict[str, list[float]]:
    """Gain by picture of a batch, for each way to read the motion."""
    assert net.director is not None, "a network that is not directed has no director"
    blurred, sharp = batch.blurred.float() / 255, inner(batch.sharp.float() / 255, margin)
    truth, around = direction(cells(batch.motion, CELL)), margin // CELL
    alone = oriented_like(net.director(inner(blurred, margin)), inner(truth, around))
    fields = {
        "exact motion": truth,
        "director, whole picture": oriented_like(net.director(blurred), truth),
        "director, middle alone": F.pad(alone, (around,) * 4, mode="replicate"),
    }
    still = scores(inner(blurred, margin).unsqueeze(1).expand_as(sharp), sharp)
    made = {name: scores(inner(net(blurred, spread_field(field)), margin), sharp) for name, field in fields.items()}
    return {name: [a - b for a, b in zip(got, still, strict=True)] for name, got in made.items()}


def scores(frames: Tensor, sharp: Tensor) -> list[float]:
    """PSNR in dB of each picture's seven frames together."""
    return [psnr(a.clamp(0, 1), b) for a, b in zip(frames, sharp, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--size", type=int, default=480, help="of a picture, in pixels")
    parser.add_argument("--middle", type=int, default=160, help="of which this much is scored, in pixels")
    options = parser.parse_args()
    net, _ = weights.load(options.weights)
    source = Photos(options.photos, SceneSpec(motion=MotionRange(still=0.0), exposures=(1.0, 0.0, 0.0)), "held-out")
    margin, rows = (options.size - options.middle) // 2, dict[str, list[float]]()
    for step in range(options.pictures // PART):
        batch = make_batch(source, options.size, PART, (KEY, step))
        for name, values in gains(net, batch, margin).items():
            rows.setdefault(name, []).extend(values)
    for name, values in rows.items():
        print(f"{name:24} {sum(values) / len(values):+.2f} dB")


if __name__ == "__main__":
    main()
