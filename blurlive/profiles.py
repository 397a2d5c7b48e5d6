"""In which colours a photo's values are meant: the ICC profile it carries, or the one that its EXIF stands for."""

from __future__ import annotations

import contextlib
import struct

from PIL import ExifTags, Image

_SRGB, _ADOBE_RGB = 1, 2  # of EXIF's ColorSpace; 2 is in no standard, but some cameras write it
_OPTION_FILE = "R03"  # DCF 2.0: a photo in Adobe RGB (1998); R98 is one in sRGB

_WHITE = (0.9642, 1.0, 0.8249)  # D50, as all of a profile
_PRIMARIES = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_GAMMA = 0x0233  # 2.19921875 in 256ths


def profile_of(image: Image.Image) -> bytes | None:
    """The ICC profile of an image, or None where nothing says that its values are not sRGB.

    What is embedded comes first. Cameras that are set to Adobe RGB embed none: they say so in EXIF alone
    (DCF 2.0: ColorSpace "uncalibrated", interoperability index R03).
    """
    embedded: bytes | None = image.info.get("icc_profile")
    return embedded or (adobe_rgb() if _says_adobe_rgb(image) else None)


def adobe_rgb() -> bytes:
    """An ICC profile compatible with Adobe RGB (1998), by the primaries and the gamma of its specification."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH2x", 1, _GAMMA)
    tags: dict[bytes, bytes] = {}
    for name, primary in zip((b"r", b"g", b"b"), _PRIMARIES, strict=True):
        tags |= {name + b"XYZ": xyz(primary), name + b"TRC": curve}
    return assembled(b"RGB ", tags)


def assembled(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2.1 (ICC.1:2001-04), for the colours of a device: its white, D50, is added to the tags,
    each of a signature and data whose length four divides."""
    tags = {b"wtpt": xyz(_WHITE), **tags}
    index, body = struct.pack(">I", len(tags)), b""
    for signature, data in tags.items():
        index += signature + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data
    size = 128 + len(index) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x02100000, b"mntr", space, b"XYZ ").ljust(36, b"\0") + b"acsp"
    return head.ljust(68, b"\0") + _fixed(_WHITE).ljust(60, b"\0") + index + body


def xyz(values: tuple[float, ...]) -> bytes:
    """The data of a tag: X, Y and Z under D50."""
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: tuple[float, ...]) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))


def _says_adobe_rgb(image: Image.Image) -> bool:
    with contextlib.suppress(Exception):  # broken EXIF draws all kinds of errors from Pillow
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        if space in (_SRGB, _ADOBE_RGB):
            return bool(space == _ADOBE_RGB)
        return bool(exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex) == _OPTION_FILE)
    return False
