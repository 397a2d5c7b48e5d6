"""Data: what is found, and what is broken."""

from __future__ import annotations

import contextlib
from pathlib import Path
from random import Random
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image as Pillow

from blurlive.errors import DataError
from blurlive.evaluation.clips import count_clips, find_clips, group_of
from blurlive.evaluation.frames import Image, read_picture
from blurlive.evaluation.methods import Folder

from ..fuzz import valid
from ..fuzz.damage import damaged
from .conftest import HEIGHT, WIDTH, a_clip, exposed, save, save_clip, sharp


def save_video(file: Path, frames: Image) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {
        "macro_block_size": 1,
        "codec": "libx264rgb",
        "pix_fmt_in": "rgb24",
        "pix_fmt_out": "rgb24",
    }
    writer = imageio_ffmpeg.write_frames(str(file), (WIDTH, HEIGHT), output_params=["-crf", "0"], **options)
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


def test_clip_folders_are_found_in_natural_order(tmp_path: Path) -> None:
    for name in ("clip_10", "clip_9"):
        save_clip(tmp_path / name)
    found = list(find_clips(tmp_path))
    assert [source.name for source in found] == ["clip_9", "clip_10"]
    assert count_clips(tmp_path) == 2
    clip = found[0].load()
    assert np.array_equal(clip.sharp, sharp())
    assert np.array_equal(clip.blurred, exposed(sharp()))


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_trees_are_cut_into_windows_of_seven(tmp_path: Path, gamma: float) -> None:
    frames = sharp(frames=16)
    save(frames, tmp_path / "scene" / "sharp")
    save(frames, tmp_path / "scene" / "blur")
    save(frames, tmp_path / "blurred" / "scene")
    save(frames[:6], tmp_path / "short")
    found = list(find_clips(tmp_path, gamma))
    assert [(source.name, source.group) for source in found] == [("scene/01", "scene"), ("scene/08", "scene")]
    assert count_clips(tmp_path) == 2
    clip = found[1].load()
    assert np.array_equal(clip.sharp, frames[7:14])
    assert np.array_equal(clip.blurred, exposed(frames[7:14], gamma))


def test_two_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mov"):
        save_video(tmp_path / "videos" / name, sharp())
    save(sharp(), tmp_path / "tree" / "s")
    save(sharp(), tmp_path / "tree" / "s" / "sharp")
    for data, name in (("videos", "a/000001"), ("tree", "s/01")):
        with pytest.raises(DataError, match=f"^{name}: two clips have this name"):
            list(find_clips(tmp_path / data))


def test_names_where_the_folder_itself_is_the_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(sharp(), tmp_path / "scene")
    monkeypatch.chdir(tmp_path / "scene")
    for data in (Path(), tmp_path / "scene"):
        assert [(source.name, source.group) for source in find_clips(data)] == [("scene/01", "scene")]


def test_frames_are_numbered(tmp_path: Path) -> None:
    save(sharp(), tmp_path / "photos")
    for file in (tmp_path / "photos").iterdir():
        file.rename(file.with_name(f"IMG_{file.name}"))
    assert (list(find_clips(tmp_path)), count_clips(tmp_path)) == ([], 0)


def test_videos_are_cut_into_windows_of_seven(tmp_path: Path) -> None:
    frames = sharp(frames=15)
    save_video(tmp_path / "drive.mp4", frames)
    found = list(find_clips(tmp_path))
    assert [source.name for source in found] == ["drive/000001", "drive/000008"]
    assert count_clips(tmp_path) == count_clips(tmp_path / "drive.mp4") == 2
    assert np.abs(found[1].load().sharp.astype(int) - frames[7:14]).max() <= 2


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("scene3_long", "scene_long"),
        ("street1_2", "street"),
        ("davis_camel_1", "davis"),
        ("toflow_2", "toflow"),
        ("0001", "all"),
    ],
)
def test_groups_go_by_name(name: str, group: str) -> None:
    assert group_of(name) == group


def test_missing_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        find_clips(tmp_path / "nowhere")


@pytest.mark.parametrize("harm", ["few", "size", "garbage", "motion"])
def test_broken_clips_say_what_is_wrong(tmp_path: Path, harm: str) -> None:
    save_clip(tmp_path / "clip")
    if harm == "few":
        (tmp_path / "clip/sharp/07.png").unlink()
    elif harm == "size":
        Pillow.fromarray(sharp()[0][:40]).save(tmp_path / "clip/blurred.png")
    elif harm == "garbage":
        (tmp_path / "clip/sharp/03.png").write_bytes(b"no picture")
    else:
        np.save(tmp_path / "clip/motion.npy", np.zeros((2, 3, 3), np.float32))
    messages = {"few": "6 frames", "size": "64x40", "garbage": "03.png", "motion": "motion.npy"}
    with pytest.raises(DataError, match=messages[harm]):
        next(iter(find_clips(tmp_path))).load()


def test_predictions_are_folders_or_videos(tmp_path: Path) -> None:
    save(sharp(1), tmp_path / "a")
    save_video(tmp_path / "b.mp4", sharp(2))
    method = Folder("theirs", tmp_path)
    assert np.array_equal(method.predict(a_clip(name="a")), sharp(1))
    assert np.abs(method.predict(a_clip(name="b")).astype(int) - sharp(2)).max() <= 2
    with pytest.raises(DataError, match="no frames for this clip"):
        method.predict(a_clip(name="c"))
    for count, found in ((6, "6"), (8, "more than 7")):
        save_video(tmp_path / f"video{count}.mp4", sharp(frames=count))
        with pytest.raises(DataError, match=rf"video{count}\.mp4: {found} frames where 7 are needed"):
            method.predict(a_clip(name=f"video{count}"))


def test_links_back_and_odd_digits_in_names(tmp_path: Path) -> None:
    save(sharp(), tmp_path / "x" / "²")
    (tmp_path / "x" / "back").symlink_to("..")
    assert [source.name for source in find_clips(tmp_path)] == ["x/²/01"]


def test_sixteen_bit_colours_are_refused_and_not_cut(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(DataError, match=r"deep\.png: more than 8 bits"):
        read_picture(tmp_path / "deep.png")


@pytest.mark.filterwarnings("ignore")  # Pillow's, of the damage
def test_damaged_pictures_are_one_error(tmp_path: Path) -> None:
    pictures, random = valid.photos(), Random(0)
    read = 0
    for _ in range(300):
        (tmp_path / "a.png").write_bytes(damaged(random.choice(pictures), pictures, random))
        with contextlib.suppress(DataError):
            read_picture(tmp_path / "a.png")
            read += 1
    assert 0 < read < 300
