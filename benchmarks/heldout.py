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

from blurlive import weights
from blurlive.cli.train import setting
from blurlive.errors import BlurliveError, DataError
from blurlive.evaluation.lpips import Lpips
from blurlive.training.config import read_config
from blurlive.training.validation import validate, validation_set

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
        figures = validate(weights.load(name)[0].eval(), batches, lpips)
        said = (f"{key} {value:.{4 if key.startswith('lpips') else 2}f}" for key, value in figures.items())
        print("  ".join(said), f" {name}", flush=True)


if __name__ == "__main__":
    main()
