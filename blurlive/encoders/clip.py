"""What an encoder is told of a clip before the first frame comes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
FPS = (0.1, 1000.0)
"""The slowest and fastest clip that all containers can tell."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip to be written; a ValueError refuses what no caller may ask for.

    ``blurred`` is the photo ``(H, W, 3)`` uint8 that the frames come from and are as large as; ``frames`` is how many
    will be added, ``fps`` how many are shown in a second. ``repeat`` is how often a *video* plays its frames (a player
    stops at its end), ``loop`` how often an *animation* does, 0 for ever.
    """

    blurred: Frame
    frames: int
    fps: float
    repeat: int = 1
    loop: int = 0

    def __post_init__(self) -> None:
        check_frame(self.blurred, self.blurred.shape)
        if self.frames < 1 or self.repeat < 1 or not 0 <= self.loop <= 65535:
            raise ValueError(f"no clip has frames={self.frames}, repeat={self.repeat}, loop={self.loop}")
        if not FPS[0] <= self.fps <= FPS[1]:
            raise ValueError(f"fps={self.fps} is outside {FPS[0]:g}...{FPS[1]:g}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.blurred.shape[:2]
        return width, height

    @property
    def rate(self) -> Fraction:
        """Frames per second as the fraction that containers store; 30000 / 1001 stays exact."""
        return Fraction(self.fps).limit_denominator(1001)

    def ticks(self, index: int, per_second: int) -> int:
        """How many ticks of a container's clock frame ``index`` is shown; rounding errors never add up."""
        return round((index + 1) * per_second / self.rate) - round(index * per_second / self.rate)


def check_frame(frame: Frame, shape: tuple[int, ...]) -> None:
    """Refuse anything but a picture ``(H, W, 3)`` uint8 of this ``shape`` with a ValueError."""
    if frame.shape != shape or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise ValueError(f"a frame of shape {frame.shape} where {shape} is needed")
    if frame.dtype != np.uint8:
        raise ValueError(f"a frame of {frame.dtype} where uint8 is needed")


Sink = Callable[[Frame], None]
Encoder = Callable[[Path, Clip], AbstractContextManager[Sink]]
