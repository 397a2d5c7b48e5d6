"""The clips to score on: a blurred photo and the seven sharp frames that the shutter saw.

Three kinds of data, which may be mixed in one folder:

* clip folders, as ``blurlive synthesize`` writes them: ``clip/blurred.png``, ``clip/sharp/*`` (seven) and, where the
  exact flow is known, ``clip/motion.npy``;
* GoPro-style trees: folders of numbered sharp frames (``scene/000001.png``, or ``scene/sharp/000001.png``);
* video files.

Of the latter two, every seven frames make a clip (non-overlapping windows, the rest at the end left out), whose
blurred photo is the mean of the seven in linear light, rounded to 8 bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.trees import BLURRED, PICTURES, VIDEOS, numbered
from ..errors import DataError
from ..metrics import reblur
from .frames import (
    FRAMES,
    Image,
    count_video,
    listed,
    natural,
    read_picture,
    read_sequence,
    read_seven,
    read_video,
)

MOTION = "motion.npy"
"""Exact travel ``(2, H, W)`` in pixels (x, y) from first frame to last, of what the middle frame shows."""


@dataclass(frozen=True)
class Clip:
    """``blurred (H, W, 3)`` and ``sharp (7, H, W, 3)`` uint8 RGB, and ``motion (2, H, W)`` where the exact travel is
    known (:data:`MOTION`)."""

    name: str
    blurred: Image
    sharp: Image
    motion: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class ClipSource:
    """A clip that is not read yet. ``load`` raises DataError if it is broken."""

    name: str
    group: str
    load: Callable[[], Clip]


def find_clips(data: Path, gamma: float = 2.2) -> Iterator[ClipSource]:
    """All clips in ``data``, a folder or a video file, in natural order. Pictures are read on ``load``, a video as it
    is iterated; a second clip of one name raises DataError there.

    ``gamma`` (2.2, or 1 for a plain mean of values) is that of the blur made for trees and videos.
    """
    if not data.exists():
        raise DataError(
            f"{data}: no such folder or video; give --data a folder of clips, a GoPro-style tree or a video"
        )
    if data.is_file():
        return _video_windows(data, data.stem, gamma)
    return _distinct(_walk(data, gamma))


def count_clips(data: Path) -> int:
    """How many clips :func:`find_clips` yields, without decoding a picture. A video that cannot be decoded counts as
    one."""
    if data.is_file():
        return _count_windows(data)
    folders = list(_folders(data))
    videos = [path for folder in folders if not _is_clip(folder) for path in listed(folder, VIDEOS)]
    clips = sum(1 if _is_clip(folder) else len(_frames_of(folder)) // FRAMES for folder in folders)
    return clips + sum(_count_windows(path) for path in videos)


def group_of(name: str) -> str:
    """Group of a clip by its name: ``scene3_long`` is of ``scene_long``; a running number at the end leaves the first
    word only, so that ``davis_camel_1`` is of ``davis``. Names that are only numbers are of ``all``."""
    words = name.split("_")
    if words[-1].isdigit():
        words = words[:1]
    letters = ["".join(c for c in word if not c.isdigit()) for word in words]
    return "_".join(word for word in letters if word) or "all"


def _distinct(clips: Iterator[ClipSource]) -> Iterator[ClipSource]:
    """The clips, as long as each has a name of its own: figures, and other methods' frames, go by it."""
    seen: set[str] = set()
    for clip in clips:
        if clip.name in seen:
            raise DataError(f"{clip.name}: two clips have this name, as a.mp4 and a.mov would; rename one")
        seen.add(clip.name)
        yield clip


def _walk(root: Path, gamma: float) -> Iterator[ClipSource]:
    for place in _folders(root):
        if _is_clip(place):
            yield _clip_folder(place, _name(root, place))
            continue
        scene = _scene(root, place)
        yield from _tree_windows(_frames_of(place), scene, gamma)
        for video in listed(place, VIDEOS):
            yield from _video_windows(video, video.relative_to(root).with_suffix("").as_posix(), gamma)


