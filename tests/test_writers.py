"""Clips on disk: everything written here is read back by a decoder that knows nothing of the writer."""

import errno
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from blurlive.encoders import stills, video
from blurlive.errors import OutputError
from blurlive.writers import FORMATS, SUFFIXES, Clip, Frame, format_of, open_writer

VIDEOS = ("mp4", "webm")
ANIMATIONS = ("gif", "webp", "apng")
FILES = tuple(name for name in FORMATS if name != "frames")
PATCHES = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (128, 128, 128),
    (220, 60, 40),
    (30, 200, 90),
    (0, 0, 0),
    (255, 255, 255),
]


def moving(width: int, height: int, count: int = 7) -> list[Frame]:
    """Smooth pictures in which every frame is brighter than the one before, by 24 levels."""
    row, column = np.mgrid[:height, :width]
    ramp = np.stack([40 * column / width, 40 * row / height, 0 * row + 20], -1)
    return [(ramp + 24 * number).round().astype(np.uint8) for number in range(count)]


def clip_of(frames: list[Frame], fps: float = 10, **options: int) -> Clip:
    return Clip(np.mean(frames, 0).round().astype(np.uint8), len(frames), fps, **options)


def write(
    target: Path, frames: list[Frame], clip: Clip | None = None, format: str = "", overwrite: bool = False
) -> Path:
    clip = clip or clip_of(frames)
    with open_writer(target, format or format_of(target), clip, overwrite=overwrite) as writer:
        for frame in frames:
            writer.add(frame)
    return target


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ffmpeg(*arguments: object) -> tuple[bytes, str]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout, done.stderr.decode()


def stream(path: Path) -> str:
    return re.findall(r"Stream #.*Video: .*", ffmpeg("-i", path)[1])[0]


def decoded(path: Path) -> Frame:
    """All frames of a video ``(N, H, W, 3)``."""
    size = re.search(r" (\d+)x(\d+)[ ,]", stream(path))
    assert size is not None
    raw = ffmpeg("-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")[0]
    return np.frombuffer(raw, np.uint8).reshape(-1, int(size[2]), int(size[1]), 3)


def shown(path: Path) -> tuple[list[float], list[str]]:
    """When each frame of a video is shown, and its checksum."""
    told = ffmpeg("-i", path, "-vf", "showinfo", "-f", "null", "-")[1]
    return [float(time) for time in re.findall(r"pts_time:(\S+)", told)], re.findall(r" checksum:(\S+)", told)


def animated(path: Path) -> tuple[Frame, list[float], Image.Image]:
    """Frames, their durations in milliseconds, and the file as Pillow sees it."""
    image = Image.open(path)
    frames, durations = [], []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB")))
        durations.append(image.info["duration"])
    return np.stack(frames), durations, image


def levels(frames: Frame) -> list[float]:
    return np.mean(frames, (1, 2, 3)).tolist()


# Names


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


# Videos


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


# Animations


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


@pytest.mark.parametrize("format", ANIMATIONS)
def test_colours_of_an_animation_are_right(format: str, tmp_path: Path) -> None:
    frame = np.repeat(np.repeat(np.array([PATCHES], np.uint8), 32, 0), 32, 1)
    found, _, _ = animated(write(tmp_path / f"clip{SUFFIXES[format]}", [frame, frame[:, ::-1].copy(), frame]))
    assert np.abs(found[2, 16, 16::32].astype(int) - PATCHES).max() <= 6
    assert np.abs(found[1, 16, 16::32].astype(int) - PATCHES[::-1]).max() <= 6


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


# Stills


def test_frames_are_numbered_and_exact(tmp_path: Path) -> None:
    frames = moving(31, 17, 12)
    folder = write(tmp_path / "out", frames)
    assert names(folder) == [f"{number:04d}.png" for number in range(1, 13)]
    for path, frame in zip(sorted(folder.iterdir()), frames, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), frame)
    assert stills.frame_name(3, 12345) == "00003.png"


def test_frames_go_into_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").touch()
    assert len(names(write(tmp_path / "out", moving(4, 4)))) == 8


def test_a_shorter_clip_replaces_a_longer_one_and_leaves_strangers_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", moving(4, 4, 9))
    Image.new("RGB", (4, 4)).save(folder / "0815.png")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"--overwrite .*--skip-existing"):
        write(folder, moving(4, 4, 3))
    write(folder, moving(6, 4, 3), overwrite=True)
    assert names(folder) == ["0001.png", "0002.png", "0003.png", "0815.png", "notes.txt"]
    assert Image.open(folder / "0001.png").size == (6, 4)


def test_a_stranger_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "0002.png")
    before = (tmp_path / "0002.png").read_bytes()
    with pytest.raises(OutputError, match=r"0002\.png is not one of ours"):
        write(tmp_path, moving(4, 4), overwrite=True)
    assert names(tmp_path) == ["0002.png"]
    assert (tmp_path / "0002.png").read_bytes() == before


