"""The loss terms of the paper on values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from blurlive import losses
from blurlive.models.blocks import normal_init
from blurlive.models.flow import FlowConfig, FlowNet, agreement, cost_volume
from blurlive.models.generator import Generator, GeneratorConfig


def flat(*levels: float) -> Tensor:
    """A clip of one pixel: frames of these levels, ``(1, T, 1, 1, 1)``."""
    return torch.tensor(levels).view(1, -1, 1, 1, 1)


def moving(shift: int = 1, frames: int = 7, size: int = 32) -> Tensor:
    """A soft vertical bar that moves ``shift`` pixels a frame to the right: ``(1, T, 1, S, S)``."""
    x = torch.arange(size, dtype=torch.float32)
    rows = [torch.exp(-(((x - size / 2 - shift * (t - 3)) / 3) ** 2)) for t in range(frames)]
    return torch.stack(rows).view(1, frames, 1, 1, size).expand(-1, -1, -1, size, -1)


def test_average_is_the_mean_of_values_or_of_light() -> None:
    assert losses.average(flat(0.0, 0.5, 1.0)).item() == pytest.approx(0.5)
    assert losses.average(flat(0.25, 1.0), gamma=2.0).item() == pytest.approx(math.sqrt((0.0625 + 1) / 2))


def test_average_has_a_slope_at_black() -> None:
    frames = torch.zeros(1, 7, 3, 2, 2, requires_grad=True)
    losses.average(frames, 2.2).sum().backward()
    assert frames.grad is not None
    assert torch.isfinite(frames.grad).all()


def test_in_order_counts_decibels_frame_by_frame() -> None:
    sharp = torch.zeros(1, 7, 1, 1, 1)
    assert losses.in_order(sharp, sharp).item() == 0
    one, half = (losses.in_order(sharp + error, sharp) for error in (0.4, 0.2))
    assert (one - half).item() == pytest.approx(losses.TYPICAL * math.log(2), rel=1e-3)
    mixed = losses.in_order(flat(0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2), sharp)
    assert mixed.item() == pytest.approx((3 * one.item() + 4 * half.item()) / 7)


def test_content_looks_at_the_centre_frame_alone() -> None:
    sharp = flat(*[0.0] * 7)
    assert losses.content_pixel(flat(9, 9, 9, 0.5, 9, 9, 9), sharp).item() == pytest.approx(0.25)


def test_pair_by_hand() -> None:
    # Pair (1, 7): sums 1.0 and 0.6, squared 1.0 and 0.36; differences 0 and 0.2, squared 0 and 0.04. Others equal.
    got = losses.pair(flat(0.5, 0, 0, 0, 0, 0, 0.5), flat(0.4, 0, 0, 0, 0, 0, 0.2))
    assert got.item() == pytest.approx(0.64 + 0.04)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sets(st.integers(0, 2)))
def test_pair_is_zero_for_swapped_frames_and_for_no_other(seed: int, swapped: set[int]) -> None:
    sharp = torch.rand(1, 7, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    frames = sharp.clone()
    for i in swapped:
        frames[:, [i, 6 - i]] = sharp[:, [6 - i, i]]
    assert losses.pair(frames, sharp).item() == pytest.approx(0, abs=1e-7)
    frames[:, 0] += 0.1
    assert losses.pair(frames, sharp).item() > 1e-3


def test_adversarial_by_hand() -> None:
    zero = torch.zeros(3)
    assert losses.adversarial(zero).item() == pytest.approx(math.log(0.5))
    assert losses.discrimination(zero, zero).item() == pytest.approx(2 * math.log(2))
    sure = torch.full((1,), 200.0)
    assert losses.adversarial(sure).item() == pytest.approx(-200)
    assert losses.discrimination(sure, -sure).item() == pytest.approx(0)


def test_warp_moves_by_whole_and_half_pixels() -> None:
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    flow = torch.zeros(1, 2, 4, 4)
    assert torch.allclose(losses.warp(picture, flow), picture, atol=1e-5)
    flow[:, 0] = 1
    assert losses.warp(picture, flow)[0, 0, 0].tolist() == pytest.approx([1, 2, 3, 3], abs=1e-5)
    flow[:, 0], flow[:, 1] = 0.5, 1
    assert losses.warp(picture, flow)[0, 0, 0].tolist() == pytest.approx([4.5, 5.5, 6.5, 7], abs=1e-5)


def test_warp_has_gradients_for_picture_and_flow() -> None:
    picture = torch.rand(1, 1, 8, 8, requires_grad=True)
    flow = torch.full((1, 2, 8, 8), 0.3, requires_grad=True)
    losses.warp(picture, flow).square().sum().backward()
    assert picture.grad is not None
    assert flow.grad is not None
    assert flow.grad.abs().sum() > 0


def test_flow_loss_is_zero_for_a_perfect_pair_and_grows_for_a_reversed_one() -> None:
    sharp = moving()
    there = torch.zeros(1, 2, 32, 32)
    there[:, 0] = 6  # the bar is six pixels further right in frame 7
    perfect = losses.cycle_flow(sharp, sharp, there, -there)
    backwards = losses.cycle_flow(sharp.flip(1), sharp, -there, there)
    assert perfect.item() < 1e-8
    assert backwards.item() > 0.05
    assert losses.pair(sharp.flip(1), sharp).item() == pytest.approx(0, abs=1e-7)  # which cannot tell them apart


def test_nine_triples() -> None:
    steps = [b - a for a, b, c in losses.TRIPLES if c - b == b - a]
    assert (len(losses.TRIPLES), steps.count(1), steps.count(2), steps.count(3)) == (9, 5, 3, 1)
    assert losses.TRIPLES[-1] == (0, 3, 6)


def test_gram_matrix_by_hand() -> None:
    # One channel, two pixels, three frames: F = [[1, 0], [0, 2], [3, 4]], M = C H W = 2.
    features = torch.tensor([[1.0, 0], [0, 2], [3, 4]]).view(1, 3, 1, 1, 2)
    assert losses.gram_matrix(features)[0].tolist() == [[0.5, 0, 1.5], [0, 2, 4], [1.5, 4, 12.5]]


def test_gram_matrix_has_3x3_blocks_the_frames_own_on_the_diagonal() -> None:
    features = torch.rand(2, 3, 5, 4, 6)
    whole = losses.gram_matrix(features)
    assert whole.shape == (2, 15, 15)
    for i in range(3):
        one = features[:, i].flatten(2)
        own = one @ one.mT / (5 * 4 * 6)
        assert torch.allclose(whole[:, 5 * i : 5 * i + 5, 5 * i : 5 * i + 5], own, atol=1e-6)
    assert torch.allclose(whole, whole.mT)


def test_gram_loss_sees_motion_and_not_order_of_time() -> None:
    still, slow, fast = (moving(shift)[:, [0, 3, 6]] for shift in (0, 1, 2))
    assert losses.gram(slow, slow).item() == 0
    assert losses.gram(slow, fast) > 0
    assert losses.gram(still, fast) > losses.gram(slow, fast)


def test_gram_loss_has_a_finite_gradient_where_it_is_zero() -> None:
    features = torch.rand(1, 3, 2, 4, 4, requires_grad=True)
    losses.gram(features, features.detach()).backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_a_relative_difference_has_no_units() -> None:
    sharp = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    seen = torch.tensor([[3.0, 9.0], [1.0, 2.0]])  # off by 5 of 5 and by 1 of 2
    assert losses.relative(seen, sharp).item() == pytest.approx((1 + 0.5) / 2)
    assert losses.relative(40_000 * seen, 40_000 * sharp).item() == pytest.approx((1 + 0.5) / 2)
    assert losses.relative(sharp, sharp).item() == 0


def test_a_relative_difference_has_a_finite_gradient_at_zero_and_beside_nothing() -> None:
    features = torch.rand(2, 3, 3, requires_grad=True)
    sharp = torch.stack([features.detach()[0], torch.zeros(3, 3)])
    losses.relative(features, sharp).backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_bicycle_by_hand() -> None:
    assert losses.blur_cycle(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5)).item() == pytest.approx(0.5)
    assert losses.frame_cycle(flat(0, 0, 0, 0, 0, 0, 0), flat(0, 0, 0.7, 0, 0, 0, 0)).item() == pytest.approx(0.1)


def test_flow_error_is_zero_only_for_the_truth() -> None:
    truth = torch.full((1, 2, 16, 16), 3.0)
    right = [torch.full((1, 2, 4, 4), 3.0), torch.full((1, 2, 8, 8), 3.0)]
    assert losses.flow_error(right, truth).item() == pytest.approx(0, abs=2e-3)
    assert losses.flow_error([right[0], right[1] + 1], truth).item() == pytest.approx(math.sqrt(2), rel=1e-2)


@pytest.mark.parametrize("name", ["content", "pair", "flow", "gram", "cycles"])
def test_gradients_reach_the_generator(name: str) -> None:
    torch.manual_seed(0)
    net = Generator(GeneratorConfig(channels=1, widths=(8, 8, 8, 8), directed=False))
    normal_init(net, 0.1)
    sharp = moving()
    frames = net(losses.average(sharp))
    flow = torch.zeros(1, 2, 32, 32)
    terms = {
        "content": lambda: losses.content_pixel(frames, sharp),
        "pair": lambda: losses.pair(frames, sharp),
        "flow": lambda: losses.cycle_flow(frames, sharp, flow, flow),
        "gram": lambda: losses.gram(frames[:, [0, 3, 6]], sharp[:, [0, 3, 6]]),
        "cycles": lambda: losses.blur_cycle(losses.average(frames), losses.average(sharp)),
    }
    terms[name]().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters() if p.ndim == 4)


def test_cost_volume_finds_where_a_point_went() -> None:
    a = torch.zeros(1, 1, 7, 7)
    b = torch.zeros(1, 1, 7, 7)
    a[0, 0, 3, 3] = b[0, 0, 4, 1] = 1  # one down, two left
    volume = cost_volume(a, b, reach=2)[0, :, 3, 3].view(5, 5)
    assert volume.nonzero().tolist() == [[2 + 1, 2 - 2]]


def test_agreement_is_the_shift_of_the_best_cost() -> None:
    cost = torch.zeros(1, 25, 2, 2)
    cost[0, 5 * 3 + 0] = 50  # one down, two left, as above
    cost[0, :, 1, 1] = 7  # all alike: no shift
    shift = agreement(cost, reach=2)[0]
    assert torch.allclose(shift[:, 0, 0], torch.tensor([-2.0, 1.0]), atol=1e-4)
    assert torch.allclose(shift[:, 1, 1], torch.zeros(2), atol=1e-5)


def test_flow_net_learns_a_shift_and_takes_any_size() -> None:
    torch.manual_seed(0)
    net = FlowNet(FlowConfig(widths=(8, 16, 16), reach=2, hidden=(16, 16, 8)))
    assert net(torch.rand(1, 3, 37, 50), torch.rand(1, 3, 37, 50)).shape == (1, 2, 37, 50)
    wide = torch.nn.functional.interpolate(torch.rand(4, 1, 12, 13), (64, 72), mode="bicubic")
    first, last = wide[..., 4:68], wide[..., :64]  # what is at x in first is at x + 4 in last
    truth = torch.zeros(4, 2, 64, 64)
    truth[:, 0] = 4
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    before = losses.flow_error(net.estimates(first, last), truth).item()
    for _ in range(25):
        optimizer.zero_grad()
        loss = losses.flow_error(net.estimates(first, last), truth)
        loss.backward()
        optimizer.step()
    assert loss.item() < before / 2
