"""Slow motion: how many frames, in which order, and that time never runs back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from blurlive.errors import UsageError
from blurlive.extractor import Extractor
from blurlive.models.director import direction, motion
from blurlive.slowmo import anchor, average, between, evenly, frame_count, runs_backwards, slowmo

from .conftest import random_photo


def bar(position: float, width: int = 96, softness: float = 3.0) -> np.ndarray:
    """A picture of a soft edge at ``position``."""
    x = np.arange(width) + 0.5
    level = 255 / (1 + np.exp(-(x - position) / softness))
    return np.repeat(np.repeat(np.round(level)[None, :, None], 16, 0), 3, 2).astype(np.uint8)


def position(frame: np.ndarray) -> float:
    """Where the edge is: the dark share of a row, in pixels."""
    return float((255 - frame[8, :, 0].astype(float)).sum() / 255)


class EdgeRestorer:
    """Stands for a network that restores an edge it is shown, but not exactly: it overshoots, and runs as it is
    told."""

    def __init__(self, overshoot: float, forwards: bool = True) -> None:
        self.overshoot, self.forwards = overshoot, forwards
        self.calls = 0
        self.told: list[float] = []

    def direction(self, photo: np.ndarray) -> torch.Tensor:  # noqa: ARG002  # the shape of the real one
        return direction(torch.tensor([24.0, 0.0]).view(2, 1, 1)).expand(2, 1, 6)

    def extract(self, photo: np.ndarray, field: torch.Tensor | None = None) -> np.ndarray:
        self.calls += 1
        centre = position(photo)
        span = (24.0 if self.calls == 1 else 4.0) * self.overshoot
        assert field is not None
        self.told.append(float(motion(field)[0, 0, 0]))
        sense = 1 if (field[0].sum() > 0) == self.forwards else -1
        return np.stack([bar(centre + sense * span * t) for t in np.linspace(-0.5, 0.5, 7)])


@pytest.mark.parametrize(("iters", "count"), [(1, 7), (2, 42), (3, 252)])
def test_the_number_of_frames(extractor: Extractor, iters: int, count: int) -> None:
    frames = list(slowmo(extractor, random_photo(16, 16), iters))
    assert frame_count(iters) == count == len(frames)
    assert all(frame.shape == (16, 16, 3) and frame.dtype == np.uint8 for frame in frames)


@pytest.mark.parametrize("overshoot", [0.6, 1.0, 1.6])
@pytest.mark.parametrize("iters", [2, 3])
@pytest.mark.parametrize("forwards", [True, False])
def test_time_never_runs_back(overshoot: float, iters: int, forwards: bool) -> None:
    net = EdgeRestorer(overshoot, forwards)
    places = np.array([position(frame) for frame in slowmo(net, bar(48.0), iters)])  # type: ignore[arg-type]
    steps = np.diff(places)
    assert len(places) == frame_count(iters)
    assert (steps * np.sign(places[-1] - places[0])).min() > -0.05  # rounding to 8 bits moves an edge this much
    assert abs(places[-1] - places[0]) > 20 * min(1.0, overshoot)


def test_no_seam_stands_still_and_none_jumps() -> None:
    places = np.array([position(frame) for frame in slowmo(EdgeRestorer(1.3), bar(48.0), 2)])  # type: ignore[arg-type]
    steps = np.diff(places)
    seams = steps[6::7]
    assert seams.min() > 0.5 * steps.mean()
    assert seams.max() < 2.0 * steps.mean()


def test_reverse_plays_the_same_motion_backwards() -> None:
    forth = [position(f) for f in slowmo(EdgeRestorer(1.0), bar(48.0), 2)]  # type: ignore[arg-type]
    back = [position(f) for f in slowmo(EdgeRestorer(1.0), bar(48.0), 2, reverse=True)]  # type: ignore[arg-type]
    assert forth[-1] - forth[0] > 20
    np.testing.assert_allclose(back, forth[::-1], atol=0.1)


def test_frames_come_one_at_a_time() -> None:
    net = EdgeRestorer(1.0)
    frames: Iterator[np.ndarray] = slowmo(net, bar(48.0), 3)  # type: ignore[arg-type]
    next(frames)
    assert net.calls == 3  # the photo, one group, one group within it: nothing is computed ahead


def test_a_group_begins_at_its_first_frame_and_ends_at_its_second() -> None:
    first, second = bar(40.0), bar(44.0)
    group = between(EdgeRestorer(1.6), first, second, torch.ones(2, 1, 6))  # type: ignore[arg-type]
    np.testing.assert_array_equal(group[0], first)
    np.testing.assert_array_equal(group[-1], second)


@pytest.mark.parametrize("turned", [1, -1])
def test_a_group_that_came_the_wrong_way_round_is_turned(turned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    right = np.stack([bar(place) for place in np.linspace(40, 52, 7)])
    net = EdgeRestorer(1.0)
    monkeypatch.setattr(net, "extract", lambda photo, field: right[::turned].copy())  # noqa: ARG005
    np.testing.assert_array_equal(between(net, right[0], right[6], None), right)  # type: ignore[arg-type]


def test_every_round_is_told_a_sixth_of_the_motion_of_the_one_before() -> None:
    net = EdgeRestorer(1.0)
    list(slowmo(net, bar(48.0), 3))  # type: ignore[arg-type]
    assert [net.told[at] for at in (0, 1, 2)] == pytest.approx([24, 4, 4 / 6], rel=1e-3)
    assert len(net.told) == 1 + 6 + 36


def test_a_group_that_runs_backwards_is_recognised() -> None:
    group = np.stack([bar(44 - i) for i in range(7)])
    assert runs_backwards(group, bar(38.0), bar(44.0))
    assert not runs_backwards(group, bar(44.0), bar(38.0))


def test_anchoring_a_group_that_already_fits_changes_nothing() -> None:
    group = np.stack([bar(40.0 + i) for i in range(7)])
    np.testing.assert_array_equal(anchor(group.copy(), group[0], group[-1]), group)


def test_the_average_of_two_frames_is_taken_in_linear_light() -> None:
    black, white = np.zeros((3, 3, 3), np.uint8), np.full((3, 3, 3), 255, np.uint8)
    assert average(black, white)[0, 0, 0] == round(255 * 0.5 ** (1 / 2.2))
    np.testing.assert_array_equal(average(white, white), white)


def test_even_placing_keeps_the_middle_and_mixes_the_rest() -> None:
    group = np.stack([np.full((2, 2, 3), 10 * i, np.uint8) for i in range(7)])
    levels = [frame[0, 0, 0] for frame in evenly(group)]
    assert levels == [round(60 * (i + 0.5) / 7) for i in range(7)]


def test_no_rounds_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="iters"):
        frame_count(0)
