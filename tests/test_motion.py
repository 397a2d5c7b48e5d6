"""Random motions: as long as they are said to be, and turning by the shares that are asked for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.data.motion import MotionRange, camera, extent, path

TIMES = np.linspace(0, 1, 37)


@given(st.integers(0, 2**31), st.floats(0.5, 40))
@settings(max_examples=40, deadline=None)
def test_however_restless_a_path_its_ends_are_as_far_apart_as_told_and_opposite(seed: int, length: float) -> None:
    walked = path(np.random.default_rng(seed), TIMES, length, MotionRange(even=0.0))
    np.testing.assert_allclose(np.linalg.norm(walked[-1] - walked[0]), length)
    np.testing.assert_allclose(walked[0], -walked[-1], atol=1e-9)


def test_the_most_restless_path_leaves_its_line_by_the_shares_that_are_told() -> None:
    """A bend reaches a quarter of its coefficient to the side, tremor is of three waves, and a change of speed stays on
    the line."""

    def aside(spec: MotionRange) -> float:
        walks = [path(np.random.default_rng(seed), TIMES, 10.0, spec) for seed in range(200)]
        lines = [walked[-1] / 5 for walked in walks]
        return max(float(np.abs(walked @ np.array([-y, x])).max()) for walked, (x, y) in zip(walks, lines, strict=True))

    assert aside(MotionRange(even=0.0, curvature=0.0, jitter=0.0)) < 1e-9
    bent = aside(MotionRange(even=0.0, curvature=0.35, jitter=0.0))
    assert 0.25 * 0.35 * 10 < bent < 4 * 0.25 * 0.35 * 10
    assert 0.06 * 10 < aside(MotionRange(even=0.0, curvature=0.0, jitter=0.06)) < 8 * 0.06 * 10


@pytest.mark.parametrize(("rotation", "zoom"), [(0.35, 0.0), (0.0, 0.3)])
@pytest.mark.parametrize(("length", "size"), [(5.0, 64), (20.0, 64), (20.0, 256)])
def test_cameras_turn_and_zoom_by_a_share_of_their_length(
    rotation: float, zoom: float, length: float, size: int
) -> None:
    spec = MotionRange(turning=0, swinging=0, tilt=0, rotation=rotation, zoom=zoom)
    moves = np.stack([camera(np.random.default_rng(seed), TIMES, size, length, spec) for seed in range(300)])
    places = moves[..., 0, 0] + 1j * moves[..., 1, 0]  # where one step to the right comes to lie
    grown = np.ptp(np.abs(places), axis=1) * size / length
    turned = np.ptp(np.unwrap(np.angle(places)), axis=1) * size / length
    assert np.sqrt(np.mean(turned**2)) == pytest.approx(rotation, rel=0.15, abs=1e-9)
    assert np.sqrt(np.mean(grown**2)) == pytest.approx(zoom, rel=0.15, abs=1e-9)


@given(st.integers(0, 2**31), st.floats(1, 40))
@settings(max_examples=30, deadline=None)
def test_a_motion_reaches_as_far_as_its_farthest_corner(seed: int, length: float) -> None:
    motion = camera(np.random.default_rng(seed), TIMES[::6], 64, length, MotionRange())
    corners = [np.array([x, y, 1.0]) for x, y in product((-32, 32), repeat=2)]
    moved = [np.abs(np.linalg.solve(pose, corner) - corner).max() for pose, corner in product(motion, corners)]
    assert extent(motion, 64) == pytest.approx(max(moved))
