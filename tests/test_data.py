"""Real frames and videos: what a folder is taken for, which windows it gives, and that batches hang on their key
alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image as Pillow

from blurlive.data.dataset import Stream, loader, make_batch
from blurlive.data.disk import scene_spec
from blurlive.data.source import KINDS, open_source, recognise
from blurlive.data.trees import numbered
from blurlive.data.windows import FrameTree, VideoFolder, Windows, cut, motion, video_files
from blurlive.errors import DataError

from .conftest import random_photo

PLAIN = scene_spec("1", plain=True)
WIDE = random_photo(96, 256, 1)


def pan(count: int, width: int = 128, step: int = 2) -> np.ndarray:
    """A camera that pans: the picture moves ``step`` pixels a frame to the left."""
    return np.stack([WIDE[:, step * t : step * t + width] for t in range(count)])


def save_scene(folder: Path, count: int, width: int = 128) -> None:
    folder.mkdir(parents=True)
    for i, frame in enumerate(pan(count, width), 1):
        Pillow.fromarray(frame).save(folder / f"{i:06d}.png")


def save_video(file: Path, count: int) -> None:
    options: dict[str, Any] = {
        "macro_block_size": 1,
        "codec": "libx264rgb",
        "pix_fmt_in": "rgb24",
        "pix_fmt_out": "rgb24",
    }
    writer = imageio_ffmpeg.write_frames(str(file), (128, 96), output_params=["-crf", "0"], **options)
    writer.send(None)
    for frame in pan(count):
        writer.send(np.ascontiguousarray(frame))
    writer.close()


def test_what_a_folder_is_taken_for(tmp_path: Path) -> None:
    save_scene(tmp_path / "tree" / "GOPR1", 7)
    (tmp_path / "videos").mkdir()
    save_video(tmp_path / "videos" / "a.mp4", 8)
    for name in ("photos", "camera", "faces"):
        (tmp_path / name).mkdir()
    for i in range(8):
        Pillow.fromarray(random_photo(64, 64 + i)).save(tmp_path / "photos" / f"{i:04d}.png")  # numbered, of many sizes
        Pillow.fromarray(random_photo(64, 64)).save(
            tmp_path / "camera" / f"IMG_{i:04d}.png"
        )  # one size, a camera's names
        Pillow.fromarray(random_photo(64, 64, i)).save(tmp_path / "faces" / f"{i:05d}.png")  # numbered, of one size
    kinds = {folder.name: recognise(folder) for folder in tmp_path.iterdir()}
    assert kinds == {"tree": "frames", "videos": "videos", "photos": "photos", "camera": "photos", "faces": "photos"}
    assert open_source(tmp_path / "camera", kind="photos").kind == "photos"


def test_a_missing_folder_a_file_and_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").touch()
    for kind in KINDS:
        with pytest.raises(DataError, match="no such folder"):
            open_source(tmp_path / "none", kind=kind)
        with pytest.raises(DataError, match="is a file"):
            open_source(tmp_path / "x.mp4", kind=kind)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no readable photo"):
        open_source(tmp_path / "empty")


def test_gopro_layout_uses_the_sharp_frames(tmp_path: Path) -> None:
    for kind in ("sharp", "blur", "blur_gamma"):
        save_scene(tmp_path / "GOPR1" / kind, 9)
    save_scene(tmp_path / "blur" / "GOPR1", 9)
    save_video(tmp_path / "blur" / "GOPR1" / "a.mp4", 9)
    tree = FrameTree(tmp_path, PLAIN)
    assert [scene.name for scene, _, _ in tree.spans] == ["sharp"]
    assert video_files(tmp_path) == []
    assert len(tree) == 3
    assert [file.name for file in numbered(tmp_path / "GOPR1" / "sharp")][-1] == "000009.png"


def test_windows_are_seven_neighbours_of_one_scene(tmp_path: Path) -> None:
    save_scene(tmp_path / "a", 8)
    save_scene(tmp_path / "b", 9)
    tree = FrameTree(tmp_path, PLAIN)
    assert len(tree) == 2 + 3
    assert np.array_equal(tree.window(1), pan(8)[1:8])
    assert np.array_equal(tree.window(4), pan(9)[2:9])


def test_a_video_gives_its_frames_exactly(tmp_path: Path) -> None:
    save_video(tmp_path / "a.mp4", 20)
    videos = VideoFolder(tmp_path, PLAIN)
    assert len(videos) == 14
    for index in (0, 5, 13):
        assert np.array_equal(videos.window(index), pan(20)[index : index + 7])


def test_a_video_whose_rate_varies_gives_every_window(tmp_path: Path) -> None:
    save_video(tmp_path / "steady.avi", 20)
    slowing = "setpts=(N+10*max(0\\,N-14))/10/TB"  # the last five frames last as long as fifty of the others
    options = ["-vf", slowing, "-fps_mode", "vfr", "-c:v", "libx264rgb", "-crf", "0", str(tmp_path / "a.mp4")]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(tmp_path / "steady.avi"), *options]
    subprocess.run(command, check=True)
    (tmp_path / "steady.avi").unlink()
    videos = VideoFolder(tmp_path, PLAIN)
    frames = pan(20)
    for index in range(len(videos)):
        window = videos.window(index)
        assert any(np.array_equal(window, frames[start : start + 7]) for start in range(14))


def test_held_out_frames_are_never_trained_on(tmp_path: Path) -> None:
    save_scene(tmp_path / "a", 30)
    train, held = FrameTree(tmp_path, PLAIN, "train"), FrameTree(tmp_path, PLAIN, "held-out")
    assert train.spans[0][1:] == (0, 23)
    assert held.spans[0][1:] == (23, 30)
    save_scene(tmp_path / "short" / "b", 8)
    with pytest.raises(DataError, match="held-out"):
        FrameTree(tmp_path / "short", PLAIN, "held-out")


def test_motion_of_a_pan_is_found() -> None:
    middle = motion(pan(7))[:, 24:-24, 40:-40]
    assert middle[0].mean() == pytest.approx(-12, abs=1)
    assert abs(middle[1].mean()) < 0.5


def test_crops_are_exposed_and_play_as_they_are_told() -> None:
    window = pan(7)
    clips = [cut(np.random.default_rng(seed), window, 64, PLAIN) for seed in range(8)]
    for clip in clips:
        assert np.abs(clip.sharp.mean(0) - clip.blurred).max() <= 0.51
        found = motion(clip.sharp)[0].mean()  # the recorded motion follows mirror and time as the frames do
        assert found * clip.motion[0].mean() > 0
    assert {bool(clip.motion[0].mean() > 0) for clip in clips} == {True, False}
    one_way = [cut(np.random.default_rng(seed), window, 64, replace(PLAIN, backwards=False)) for seed in range(8)]
    assert all(clip.motion[0].mean() > 0 for clip in one_way)


def test_batches_hang_on_their_key_alone(tmp_path: Path) -> None:
    save_scene(tmp_path / "a", 12)
    source = open_source(tmp_path, PLAIN, crops=2)
    a, b, c = (make_batch(source, 32, 4, key) for key in ((0, 1, 0), (0, 1, 0), (0, 1, 1)))
    assert a.blurred.equal(b.blurred)
    assert a.motion.equal(b.motion)
    assert not a.blurred.equal(c.blurred)
    assert a.sharp.shape == (4, 7, 3, 32, 32)


def test_a_crop_larger_than_the_frames(tmp_path: Path) -> None:
    save_scene(tmp_path / "a", 7)
    with pytest.raises(DataError, match=r"smaller than a crop of 128; lower data\.size or data\.context"):
        make_batch(open_source(tmp_path), 128, 1, (0, 0, 0))


def test_scenes_of_frames_smaller_than_the_crops_are_left_out_from_the_start(tmp_path: Path) -> None:
    save_scene(tmp_path / "frames" / "narrow", 9, width=48)
    save_scene(tmp_path / "frames" / "wide", 8)
    (tmp_path / "videos").mkdir()
    save_video(tmp_path / "videos" / "a.mp4", 8)
    for kind in ("frames", "videos"):
        source = open_source(tmp_path / kind, PLAIN, size=64)
        assert isinstance(source, Windows)
        assert len(source) == 2
        assert {clip.blurred.shape for clip in source.sequences((0,), 8, 64)} == {(64, 64, 3)}
        with pytest.raises(DataError, match=r"all frames are smaller .* lower data\.size or data\.context"):
            open_source(tmp_path / kind, PLAIN, size=128)


def test_a_broken_frame_is_named(tmp_path: Path) -> None:
    save_scene(tmp_path / "a", 7)
    (tmp_path / "a" / "000004.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"000004\.png: cannot be read"):
        make_batch(open_source(tmp_path, kind="frames"), 32, 1, (0, 0, 0))


@pytest.mark.parametrize("kind", ["photos", "frames"])
def test_a_picture_that_may_not_be_read_is_named(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    save_scene(tmp_path / "a", 7)
    monkeypatch.setattr(np, "fromfile", locked)  # root, whom tests may run as, reads everything
    with pytest.raises(DataError, match=r"00000\d\.png: cannot be read \(Permission denied\)"):
        open_source(tmp_path, kind=kind).sequences((0,), 1, 32)


def number(step: int) -> int:
    if step == 7:
        raise DataError("seven is broken; take another")
    return step


@pytest.mark.parametrize("workers", [0, 2])
def test_the_order_does_not_depend_on_the_number_of_workers(workers: int) -> None:
    items = loader(Stream(partial(number), start=2), workers)
    assert list(islice(items, 5)) == [2, 3, 4, 5, 6]
    with pytest.raises(DataError, match=r"^seven is broken; take another$"):  # without the worker's traceback
        next(items)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker has a copy of the photos")
def test_workers_share_memory_with_the_training_process_whatever_python_prefers() -> None:
    usual = multiprocessing.get_start_method()
    multiprocessing.set_start_method("forkserver", force=True)  # the default from Python 3.14 on
    try:
        held = object()
        assert list(islice(loader(Stream(lambda step: id(held) + step), 1), 2)) == [id(held), id(held) + 1]
    finally:
        multiprocessing.set_start_method(usual, force=True)


@pytest.mark.skipif(sys.platform == "win32", reason="terminate() cannot be refused there")
def test_workers_leave_the_first_sigterm_to_the_training_process() -> None:
    items = loader(Stream(abs), 2)
    assert list(islice(items, 2)) == [0, 1]  # both work
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    for worker in workers:
        worker.terminate()
    assert list(islice(items, 50)) == list(range(2, 52))  # more than are made ahead
    for worker in workers:
        with contextlib.suppress(RuntimeError):  # torch says so where it is told of its worker's end
            worker.terminate()
            worker.join(20)
        worker.join(20)
        assert not worker.is_alive()


def test_folders_and_broken_links_called_like_pictures_are_passed_over(tmp_path: Path) -> None:
    Pillow.fromarray(random_photo(96, 96)).save(tmp_path / "a.png")
    (tmp_path / "holiday.jpg").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert len(open_source(tmp_path).sequences((0,), 1, 64)) == 1
    save_scene(tmp_path / "scene", 7)
    (tmp_path / "scene" / "000099.png").mkdir()
    assert len(numbered(tmp_path / "scene")) == 7
