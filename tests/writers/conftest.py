"""Clips to write, and decoders to read them back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from blurlive.writers import FORMATS, Clip, Frame, format_of, open_writer

VIDEOS = ("mp4", "webm")
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


def shown(path: Path) -> tuple[list[float], list[str]]:
    """When each frame of a video is shown, and its checksum."""
    told = ffmpeg("-i", path, "-vf", "showinfo", "-f", "null", "-")[1]
    return [float(time) for time in re.findall(r"pts_time:(\S+)", told)], re.findall(r" checksum:(\S+)", told)


def levels(frames: Frame) -> list[float]:
    return np.mean(frames, (1, 2, 3)).tolist()
