"""Bends: what is seen comes from where it was, and nothing folds over itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.data.bend import GRID, STEEPEST, Bend, _tones, _waves, draw_bend
from blurlive.data.motion import pixels

from .conftest import random_photo


def bend(seed: int, far: float, half: float = 60.0) -> Bend:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi)
    return draw_bend(rng, random_photo(90, 90, seed % 7), half, far * np.array([np.cos(angle), np.sin(angle)]))


@given(st.integers(0, 2**31), st.floats(0.5, 60), st.floats(-0.5, 0.5))
@settings(deadline=None, max_examples=30)
def test_things_are_seen_where_they_have_moved_to(seed: int, far: float, share: float) -> None:
    moving = bend(seed, far)
    rest = pixels(80).astype(np.float32)
    assert np.abs(moving.seen(moving.moved(rest, share), share) - rest).max() < 0.1


@given(st.integers(0, 2**31), st.floats(0.5, 60))
@settings(deadline=None, max_examples=30)
def test_no_place_bends_more_than_things_can(seed: int, far: float) -> None:
    moving = bend(seed, far)
    pitch = 2 * moving.half / (GRID - 1)
    down, right = (np.linalg.norm(np.diff(moving.displacement, axis=axis), axis=-1) / pitch for axis in (0, 1))
    assert np.hypot(down[:, 1:], right[1:]).max() <= STEEPEST + 1e-4


def test_a_bend_lies_over_its_layer_from_corner_to_corner_and_goes_on_beyond() -> None:
    moving = bend(3, 20.0, half=40.0)
    corners = np.array([[[-40, -40], [40, -40]], [[-40, 40], [40, 40]]], np.float32)
    nodes = moving.displacement[np.ix_([0, -1], [0, -1])]
    np.testing.assert_allclose(moving.at(corners), nodes, atol=1e-4)
    np.testing.assert_allclose(moving.at(3 * corners), nodes, atol=1e-4)


def test_hills_and_tones_are_of_one_height() -> None:
    rng = np.random.default_rng(0)
    for heights in (*(_waves(rng) for _ in range(5)), _tones(random_photo(90, 90)), _tones(random_photo(90, 90) // 4)):
        assert heights.shape == (GRID, GRID)
        assert float(heights.mean()) == pytest.approx(0, abs=1e-3)
        assert float(heights.std()) == pytest.approx(1, abs=1e-3)


def test_things_bend_by_about_as_far_as_they_move_and_relief_along_it() -> None:
    shift = np.array([3.0, 4.0])
    bends = [draw_bend(np.random.default_rng(seed), random_photo(90, 90), 600.0, shift) for seed in range(60)]
    far = np.array([np.linalg.norm(one.displacement, axis=-1).mean() for one in bends])
    assert 1 < far.mean() < 5
    aside = np.array([np.abs(one.displacement @ np.array([-0.8, 0.6])).mean() for one in bends])
    assert 0.4 < (aside < 1e-3 * far).mean() < 0.8


def test_in_the_middle_of_the_exposure_all_is_in_its_place_and_at_the_ends_it_is_not() -> None:
    moving, places = bend(1, 20.0), pixels(80).astype(np.float32)
    assert np.array_equal(moving.seen(places, 0.0), places)
    assert np.abs(moving.seen(places, 0.5) - places).max() > 1
    first, last = (moving.seen(places, share) - places for share in (-0.5, 0.5))
    np.testing.assert_allclose(first, -last, atol=1e-4)
