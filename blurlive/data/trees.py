"""What in a folder counts as a picture, a video, a numbered frame, and what holds no sharp ones: the same for training
and for evaluation."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import DataError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm"})
VIDEOS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"})
NUMBERED = re.compile(r"(?:frame[_-]?)?(\d+)", re.IGNORECASE)
BLURRED = frozenset({"blur", "blur_gamma", "blurred"})
"""Folders of GoPro-style trees that hold, whatever lies in them, what a network is to be given, not sharp frames."""


def numbered(folder: Path) -> list[Path]:
    """Pictures of a folder that are called ``000001``, ``frame_1`` and the like, in the order of their numbers. A
    camera's ``IMG_0001`` is no frame: its neighbours are other photos. Raises :class:`DataError` if the folder cannot
    be read."""
    try:
        pictures = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file()]
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror}); make it readable first") from error
    found = [(int(match[1]), path) for path in pictures if (match := NUMBERED.fullmatch(path.stem))]
    return [path for _, path in sorted(found)]


def sharp(path: Path, root: Path) -> bool:
    """Whether none of the folders from ``root`` down to ``path`` is one of :data:`BLURRED`."""
    return BLURRED.isdisjoint(path.relative_to(root).parts)
