"""How good weights are on scenes that no run ever sees: `python benchmarks/heldout.py PHOTOS` (needs '.[train]').

    python benchmarks/heldout.py PHOTOS [--weights NAME_OR_FILE]... [--lpips FILE] [--set KEY=VALUE]...

The sequences are those by which `blurlive train` judges a run on PHOTOS with 32 pixels of context (224 x 224), drawn
from photos that are held out; `--set` changes them as it changes a run's, for instance `data.validation=48` or
`data.scene.camera.sharpened=1`. Mean PSNR in dB: the blurred photo repeated, the frames as in use (in the order that
agrees more with the truth), and those told the exact motion. `--lpips FILE` (`blurlive weights convert ... --network
lpips`) adds their LPIPS over all seven frames, lower is better.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blurlive import weights
from blurlive.cli.train import setting
from blurlive.data.dataset import Batch
from blurlive.errors import BlurliveError, DataError
from blurlive.evaluation.lpips import Lpips
from blurlive.models.restorer import Restorer
from blurlive.training.config import read_config
from blurlive.training.validation import candidates, validate, validation_set

SETTINGS = {"data.validation": 32, "data.context": 32}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", action="append")
    parser.add_argument("--lpips", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    try:
        lpips = Lpips(options.lpips) if options.lpips else None
        judge(options.photos, options.weights or [weights.DEFAULT], dict(map(setting, options.set)), lpips)
    except BlurliveError as error:
        parser.error(str(error))


def judge(photos: Path, names: list[str], changed: dict[str, Any], lpips: Lpips | None) -> None:
    """Print one line for each of the weights. Raises :class:`BlurliveError` for what training refuses too, and where no
    photo is held out."""
    batches = validation_set(read_config(None, {**SETTINGS, **changed, "data.path": photos}))
    if not batches:
        raise DataError(f"{photos}: holds out no scene; give a folder of more photos, or data.validation of 8 or more")
    for name in names:
        net = weights.load(name)[0].eval()
        said = [f"{key} {value:.2f}" for key, value in validate(net, batches).items()]
        if lpips is not None:
            said += [f"lpips of {key} {value:.4f}" for key, value in distances(net, batches, lpips).items()]
        print("  ".join(said), f" {name}", flush=True)


@torch.inference_mode()
def distances(net: Restorer, batches: list[Batch], lpips: Lpips) -> dict[str, float]:
    """Mean LPIPS of each of the candidates."""
    rows: dict[str, list[float]] = {}
    for batch in batches:
        for name, frames in candidates(net, batch.blurred.float() / 255, batch.motion).items():
            for seven, truth in zip(frames.clamp(0, 1).mul(255).round().byte(), batch.sharp, strict=True):
                rows.setdefault(name, []).extend(lpips(seven, truth))
    return {name: float(np.mean(row)) for name, row in rows.items()}


if __name__ == "__main__":
    main()
