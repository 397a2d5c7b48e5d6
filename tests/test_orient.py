"""Signs: lines of one motion must come out playing one way."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.models.director import direction, line
from blurlive.orient import STEPS, agreeing_signs, orient, oriented_like
from blurlive.training.signs import settled_like


def motion(kind: str, height: int = 23, width: int = 40) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height) - height / 2, torch.arange(width) - width / 2, indexing="ij")
    return {
        "rotation": torch.stack([-y, x]) * 0.8,
        "zoom": torch.stack([x, y]) * 0.8,
        "down": torch.stack([torch.full_like(x, 0.2), torch.full_like(x, 5.0)]),
        "shift and rotation": torch.stack([-y + 4, x + 8]) * 0.5,
    }[kind]


def agreement(field: torch.Tensor, truth: torch.Tensor) -> float:
    """Share of the motion whose sense is right, the sense of the whole being free."""
    right = ((field[:2] * truth).sum(0) > 0).float()
    share = float((right * truth.norm(dim=0)).sum() / truth.norm(dim=0).sum())
    return max(share, 1 - share)


@pytest.mark.parametrize("kind", ["rotation", "zoom", "down", "shift and rotation"])
def test_a_smooth_motion_plays_one_way_although_its_lines_are_noisy(kind: str) -> None:
    truth = direction(motion(kind))
    noisy = line(truth) + 0.15 * torch.randn((3, *truth.shape[1:]), generator=torch.Generator().manual_seed(0))
    assert agreement(orient(noisy), truth) > 0.99


@pytest.mark.parametrize("kind", ["rotation", "zoom", "down", "shift and rotation"])
def test_a_batch_is_settled_as_well_as_a_photo(kind: str) -> None:
    truth = torch.stack([direction(motion(kind, 20, 20)), -direction(motion("down", 20, 20))])
    noisy = line(truth) + 0.15 * torch.randn((2, 3, 20, 20), generator=torch.Generator().manual_seed(0))
    for field, true in zip(settled_like(noisy, truth), truth, strict=True):
        right = ((field[:2] * true).sum(0) > 0).float() * true.norm(dim=0)
        assert right.sum() / true.norm(dim=0).sum() > 0.98
    torch.testing.assert_close(settled_like(noisy, truth)[:, 2:], oriented_like(noisy, truth)[:, 2:])


def test_a_large_photo_is_settled_on_a_coarse_grid_and_still_agrees() -> None:
    truth = direction(motion("rotation", 150, 200))
    assert agreement(orient(line(truth)), truth) > 0.999


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**16))
@settings(deadline=None, max_examples=40)
def test_lines_are_kept_and_the_whole_runs_to_the_right(height: int, width: int, seed: int) -> None:
    lines = line(torch.randn(2, height, width, generator=torch.Generator().manual_seed(seed)).clamp(-0.7, 0.7))
    field = orient(lines)
    torch.testing.assert_close(line(field[:2]), lines, atol=1e-4, rtol=1e-3)
    assert field[0].sum() >= 0
    torch.testing.assert_close(orient(lines), field)


@given(st.integers(2, 8), st.integers(0, 2**16))
@settings(deadline=None, max_examples=30)
def test_flipping_any_input_sign_changes_nothing_but_that_sign(side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    field = rng.normal(size=(2, side, side)).astype(np.float32)
    flips = rng.choice([-1, 1], (side, side))
    first = field * agreeing_signs(field)
    second = field * flips * agreeing_signs((field * flips).astype(np.float32))
    assert np.allclose(first, second) or np.allclose(first, -second)


def agreement_of_pairs(field: np.ndarray, signs: np.ndarray) -> float:
    """What the signs are to make as great as can be."""
    signed, (height, width) = field * signs, signs.shape
    total = 0.0
    for (row, column), (down, right) in product(np.ndindex(height, width), STEPS):
        below, beside = row + down, column + right
        if below < height and 0 <= beside < width:
            total += float(signed[:, row, column] @ signed[:, below, beside]) / float(np.hypot(down, right))
    return total


def test_signs_agree_as_well_as_any_could() -> None:
    """Against all there are, on grids of nine cells that point anywhere."""
    best = 0
    for seed in range(20):
        field = np.random.default_rng(seed).normal(size=(2, 3, 3)).astype(np.float32)
        found = agreement_of_pairs(field, agreeing_signs(field))
        every = (np.array((1, *rest)).reshape(3, 3) for rest in product((-1, 1), repeat=8))
        most = max(agreement_of_pairs(field, signs) for signs in every)
        assert found > 0.9 * most
        best += found > most - 1e-5
    assert best >= 18


def test_fields_are_played_as_the_truth_is_and_short_lines_are_in_doubt() -> None:
    truth = torch.stack([direction(motion("zoom")), -direction(motion("down"))])
    lines = line(truth)
    lines[1, :2] *= 0.5
    field = oriented_like(lines, truth)
    torch.testing.assert_close(field[:, :2], truth, atol=1e-4, rtol=0)
    torch.testing.assert_close(field[0, 2], torch.zeros_like(field[0, 2]), atol=1e-4, rtol=0)
    torch.testing.assert_close(field[1, 2], lines[1, 2] / 2, atol=1e-4, rtol=0)
