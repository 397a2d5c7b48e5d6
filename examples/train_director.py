"""Train the director on a folder of photos: what the generator's training starts from.

    python examples/train_director.py PHOTOS -o director.safetensors [--steps 3400] [--examples 10000] [--size 320]
    blurlive train --config examples/base.toml --data PHOTOS --init director.safetensors --out runs/base

With --init WEIGHTS it goes on from a director that was trained before; a lower rate (--muon 0.004) is kinder to it.

Prints the held-out error of the line field as a share of what "nothing moves" has. Pictures are made first and kept in
memory: 10,000 of 320 x 320 pixels take 3.1 GB, of 160 x 160 a quarter of that. But what the director learns on 160 does
not hold for the middle of larger pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blurlive.training.director import DirectorTraining, train_director


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("director.safetensors"))
    for name, what in (("steps", "of optimisation"), ("examples", "pictures"), ("size", "side of one in pixels")):
        parser.add_argument(f"--{name}", type=int, default=getattr(DirectorTraining, name), help=what)
    parser.add_argument("--muon", type=float, default=DirectorTraining.muon, help="learning rate")
    parser.add_argument("--init", default="", help="weights to go on from")
    parser.add_argument("--workers", type=int, default=1, help="processes that make them")
    options = parser.parse_args()
    training = DirectorTraining(
        options.steps,
        options.examples,
        size=options.size,
        muon=options.muon,
        adamw=options.muon / 10,
        init=options.init,
        workers=options.workers,
    )
    for step, error in train_director(options.photos, options.output, training):
        print(f"{step}/{options.steps}  held-out error {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
