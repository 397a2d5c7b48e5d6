"""The instants of an exposure: evenly spaced, the seven sharp frames where they belong, as wide as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from blurlive.data.bend import GRID, Bend
from blurlive.data.layers import Layer
from blurlive.data.shutter import Shutter, open_at

KINDS = [(sevenths, count) for sevenths in (False, True) for count in Shutter(sevenths).counts]


def seen(sevenths: bool, count: int) -> np.ndarray:
    """Times at which an exposure with ``count`` instants per sharp frame is rendered."""
    shutter = Shutter(sevenths)
    return shutter.times[shutter.instants(count)]


@pytest.mark.parametrize(("sevenths", "count"), KINDS)
def test_sharp_frames_are_evenly_spaced_in_the_exposure(sevenths: bool, count: int) -> None:
    times = seen(sevenths, count)
    assert np.allclose(times[list(Shutter(sevenths).frames(count))], np.linspace(0, 1, 7))
    assert np.allclose(np.diff(times), 1 / 6 / count)
    assert np.allclose(times, 1 - times[::-1])
    if sevenths:  # each frame is the middle of its seventh, and the sevenths are the whole
        assert np.allclose(times.reshape(7, -1).mean(1), np.linspace(0, 1, 7))


@pytest.mark.parametrize(("sevenths", "count"), KINDS)
def test_a_bend_goes_on_as_fast_however_many_instants_are_seen(sevenths: bool, count: int) -> None:
    shutter = Shutter(sevenths)
    bend = Bend(np.ones((GRID, GRID, 2), np.float32), 32.0)
    layer = Layer(np.zeros((8, 8, 3), np.uint8), 1.0, None, np.stack([np.eye(3)] * len(shutter.times)), bend=bend)
    times, during = seen(sevenths, count), shutter.during(layer, count)
    assert len(during.motion) == len(times)
    assert during.bend is not None
    assert np.allclose(during.bend.displacement / np.ptp(times), 1 / np.ptp(shutter.times))


def test_sevenths_smear_as_far_as_the_seven_frames_alone() -> None:
    def width(sevenths: bool, count: int) -> float:
        return float(np.std(seen(sevenths, count)) * np.sqrt(12))

    comb = width(False, 1)
    assert comb == pytest.approx(1.155, abs=0.001)
    assert width(True, 1) == pytest.approx(comb)
    assert width(True, 5) == pytest.approx(comb, rel=0.02)
    assert width(False, 6) < 0.92 * comb


def test_which_instants_the_photo_holds() -> None:
    assert open_at(7, 7) == set(range(7))
    assert open_at(7, 3) == {0, 3, 6}
    assert open_at(7, 2) == {0, 6}
