"""ffmpeg that fails, and callers who err."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from blurlive.errors import OutputError
from blurlive.writers import FORMATS, SUFFIXES, Clip, open_writer

from .conftest import VIDEOS, clip_of, moving, names, stream, write


@pytest.fixture
def fake_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    if os.name != "posix":
        pytest.skip("needs shell scripts")

    def make(script: str) -> Path:
        path = tmp_path / "ffmpeg"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))
        return path

    return make


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 228", "disk is full"),
        ("echo 'x: No space left on device' >&2; echo 'Conversion failed' >&2; exit 1", "disk is full"),
        (
            "cat >/dev/null; echo '[x @ 0x1] No such codec' >&2; echo 'Conversion failed' >&2; exit 1",
            r"\(No such codec\)",
        ),
        ("exit 3", "exit status 3"),
        ("exit 0", "(stopped reading|wrote nothing); reinstall"),
        ("cat >/dev/null", "wrote nothing; reinstall"),
        ("yes complaint | head -c 300000 >&2; cat >/dev/null; exit 1", r"\(complaint\)"),
    ],
)
@pytest.mark.parametrize("width", [8, 500])
def test_what_ffmpeg_dies_of_is_told(
    fake_ffmpeg: Callable[[str], Path], script: str, message: str, width: int, tmp_path: Path
) -> None:
    fake_ffmpeg(script)
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match=message) as caught:
        write(tmp_path / "out" / "clip.mp4", moving(width, width))
    assert "clip.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path / "out") == []


def test_a_missing_or_unfit_ffmpeg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_text("hello")
    for name in ("none", "text"):
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / name))
        with pytest.raises(OutputError, match=rf"clip\.webm: cannot run .*{name}.*IMAGEIO_FFMPEG_EXE"):
            write(tmp_path / "clip.webm", moving(8, 8))
    assert names(tmp_path) == ["text"]

    def none() -> str:
        raise RuntimeError

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    with pytest.raises(OutputError, match="there is no ffmpeg"):
        write(tmp_path / "clip.webm", moving(8, 8))


def test_an_interrupted_ffmpeg_is_ended(fake_ffmpeg: Callable[[str], Path], tmp_path: Path) -> None:
    fake_ffmpeg(f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012, SIM117
        with open_writer(tmp_path / "clip.mp4", "mp4", clip_of(moving(8, 8))):
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
                pass
            raise KeyboardInterrupt
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("format", FORMATS)
def test_the_number_of_frames_must_be_the_one_announced(format: str, tmp_path: Path) -> None:
    frames, target = moving(8, 8), tmp_path / f"clip{SUFFIXES[format]}"
    with pytest.raises(OutputError, match="only 6 of the 7 frames"):
        write(target, frames[:6], clip_of(frames))
    with pytest.raises(OutputError, match="more than the 7 frames"):
        write(target, [*frames, frames[0]], clip_of(frames))
    assert names(tmp_path) == []


def test_a_frame_of_the_wrong_kind_is_a_bug(tmp_path: Path) -> None:
    frame = moving(8, 6)[0]
    for wrong in (frame[:5], frame[..., :1], frame[..., 0], frame.astype(np.float32)):
        with pytest.raises(ValueError, match="is needed"):
            write(tmp_path / "clip.mp4", [wrong], Clip(frame, 1, 10))  # type: ignore[list-item]
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "options",
    [{"frames": 0}, {"fps": 0}, {"fps": float("nan")}, {"fps": 1e4}, {"repeat": 0}, {"loop": -1}, {"loop": 65536}],
)
def test_an_impossible_clip_is_a_bug(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Clip(**{"blurred": moving(2, 2)[0], "frames": 7, "fps": 10, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("format", "width"), [("mp4", 16385), ("webm", 16385), ("gif", 65536), ("webp", 16384), ("side", 16385)]
)
def test_a_photo_too_large_for_the_format_is_told(format: str, width: int, tmp_path: Path) -> None:
    photo = np.zeros((1, width, 3), np.uint8)
    with pytest.raises(OutputError, match=rf"{format}.*--max-side"):
        write(tmp_path / f"clip{SUFFIXES[format]}", [photo], Clip(photo, 1, 10))


@pytest.mark.parametrize(("format", "width"), [("mp4", 16384), ("webm", 16384), ("gif", 65535), ("webp", 16383)])
def test_the_largest_photo_of_a_format_is_written(format: str, width: int, tmp_path: Path) -> None:
    frames = moving(width, 2, 2)
    path = write(tmp_path / f"clip{SUFFIXES[format]}", frames)
    assert f"{width}x2" in (stream(path) if format in VIDEOS else "{}x{}".format(*Image.open(path).size))
