"""Mean of weights of one architecture: `python examples/mean_weights.py WEIGHTS WEIGHTS ... -o mean.safetensors`.

Runs that start from the same weights end near each other, and their mean is often better than each (model soups,
Wortsman et al. 2022): `blurlive-gram` is one. The file says of itself what its first part says, and of which it is the
mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from blurlive import weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="bundled names or files")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--shift", nargs=2, default=[], metavar=("OLD", "NEW"), help="add the step from OLD to NEW")
    options = parser.parse_args()
    loaded = [weights.load(name) for name in [*options.weights, *options.shift]]
    net, card = loaded[0]
    if any(other.config != net.config for other, _ in loaded):
        raise SystemExit("these weights are of different architectures: they have no mean")
    states = [other.state_dict() for other, _ in loaded]
    names = [card.file.name for _, card in loaded]
    count = len(options.weights)
    mean = {name: torch.stack([state[name] for state in states[:count]]).mean(0) for name in states[0]}
    about = {"mean_of": ", ".join(names[:count])}
    if options.shift:
        old, new = states[count:]
        mean = {name: value + new[name] - old[name] for name, value in mean.items()}
        about["shifted"] = " to ".join(names[count:])
    net.load_state_dict(mean)
    weights.save(net, options.output, {**card.about, **about})


if __name__ == "__main__":
    main()
