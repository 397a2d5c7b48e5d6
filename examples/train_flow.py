"""Train the small flow network of the paper's recipe on a folder of photos, and measure it against OpenCV's DIS.

    python examples/train_flow.py PHOTOS -o weights/teachers/flow.safetensors [--steps 1100]

A file of that name in ``weights/teachers`` is what ``flow_net = "auto"`` finds; any other is given by
``--set flow_net=FILE``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blurlive.training.flow import FlowTraining, compare, train_flow
from blurlive.training.teachers import load_flow


def main() -> None:
    """Train, write, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("flow.safetensors"))
    parser.add_argument("--steps", type=int, default=FlowTraining.steps)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    training = FlowTraining(steps=options.steps, workers=options.workers)
    for step, loss in train_flow(options.photos, options.output, training):
        print(f"{step}/{options.steps}  loss {loss:.3f}", flush=True)
    errors = compare(load_flow(options.output), options.photos)
    print("end-point error in pixels:", "  ".join(f"{name} {error:.2f}" for name, error in errors.items()))


if __name__ == "__main__":
    main()
