"""Names of formats, and videos."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from blurlive.encoders import video
from blurlive.errors import OutputError
from blurlive.metrics import frame_psnr
from blurlive.writers import FORMATS, SUFFIXES, Frame, format_of

from .conftest import PATCHES, VIDEOS, clip_of, ffmpeg, levels, moving, shown, stream, write


def decoded(path: Path) -> Frame:
    """All frames of a video ``(N, H, W, 3)``."""
    size = re.search(r" (\d+)x(\d+)[ ,]", stream(path))
    assert size is not None
    raw = ffmpeg("-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")[0]
    return np.frombuffer(raw, np.uint8).reshape(-1, int(size[2]), int(size[1]), 3)


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_is_known_by_the_suffix_it_writes(format: str, tmp_path: Path) -> None:
    assert (
        format_of(tmp_path / f"Some.Name{SUFFIXES[format].upper()}" if SUFFIXES[format] else tmp_path / "new") == format
    )


def test_names_of_formats(tmp_path: Path) -> None:
    assert format_of(Path("a.png")) == "apng"
    assert format_of("clip.mp4/") == "frames"
    (tmp_path / "v1.5").mkdir()
    assert format_of(tmp_path / "v1.5") == "frames"
    with pytest.raises(OutputError, match=r"clip\.avi.*\.mp4.*\.sheet\.png"):
        format_of(Path("clip.avi"))


@pytest.mark.parametrize("format", VIDEOS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 7), (641, 361), (64, 36)])
def test_a_video_has_all_frames_in_order_and_the_size_of_the_photo(
    format: str, width: int, height: int, tmp_path: Path
) -> None:
    frames = moving(width, height)
    path = write(tmp_path / f"clip{SUFFIXES[format]}", frames)
    edge = 2 if format == "mp4" else 1
    video = decoded(path)
    assert video.shape == (7, -(-height // edge) * edge, -(-width // edge) * edge, 3)
    assert np.abs(video[:, :height, :width].astype(int) - np.stack(frames)).max() <= 6
    assert np.array_equal(
        np.abs(video[:, -1].astype(int) - video[:, height - 1]) <= 6, np.ones_like(video[:, -1], bool)
    )


@pytest.mark.parametrize("format", VIDEOS)
def test_colours_of_a_video_are_right_and_tagged(format: str, tmp_path: Path) -> None:
    frame = np.repeat(np.repeat(np.array([PATCHES], np.uint8), 32, 0), 32, 1)
    path = write(tmp_path / f"clip{SUFFIXES[format]}", [frame] * 3)
    assert "yuv420p(tv, bt709" in stream(path)
    found = decoded(path)[1, 16, 16::32].astype(int)
    assert np.abs(found - PATCHES).max() <= 3, found.tolist()


@pytest.mark.parametrize("fps", [10, 24, 30000 / 1001, 60])
@pytest.mark.parametrize("format", VIDEOS)
def test_a_video_repeats_the_same_pictures_evenly(format: str, fps: float, tmp_path: Path) -> None:
    frames = moving(64, 36)
    once = write(tmp_path / f"once{SUFFIXES[format]}", frames, clip_of(frames, fps))
    often = write(tmp_path / f"often{SUFFIXES[format]}", frames, clip_of(frames, fps, repeat=9))
    times, sums = shown(often)
    assert sums == shown(once)[1] * 9
    assert len(set(sums)) == 7
    drift = np.array(times) - np.arange(63) / fps
    assert np.abs(drift).max() < (0.006 if format == "webm" else 1e-5)  # WebM counts milliseconds
    assert times[0] == 0
    assert float(re.findall(r"([\d.]+) fps", stream(often))[0]) == pytest.approx(fps, abs=0.01)


def test_large_pictures_are_encoded_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = moving(64, 36)
    usual = write(tmp_path / "usual.mp4", frames)
    monkeypatch.setattr(video, "_LARGE", 1000)
    frugal = write(tmp_path / "frugal.mp4", frames)
    settings = [re.search(rb"ref=(\d).*mbtree=(\d)", f.read_bytes()) for f in (usual, frugal)]
    assert [found and found.groups() for found in settings] == [(b"3", b"1"), (b"1", b"0")]
    assert np.abs(decoded(frugal).astype(int) - np.stack(frames)).max() <= 6


@pytest.mark.parametrize("format", VIDEOS)
def test_a_still_background_does_not_pulse(format: str, tmp_path: Path) -> None:
    """Keyframes would show: each codes the whole picture anew."""
    background = np.random.default_rng(0).integers(60, 200, (96, 128, 3), np.uint8)
    frames = [background.copy() for _ in range(252)]  # three rounds of slow motion
    for number, frame in enumerate(frames):
        frame[40:56, 32 + number // 6 : 48 + number // 6] = 255
    clip = decoded(write(tmp_path / f"clip.{format}", frames, clip_of(frames, fps=30))).astype(int)
    steps = np.abs(np.diff(clip, axis=0))[:, 70:].mean((1, 2, 3))
    assert steps.max() < 0.1


def test_every_frame_of_a_webm_is_kept_equally_well(tmp_path: Path) -> None:
    """Else steps of slow motion, which are small, come out longer and shorter than they are."""
    across, down = np.meshgrid(np.arange(128), np.arange(96))
    waves = np.random.default_rng(0).uniform(-0.8, 0.8, (24, 2))
    texture = [sum(np.sin(x * (across + 0.17 * n) + y * down + 50 * x * y) for x, y in waves) for n in range(42)]
    frames = [(128 + 15 * picture[..., None]).clip(0, 255).astype(np.uint8).repeat(3, 2) for picture in texture]
    clip = decoded(write(tmp_path / "clip.webm", frames, clip_of(frames, fps=14)))
    psnr = frame_psnr(*(torch.tensor(np.moveaxis(video, -1, 1)) for video in (clip, np.stack(frames))))
    assert min(psnr) > 40
    assert max(psnr) - min(psnr) < 3


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("format", FORMATS)
def test_no_file_or_pipe_is_left_open(format: str, tmp_path: Path) -> None:
    assert write(tmp_path / f"clip{SUFFIXES[format]}", moving(16, 12)).exists()


def test_a_single_frame_makes_a_video(tmp_path: Path) -> None:
    frames = moving(16, 16, 1)
    assert len(decoded(write(tmp_path / "clip.mp4", frames, clip_of(frames, repeat=30)))) == 30


def test_an_mp4_starts_before_it_is_loaded(tmp_path: Path) -> None:
    for repeat in (1, 3):
        frames = moving(16, 16)
        data = write(tmp_path / f"{repeat}.mp4", frames, clip_of(frames, repeat=repeat)).read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("width", "height"), [(64, 36), (36, 64), (65, 37), (120, 20)])
def test_side_by_side_shows_the_photo_and_the_frames(width: int, height: int, tmp_path: Path) -> None:
    frames = moving(width, height)
    clip = clip_of(frames)
    video = decoded(write(tmp_path / "clip.side.mp4", frames, clip)).astype(int)
    assert len(video) == 7
    beside = width <= 2 * height
    full_width, full_height = (2 * width + 2, height) if beside else (width, 2 * height + 2)
    video = video[:, :full_height, :full_width]
    assert np.abs(video[:, :height, :width] - clip.blurred).max() <= 40  # chroma bleeds over the gap
    assert np.abs(video[:, :height, :width].mean((1, 2, 3)) - clip.blurred.mean()).max() <= 3
    assert np.abs(video[:, -height:, -width:].mean((1, 2, 3)) - levels(np.stack(frames))).max() <= 3


def test_side_by_side_of_a_single_pixel(tmp_path: Path) -> None:
    assert decoded(write(tmp_path / "clip.side.mp4", moving(1, 1))).shape == (7, 2, 4, 3)
