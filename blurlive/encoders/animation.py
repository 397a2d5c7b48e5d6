"""Animated WebP, PNG and GIF: stills compressed by Pillow, in containers of our own (GIF's is in `gif`) that take them
one by one.

Pillow's own animations keep every frame until the last has come, and merge equal ones.
"""

from __future__ import annotations

import errno
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Protocol

from PIL import Image

from .clip import Clip, Encoder, Frame, Sink
from .gif import Gif

QUALITY = 90
"""Of WebP, in percent."""
LARGEST = 2**32 - 2
"""Bytes of a WebP at most (its specification, RIFF file format): they are counted in 32 bits."""


class _Container(Protocol):
    def add(self, frame: Frame) -> None: ...

    def finish(self) -> None: ...


class WebP:
    """RIFF chunks of the WebP container specification: VP8X, ANIM, and one ANMF for each frame."""

    def __init__(self, file: BinaryIO, clip: Clip) -> None:
        self._file, self._clip, self._index = file, clip, 0
        self._canvas = _three_bytes(clip.size[0] - 1) + _three_bytes(clip.size[1] - 1)
        animated = 0x02
        file.write(b"RIFF" + bytes(4) + b"WEBP" + _riff(b"VP8X", bytes([animated, 0, 0, 0]) + self._canvas))
        file.write(_riff(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, clip.loop)))

    def add(self, frame: Frame) -> None:
        """Write one frame, which covers the whole canvas and hides the one before."""
        still = _still(frame, "WEBP", quality=QUALITY, method=4)[12:]
        opaque = 0x02
        duration = _three_bytes(self._clip.ticks(self._index, 1000))
        chunk = _riff(b"ANMF", bytes(6) + self._canvas + duration + bytes([opaque]) + still)
        if self._file.tell() + len(chunk) > LARGEST:
            raise OSError(errno.EFBIG, "a WebP holds no more than 4 GiB; write a webm, or use --max-side")
        self._file.write(chunk)
        self._index += 1

    def finish(self) -> None:
        """Fill in the size of the whole, known only now."""
        size = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", size - 8))


class Apng:
    """PNG chunks of the APNG extension: acTL, then fcTL and the picture's data for each frame. Lossless."""

    def __init__(self, file: BinaryIO, clip: Clip) -> None:
        self._file, self._clip, self._sequence = file, clip, 0
        delay = Fraction(1 / clip.rate).limit_denominator(65535)
        self._control = struct.pack(">IIIIHHBB", *clip.size, 0, 0, delay.numerator, delay.denominator, 0, 0)

    def add(self, frame: Frame) -> None:
        """Write one frame; the first is also what a viewer without animation shows."""
        chunks = dict(_png_chunks(_still(frame, "PNG", compress_level=6)))
        first = self._sequence == 0
        if first:
            self._file.write(b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", chunks[b"IHDR"]))
            self._file.write(_png_chunk(b"acTL", struct.pack(">II", self._clip.frames, self._clip.loop)))
        self._file.write(_png_chunk(b"fcTL", self._number() + self._control))
        data = chunks[b"IDAT"]
        self._file.write(_png_chunk(b"IDAT", data) if first else _png_chunk(b"fdAT", self._number() + data))

    def finish(self) -> None:
        """Write the end mark."""
        self._file.write(_png_chunk(b"IEND", b""))

    def _number(self) -> bytes:
        """Control and data chunks are counted together."""
        self._sequence += 1
        return struct.pack(">I", self._sequence - 1)


def _animation(container: Callable[[BinaryIO, Clip], _Container]) -> Encoder:
    @contextmanager
    def encoder(path: Path, clip: Clip) -> Iterator[Sink]:
        with path.open("wb") as file:
            animation = container(file, clip)
            yield animation.add
            animation.finish()

    return encoder


gif = _animation(Gif)
webp = _animation(WebP)
apng = _animation(Apng)


def _still(frame: Frame, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, kind, **options)
    return buffer.getvalue()


def _three_bytes(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and data; the parts that Pillow splits a picture's data into are joined."""
    position, picture = 8, b""
    while position < len(png):
        length, name = struct.unpack_from(">I4s", png, position)
        data = png[position + 8 : position + 8 + length]
        picture += data if name == b"IDAT" else b""
        yield name, picture if name == b"IDAT" else data
        position += length + 12
