"""Train the director on a folder of photos: what the generator's training starts from.

    python examples/train_director.py PHOTOS -o director.safetensors [--steps 3400] [--examples 38000]
    blurlive train --config examples/base.toml --data PHOTOS --init director.safetensors --out runs/base

Prints the held-out error of the line field as a share of what "nothing moves" has.
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
    parser.add_argument("--steps", type=int, default=3400)
    parser.add_argument("--examples", type=int, default=38_000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    training = DirectorTraining(steps=options.steps, examples=options.examples, workers=options.workers)
    for step, error in train_director(options.photos, options.output, training):
        print(f"{step}/{options.steps}  held-out error {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
