"""How good weights are on scenes that no run ever sees: `python benchmarks/heldout.py PHOTOS` (needs '.[train]').

    python benchmarks/heldout.py PHOTOS [--weights NAME_OR_FILE]... [--set KEY=VALUE]...

The sequences are those by which `blurlive train` judges a run on PHOTOS with 32 pixels of context (224 x 224), drawn
from photos that are held out; `--set` changes them as it changes a run's, for instance `data.validation=48` or
`data.scene.camera.sharpened=1`. Mean PSNR in dB: the blurred photo repeated, the frames as in use (in the order that
agrees more with the truth), and those told the exact motion.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blurlive import weights
from blurlive.cli.train import setting
from blurlive.training.config import read_config
from blurlive.training.validation import validate, validation_set

SETTINGS = {"data.validation": 32, "data.context": 32}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights", action="append")
    parser.add_argument("--set", action="append", type=setting, default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    config = read_config(None, {**SETTINGS, **dict(options.set), "data.path": options.photos})
    batches = validation_set(config)
    for name in options.weights or [weights.DEFAULT]:
        figures = validate(weights.load(name)[0].eval(), batches)
        print("  ".join(f"{key} {value:.2f}" for key, value in figures.items()), f" {name}", flush=True)


if __name__ == "__main__":
    main()
