"""Figures of merit against plain NumPy, scikit-image and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor

from blurlive import metrics

seeds = st.integers(0, 2**32 - 1)


def noise(seed: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Smooth bumps with some noise: pictures with edges, flat parts and texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[-3], : shape[-2]]
    bumps = np.sin(x / rng.uniform(2, 9)) * np.cos(y / rng.uniform(2, 9))
    picture = 128 + 90 * bumps[..., None] + rng.normal(0, rng.uniform(0, 30), shape)
    return picture.clip(0, 255).astype(np.uint8)


def tensor(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def plain_psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float(10 * np.log10(255.0**2 / error)) if error else metrics.PERFECT  # as small noisy pictures may be


@given(seeds, st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_psnr_is_what_numpy_says(seed: int, height: int, width: int) -> None:
    a, b = noise(seed, (3, height, width, 3)), noise(seed + 1, (3, height, width, 3))
    assert metrics.psnr(tensor(a), tensor(b)) == pytest.approx(plain_psnr(a, b), abs=1e-6)
    each = [plain_psnr(x, y) for x, y in zip(a, b, strict=True)]
    assert metrics.frame_psnr(tensor(a), tensor(b)) == pytest.approx(each, abs=1e-6)


def test_psnr_of_one_level_everywhere() -> None:
    a = torch.full((7, 3, 5, 5), 100, dtype=torch.uint8)
    assert metrics.psnr(a, a + 1) == pytest.approx(20 * np.log10(255), abs=1e-6)
    assert metrics.psnr(a / 255, (a + 1) / 255) == pytest.approx(20 * np.log10(255), abs=1e-4)


def test_psnr_of_equal_frames_is_finite_and_left_out_of_means() -> None:
    a = torch.zeros(2, 3, 5, 5, dtype=torch.uint8)
    assert metrics.psnr(a, a) == 100
    assert metrics.mean_psnr([100.0, 20.0, 30.0]) == 25
    assert metrics.mean_psnr([100.0, 100.0]) == 100


@pytest.mark.parametrize("size", [(11, 11), (12, 40), (48, 33)])
@pytest.mark.parametrize("seed", range(4))
def test_ssim_is_what_scikit_image_says(seed: int, size: tuple[int, int]) -> None:
    a, b = noise(seed, (2, *size, 3)), noise(seed // 2, (2, *size, 3))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = [structural_similarity(x, y, channel_axis=2, **options) for x, y in zip(a, b, strict=True)]
    assert metrics.ssim(tensor(a), tensor(b)).tolist() == pytest.approx(expected, abs=1e-5)
    assert metrics.ssim(tensor(a) / 255, tensor(b) / 255).tolist() == pytest.approx(expected, abs=1e-5)


def test_ssim_of_flat_frames_worked_out_by_hand() -> None:
    a, b = (torch.full((1, 3, 11, 11), level, dtype=torch.uint8) for level in (51, 102))  # 0.2 and 0.4
    by_hand = (2 * 0.2 * 0.4 + 0.01**2) / (0.2**2 + 0.4**2 + 0.01**2)
    assert metrics.ssim(a, b).item() == pytest.approx(by_hand, abs=1e-5)


def test_ssim_needs_room_for_its_window() -> None:
    small = torch.zeros(1, 3, 10, 30)
    with pytest.raises(ValueError, match="11x11"):
        metrics.ssim(small, small)


def test_windows_are_free_to_disagree() -> None:
    truth = torch.randint(0, 256, (7, 3, 40, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    frames = torch.cat([truth[..., :32], truth.flip(0)[..., 32:]], 3)  # the right half plays backwards
    orders = [metrics.squared_error(order, truth) for order in (frames, frames.flip(0))]
    assert all(error.mean() > 0.05 for error in orders)
    assert metrics.windowed_error(orders[0], orders[1]).max() == 0


@given(seeds, st.integers(1, 80), st.integers(1, 80))
@settings(max_examples=30, deadline=None)
def test_free_windows_never_lose(seed: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed % 2**31)
    orders = torch.rand((2, 7, height, width), generator=generator)
    free = metrics.windowed_error(orders[0], orders[1]).sum()
    assert free <= orders.mean((2, 3)).sum(1).min() * (1 + 1e-6)


@pytest.mark.parametrize("size", [(32, 64), (40, 45), (7, 9)])
def test_windows_with_one_order_to_choose_from_err_as_the_whole(size: tuple[int, int]) -> None:
    error = torch.rand((7, *size), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(metrics.windowed_error(error, error).float(), error.mean((1, 2)))


def test_reblur_averages_light() -> None:
    frames = torch.zeros(7, 3, 2, 2, dtype=torch.uint8)
    frames[:2] = 255
    assert metrics.reblur(frames, gamma=1).unique().item() == round(255 * 2 / 7)
    assert metrics.reblur(frames, gamma=2.2).unique().item() == round(255 * (2 / 7) ** (1 / 2.2))


def test_endpoint_error_is_a_length() -> None:
    flow = torch.rand(2, 5, 6) * 9
    assert metrics.endpoint_error(flow + torch.tensor([3.0, 4.0]).view(2, 1, 1), flow) == pytest.approx(5)


def moving(step: int) -> tuple[Tensor, Tensor]:
    """Seven frames of a picture that moves ``step`` pixels to the left, and the flow from each to the next."""
    wide = noise(3, (1, 30, 60, 3))[0]
    frames = np.stack([wide[:, step * t : step * t + 40] for t in range(7)])
    return tensor(frames), torch.tensor([-step, 0.0]).view(1, 2, 1, 1).expand(6, 2, 30, 40)


def test_warp_looks_up_where_the_flow_points_to() -> None:
    frames, flow = moving(2)
    back = metrics.warp(frames[1:].float(), flow)
    assert torch.allclose(back[..., 2:], frames[:-1, :, :, 2:].float(), atol=1e-2)


def test_warp_error_knows_consistent_from_frozen() -> None:
    frames, flow = moving(2)
    seen = metrics.seen_twice(frames, flow)
    assert seen[..., 2:].all()
    assert metrics.warp_error(frames, flow, seen) < 0.1
    assert metrics.warp_error(frames[3:4].expand(7, -1, -1, -1), flow, seen) > 5
