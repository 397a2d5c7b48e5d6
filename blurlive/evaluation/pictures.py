"""Clips as pictures for the page: seven frames one below the other, in one small WebP."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from .clips import Clip
from .frames import Image

WIDEST, TALLEST = 360, 480
"""Largest size in pixels of a frame on the page."""
CROP_HEIGHT, CROP_WIDTH = 72, 108
QUALITY = 80


@dataclass(frozen=True)
class Crop:
    """A part of a clip, in its pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, frames: Image) -> Image:
        """That part of ``frames (T, H, W, 3)``."""
        return frames[:, self.top : self.top + self.height, self.left : self.left + self.width]


def busiest(clip: Clip) -> Crop:
    """The part where the blurred photo is farthest from the true centre frame: where there is most to restore."""
    height, width = clip.blurred.shape[:2]
    tall, wide = min(CROP_HEIGHT, height), min(CROP_WIDTH, width)
    error = (clip.blurred.astype(np.float64) - clip.sharp[len(clip.sharp) // 2]) ** 2
    sums = np.pad(error.sum(2).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return Crop(int(top), int(left), tall, wide)


def strip(frames: Image) -> str:
    """``frames (T, H, W, 3)``, shrunk to fit the page, stacked from top to bottom, as a data address."""
    height, width = frames.shape[1:3]
    scale = min(1.0, WIDEST / width, TALLEST / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = [np.asarray(Pillow.fromarray(frame).resize(size, Pillow.Resampling.LANCZOS)) for frame in frames]
    stream = io.BytesIO()
    Pillow.fromarray(np.concatenate(small)).save(stream, "WEBP", quality=QUALITY, method=3)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
