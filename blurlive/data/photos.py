"""A folder of photos held in memory, from which textures are cut."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .trees import PICTURES

Image = NDArray[np.uint8]
HELD_OUT = 20
"""One photo in this many is never trained on: it belongs to the held-out set."""


class PhotoBank:
    """Photos as ``(H, W, 3)`` uint8 RGB arrays in memory (3 MB per megapixel), long side at most ``longest``.

    ``split`` is ``train``, ``held-out`` or ``all``; a photo's side depends on its name alone, so the split is the same
    on every machine. Raises :class:`DataError` if the folder has no readable photo.
    """

    def __init__(self, folder: Path, split: str = "all", longest: int = 1280) -> None:
        # OpenCV's thread pool does not survive the fork into loader processes, and a crop is too small for it.
        cv2.setNumThreads(0)
        names = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and p.is_file())
        names = chosen(names, split)
        decoded = (_read(p, longest) for p in names)
        self.photos = [photo for photo in decoded if photo is not None]
        if not self.photos:
            raise DataError(f"{folder}: no readable photo in it ({split}); give a folder of JPEG, PNG or WebP photos")

    def texture(self, rng: np.random.Generator, size: int) -> tuple[Image, float]:
        """A random square from a random photo and its scale: texture pixels per picture pixel, 1 to 1.4.

        The square shows ``size`` picture pixels. Photos are reduced by a random factor on the way (1 to 3.2), since
        a reduced photo is sharper and cleaner than a photo at full size; the surplus scale keeps warping it sharp.
        """
        photo = self.photos[int(rng.integers(len(self.photos)))]
        short = min(photo.shape[:2])
        reduce = min(float(np.exp(rng.uniform(0, np.log(3.2)))), short / size)
        side = min(int(size * reduce), short)
        top = int(rng.integers(photo.shape[0] - side + 1))
        left = int(rng.integers(photo.shape[1] - side + 1))
        square = photo[top : top + side, left : left + side]
        if rng.random() < 0.5:
            square = square[:, ::-1]
        scale = min(1.4, max(side / size, 1.0))
        target = round(size * scale)
        method = cv2.INTER_AREA if target < side else cv2.INTER_CUBIC
        return np.ascontiguousarray(cv2.resize(square, (target, target), interpolation=method)), target / size


def is_held_out(name: str) -> bool:
    """Whether a photo of this name belongs to the held-out set."""
    return zlib.crc32(name.encode()) % HELD_OUT == 0


def chosen(names: list[Path], split: str) -> list[Path]:
    """Those of ``names`` that belong to ``split``. Of a handful of photos, where no name falls to the held-out set, it
    is the one of the least checksum."""
    if split == "all":
        return names
    held = [p for p in names if is_held_out(p.name)]
    if len(names) > 1 and len(held) in {0, len(names)}:
        held = [min(names, key=lambda p: zlib.crc32(p.name.encode()))]
    return held if split == "held-out" else [p for p in names if p not in held]


def decode(file: Path) -> Image | None:
    """A picture, or None if the file holds none. Raises :class:`DataError` if it cannot be read at all."""
    try:
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); make it readable or remove it") from error
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if picture is None else np.ascontiguousarray(picture[..., ::-1], dtype=np.uint8)


def _read(file: Path, longest: int) -> Image | None:
    photo = decode(file)
    if photo is None or min(photo.shape[:2]) < 64:
        return None
    shrink = longest / max(photo.shape[:2])
    if shrink < 1:
        return np.asarray(cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    return photo
