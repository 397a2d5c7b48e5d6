"""Where training examples come from: one function that recognises photos, frame trees and videos."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ..errors import DataError
from .photos import PhotoBank
from .shutter import FRAMES
from .synthesis import SceneSpec, Sequence, synthesize
from .trees import numbered
from .windows import FrameTree, VideoFolder, scene_folders, video_files

ALIKE = 0.8
"""Correlation of thumbnails above which two pictures pass for neighbours in a video."""
KINDS = ("auto", "photos", "frames", "videos")


class Source(Protocol):
    """Anything that makes training examples. ``kind`` is what it was recognised as."""

    kind: str

    def sequences(self, key: tuple[int, ...], count: int, size: int) -> list[Sequence]:
        """``count`` examples of ``size`` pixels a side: a function of ``key`` and of the files alone."""
        ...


class Photos:
    """Scenes synthesised from a folder of photos."""

    kind = "photos"

    def __init__(self, root: Path, spec: SceneSpec, split: str = "all") -> None:
        self.bank, self.spec = PhotoBank(root, split), spec

    def sequences(self, key: tuple[int, ...], count: int, size: int) -> list[Sequence]:
        return [synthesize(np.random.default_rng([*key, i]), self.bank, size, self.spec) for i in range(count)]


def open_source(
    path: Path,
    spec: SceneSpec | None = None,
    split: str = "all",
    *,
    kind: str = "auto",
    crops: int = 1,
    size: int = 0,
) -> Source:
    """The source in the folder ``path``, of the kind that :func:`recognise` finds or of ``kind``.

    ``split`` is ``train``, ``held-out`` or ``all``; ``crops`` examples are cut from each window of real frames, and
    scenes of frames smaller than ``size`` are left out.
    Raises :class:`DataError` if the folder is missing or holds nothing of use.
    """
    if not path.exists():
        raise DataError(f"{path}: no such folder; give one of photos, of numbered frames or of videos")
    if not path.is_dir():
        raise DataError(f"{path}: is a file; give the folder that holds it")
    spec = spec or SceneSpec()
    kind = recognise(path) if kind == "auto" else kind
    if kind == "videos":
        return VideoFolder(path, spec, split, crops, size)
    return FrameTree(path, spec, split, crops, size) if kind == "frames" else Photos(path, spec, split)


def recognise(path: Path) -> str:
    """``videos``, ``frames`` or ``photos``. Numbered pictures are frames if they are of one size and alike one after
    the other: photos may be numbered too, and even be of one size."""
    if video_files(path):
        return "videos"
    return "frames" if any(_is_scene(numbered(folder)[:FRAMES]) for folder in scene_folders(path)) else "photos"


def _is_scene(files: list[Path]) -> bool:
    try:
        thumbnails = [_thumbnail(file) for file in files]
    except Exception:  # damaged files draw Value, Type, Key and more errors from Pillow
        return False
    pairs = pairwise(thumbnails)
    alike = [a[0] == b[0] and _correlation(a[1], b[1]) > ALIKE for a, b in pairs]
    return sum(alike) > len(alike) / 2  # a scene may be cut, or hold a frame that cannot be told from noise


def _thumbnail(file: Path) -> tuple[tuple[int, int], NDArray[np.float64]]:
    """Size of a picture, and a few grey pixels of it."""
    with Pillow.open(file) as picture:
        size = picture.size
        picture.draft("L", (64, 64))  # a JPEG is decoded small, which is all it takes
        return size, np.asarray(picture.convert("L").resize((24, 24), Pillow.Resampling.BOX), np.float64)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 1e-6 else 1.0
