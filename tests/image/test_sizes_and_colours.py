"""Sizes, orientation and colour profiles."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from blurlive.errors import UsageError
from blurlive.image import load_photo

from .conftest import COLOURS, DISPLAY_P3, QUALITY, RGB, as_srgb, icc, pixels, png, saved

SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""X, Y, Z (D50) of the red, green and blue primaries."""


def through_matrix(rgb: NDArray[np.uint8], gamma: float = 2.2) -> NDArray[np.float64]:
    """What Display P3 primaries under a plain gamma are in sRGB, by arithmetic of our own."""
    return as_srgb((rgb / 255) ** gamma @ np.array(DISPLAY_P3) @ np.linalg.inv(np.array(SRGB)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"]))
def test_the_size_is_kept_exactly(width: int, height: int, format: str) -> None:
    assert pixels(saved(Image.new("RGB", (width, height)), format)).shape == (height, width, 3)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 400), st.sampled_from(["PNG", "JPEG"]))
def test_max_side_only_shrinks_and_keeps_the_aspect(width: int, height: int, side: int, format: str) -> None:
    frame = pixels(saved(Image.new("RGB", (width, height), "teal"), format), max_side=side)
    factor = min(1, side / max(width, height))
    assert max(frame.shape[:2]) == min(side, max(width, height))
    assert abs(frame.shape[0] - height * factor) <= 1
    assert abs(frame.shape[1] - width * factor) <= 1
    assert np.abs(frame.astype(int) - (0, 128, 128)).max() <= 4


def test_shrinking_a_jpeg_early_does_no_harm() -> None:
    """Against Lanczos from full size: the same photo, and not shifted."""
    rng = np.random.default_rng(1)
    smooth = Image.fromarray(rng.integers(0, 256, (30, 43, 3), np.uint8)).resize((1201, 803), Image.Resampling.BICUBIC)
    file = saved(smooth, "JPEG", quality=95)
    for side in (50, 130, 299, 601):
        small = pixels(file, max_side=side)
        full = Image.open(io.BytesIO(file.getvalue()))
        reference = np.asarray(full.resize(small.shape[1::-1], Image.Resampling.LANCZOS))
        assert np.sqrt(((small.astype(float) - reference) ** 2).mean()) < 1.5


def test_colour_under_transparent_pixels_does_not_bleed_when_shrinking() -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 20, 40))
    frame = pixels(saved(image, "PNG"), max_side=10).astype(int)
    assert (frame[..., 0] <= frame[..., 1] + 2).all()  # between blue and white red never exceeds green


def test_max_side_below_one_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"max_side is 0"):
        load_photo(saved(Image.new("RGB", (2, 2)), "PNG"), max_side=0)


def stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """How a camera lays ``upright`` down under an EXIF orientation (TIFF 6.0, tag 274)."""
    laid = upright.swapaxes(0, 1) if orientation >= 5 else upright
    laid = laid[::-1] if orientation in (3, 4, 6, 7) else laid  # row 0 is the bottom, or the right side
    laid = laid[:, ::-1] if orientation in (2, 3, 7, 8) else laid  # column 0 is the right side, or the bottom
    return np.ascontiguousarray(laid)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF"])
def test_exif_orientation(format: str, orientation: int) -> None:
    upright = RGB.repeat(16, 0).repeat(16, 1)  # blocks, so that lossy formats keep them apart
    exif = Image.Exif()
    exif[274] = orientation
    file = saved(Image.fromarray(stored(upright, orientation)), format, exif=exif, **QUALITY.get(format, {}))
    frame = pixels(file)
    assert frame.shape == upright.shape
    assert np.abs(frame[8::16, 8::16].astype(int) - RGB).max() <= 12
    small = pixels(file, max_side=24)
    assert small.shape == (16, 24, 3)
    assert np.abs(small[4::8, 4::8].astype(int) - RGB).max() <= 12


