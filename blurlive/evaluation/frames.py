"""Frames from disk: pictures, numbered folders and video files, all as uint8 RGB."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ..data.trees import PICTURES
from ..errors import DataError

Image = NDArray[np.uint8]
FRAMES = 7


def natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts ``frame10`` after ``frame9``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name) if part]


def listed(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Files of ``folder`` with one of the ``suffixes``, in natural order; hidden ones left out."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith("."))
    return sorted((path for path in found if path.is_file()), key=natural)


def read_picture(path: Path) -> Image:
    """One 8-bit picture ``(H, W, 3)`` RGB, its values as they are stored: truth and prediction are compared byte by
    byte, so no colour profile is applied. Raises DataError if it cannot be read or holds more than 8 bits a colour."""
    try:
        with Pillow.open(path) as picture:
            if picture.mode.startswith(("I", "F")) or ";16" in str(picture.tile):  # 16-bit RGB would be cut to 8
                raise DataError(
                    f"{path}: more than 8 bits a colour; the protocol scores 8-bit pictures, save it as 8 bit"
                )
            return np.array(picture.convert("RGB"), np.uint8)
    except DataError:
        raise
    except Exception as error:  # damaged files draw Type, Key, struct and more errors from Pillow
        raise DataError(f"{path}: cannot be read as a picture ({error}); replace the file") from error


def read_sequence(paths: list[Path]) -> Image:
    """Pictures of one size as ``(T, H, W, 3)``. Raises DataError where sizes differ or a file cannot be read."""
    frames = [read_picture(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise DataError(
                f"{path}: {_size(frame)}, but {paths[0].name} is {_size(frames[0])}; frames must be of one size"
            )
    return np.stack(frames)


def read_seven(place: Path) -> Image:
    """The seven frames ``(7, H, W, 3)`` of a folder of pictures or of a video file. Raises DataError if there are not
    seven."""
    if place.is_dir():
        paths = listed(place, PICTURES)
        _must_be_seven(place, len(paths))
        return read_sequence(paths)
    frames = list(islice(read_video(place), FRAMES + 1))
    _must_be_seven(place, len(frames))
    return np.stack(frames)


def read_video(path: Path) -> Iterator[Image]:
    """Frames ``(H, W, 3)`` of a video file one after the other. Raises DataError if it cannot be decoded."""
    reader: Any = None
    try:
        reader = imageio_ffmpeg.read_frames(str(path))
        width, height = next(reader)["size"]
        for frame in reader:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)
    except (OSError, RuntimeError, ValueError, StopIteration) as error:
        raise DataError(f"{path}: cannot be decoded as a video; convert it to H.264 with ffmpeg") from error
    finally:
        if reader is not None:
            reader.close()


def count_video(path: Path) -> int:
    """Number of frames of a video file. Raises DataError if it cannot be decoded."""
    try:
        return int(imageio_ffmpeg.count_frames_and_secs(str(path))[0])
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: cannot be decoded as a video; convert it to H.264 with ffmpeg") from error


def _must_be_seven(place: Path, count: int) -> None:
    if count != FRAMES:
        found = f"more than {FRAMES}" if count > FRAMES else str(count)
        raise DataError(f"{place}: {found} frames where {FRAMES} are needed, one for each moment in time order")


def _size(frame: Image) -> str:
    return f"{frame.shape[1]}x{frame.shape[0]}"
