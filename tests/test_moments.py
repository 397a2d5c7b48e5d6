"""A frame of a video or an animation as the photo."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from blurlive.errors import InputError, UsageError
from blurlive.image import load_photo
from blurlive.moments import Moment, moment_of

LEVELS = [20, 60, 100, 140, 180, 220]
"""Grey of the frames; the clips here show five a second."""


def animation(file: Path) -> Path:
    first, *others = [Image.new("RGB", (32, 16), (level,) * 3) for level in LEVELS]
    first.save(file, save_all=True, append_images=others, duration=200, lossless=True)
    return file


def video(file: Path, *options: str) -> Path:
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-s",
        "32x16",
    ]
    frames = b"".join(bytes([level]) * (32 * 16) for level in LEVELS)
    options = options or ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p")
    subprocess.run([*command, "-r", "5", "-i", "-", *options, str(file)], input=frames, check=True)
    return file


def make(file: Path) -> Path:
    return video(file) if file.suffix in {".mp4", ".mkv"} else animation(file)


@pytest.mark.parametrize(("at", "index"), [("0", 0), ("0.4", 2), ("0.99", 4), ("frame:1", 0), ("frame:6", 5)])
@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif", "a.mp4", "-a:b %d 'é.mkv"])
def test_the_frame_at_a_moment(name: str, at: str, index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    index += at == "0.99" and file.suffix in {".mp4", ".mkv"}  # of a video the first frame that is not before it
    pixels = load_photo(Path(name), at=moment_of(at)).pixels
    assert pixels.shape == (16, 32, 3)
    assert np.abs(pixels.astype(int) - LEVELS[index]).max() <= 4
    assert file.exists()


@pytest.mark.parametrize(("name", "words"), [("a.gif", "animation of 6 frames"), ("a.webp", "6"), ("a.mp4", "a video")])
def test_without_a_moment_one_line_says_how_to_choose(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{words}.*--at 2\.5 \(seconds\) or --at frame:12$"):
        load_photo(make(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "at", "words"),
    [
        ("a.gif", "1.5", "has only 6 frames"),
        ("a.gif", "frame:7", "has only 6 frames"),
        ("a.mp4", "1.5", r"has no frame there, it lasts 1\.2 s"),
        ("a.mp4", "frame:7", "has only 6 frames"),
        ("-a:b %d 'é.mkv", "frame:7", "has only 6 frames"),
    ],
)
def test_a_moment_after_the_end(name: str, at: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf": {words}; choose an earlier one"):
        load_photo(make(tmp_path / name), at=moment_of(at))


def test_a_still_photo_has_but_one_moment(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    assert load_photo(tmp_path / "a.png", at=Moment(frame=12)).pixels.shape == (4, 5, 3)


def test_a_turned_video_is_upright(tmp_path: Path) -> None:
    flat = video(tmp_path / "flat.mp4")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", flat, "-c", "copy"]
    subprocess.run([*command, tmp_path / "turned.mp4"], check=True)
    assert load_photo(tmp_path / "turned.mp4", at=Moment(frame=1)).pixels.shape == (32, 16, 3)


def test_hdr_and_broken_videos_are_one_line(tmp_path: Path) -> None:
    colours = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
    set_colours = ("-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc")
    hdr = video(tmp_path / "hdr.mkv", *set_colours, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le", *colours)
    with pytest.raises(InputError, match=r"hdr\.mkv: is an HDR video; export"):
        load_photo(hdr, at=Moment(frame=1))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(video(tmp_path / "a.mp4").read_bytes()[:300])
    with pytest.raises(InputError, match=r"broken\.mp4: cannot be decoded as a video \(.+\); convert it") as caught:
        load_photo(broken, at=Moment(seconds=0))
    assert "\n" not in str(caught.value)


def test_a_playlist_reaches_nothing_outside(tmp_path: Path) -> None:
    playlist = tmp_path / "a.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match=r"a\.mp4: "):
        load_photo(playlist, at=Moment(frame=1))


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1", "nan", "inf", "frame:0", "frame:", "frame:x", f"frame:{'9' * 5000}", ":3", "2:30", "1e9"],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="--at"):
        moment_of(text)