def test_broken_exif_leaves_the_photo_as_it_lies() -> None:
    for exif in (b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03", b"Exif\0\0nonsense"):
        assert (pixels(saved(Image.fromarray(RGB), "PNG", exif=exif)) == RGB).all()


def test_display_p3_is_converted() -> None:
    file = saved(Image.fromarray(COLOURS), "PNG", icc_profile=icc(b"RGB ", DISPLAY_P3))
    expected = through_matrix(COLOURS)
    assert np.abs(expected - COLOURS).max() > 10  # else the profile could be ignored
    assert np.abs(pixels(file) - expected).max() <= 1.5


def test_display_p3_in_jpeg() -> None:
    flat = np.full((16, 16, 3), (200, 60, 40), np.uint8)
    file = saved(Image.fromarray(flat), "JPEG", quality=100, subsampling=0, icc_profile=icc(b"RGB ", DISPLAY_P3))
    assert np.abs(pixels(file) - through_matrix(flat)).max() <= 4


def camera(space: int | None, index: str | None, orientation: int = 1) -> Image.Exif:
    """EXIF as cameras write it: ColorSpace, and the index of the interoperability directory."""
    exif = Image.Exif()
    exif[274] = orientation
    directory = exif.get_ifd(ExifTags.IFD.Exif)
    if space is not None:
        directory[ExifTags.Base.ColorSpace] = space
    if index is not None:
        directory[ExifTags.IFD.Interop] = {1: index, 2: b"0100"}
    return exif


def to_xyz(*chromaticities: tuple[float, float]) -> NDArray[np.float64]:
    """Linear RGB (rows) to XYZ under D65, of the primaries' x and y."""
    corners = np.array([(x / y, 1, (1 - x - y) / y) for x, y in (*chromaticities, (0.3127, 0.3290))])
    return np.linalg.solve(corners[:3].T, corners[3])[:, None] * corners[:3]


def from_adobe_rgb(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    adobe, srgb = to_xyz((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), to_xyz((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
    return as_srgb((rgb / 255) ** (563 / 256) @ adobe @ np.linalg.inv(srgb))


@pytest.mark.parametrize(("space", "index"), [(65535, "R03"), (None, "R03"), (2, None)])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_cameras_that_say_adobe_rgb_in_exif_alone(
    format: str, orientation: int, space: int | None, index: str | None
) -> None:
    file = Image.fromarray(stored(COLOURS, orientation))
    expected = from_adobe_rgb(COLOURS)
    assert np.abs(expected - COLOURS).max() > 10
    frame = pixels(saved(file, format, exif=camera(space, index, orientation), **QUALITY.get(format, {})))
    assert np.abs(frame - expected).max() <= 1.5


def test_adobe_rgb_in_jpeg_shrunk_or_not() -> None:
    flat = np.full((64, 64, 3), (200, 90, 60), np.uint8)
    file = saved(Image.fromarray(flat), "JPEG", quality=100, subsampling=0, exif=camera(65535, "R03"))
    for frame in (pixels(file), pixels(file, max_side=16)):
        assert np.abs(frame - from_adobe_rgb(flat[: len(frame), : len(frame)])).max() <= 2


@pytest.mark.parametrize(("space", "index"), [(1, "R98"), (1, "R03"), (65535, None), (65535, "R98"), (65535, "THM")])
def test_exif_that_does_not_say_adobe_rgb_means_srgb(space: int, index: str | None) -> None:
    assert (pixels(saved(Image.fromarray(COLOURS), "PNG", exif=camera(space, index))) == COLOURS).all()


def test_grey_in_adobe_rgb_stays_grey() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    frame = pixels(saved(Image.fromarray(grey), "PNG", exif=camera(65535, "R03")))
    assert np.abs(frame - from_adobe_rgb(np.stack([grey] * 3, -1))).max() <= 1.5
    assert (np.ptp(frame, axis=-1) == 0).all()


def test_what_is_embedded_goes_before_exif() -> None:
    profile = icc(b"RGB ", DISPLAY_P3)
    file = saved(Image.fromarray(COLOURS), "PNG", icc_profile=profile, exif=camera(65535, "R03"))
    assert np.abs(pixels(file) - through_matrix(COLOURS)).max() <= 1.5


def test_palette_and_alpha_photos_have_profiles_too() -> None:
    profile, expected = icc(b"RGB ", DISPLAY_P3), through_matrix(COLOURS)
    with_alpha = np.dstack([COLOURS, np.full(COLOURS.shape[:2], 255, np.uint8)])
    assert np.abs(pixels(saved(Image.fromarray(with_alpha), "PNG", icc_profile=profile)) - expected).max() <= 1.5
    palette = Image.fromarray(COLOURS).quantize(5)
    assert np.abs(pixels(saved(palette, "PNG", icc_profile=profile)) - expected).max() <= 1.5


@pytest.mark.parametrize(
    "profile", [b"", icc(b"RGB ", SRGB, gamma=None), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_srgb_photos_keep_their_very_values(profile: bytes) -> None:
    values = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    assert (pixels(saved(Image.fromarray(values), "PNG", icc_profile=profile)) == values).all()


@pytest.mark.parametrize("deep", [False, True])
def test_grey_profile(deep: bool) -> None:
    """Linear grey: half the light is 188 in sRGB."""
    profile = icc(b"GRAY", gamma=1.0)
    if deep:
        compressed = b"grey\0\0" + zlib.compress(profile)
        file = png(0, 16, [struct.pack(">H", 32896)], 1, (b"iCCP", compressed))
    else:
        file = saved(Image.new("L", (1, 1), 128), "PNG", icc_profile=profile)
    assert np.abs(pixels(file).astype(int) - 188).max() <= 1


@pytest.mark.parametrize(
    "profile", [b"nonsense", icc(b"RGB ", DISPLAY_P3)[:150], icc(b"GRAY"), icc(b"RGB "), b"\xff" * 300]
)
def test_a_broken_or_unfit_profile_is_ignored(profile: bytes) -> None:
    assert (pixels(saved(Image.fromarray(RGB), "PNG", icc_profile=profile)) == RGB).all()


def test_cmyk_under_a_colour_profile_and_grey_under_one() -> None:
    cmyk = saved(Image.new("CMYK", (4, 4), (0, 0, 0, 0)), "TIFF", icc_profile=icc(b"RGB ", DISPLAY_P3))
    assert (pixels(cmyk) == 255).all()
    grey = saved(Image.new("L", (4, 4), 128), "PNG", icc_profile=icc(b"RGB ", DISPLAY_P3, gamma=1.0))
    assert np.abs(pixels(grey).astype(int) - 188).max() <= 1
