"""How good a run is said to be."""

from __future__ import annotations

from pathlib import Path

import torch

from blurlive.data.dataset import Batch
from blurlive.training.validation import validate, validation_set

from ..conftest import random_net
from .conftest import small


def test_sequences_in_which_nothing_moves_are_left_out(photos: Path) -> None:
    batch = validation_set(small(photos))[0]
    blurred = batch.blurred[:1]
    still = Batch(blurred, blurred[:, None].expand(-1, 7, -1, -1, -1), torch.zeros_like(batch.motion[:1]))
    net = random_net()
    without, with_still = validate(net, [batch]), validate(net, [still, batch])
    assert with_still == without
    assert without["blurred"] < 100
    assert validate(net, [still]) == {}
