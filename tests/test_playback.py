"""The order of frames, and the reel that keeps them."""

import errno
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blurlive.errors import OutputError
from blurlive.playback import Frame, Reel, order, repeats

COUNTS = st.integers(1, 60)


def test_orders_of_four_frames() -> None:
    assert order(4) == [0, 1, 2, 3]
    assert order(4, reverse=True) == [3, 2, 1, 0]
    assert order(4, boomerang=True) == [0, 1, 2, 3, 2, 1]
    assert order(4, reverse=True, boomerang=True) == [3, 2, 1, 0, 1, 2]


@given(COUNTS, st.booleans(), st.booleans())
def test_every_frame_is_shown(count: int, reverse: bool, boomerang: bool) -> None:
    assert set(order(count, reverse=reverse, boomerang=boomerang)) == set(range(count))


@given(COUNTS, st.booleans())
def test_reverse_is_the_mirror_of_time(count: int, boomerang: bool) -> None:
    mirrored = [count - 1 - index for index in order(count, boomerang=boomerang)]
    assert order(count, reverse=True, boomerang=boomerang) == mirrored


@given(st.integers(2, 60), st.booleans())
def test_a_boomerang_in_a_loop_moves_one_frame_at_a_time(count: int, reverse: bool) -> None:
    shown = order(count, reverse=reverse, boomerang=True)
    steps = np.diff([*shown, shown[0]])
    assert set(np.abs(steps)) == {1}


@given(COUNTS, st.floats(0.1, 240), st.floats(0, 30))
def test_repeats_are_enough_and_not_one_too_many(frames: int, fps: float, seconds: float) -> None:
    times = repeats(frames, fps, seconds)
    assert times >= 1
    assert times * frames / fps >= seconds - 1e-6
    assert times == 1 or (times - 1) * frames / fps < seconds


def test_a_clip_of_exactly_three_seconds_plays_once() -> None:
    assert repeats(30, 10) == 1
    assert repeats(7, 10) == 5


def pictures(count: int) -> list[Frame]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, 256, (5, 7, 3), np.uint8) for _ in range(count)]


@pytest.mark.parametrize("memory", [10**6, 1], ids=["in memory", "on disk"])
@given(indices=st.lists(st.integers(-4, 3)))
def test_a_reel_gives_back_what_it_was_given(memory: int, indices: list[int]) -> None:
    frames = pictures(4)
    with Reel(memory) as reel:
        for frame in frames:
            reel.append(frame)
        assert len(reel) == 4
        for index, shown in zip(indices, reel.play(indices), strict=True):
            assert np.array_equal(shown, frames[index])


def test_frames_may_be_added_and_read_in_turn() -> None:
    with Reel() as reel:
        for number, frame in enumerate(pictures(3)):
            reel.append(frame[::-1])  # not contiguous in memory
            assert np.array_equal(reel[number], frame[::-1])
            assert np.array_equal(reel[0], pictures(3)[0][::-1])
        assert all(
            np.array_equal(kept, frame[::-1]) for kept, frame in zip(reel.play([0, 1, 2]), pictures(3), strict=True)
        )


def test_a_frame_read_is_a_copy() -> None:
    with Reel() as reel:
        reel.append(pictures(1)[0])
        reel[0][:] = 0
        assert np.array_equal(reel[0], pictures(1)[0])


def test_a_reel_refuses_what_does_not_belong() -> None:
    with Reel() as reel:
        reel.append(np.zeros((2, 3, 3), np.uint8))
        with pytest.raises(ValueError, match="cannot keep"):
            reel.append(np.zeros((3, 2, 3), np.uint8))
        with pytest.raises(ValueError, match="float"):
            reel.append(np.zeros((2, 3, 3)))  # type: ignore[arg-type]
        for index in (1, -2):
            with pytest.raises(IndexError):
                reel[index]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_reel_leaves_nothing_behind(temporary: Path) -> None:
    with Reel(memory=1) as reel:
        reel.append(pictures(1)[0])
    assert not list(temporary.iterdir())


def test_a_full_temporary_folder_is_told(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Reel(memory=1) as reel:
        monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", full)
        with pytest.raises(OutputError, match="No space left") as caught:
            reel.append(pictures(1)[0])
    assert str(temporary) in str(caught.value)
    assert "TMPDIR" in str(caught.value)
