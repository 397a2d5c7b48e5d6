"""Photos of every kind, files made by hand where Pillow cannot write them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blurlive.image import load_photo
from blurlive.profiles import assembled, xyz

RGB = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 255], [128, 128, 128], [0, 0, 0]]], np.uint8
)  # 3 wide, 2 high: a photo that cannot be mistaken for its transpose


COLOURS = np.array([[[200, 60, 40], [60, 200, 40], [40, 60, 200], [128, 128, 128], [255, 255, 255]]], np.uint8)
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))


QUALITY: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"quality": 95}}


def saved(image: Image.Image, format: str, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file


def png(colour_type: int, depth: int, rows: list[bytes], width: int, *chunks: tuple[bytes, bytes]) -> io.BytesIO:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def tiff(samples: NDArray[Any], photometric: int, *, order: str = "<", planar: bool = False, **tags: int) -> io.BytesIO:
    """An uncompressed TIFF of ``samples (H, W, C)``, laid out as TIFF 6.0 says."""
    height, width, channels = samples.shape
    planes = np.moveaxis(samples, -1, 0) if planar else samples[None]
    data = b"".join(plane.astype(samples.dtype.newbyteorder(order)).tobytes() for plane in planes)
    bits = tags.pop("bits", samples.dtype.itemsize * 8)
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    strips = len(planes)
    fields = [
        (256, width), (257, height), (258, *[bits] * channels), (259, 1), (262, photometric),
        (273, *[8 + n * (len(data) // strips) for n in range(strips)]), (277, channels), (278, height),
        (279, *[len(data) // strips] * strips), (284, 2 if planar else 1), (339, *[kind] * channels),
        *((int(tag), value) for tag, value in tags.items()),
    ]  # fmt: skip
    return io.BytesIO(tiff_header(order, 8 + len(data)) + data + tiff_directory(order, fields, 8 + len(data)))


def tiff_header(order: str, directory: int) -> bytes:
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", directory)


def tiff_directory(order: str, fields: list[tuple[int, ...]], at: int) -> bytes:
    entries, beyond = b"", b""
    end = at + 2 + 12 * len(fields) + 4
    for tag, *values in sorted(fields):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            packed, beyond = struct.pack(order + "I", end + len(beyond)), beyond + packed
        entries += struct.pack(order + "HHI", tag, 4, len(values)) + packed
    return struct.pack(order + "H", len(fields)) + entries + b"\0\0\0\0" + beyond


def icc(space: bytes, primaries: tuple[tuple[float, ...], ...] = (), gamma: float | None = 2.2) -> bytes:
    """A small ICC profile: a matrix and one curve for RGB, the curve alone for grey; None: that of sRGB."""
    table = np.rint(65535 * as_light(np.linspace(0, 1, 1024))).astype(">u2")
    points = table.tobytes() if gamma is None else struct.pack(">H2x", round(gamma * 256))
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1024 if gamma is None else 1) + points
    tags = {b"kTRC": curve} if space == b"GRAY" else {}
    for name, primary in zip((b"r", b"g", b"b"), primaries, strict=False):
        tags |= {name + b"XYZ": xyz(primary), name + b"TRC": curve}
    return assembled(space, tags)


def as_light(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values from 0 to 1 as linear light (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def as_srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light from 0 to 1, clipped, as values from 0 to 255 (IEC 61966-2-1)."""
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def pixels(file: io.BytesIO, **options: Any) -> NDArray[np.uint8]:
    photo = load_photo(file, **options)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert photo.pixels.flags.writeable
    return photo.pixels
