"""Muon: steps of one size, weights that stay in bounds."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from blurlive.models.blocks import ResidualBlock
from blurlive.training.optim import Muon, orthogonalize, remember_rates, scale_rates, split


def test_steps_have_singular_values_near_one_however_small_the_gradient() -> None:
    for rows, columns in ((8, 24), (24, 8)):
        matrix = 1e-6 * torch.randn(rows, columns)
        sizes = torch.linalg.svdvals(orthogonalize(matrix))
        assert 0.5 < sizes.min() < sizes.max() < 1.3


@pytest.mark.parametrize("shape", [(6, 24), (24, 6)])
def test_steps_are_those_of_torch_on_a_plain_matrix(shape: tuple[int, int]) -> None:
    """Which iterates in bfloat16, so by no more than that alike."""
    start = torch.randn(shape)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = [Muon([ours], lr=0.02, decay=0.1), torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1)]
    for push in torch.randn(12, *shape):
        ours.grad, theirs.grad = push.clone(), push.clone()
        for optimizer in optimizers:
            optimizer.step()
    gone = (theirs - start).norm()
    assert gone > 0.1
    assert (ours - theirs).norm() < 0.03 * gone


def test_all_but_the_first_and_last_convolutions_weights_are_for_muon() -> None:
    net = torch.nn.Sequential(*(torch.nn.Conv2d(2, 2, 3) for _ in range(4)), torch.nn.BatchNorm2d(2))
    hidden, rest = split(net)
    assert [id(p) for p in hidden] == [id(net[i].weight) for i in (1, 2)]
    assert sorted(map(id, rest)) == sorted({id(p) for p in net.parameters()} - {id(p) for p in hidden})


def test_rates_are_scaled_from_what_they_were_at_first() -> None:
    optimizer = Muon([torch.nn.Parameter(torch.ones(2, 2))], lr=0.02)
    remember_rates([optimizer])
    for share in (0.5, 0.1, 1.0):
        scale_rates([optimizer], share)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02 * share)


def test_matrices_of_one_shape_move_as_each_would_alone() -> None:
    random = torch.Generator().manual_seed(0)
    start, pushes = torch.randn(3, 4, 2, 3, 3, generator=random), torch.randn(3, 4, 2, 3, 3, generator=random)
    together, alone = ([torch.nn.Parameter(w.clone()) for w in start] for _ in range(2))
    for group in (together, *([weight] for weight in alone)):
        optimizer = Muon(group, lr=0.1)
        for _ in range(2):
            for weight in group:
                which = next(i for i, one in enumerate([*together, *alone]) if one is weight) % 3
                weight.grad = pushes[which].clone()
            optimizer.step()
    for a, b, before in zip(together, alone, start, strict=True):
        torch.testing.assert_close(a, b)
        assert (a - before).abs().max() > 0.01


def test_weights_without_a_gradient_fade_and_are_kept_without_decay() -> None:
    for decay, left in ((0.5, (1 - 0.02 * 0.5) ** 10), (0.0, 1.0)):
        weight = torch.nn.Parameter(torch.ones(4, 4))
        optimizer = Muon([weight], lr=0.02, decay=decay)
        for _ in range(10):
            weight.grad = torch.zeros(4, 4)
            optimizer.step()
        torch.testing.assert_close(weight.detach(), torch.full((4, 4), left))


def test_decay_bounds_weights_that_are_pushed_one_way_for_ever() -> None:
    push, largest = torch.randn(8, 8), {}
    for decay in (0.0, 0.5):
        weight = torch.nn.Parameter(torch.zeros(8, 8))
        optimizer = Muon([weight], lr=0.05, decay=decay)
        for _ in range(300):
            weight.grad = push.clone()
            optimizer.step()
        largest[decay] = float(torch.linalg.matrix_norm(weight.detach(), 2))
    assert largest[0.5] < 1.3 / 0.5 < 10 < largest[0.0]


def test_a_block_whose_units_are_all_silent_comes_back() -> None:
    """With a plain ReLU no gradient reached the first convolution any more."""
    block = ResidualBlock(4, 4)
    with torch.no_grad():
        block.conv1.bias -= 3.0  # type: ignore[operator]
    x = torch.rand(2, 4, 8, 8)
    assert block.conv1(x).max() < 0
    optimizer = torch.optim.AdamW(block.parameters(), 0.02)
    for _ in range(300):
        optimizer.zero_grad()
        F.mse_loss(block(x), x + (x - 0.5).relu()).backward()
        optimizer.step()
    assert (block.conv1(x) > 0).any()
