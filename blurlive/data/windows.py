"""Windows of seven real sharp frames: from GoPro-style trees (``scene/000001.png ...``) and from folders of videos.

A window is opened once, cut into crops, and exposed as :mod:`blurlive.data.synthesis` exposes a scene. Its exact motion
is not known; OpenCV's DIS flow stands in for it, which a directed generator needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .camera import Exposure
from .photos import Image, decode
from .shutter import FRAMES, open_at
from .synthesis import SceneSpec, Sequence
from .trees import VIDEOS, numbered, sharp

MARGIN = 32
"""Pixels around a crop that the flow estimator sees too, so that it knows where things come from."""
SMALLER = "lower data.size or data.context (of synthesize: --size)"
HELD_SHARE = 10
"""One frame in this many, at the end of each scene, is never trained on."""


class Windows(ABC):
    """All windows of seven consecutive frames of some scenes.

    ``scenes`` are pairs of a name and a number of frames. ``split`` is ``train``, ``held-out`` (the last tenth of each
    scene's frames) or ``all``. ``crops`` of a batch are cut from one window, since reading frames is what costs time.
    Scenes whose frames are smaller than ``size``, the side of those crops, are left out. Raises :class:`DataError` if
    no scene is long enough, or none large enough.
    """

    def __init__(
        self, root: Path, scenes: list[tuple[Path, int]], spec: SceneSpec, split: str, crops: int, size: int
    ) -> None:
        cv2.setNumThreads(0)  # as in PhotoBank
        self.root, self.spec, self.crops = root, spec, max(1, crops)
        spans = [(scene, *_span(count, split)) for scene, count in scenes]
        spans = [(scene, start, stop) for scene, start, stop in spans if stop - start >= FRAMES]
        if not spans:
            raise DataError(f"{root}: no scene of {FRAMES} consecutive frames in it ({split}); give longer scenes")
        self.spans = [span for span in spans if self.side(span[0]) >= size]
        if not self.spans:
            raise DataError(f"{root}: all frames are smaller than a crop of {size}; {SMALLER}")
        self.ends = np.cumsum([stop - start - FRAMES + 1 for _, start, stop in self.spans])

    @abstractmethod
    def frames(self, scene: Path, start: int) -> Image:
        """Seven frames ``(7, H, W, 3)`` of a scene from frame ``start`` on."""

    @abstractmethod
    def side(self, scene: Path) -> int:
        """The shorter side of a scene's frames in pixels, as its first one has it."""

    def __len__(self) -> int:
        return int(self.ends[-1])

    def window(self, index: int) -> Image:
        """The frames ``(7, H, W, 3)`` of one of all windows."""
        place = int(np.searchsorted(self.ends, index, side="right"))
        scene, start, _ = self.spans[place]
        return self.frames(scene, start + index - (int(self.ends[place - 1]) if place else 0))

    def sequences(self, key: tuple[int, ...], count: int, size: int) -> list[Sequence]:
        """``count`` training examples of ``size`` pixels a side, a function of ``key`` alone."""
        made: list[Sequence] = []
        for first in range(0, count, self.crops):
            index = int(np.random.default_rng([*key, first, FRAMES]).integers(len(self)))
            window = self.window(index)
            if min(window.shape[1:3]) < size:
                small = f"{window.shape[2]}x{window.shape[1]}"
                raise DataError(f"{self.root}: frames of {small} are smaller than a crop of {size}; {SMALLER}")
            places = range(first, min(first + self.crops, count))
            made += [cut(np.random.default_rng([*key, i]), window, size, self.spec) for i in places]
        return made


def cut(rng: np.random.Generator, window: Image, size: int, spec: SceneSpec) -> Sequence:
    """A random crop of a window, mirrored at random, exposed. With ``spec.backwards`` either order of time is drawn;
    without it every crop plays to the right."""
    exposed = int(rng.choice([7, 3, 2], p=spec.exposures))
    top, left = (int(rng.integers(side - size + 1)) for side in window.shape[1:3])
    mirror, reverse = rng.random() < 0.5, rng.random() < 0.5
    above, before = min(top, MARGIN), min(left, MARGIN)
    wide = window[:, top - above : top + size + MARGIN, left - before : left + size + MARGIN]
    if mirror:
        before = wide.shape[2] - size - before
        wide = wide[:, :, ::-1]
    travel = motion(wide)[:, above : above + size, before : before + size]
    frames = wide[:, above : above + size, before : before + size]
    if reverse if spec.backwards else travel[0].mean() < 0:
        frames, travel = frames[::-1], -travel
    return _exposed(rng, frames, np.ascontiguousarray(travel), exposed, spec)


def motion(frames: Image) -> NDArray[np.float32]:
    """Estimated travel ``(2, H, W)`` in pixels from the first of ``frames (7, H, W, 3)`` to the last, of what the
    middle one shows: flow from there to the last less that to the first, two halves that DIS finds where it misses the
    whole."""
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    first, middle, last = (cv2.cvtColor(np.ascontiguousarray(frames[i]), cv2.COLOR_RGB2GRAY) for i in (0, 3, 6))
    flow = estimator.calc(middle, last, None) - estimator.calc(middle, first, None)
    return np.asarray(flow, np.float32).transpose(2, 0, 1)


def _exposed(
    rng: np.random.Generator, frames: Image, travel: NDArray[np.float32], exposed: int, spec: SceneSpec
) -> Sequence:
    exposure = Exposure(rng, spec.camera)
    for i in sorted(open_at(FRAMES, exposed)):
        exposure.add(np.ascontiguousarray(frames[i]))
    sharp = np.stack([exposure.develop(np.ascontiguousarray(frame)) for frame in frames])
    return Sequence(exposure.finish(), sharp, travel)


class FrameTree(Windows):
    """Scenes that are folders of numbered pictures of one size."""

    kind = "frames"

    def __init__(self, root: Path, spec: SceneSpec, split: str = "all", crops: int = 1, size: int = 0) -> None:
        self.files = {folder: numbered(folder) for folder in scene_folders(root)}
        scenes = [(folder, len(files)) for folder, files in self.files.items()]
        super().__init__(root, scenes, spec, split, crops, size)

    def side(self, scene: Path) -> int:
        return int(min(_picture(self.files[scene][0]).shape[:2]))

    def frames(self, scene: Path, start: int) -> Image:
        pictures = [_picture(file) for file in self.files[scene][start : start + FRAMES]]
        if len({picture.shape for picture in pictures}) > 1:
            raise DataError(f"{scene}: frames differ in size; a scene is one video, cut into pictures of one size")
        return np.stack(pictures)


class VideoFolder(Windows):
    """Scenes that are video files; a window is sought by its time and decoded by ffmpeg."""

    kind = "videos"

    def __init__(self, root: Path, spec: SceneSpec, split: str = "all", crops: int = 1, size: int = 0) -> None:
        self.rates: dict[Path, float] = {}
        super().__init__(root, [(file, self._count(file)) for file in video_files(root)], spec, split, crops, size)

    def side(self, scene: Path) -> int:
        return int(min(self.frames(scene, 0).shape[1:3]))

    def _count(self, file: Path) -> int:
        try:
            count, seconds = imageio_ffmpeg.count_frames_and_secs(str(file))
        except (OSError, RuntimeError) as error:
            raise DataError(f"{file}: cannot be decoded as a video; convert it to H.264 with ffmpeg") from error
        self.rates[file] = count / max(float(seconds), 1e-3)
        return int(count)

    def frames(self, scene: Path, start: int) -> Image:
        frames, back = self._decoded(scene, start), FRAMES
        while len(frames) < FRAMES and start > 0:  # the rate varies: fewer are left than there would be at a steady one
            start, back = max(0, start - back), 2 * back
            frames = self._decoded(scene, start)
        if len(frames) < FRAMES:
            raise DataError(f"{scene}: only {len(frames)} frames can be decoded; convert it to H.264 with ffmpeg")
        return np.stack(frames)

    def _decoded(self, scene: Path, start: int) -> list[Image]:
        """The next seven frames, or as many as there are."""
        # Half a frame early: rounding must not skip the frame that is meant.
        seek = ["-ss", f"{max(0.0, (start - 0.5) / self.rates[scene]):.6f}"]
        exact = ["-frames:v", str(FRAMES), "-fps_mode", "passthrough"]
        reader: Any = imageio_ffmpeg.read_frames(str(scene), input_params=seek, output_params=exact)
        try:
            width, height = next(reader)["size"]
            return [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
        except (OSError, RuntimeError, ValueError, StopIteration) as error:
            raise DataError(f"{scene}: cannot be decoded at frame {start}; convert it to H.264 with ffmpeg") from error


def scene_folders(root: Path) -> list[Path]:
    """Folders under ``root``, itself included, that hold at least seven numbered pictures; blurred ones left out."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir() and sharp(path, root))]
    return sorted(folder for folder in folders if len(numbered(folder)) >= FRAMES)


def video_files(root: Path) -> list[Path]:
    """Video files under ``root``, sorted; blurred ones left out."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in VIDEOS and sharp(path, root))
    return sorted(path for path in found if path.is_file())


def _span(count: int, split: str) -> tuple[int, int]:
    """Frames of a scene of ``count`` that belong to ``split``, as (start, stop); short scenes hold nothing out."""
    held = max(FRAMES, count // HELD_SHARE) if count >= 3 * FRAMES else 0
    return {"all": (0, count), "train": (0, count - held), "held-out": (count - held, count)}[split]


def _picture(file: Path) -> Image:
    picture = decode(file)
    if picture is None:
        raise DataError(f"{file}: cannot be read as a picture; replace or remove it")
    return picture
