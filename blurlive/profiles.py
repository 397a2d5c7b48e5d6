"""In which colours a photo's values are meant: the ICC profile it carries, or the one that its EXIF stands for."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

_SRGB, _ADOBE_RGB = 1, 2  # of EXIF's ColorSpace; 2 is in no standard, but some cameras write it
_OPTION_FILE = "R03"  # DCF 2.0: a photo in Adobe RGB (1998); R98 is one in sRGB

Chromaticities = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""CIE 1931 x and y of red, green, blue and white."""
D65 = (0.3127, 0.3290)
BT_709: Chromaticities = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
"""Those of sRGB, too."""
_ADOBE: Chromaticities = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMA = 0.45455  # what a PNG in sRGB says for programs that know no better
_GAMMAS = (0.1, 10)  # whatever lies outside is a mistake

_D50 = (0.9642, 1.0, 0.8249)  # white, as all of a profile
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def profile_of(image: Image.Image) -> bytes | None:
    """The ICC profile of an image, or None where nothing says that its values are not sRGB.

    What is embedded comes first. Cameras that are set to Adobe RGB embed none: they say so in EXIF alone
    (DCF 2.0: ColorSpace "uncalibrated", interoperability index R03). A PNG may tell its gamma and primaries in chunks.
    """
    embedded: bytes | None = image.info.get("icc_profile")
    return embedded or (adobe_rgb() if _says_adobe_rgb(image) else _of_png_chunks(image))


def adobe_rgb() -> bytes:
    """An ICC profile compatible with Adobe RGB (1998), by the primaries and the gamma of its specification."""
    return rgb_profile(_ADOBE, _ADOBE_GAMMA)


def rgb_profile(chromaticities: Chromaticities, gamma: float | None) -> bytes:
    """An ICC profile of a display with these primaries and white; without a ``gamma`` it has the curve of sRGB.

    Raises ValueError, an ArithmeticError or struct.error for chromaticities of no colour.
    """
    curve = _curve([round(gamma * 256)] if gamma else _srgb_curve())
    tags: dict[bytes, bytes] = {}
    for name, primary in zip((b"r", b"g", b"b"), _under_d50(chromaticities), strict=True):
        tags |= {name + b"XYZ": xyz(tuple(primary)), name + b"TRC": curve}
    return assembled(b"RGB ", tags)


def _under_d50(chromaticities: Chromaticities) -> NDArray[np.float64]:
    """X, Y and Z of red, green and blue (rows), which add up to white, after Bradford's adaptation (ICC.1, annex E)."""
    *primaries, white = [np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in chromaticities]
    corners = np.stack(primaries)
    scaled = corners * np.linalg.solve(corners.T, white)[:, None]
    cones = scaled @ _BRADFORD.T * (_BRADFORD @ _D50 / (_BRADFORD @ white))
    adapted: NDArray[np.float64] = cones @ np.linalg.inv(_BRADFORD).T
    return adapted


def _srgb_curve() -> list[int]:
    """IEC 61966-2-1 from value to light, both of 16 bits."""
    value = np.linspace(0, 1, 4096)
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return [round(step) for step in light * 65535]


def _curve(values: list[int]) -> bytes:
    """The data of a tag: one value is a gamma in 256ths, more are the curve itself."""
    data = b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)
    return data.ljust(-(-len(data) // 4) * 4, b"\0")


def assembled(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2.1 (ICC.1:2001-04), for the colours of a device: its white, D50, is added to the tags,
    each of a signature and data whose length four divides."""
    tags = {b"wtpt": xyz(_D50), **tags}
    index, body = struct.pack(">I", len(tags)), b""
    for signature, data in tags.items():
        index += signature + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data
    size = 128 + len(index) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x02100000, b"mntr", space, b"XYZ ").ljust(36, b"\0") + b"acsp"
    return head.ljust(68, b"\0") + _fixed(_D50).ljust(60, b"\0") + index + body


def xyz(values: tuple[float, ...]) -> bytes:
    """The data of a tag: X, Y and Z under D50."""
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: tuple[float, ...]) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))


def _of_png_chunks(image: Image.Image) -> bytes | None:
    """PNG (third edition), 11.3.2: gAMA and cHRM count where neither a profile nor an sRGB chunk says more."""
    gamma, where = image.info.get("gamma", _SRGB_GAMMA), image.info.get("chromaticity")
    if "srgb" in image.info or not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
        return None
    curve = None if abs(gamma - _SRGB_GAMMA) < 0.001 else 1 / gamma
    if curve is None and where is None:
        return None
    with contextlib.suppress(ValueError, ArithmeticError, struct.error):  # no colours that there are
        white, *primaries = zip(where[::2], where[1::2], strict=True) if where else (D65, *BT_709[:3])
        return rgb_profile((*primaries, white), curve)
    return None


def _says_adobe_rgb(image: Image.Image) -> bool:
    with contextlib.suppress(Exception):  # broken EXIF draws all kinds of errors from Pillow
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        if space in (_SRGB, _ADOBE_RGB):
            return bool(space == _ADOBE_RGB)
        return bool(exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex) == _OPTION_FILE)
    return False
