"""GIF: 256 colours, the same for all frames as long as they serve.

Pillow writes GIFs too, but keeps every frame until the last has come. Here each frame is compressed by Pillow, as a
still picture, and goes to the file at once; the container around it is ours (GIF89a specification, sections 18-27).
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .clip import Clip, Frame

SAME = 255
"""Palette index of a pixel that shows what the frame before showed; unchanged areas then compress to nothing."""
SAMPLES = 50_000
"""Pixels that a palette is chosen from."""
FASTEST = 50
"""Browsers slow frames of less than 1/50 s down to 1/10 s, so that no GIF plays faster than this."""
GRAIN = 8
"""Strength of the dither in grey levels."""
LIFT = 1.5
"""Pillow looks the nearest colour up for levels that it rounds down to multiples of four, so by 1.5 on average."""


class Gif:
    """Frames become palette indices by ordered dither: its pattern stands still while error diffusion would crawl.

    The palette is chosen from the photo and the first frame: frames are moments of the photo, and a palette of their
    own for each would flicker. Only a frame that it fits badly, which no photo should cause, brings a new one.
    """

    def __init__(self, file: BinaryIO, clip: Clip) -> None:
        self._file, self._clip, self._index = file, clip, 0
        self._palette: Image.Image | None = None
        self._usual = 0.0
        self._shown: NDArray[np.uint8] | None = None
        self._dither = _bayer(clip.size)
        self._file.write(_header(clip))

    def add(self, frame: Frame) -> None:
        """Write one frame."""
        indices = self._indices(frame)
        changed = indices if self._shown is None else np.where(indices == self._shown, np.uint8(SAME), indices)
        assert self._palette is not None
        self._file.write(b"!\xf9\x04" + struct.pack("<BHBB", 4 | 1, self._delay(), SAME, 0))
        self._file.write(_compressed(changed, self._palette))
        self._shown = indices
        self._index += 1

    def finish(self) -> None:
        """Write the end mark."""
        self._file.write(b";")

    def _indices(self, frame: Frame) -> NDArray[np.uint8]:
        dithered = np.add(frame, self._dither[..., None], dtype=np.int16).clip(0, 255).astype(np.uint8)
        if self._palette is not None:
            indices = _nearest(dithered, self._palette)
            if _error(indices, self._palette, frame) < 1.5 * self._usual + 1:
                return indices
        self._palette, self._shown = _choose_palette(self._clip.blurred, frame), None
        indices = _nearest(dithered, self._palette)
        self._usual = _error(indices, self._palette, frame)
        return indices

    def _delay(self) -> int:
        return 2 if self._clip.fps > FASTEST else self._clip.ticks(self._index, 100)


def _bayer(size: tuple[int, int]) -> NDArray[np.int16]:
    """An 8x8 ordered dither (Bayer 1973) of ``GRAIN`` grey levels around ``LIFT``, tiled to ``(H, W)``."""
    square = np.zeros((1, 1))
    for _ in range(3):
        square = np.block([[4 * square, 4 * square + 2], [4 * square + 3, 4 * square + 1]])
    width, height = size
    levels = np.round(((square + 0.5) / 64 - 0.5) * GRAIN + LIFT).astype(np.int16)
    return np.tile(levels, (-(-height // 8), -(-width // 8)))[:height, :width]


def _choose_palette(*pictures: Frame) -> Image.Image:
    """255 colours, as a picture that ``quantize`` takes; entry 255 is the same as entry 0 and never used."""
    pixels = [picture.reshape(-1, 3)[:: max(1, picture.size * len(pictures) // 3 // SAMPLES)] for picture in pictures]
    sample = Image.fromarray(np.concatenate(pixels)[:, None])
    chosen = sample.quantize(SAME, Image.Quantize.MEDIANCUT, kmeans=1).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(chosen[: 3 * SAME] + chosen[:3] * (256 - min(SAME, len(chosen) // 3)))
    return palette


def _colours(palette: Image.Image) -> bytes:
    return bytes(palette.getpalette() or [])


def _nearest(picture: Frame, palette: Image.Image) -> NDArray[np.uint8]:
    indices = np.array(Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE))
    indices[indices == SAME] = 0
    return indices


def _error(indices: NDArray[np.uint8], palette: Image.Image, frame: Frame) -> float:
    """How far, in grey levels, the colours of every fourth pixel are from those of the frame."""
    colours = np.frombuffer(_colours(palette), np.uint8).reshape(-1, 3).astype(np.int16)
    return float(np.abs(colours[indices[::4, ::4]] - frame[::4, ::4]).mean())


def _header(clip: Clip) -> bytes:
    """Screen size and, unless it plays just once, how often the clip *repeats* after the first time."""
    screen = b"GIF89a" + struct.pack("<HHBBB", *clip.size, 0x70, 0, 0)
    if clip.loop == 1:
        return screen
    return screen + b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", max(clip.loop - 1, 0), 0)


def _compressed(indices: NDArray[np.uint8], palette: Image.Image) -> bytes:
    """Descriptor, colours and LZW data of one frame, the first and last taken from a still GIF."""
    picture = Image.fromarray(indices)
    picture.putpalette(_colours(palette))
    buffer = io.BytesIO()
    picture.save(buffer, "GIF", optimize=False, interlace=0)
    still = buffer.getvalue()
    start = 13 + len(_colours(palette))
    if still[10] & 0x87 != 0x87 or still[start : start + 1] != b",":
        raise OSError("this version of Pillow writes GIFs in a way that blurlive does not know")
    own_colours = bytes([0x87])
    return still[start : start + 9] + own_colours + _colours(palette) + still[start + 10 : -1]
