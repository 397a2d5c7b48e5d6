"""Sequences that are used more than once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.data import replay
from blurlive.data.dataset import Batch
from blurlive.data.replay import first_needed, posed_as, replayed

SIDE = 8


def batch(number: int) -> Batch:
    """Two sequences, told apart by their first pixels, with a motion to the lower right."""
    random = torch.Generator().manual_seed(number)
    sharp = torch.randint(0, 256, (2, 7, 3, SIDE, SIDE), generator=random, dtype=torch.uint8)
    return Batch(sharp[:, 3], sharp, torch.tensor([2.0, 1.0]).view(1, 2, 1, 1).expand(2, 2, SIDE, SIDE))


def fresh(first: int) -> Iterator[Batch]:
    return (batch(number) for number in count(first))


def draws(step: int) -> torch.Generator:
    return torch.Generator().manual_seed(step)


def same(a: Batch, b: Batch) -> bool:
    return a.sharp.equal(b.sharp) and a.blurred.equal(b.blurred) and a.motion.equal(b.motion)


@given(st.integers(2, 4), st.integers(0, 40))
@settings(deadline=None, max_examples=15)
def test_going_on_from_any_step_is_as_if_nothing_had_stopped(uses: int, step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "KEPT", 5)
        straight = list(islice(replayed(fresh(0), uses, 0, draws), step + 6))[step:]
        resumed = list(islice(replayed(fresh(first_needed(step, uses)), uses, step, draws), 6))
    assert all(same(a, b) for a, b in zip(straight, resumed, strict=True))


def test_one_batch_in_so_many_is_fresh_and_the_others_show_what_was_seen_before() -> None:
    batches = list(islice(replayed(fresh(0), 3, 0, draws), 12))
    assert all(same(batches[3 * n], batch(n)) for n in range(4))
    for n, drawn in enumerate(batches):
        known = {sequence.sum().item() for one in range(n // 3 + 1) for sequence in batch(one).sharp}
        assert {sequence.sum().item() for sequence in drawn.sharp} <= known


@pytest.mark.parametrize("coins", list(product((False, True), repeat=4)))
def test_pictures_and_motion_are_turned_alike(coins: tuple[bool, bool, bool, bool]) -> None:
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    places = torch.stack([10 + torch.arange(7.0), 20 - 2 * torch.arange(7.0)], 1)  # a spot that runs right and up
    spots = torch.stack([255 * torch.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) for px, py in places]).to(torch.uint8)
    sharp = spots[None, :, None].expand(1, 7, 3, 32, 32)
    motion = torch.tensor([6.0, -12.0]).view(1, 2, 1, 1) * (spots[3] > 250)  # all else stands still
    turned = posed_as(Batch(sharp[:, 3], sharp, motion), *coins)
    ends = [np.unravel_index(int(turned.sharp[0, k, 0].argmax()), (32, 32)) for k in (0, 6)]
    (top, left), (bottom, right) = ends
    assert (turned.motion[0, 0] * (turned.blurred[0, 0] > 250)).unique().tolist() == sorted([0, right - left])
    assert (turned.motion[0, 1] * (turned.blurred[0, 0] > 250)).unique().tolist() == sorted([0, bottom - top])
    assert turned.motion.ne(0).any(1).equal(turned.blurred[:, 0] > 250)
    assert turned.blurred.equal(turned.sharp[:, 3])
    assert ends == [placed(place, *coins[:3]) for place in (places[0], places[6])][:: -1 if coins[3] else 1]


def placed(place: torch.Tensor, mirrored: bool, upside_down: bool, lying: bool) -> tuple[int, int]:
    """Row and column where a spot at ``place`` (x, y) of 32 x 32 pixels is then."""
    x, y = (int(part) for part in place)
    x, y = (31 - x if mirrored else x), (31 - y if upside_down else y)
    return (x, y) if lying else (y, x)


def test_what_runs_to_the_right_goes_on_doing_so() -> None:
    for drawn in islice(replayed(fresh(0), 4, 0, draws, one_way=True), 16):
        assert (drawn.motion[:, 0] > 0).all()
