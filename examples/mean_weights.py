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
    options = parser.parse_args()
    loaded = [weights.load(name) for name in options.weights]
    net, card = loaded[0]
    if any(other.config != net.config for other, _ in loaded):
        raise SystemExit("these weights are of different architectures: they have no mean")
    states = [other.state_dict() for other, _ in loaded]
    net.load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    weights.save(net, options.output, {**card.about, "mean_of": ", ".join(card.file.name for _, card in loaded)})


if __name__ == "__main__":
    main()