def _folders(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    """``folder`` and those inside it that may hold clips; nothing inside a clip folder, nor a link back ``above``."""
    yield folder
    if not _is_clip(folder):
        above = above | {os.path.realpath(folder)}
        for path in _inside(folder):
            if path.name not in BLURRED and os.path.realpath(path) not in above:
                yield from _folders(path, above)


def _inside(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror}); make it readable first") from error
    return sorted(found, key=natural)


def _is_clip(folder: Path) -> bool:
    return any((folder / f"blurred{suffix}").is_file() for suffix in PICTURES)


def _frames_of(folder: Path) -> list[Path]:
    """Numbered frames in a folder of a tree; none in a clip folder."""
    return [] if _is_clip(folder) else numbered(folder)


def _scene(root: Path, folder: Path) -> str:
    return _name(root, folder.parent if folder.name == "sharp" and folder != root else folder)


def _name(root: Path, folder: Path) -> str:
    name = folder.relative_to(root).as_posix()
    return folder.resolve().name if name == "." else name


def _clip_folder(folder: Path, name: str) -> ClipSource:
    def load() -> Clip:
        if not (folder / "sharp").is_dir():
            raise DataError(f"{folder}: no folder 'sharp' beside the blurred photo; put the seven sharp frames there")
        blurred = next(
            folder / f"blurred{suffix}" for suffix in sorted(PICTURES) if (folder / f"blurred{suffix}").is_file()
        )
        clip = Clip(name, read_picture(blurred), read_seven(folder / "sharp"), _read_motion(folder / MOTION))
        _must_agree(folder, clip)
        return clip

    return ClipSource(name, group_of(name.rpartition("/")[2]), load)


def _read_motion(path: Path) -> NDArray[np.float32] | None:
    if not path.is_file():
        return None
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as a flow field; delete it or write it with numpy.save") from error


def _must_agree(folder: Path, clip: Clip) -> None:
    height, width = clip.sharp.shape[1:3]
    if clip.blurred.shape != (height, width, 3):
        size = f"{clip.blurred.shape[1]}x{clip.blurred.shape[0]}"
        raise DataError(f"{folder}: blurred photo {size}, sharp frames {width}x{height}; sizes must agree")
    if clip.motion is not None and clip.motion.shape != (2, height, width):
        raise DataError(f"{folder / MOTION}: shape {clip.motion.shape}, expected (2, {height}, {width})")


def _tree_windows(paths: list[Path], scene: str, gamma: float) -> Iterator[ClipSource]:
    for start in range(0, len(paths) - FRAMES + 1, FRAMES):
        window = paths[start : start + FRAMES]
        name = f"{scene}/{window[0].stem}"

        def load(window: list[Path] = window, name: str = name) -> Clip:
            return _exposed(name, read_sequence(window), gamma)

        yield ClipSource(name, scene, load)


def _video_windows(path: Path, scene: str, gamma: float) -> Iterator[ClipSource]:
    """Clips of a video. It is decoded once, front to back: each window is in memory from when it is yielded."""
    window: list[Image] = []
    index = 0
    try:
        for frame in read_video(path):
            window.append(frame)
            if len(window) == FRAMES:
                yield _held(f"{scene}/{index + 1:06d}", scene, np.stack(window), gamma)
                index, window = index + FRAMES, []
    except DataError as error:
        yield _broken(scene, error)


def _held(name: str, scene: str, sharp: Image, gamma: float) -> ClipSource:
    return ClipSource(name, scene, lambda: _exposed(name, sharp, gamma))


def _broken(scene: str, error: DataError) -> ClipSource:
    def load() -> Clip:
        raise error

    return ClipSource(scene, scene, load)


def _count_windows(path: Path) -> int:
    try:
        return count_video(path) // FRAMES
    except DataError:
        return 1


def _exposed(name: str, sharp: Image, gamma: float) -> Clip:
    """The clip that seven sharp frames make."""
    frames = torch.from_numpy(sharp).permute(0, 3, 1, 2)
    return Clip(name, reblur(frames, gamma)[0].permute(1, 2, 0).contiguous().numpy(), sharp)
