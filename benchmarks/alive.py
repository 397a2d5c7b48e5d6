"""Do the units of a network answer? `python benchmarks/alive.py PHOTOS [--weights FILE]` (needs '.[train]').

Of the first convolution of each residual block, over synthesised scenes: the share of its responses above 0, where its
units answer with full slope, and the share of its channels that never get there. A block of silent units adds a
constant, or next to nothing, for all the time it takes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from blurlive import weights
from blurlive.data.dataset import make_batch
from blurlive.data.source import open_source
from blurlive.models.blocks import ResidualBlock
from blurlive.models.director import CELL, cells, direction
from blurlive.models.generator import spread_field

KEY = (2**31 + 4,)


def watched(net: nn.Module, responses: dict[str, Tensor]) -> None:
    """Have every block of ``net`` note its first convolution's responses, by name."""
    for name, block in net.named_modules():
        if isinstance(block, ResidualBlock):
            block.conv1.register_forward_hook(
                lambda _module, _input, output, name=name: responses.__setitem__(name, output.detach().clone())
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--weights")
    options = parser.parse_args()
    net, _ = weights.load(options.weights)
    responses: dict[str, Tensor] = {}
    watched(net, responses)
    batch = make_batch(open_source(options.photos, split="held-out", kind="photos"), 320, 8, KEY)
    blurred = batch.blurred.float() / 255
    with torch.inference_mode():
        if net.director is not None:
            net.director(blurred)
        net(blurred, spread_field(direction(cells(batch.motion, CELL))))
    for name, response in responses.items():
        above = response > 0
        silent = ~above.flatten(2).any(2).any(0)
        print(f"{name:24} above 0: {above.float().mean():4.0%}  silent channels: {silent.float().mean():4.0%}")


if __name__ == "__main__":
    main()