def test_frames_that_cannot_all_be_moved_are_moved_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "out", moving(4, 4, 5))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rename, calls = Path.rename, []

    def fails_late(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_late)
    with pytest.raises(KeyboardInterrupt):
        write(folder, moving(6, 4, 5), overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("count", [1, 2, 7, 12, 13, 42])
@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (900, 60), (5, 3000), (1, 1)])
def test_a_sheet_shows_every_picture_once(count: int, width: int, height: int, tmp_path: Path) -> None:
    frame = np.full((height, width, 3), (200, 0, 0), np.uint8)
    clip = Clip(np.full_like(frame, 0), count, 10)
    page = np.asarray(Image.open(write(tmp_path / "clip.sheet.png", [frame] * count, clip)))
    grid = stills.Grid.of(clip)
    assert page.shape[1] <= 2400
    assert page.size // 3 <= 45_000_000
    tile = grid.tile[0] * grid.tile[1]
    assert tile >= 1
    assert (page == (200, 0, 0)).all(-1).sum() == count * tile
    assert (page == 0).all(-1).sum() == tile


def test_42_frames_stand_in_rows_of_seven(tmp_path: Path) -> None:
    frames = moving(70, 40, 42)[::-1]
    frames = [np.full_like(frame, 4 * number) for number, frame in enumerate(frames)]
    clip = clip_of(frames)
    page = np.asarray(Image.open(write(tmp_path / "clip.sheet.png", frames, clip)))
    grid = stills.Grid.of(clip)
    assert (grid.columns, grid.rows) == (7, 7)
    left, top = grid.corner(1)
    inside = page[top + grid.text + 20 :: grid.cell[1], left + 5 :: grid.cell[0], 0]
    assert inside[:6, :7].ravel().tolist() == [4 * number for number in range(42)]


# What goes wrong


class SomeError(Exception):
    pass


def write_half(target: Path, frames: list[Frame], error: BaseException, overwrite: bool = False) -> None:
    with open_writer(target, format_of(target), clip_of(frames), overwrite=overwrite) as writer:
        for frame in frames[:3]:
            writer.add(frame)
        raise error


@pytest.mark.parametrize("error", [SomeError(), KeyboardInterrupt(), OSError("the caller's own")])
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_left_of_a_clip_that_was_not_finished(format: str, error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught:
        write_half(tmp_path / f"clip{SUFFIXES[format]}", moving(33, 21), error)
    assert caught.value is error
    assert names(tmp_path) == []


@pytest.mark.parametrize("format", FILES)
def test_an_old_file_survives_a_clip_that_was_not_finished(format: str, tmp_path: Path) -> None:
    target = tmp_path / f"clip{SUFFIXES[format]}"
    target.write_bytes(b"old")
    with pytest.raises(SomeError):
        write_half(target, moving(33, 21), SomeError(), overwrite=True)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == [target.name]


def test_old_frames_survive_a_clip_that_was_not_finished(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", moving(4, 4, 9))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SomeError):
        write_half(folder, moving(6, 6), SomeError(), overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("format", FILES)
def test_an_existing_file_is_replaced_only_when_asked(format: str, tmp_path: Path) -> None:
    target = tmp_path / f"clip{SUFFIXES[format]}"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"clip.*exists already.*--overwrite.*--skip-existing"):
        write(target, moving(8, 8))
    assert target.read_bytes() == b"old"
    assert len(write(target, moving(8, 8), overwrite=True).read_bytes()) > 100
    assert names(tmp_path) == [target.name]


def test_files_get_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    usual = (tmp_path / "usual").stat().st_mode
    for format in FILES:
        assert write(tmp_path / f"clip{SUFFIXES[format]}", moving(8, 8)).stat().st_mode == usual


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.gif"
    link.symlink_to(tmp_path / "there" / "clip.gif")
    write(link, moving(8, 8))
    assert link.is_symlink()
    assert (tmp_path / "there" / "clip.gif").is_file()


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_folder_is_not_made(format: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist; create it"):
        write(tmp_path / "none" / "clip", moving(8, 8), format=format)
    assert names(tmp_path) == []


def test_targets_of_the_wrong_kind(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    frames = moving(8, 8)
    with pytest.raises(OutputError, match="it is a folder"):
        write(tmp_path / "folder.mp4", frames, format="mp4", overwrite=True)
    with pytest.raises(OutputError, match="not a folder"):
        write(tmp_path / "file", frames, format="frames", overwrite=True)
    with pytest.raises(OutputError, match="not a folder"):
        write(tmp_path / "file" / "clip.mp4", frames, overwrite=True)
    if os.path.exists(os.devnull):  # noqa: PTH110 (it is not a path on every system)
        with pytest.raises(OutputError, match="device"):
            write(Path(os.devnull), frames, format="mp4", overwrite=True)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "error"),
    ],
)
@pytest.mark.parametrize("format", ["gif", "webp", "apng", "frames", "sheet"])
def test_an_error_of_the_disk_is_told(
    format: str, number: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    target = tmp_path / f"clip{SUFFIXES[format]}"
    monkeypatch.setattr(Image.Image, "save", fails)
    with pytest.raises(OutputError, match=f"cannot write .*clip.*{message}"):
        write(target, moving(8, 8))
    assert names(tmp_path) == []


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OutputError, match="no permission"):
        write(tmp_path / "clip.gif", moving(8, 8))
    tmp_path.chmod(0o700)


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
