"""GIF, WebP and PNG that move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from blurlive.encoders import animation
from blurlive.errors import OutputError
from blurlive.writers import SUFFIXES, Frame

from .conftest import PATCHES, clip_of, levels, moving, names, shown, write

ANIMATIONS = ("gif", "webp", "apng")


def animated(path: Path) -> tuple[Frame, list[float], Image.Image]:
    """Frames, their durations in milliseconds, and the file as Pillow sees it."""
    image = Image.open(path)
    frames, durations = [], []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB")))
        durations.append(image.info["duration"])
    return np.stack(frames), durations, image


@pytest.mark.parametrize("format", ANIMATIONS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 7), (161, 91)])
def test_an_animation_has_all_frames_in_order_and_the_exact_size(
    format: str, width: int, height: int, tmp_path: Path
) -> None:
    frames = moving(width, height)
    found, _, image = animated(write(tmp_path / f"clip{SUFFIXES[format]}", frames))
    assert image.format == {"gif": "GIF", "webp": "WEBP", "apng": "PNG"}[format]
    assert found.shape == (7, height, width, 3)
    assert np.abs(np.array(levels(found)) - levels(np.stack(frames))).max() <= (0 if format == "apng" else 5)
    if format == "apng":
        assert np.array_equal(found, frames)
    if format != "webp":  # Pillow does not miss an end that is not there
        end = {"gif": b";", "apng": b"\0\0\0\0IEND\xaeB`\x82"}[format]
        assert (tmp_path / f"clip{SUFFIXES[format]}").read_bytes().endswith(end)


@pytest.mark.parametrize("format", ANIMATIONS)
def test_colours_of_an_animation_are_right(format: str, tmp_path: Path) -> None:
    frame = np.repeat(np.repeat(np.array([PATCHES], np.uint8), 32, 0), 32, 1)
    found, _, _ = animated(write(tmp_path / f"clip{SUFFIXES[format]}", [frame, frame[:, ::-1].copy(), frame]))
    assert np.abs(found[2, 16, 16::32].astype(int) - PATCHES).max() <= 6
    assert np.abs(found[1, 16, 16::32].astype(int) - PATCHES[::-1]).max() <= 6


def test_a_gif_is_as_bright_as_its_frames(tmp_path: Path) -> None:
    frames = [np.random.default_rng(0).normal(128, 40, (120, 160, 3)).clip(0, 255).astype(np.uint8)]
    found, _, _ = animated(write(tmp_path / "clip.gif", frames))
    assert np.abs(np.subtract(found, frames, dtype=float).mean((0, 1, 2))).max() < 0.5


@pytest.mark.parametrize(("fps", "gif"), [(10, 700), (30, 230), (24, 290), (7.5, 930), (60, 140)])
@pytest.mark.parametrize("format", ANIMATIONS)
def test_an_animation_lasts_as_long_as_it_should(format: str, fps: float, gif: int, tmp_path: Path) -> None:
    frames = moving(8, 8)
    _, durations, _ = animated(write(tmp_path / f"clip{SUFFIXES[format]}", frames, clip_of(frames, fps)))
    assert sum(durations) == pytest.approx(gif if format == "gif" else 7000 / fps, abs=0.6)
    assert max(durations) - min(durations) <= (10 if format == "gif" else 1)


@pytest.mark.parametrize(("loop", "in_gif"), [(0, 0), (1, None), (5, 4)])
@pytest.mark.parametrize("format", ANIMATIONS)
def test_an_animation_loops(format: str, loop: int, in_gif: int | None, tmp_path: Path) -> None:
    frames = moving(8, 8)
    _, _, image = animated(write(tmp_path / f"clip{SUFFIXES[format]}", frames, clip_of(frames, loop=loop)))
    assert image.info.get("loop") == (in_gif if format == "gif" else loop)


@pytest.mark.parametrize("format", ANIMATIONS)
def test_equal_frames_are_kept(format: str, tmp_path: Path) -> None:
    frames = [moving(8, 8)[3]] * 5
    path = write(tmp_path / f"clip{SUFFIXES[format]}", frames)
    assert animated(path)[0].shape[0] == 5
    assert len(shown(path)[0]) == 5 or format == "webp"  # not every ffmpeg reads animated WebP


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_noise_of_any_size_survives_lossless_formats(
    tmp_path: Path, width: int, height: int, count: int, seed: int
) -> None:
    frames = list(np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8))
    assert np.array_equal(animated(write(tmp_path / "clip.apng", frames, overwrite=True))[0], frames)
    assert animated(write(tmp_path / "clip.gif", frames, overwrite=True))[0].shape == (count, height, width, 3)


def test_a_webp_that_grows_too_large_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write(tmp_path / "clip.webp", moving(8, 8)).stat().st_size
    monkeypatch.setattr(animation, "LARGEST", whole)
    write(tmp_path / "clip.webp", moving(8, 8), overwrite=True)
    monkeypatch.setattr(animation, "LARGEST", whole - 1)
    with pytest.raises(OutputError, match=r"cannot write .*large\.webp: a WebP holds no more than 4 GiB"):
        write(tmp_path / "large.webp", moving(8, 8))
    assert names(tmp_path) == ["clip.webp"]
