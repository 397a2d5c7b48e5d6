"""What a camera does to light: a thing that stands still is shown as it is, and what moves is summed as light."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from blurlive.data.camera import Camera, Exposure

from .conftest import random_photo

Picture = NDArray[np.uint8]
BARE = dict.fromkeys(("linear", "lights", "tone", "grey", "noise", "strong_noise", "jpeg", "sharpened"), 0.0)
RAMP = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2).repeat(16, 0)


def exposure(seed: int = 0, **odds: float) -> Exposure:
    return Exposure(np.random.default_rng(seed), Camera(**{**BARE, **odds}))


def taken(camera: Exposure, *pictures: Picture) -> NDArray[np.float64]:
    for picture in pictures:
        camera.add(picture)
    return camera.finish().astype(float)


def flat(*levels: int, side: int = 8) -> Picture:
    """Fields of grey, one beside the other."""
    row = np.repeat(np.array(levels, np.uint8), side)
    return np.repeat(np.repeat(row[None, :, None], side, 0), 3, 2)


@given(st.integers(0, 2**31), st.sets(st.sampled_from(["linear", "lights", "tone", "grey", "sharpened"])))
@settings(max_examples=40, deadline=None)
def test_what_stands_still_is_photographed_as_it_is_developed(seed: int, habits: set[str]) -> None:
    camera, still = exposure(seed, **dict.fromkeys(habits, 1.0)), random_photo(32, 48, seed % 100)
    assert np.abs(taken(camera, still, still, still) - camera.develop(still)).max() <= 1


@pytest.mark.parametrize(("linear", "gamma"), [(1.0, 1.0), (0.0, 2.2)])
def test_light_is_summed_with_and_without_a_tone_curve(linear: float, gamma: float) -> None:
    half = taken(exposure(linear=linear), flat(0), flat(255))
    assert np.abs(half - 255 * 0.5 ** (1 / gamma)).max() <= 0.51


@pytest.mark.parametrize("seed", range(8))
def test_lamps_alone_are_brighter_than_white_can_show(seed: int) -> None:
    lit = exposure(seed, lights=1.0)
    without, with_lamps = (taken(camera, *[flat(0, 0)] * 6, flat(200, 255)) for camera in (exposure(seed), lit))
    assert np.array_equal(without[:, :8], with_lamps[:, :8])  # 200 of 255 is no lamp
    assert (with_lamps[:, 8:] > without[:, 8:]).all()
    assert 1.5 <= lit.light.max() <= 8
    shown = lit.develop(RAMP)[0, :, 0]  # a sharp frame shows them as white
    assert np.array_equal(shown[:230], RAMP[0, :230, 0])
    assert (shown[230:] >= RAMP[0, 230:, 0]).all()


@pytest.mark.parametrize("seed", range(8))
def test_in_a_dark_scene_the_brightest_is_a_lamp(seed: int) -> None:
    lit = exposure(seed, lights=1.0, tone=1.0)
    assert 1.5 <= lit.light[255] / lit.curve[255] ** 2.2 <= 8


def test_tones_are_those_of_a_whole_scene_lighter_or_darker() -> None:
    shown = [exposure(seed, tone=1.0).develop(RAMP)[0, :, 0].astype(int) for seed in range(40)]
    assert all((np.diff(curve) >= 0).all() for curve in shown)
    assert {int(np.sign(curve[100] - 100)) for curve in shown} >= {-1, 1}
    assert 120 <= min(curve[255] for curve in shown) < 160
    assert max(curve[255] for curve in shown) == 255


def test_a_grey_camera_shows_luminance() -> None:
    camera, colours = exposure(grey=1.0), random_photo(24, 24)
    photo = taken(camera, colours)
    assert (np.ptp(photo, axis=-1) == 0).all()
    assert np.abs(photo[..., 0] - colours @ np.array([0.299, 0.587, 0.114])).max() <= 1


def noise(seed: int, **odds: float) -> NDArray[np.float64]:
    """Variance of a flat picture's noise where it is dark, middling and bright."""
    photo = taken(exposure(seed, **odds), flat(60, 120, 180, side=150)).reshape(150, 3, 150, 3)
    assert np.abs(photo.mean((0, 2, 3)) - (60, 120, 180)).max() < 0.5
    found: NDArray[np.float64] = photo.var((0, 2, 3)) - 1 / 12  # of rounding
    return found


def test_noise_is_that_of_reading_and_that_of_light() -> None:
    """Variance grows evenly with light, from that of the reading."""
    assert noise(0).max() < 0
    for strong, top in ((0.0, 3.0), (1.0, 10.0)):
        found = np.array([noise(seed, noise=1.0, strong_noise=strong) for seed in range(30)])
        slopes = np.diff(found, axis=1) * 255 / 60
        reading = found[:, 0] - slopes.mean(1) * 60 / 255
        assert np.abs(np.diff(slopes)).max() < 0.15 * top**2
        assert slopes.min() > -0.1 * top**2
        assert reading.min() > -0.1 * top**2
        for part in (slopes, reading):
            assert 0.6 * top**2 < part.max() < 1.1 * top**2


def test_jpeg_changes_little_and_no_colour() -> None:
    red = np.full((32, 32, 3), (200, 40, 60), np.uint8)
    assert np.abs(taken(exposure(jpeg=1.0), red) - red).max() <= 6
    photo = random_photo(64, 64)
    off = np.abs(taken(exposure(jpeg=1.0), photo) - photo)
    assert 0 < off.mean() < 6


def test_nothing_exposed_is_no_photo() -> None:
    with pytest.raises(AssertionError, match="nothing was exposed"):
        exposure().finish()
