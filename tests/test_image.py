"""`load_photo` and `find_photos`: formats and pixel types by known values, colour, orientation, all that goes wrong."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin

from blurlive.errors import InputError, UsageError
from blurlive.image import SUFFIXES, Photo, find_photos, load_photo

RGB = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 255], [128, 128, 128], [0, 0, 0]]], np.uint8
)  # 3 wide, 2 high: a photo that cannot be mistaken for its transpose

DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""X, Y, Z (D50) of the red, green and blue primaries."""

QUALITY: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"quality": 95}}


# --- files by hand, where Pillow cannot write them -------------------------------------------------------------------


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
    return io.BytesIO(_tiff_header(order, 8 + len(data)) + data + _tiff_directory(order, fields, 8 + len(data)))


def _tiff_header(order: str, directory: int) -> bytes:
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", directory)


def _tiff_directory(order: str, fields: list[tuple[int, ...]], at: int) -> bytes:
    entries, beyond = b"", b""
    end = at + 2 + 12 * len(fields) + 4
    for tag, *values in sorted(fields):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            packed, beyond = struct.pack(order + "I", end + len(beyond)), beyond + packed
        entries += struct.pack(order + "HHI", tag, 4, len(values)) + packed
    return struct.pack(order + "H", len(fields)) + entries + b"\0\0\0\0" + beyond


def icc(space: bytes, primaries: tuple[tuple[float, ...], ...] = (), gamma: float | None = 2.2) -> bytes:
    """A small ICC version 2 profile: a matrix and one curve for RGB, the curve alone for grey; None: that of sRGB."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    x = np.linspace(0, 1, 1024)
    table = np.rint(65535 * np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)).astype(">u2")
    points = table.tobytes() if gamma is None else struct.pack(">H2x", round(gamma * 256))
    curve = b"curv\0\0\0\0" + struct.pack(">I", 1024 if gamma is None else 1) + points
    tags = [(b"wtpt", xyz((0.9642, 1.0, 0.8249)))]
    tags += [(b"kTRC", curve)] if space == b"GRAY" else []
    for name, primary in zip("rgb", primaries, strict=False):
        tags += [(name.encode() + b"XYZ", xyz(primary)), (name.encode() + b"TRC", curve)]
    index, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags:
        index += name + struct.pack(">2I", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02100000, b"mntr", space, b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp".ljust(32, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + index + body


def through_matrix(rgb: NDArray[np.uint8], gamma: float = 2.2) -> NDArray[np.float64]:
    """What Display P3 primaries under a plain gamma are in sRGB, by arithmetic of our own."""
    linear = (rgb / 255) ** gamma @ np.array(DISPLAY_P3) @ np.linalg.inv(np.array(SRGB))
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def pixels(file: io.BytesIO, **options: Any) -> NDArray[np.uint8]:
    photo = load_photo(file, **options)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert photo.pixels.flags.writeable
    return photo.pixels


# --- formats and pixel types -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_lossless_formats_give_the_very_values(format: str) -> None:
    assert (pixels(saved(Image.fromarray(RGB), format, **QUALITY.get(format, {}))) == RGB).all()


@pytest.mark.parametrize(("format", "tolerance"), [("JPEG", 4), ("WEBP", 6), ("AVIF", 6)])
def test_lossy_formats_come_close(format: str, tolerance: int) -> None:
    flat = np.full((24, 40, 3), (200, 100, 50), np.uint8)
    assert np.abs(pixels(saved(Image.fromarray(flat), format, quality=95)).astype(int) - flat).max() <= tolerance


def test_the_first_page_is_the_photo() -> None:
    first, second = Image.new("RGB", (16, 8), "red"), Image.new("RGB", (16, 8), "blue")
    frame = pixels(saved(first, "TIFF", save_all=True, append_images=[second]))
    assert frame.shape == (8, 16, 3)
    assert np.abs(frame.astype(int) - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 255), (77, 77, 77)),
        ("LA", (77, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 100, 200, 51), (204, 224, 244)),
    ],
)
def test_png_modes(mode: str, value: Any, expected: tuple[int, int, int]) -> None:
    assert (pixels(saved(Image.new(mode, (5, 4), value), "PNG")) == expected).all()


def test_palette_and_its_transparency() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((1, 0), 1)
    assert pixels(saved(image, "PNG")).tolist() == [[[10, 20, 30], [200, 100, 0]]]
    assert pixels(saved(image, "PNG", transparency=0)).tolist() == [[[255, 255, 255], [200, 100, 0]]]
    assert pixels(saved(image, "PNG", transparency=bytes([51, 255]))).tolist() == [[[206, 208, 210], [200, 100, 0]]]
    assert pixels(saved(image, "GIF", transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_one_transparent_colour() -> None:
    file = png(2, 8, [bytes([1, 2, 3, 4, 5, 6])], 2, (b"tRNS", struct.pack(">3H", 1, 2, 3)))
    assert pixels(file).tolist() == [[[255, 255, 255], [4, 5, 6]]]


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png(colour_type: int, channels: int) -> None:
    grey = np.array([0, 257 * 1, 257 * 100, 257 * 254, 65535], ">u2")  # exact in 8 bits: 0, 1, 100, 254, 255
    samples = np.stack([grey] * channels, -1)
    if channels in (2, 4):
        samples[:, -1] = 65535
    frame = pixels(png(colour_type, 16, [samples.tobytes()], 5))
    assert (frame == np.array([0, 1, 100, 254, 255])[None, :, None]).all()


def test_one_transparent_grey_of_16_bits() -> None:
    """Neither the grey that it rounds to, nor the one that has its number in 8 bits."""
    grey = struct.pack(">4H", 100, 101, 100 * 257, 0)
    file = png(0, 16, [grey], 4, (b"tRNS", struct.pack(">H", 100)))
    assert pixels(file)[0, :, 0].tolist() == [255, 0, 100, 0]


def test_16_bit_grey_is_rounded() -> None:
    grey = np.arange(0, 65536, 97, dtype=">u2")
    expected = np.rint(grey / 257)
    assert (pixels(png(0, 16, [grey.tobytes()], len(grey)))[0, :, 1] == expected).all()


GREY_LEVELS = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])  # exactly 0, 51, 102, 153, 204, 255


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "white"), [("u1", 255), ("u2", 65535), ("i2", 32767), ("i4", 2**31 - 1), ("u4", 2**32 - 1), ("f4", 1)]
)
def test_grey_tiff_is_scaled_by_its_type(dtype: str, white: float, order: str) -> None:
    if (dtype, order) == ("u4", ">"):
        pytest.skip("Pillow reads unsigned 32 bits in little-endian order only")
    half = GREY_LEVELS[:4]  # without white: the brightest value that occurs must not matter
    frame = pixels(tiff((half * white).round().astype(dtype)[None, :, None] if dtype != "f4" else
                        half.astype("f4")[None, :, None], 1, order=order))  # fmt: skip
    assert np.abs(frame[0, :, 0] - half * 255).max() <= 1
    assert (frame == frame[..., :1]).all()


def test_12_bit_grey_tiff() -> None:
    packed = np.array([0x00, 0x0F, 0xFF, 0x80, 0x10, 0x00], np.uint8)  # 0x000, 0xFFF, 0x801, 0x000
    file = tiff(packed[None, :, None], 1, bits=12)
    data = file.getvalue().replace(
        struct.pack("<HHII", 256, 4, 1, 6), struct.pack("<HHII", 256, 4, 1, 4)
    )  # six bytes are four pixels
    assert pixels(io.BytesIO(data))[0, :, 0].tolist() == [0, 255, 128, 0]


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_white_is_zero_tiff(dtype: str) -> None:
    white = {"u1": 255, "u2": 65535, "f4": 1}[dtype]
    samples = (GREY_LEVELS * white).astype(dtype)[None, :, None]
    assert np.abs(pixels(tiff(samples, 0))[0, :, 0] - (1 - GREY_LEVELS) * 255).max() <= 1


def test_floats_outside_the_range_are_clipped_and_nan_is_black() -> None:
    samples = np.array([-1, 0.5, 7, np.nan, np.inf, -np.inf], np.float32)[None, :, None]
    assert pixels(tiff(samples, 1))[0, :, 2].tolist() == [0, 128, 255, 0, 255, 0]


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_colour_tiff(dtype: str, order: str, planar: bool) -> None:
    samples = RGB.astype(dtype) * (257 if dtype == "u2" else 1)
    assert (pixels(tiff(samples, 2, order=order, planar=planar)) == RGB).all()


def test_premultiplied_alpha_in_tiff() -> None:
    half = np.array([[[100, 50, 0, 128], [0, 0, 0, 0]]], np.uint8)
    frame = pixels(tiff(half, 2, **{"338": 1}))
    assert np.abs(frame[0].astype(int) - [[227, 177, 127], [255, 255, 255]]).max() <= 2


def test_float_colour_tiff_is_refused_not_garbled() -> None:
    with pytest.raises(InputError, match=r"kind that cannot be read"):
        load_photo(tiff(np.zeros((2, 2, 3), np.float32), 2))


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format: str) -> None:
    """Pillow writes JPEG the way Adobe does, inverted."""
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert np.abs(pixels(saved(image, format)).astype(int) - (255, 0, 0)).max() <= 3
    dark = Image.new("CMYK", (16, 16), (0, 0, 0, 255))
    assert pixels(saved(dark, format)).max() <= 3


def test_lab_tiff() -> None:
    lab = Image.new("LAB", (3, 3), (255, 128, 128))
    assert pixels(saved(lab, "TIFF")).min() >= 254
    red = Image.new("LAB", (3, 3), (138, 128 + 81, 128 + 70))  # L* 54, a* 81, b* 70: sRGB red, by D50
    assert np.abs(pixels(saved(red, "TIFF")).astype(int) - (255, 0, 0)).max() <= 6


def test_ycbcr_jpeg_without_chroma_shift() -> None:
    flat = np.full((16, 16, 3), (30, 144, 255), np.uint8)
    frame = pixels(saved(Image.fromarray(flat).convert("YCbCr"), "JPEG", quality=100, subsampling=0))
    assert np.abs(frame.astype(int) - flat).max() <= 3


@pytest.mark.parametrize("maximum", [255, 1023, 65535])
def test_pgm_of_any_maximum(maximum: int) -> None:
    values = np.array([0, maximum // 3, maximum], ">u2" if maximum > 255 else "u1")
    frame = pixels(io.BytesIO(b"P5 3 1 %d\n" % maximum + values.tobytes()))
    assert frame[0, :, 0].tolist() == [0, 85, 255]


def test_heic(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r'pip install "blurlive\[heic\]"'):
        load_photo(io.BytesIO(head))


def test_heic_with_the_extra() -> None:
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    flat = np.full((64, 96, 3), (200, 100, 50), np.uint8)
    heif.from_pillow(Image.fromarray(flat)).save(file, quality=95)
    assert np.abs(pixels(file).astype(int) - flat).max() <= 6
    with pytest.raises(InputError, match=r"damaged"):
        load_photo(io.BytesIO(file.getvalue()[:200]))


# --- sizes -----------------------------------------------------------------------------------------------------------


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


# --- orientation and colour ------------------------------------------------------------------------------------------


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


COLOURS = np.array([[[200, 60, 40], [60, 200, 40], [40, 60, 200], [128, 128, 128], [255, 255, 255]]], np.uint8)


def test_display_p3_is_converted() -> None:
    file = saved(Image.fromarray(COLOURS), "PNG", icc_profile=icc(b"RGB ", DISPLAY_P3))
    expected = through_matrix(COLOURS)
    assert np.abs(expected - COLOURS).max() > 10  # else the profile could be ignored
    assert np.abs(pixels(file) - expected).max() <= 1.5


def test_display_p3_in_jpeg() -> None:
    flat = np.full((16, 16, 3), (200, 60, 40), np.uint8)
    file = saved(Image.fromarray(flat), "JPEG", quality=100, subsampling=0, icc_profile=icc(b"RGB ", DISPLAY_P3))
    assert np.abs(pixels(file) - through_matrix(flat)).max() <= 4


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


# --- sources and names -----------------------------------------------------------------------------------------------


def test_name_and_source_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "Ferien am Meer.v2.png"
    Image.fromarray(RGB).save(file)
    for source in (file, str(file)):
        photo = load_photo(source)
        assert isinstance(photo, Photo)
        assert (photo.name, photo.source) == ("Ferien am Meer.v2", str(file))
        assert (photo.pixels == RGB).all()
    with file.open("rb") as stream:
        assert load_photo(stream).name == "Ferien am Meer.v2"
        assert not stream.closed


def run_with_input(data: bytes) -> str:
    code = "from blurlive.image import load_photo as l; p = l('-'); print(p.name, p.source, p.pixels.shape)"
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=False)
    return (done.stdout or done.stderr.splitlines()[-1]).decode().strip()


def test_standard_input() -> None:
    assert run_with_input(saved(Image.fromarray(RGB), "PNG").getvalue()) == "stdin - (2, 3, 3)"
    assert run_with_input(b"").startswith("blurlive.errors.InputError: -: no data")


def test_no_standard_input_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match=r"^-: there is no standard input"):
        load_photo("-")


def test_a_stream_that_cannot_seek() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    assert (load_photo(Pipe(saved(Image.fromarray(RGB), "PNG").getvalue())).pixels == RGB).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of Unix")
def test_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    data = saved(Image.fromarray(RGB), "PNG").getvalue()
    writer = threading.Thread(target=pipe.write_bytes, args=[data])
    writer.start()
    assert load_photo(pipe).name == "pipe"
    writer.join()


def test_threads_may_load_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (50, 50), "red").save(file)
    before = Image.MAX_IMAGE_PIXELS
    shapes: list[tuple[int, ...]] = []
    threads = [threading.Thread(target=lambda: shapes.append(load_photo(file).pixels.shape)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(50, 50, 3)] * 8
    assert before == Image.MAX_IMAGE_PIXELS


# --- what goes wrong -------------------------------------------------------------------------------------------------


def complaint(source: str | Path | io.BytesIO, **options: Any) -> str:
    """The message that loading ends in, which must be one line that names the source."""
    with pytest.raises(InputError) as caught:
        load_photo(source, **options)
    message = str(caught.value)
    assert message.startswith("-: " if isinstance(source, io.BytesIO) else f"{source}: ")
    assert "\n" not in message
    return message


def test_missing_file_and_its_neighbour(tmp_path: Path) -> None:
    assert "no such file; check its name" in complaint(tmp_path / "holiday.jpg")
    (tmp_path / "IMG_0042.JPG").touch()
    assert "did you mean" in complaint(tmp_path / "IMG_0024.jpg")
    assert "IMG_0042.JPG?" in complaint(tmp_path / "IMG_0024.jpg")
    assert "there is no folder" in complaint(tmp_path / "nowhere" / "a.jpg")


def test_folder_empty_file_and_odd_names(tmp_path: Path) -> None:
    assert "is a folder" in complaint(tmp_path)
    (tmp_path / "empty.jpg").touch()
    assert "is empty (0 bytes)" in complaint(tmp_path / "empty.jpg")
    assert "cannot be opened" in complaint(tmp_path / ("x" * 400))
    assert "cannot be opened" in complaint("zero\0byte.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path: Path) -> None:
    file = tmp_path / "secret.png"
    Image.fromarray(RGB).save(file)
    file.chmod(0)
    assert "permission denied" in complaint(file)


def test_permission_denied_as_told_by_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "permission denied" in complaint(tmp_path / "secret.png")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("clip.mp4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2" + bytes(40), "is a video; choose a frame with --at"),
        ("clip", b"\x1aE\xdf\xa3" + bytes(40), "is a video"),
        ("clip.avi", b"RIFF\0\0\0\0AVI LIST", "is a video"),
        ("clip.mts", bytes(300), "is a video"),
        ("scan.pdf", b"%PDF-1.7\n", "is a PDF"),
        ("a.cr3", b"\0\0\0\x18ftypcrx " + bytes(40), "is a camera RAW file; export it as JPEG or TIFF"),
        ("a.cr2", b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "is a camera RAW"),
        ("a.orf", b"IIRO" + bytes(40), "is a camera RAW"),
        ("a.raw", bytes(400), "is a camera RAW"),
        ("page.jpg", b"<!DOCTYPE html><html>not found", "is a web page"),
        ("a.jpg", b"\xff\x0a" + bytes(30), "is a JPEG XL"),
        ("a.jpg", b"hello, world", "is not a photo"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is a PostScript drawing"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(30), "is damaged"),
    ],
)
def test_no_photo_but_what(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert expected in complaint(file)


def test_raw_files_that_are_readable_tiffs_are_refused(tmp_path: Path) -> None:
    """Their first picture is a thumbnail."""
    thumbnail = tiff(np.zeros((4, 4, 3), np.uint8), 2)
    (tmp_path / "a.NEF").write_bytes(thumbnail.getvalue())
    assert "camera RAW" in complaint(tmp_path / "a.NEF")
    assert "camera RAW" in complaint(tiff(np.zeros((4, 4, 3), np.uint8), 2, **{"50706": 1}))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_half_a_photo(format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    data = saved(noise, format).getvalue()
    assert "cut short" in complaint(io.BytesIO(data[: len(data) // 2]))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "JPEG"])
def test_too_many_pixels(format: str) -> None:
    file = saved(Image.new("RGB", (300, 200)), format)
    assert "more than 0.059999 million pixels" in complaint(file, max_pixels=59_999)
    assert "million pixels" in complaint(file, max_pixels=100)
    assert load_photo(file, max_pixels=60_000).pixels.shape == (200, 300, 3)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = png(2, 8, [b""], 1).getvalue()
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = bomb[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + bomb[33:]
    assert "more than 200 million pixels" in complaint(io.BytesIO(bomb))


def test_our_limit_holds_whatever_pillows_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert load_photo(saved(Image.new("RGB", (300, 200)), "PNG")).pixels.shape == (200, 300, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", refuse)
    assert "more memory than there is" in complaint(tiff(RGB, 2))


# --- hostile files ---------------------------------------------------------------------------------------------------

VALID = [
    saved(Image.fromarray(RGB), "PNG").getvalue(),
    saved(Image.fromarray(RGB).quantize(4), "PNG", transparency=1, icc_profile=icc(b"RGB ", DISPLAY_P3)).getvalue(),
    saved(Image.fromarray(RGB), "JPEG", icc_profile=icc(b"RGB ", DISPLAY_P3)).getvalue(),
    saved(Image.new("CMYK", (9, 9)), "JPEG", progressive=True).getvalue(),
    saved(Image.fromarray(RGB), "WEBP").getvalue(),
    saved(Image.fromarray(RGB), "AVIF").getvalue(),
    saved(Image.fromarray(RGB), "GIF").getvalue(),
    saved(Image.fromarray(RGB), "BMP").getvalue(),
    saved(Image.fromarray(RGB), "TIFF", compression="tiff_lzw").getvalue(),
    saved(Image.fromarray(RGB), "TIFF", compression="jpeg").getvalue(),
    tiff(RGB.astype("u2"), 2, planar=True).getvalue(),
    tiff(RGB[..., :1].astype("f4"), 1).getvalue(),
]
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def must_load_or_complain(data: bytes, capfd: pytest.CaptureFixture[str], warned: pytest.WarningsRecorder) -> None:
    """Nothing but an `InputError` of one line, and nothing on the terminal: only libtiff is never quiet."""
    try:
        photo = load_photo(io.BytesIO(data), max_pixels=1_000_000, max_side=64)
    except InputError as error:
        outcome = str(error)
    else:
        outcome = str(photo.pixels.shape)
    assert "\n" not in outcome
    assert capfd.readouterr() == ("", "") or data.startswith((b"II", b"MM"))
    assert not warned


@fuzz
@given(data=st.binary(max_size=300), start=st.sampled_from([b"", *(valid[:12] for valid in VALID)]))
def test_random_bytes(
    data: bytes, start: bytes, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    must_load_or_complain(start + data, capfd, recwarn)


@fuzz
@given(valid=st.sampled_from(VALID), part=st.floats(0, 1, exclude_max=True))
def test_random_truncations(
    valid: bytes, part: float, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    must_load_or_complain(valid[: int(part * len(valid))], capfd, recwarn)


@fuzz
@given(valid=st.sampled_from(VALID), changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6))
def test_random_changes(
    valid: bytes, changes: list[tuple[int, int]], capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    broken = bytearray(valid)
    for at, value in changes:
        broken[at % len(broken)] = value
    must_load_or_complain(bytes(broken), capfd, recwarn)


# --- finding photos --------------------------------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as users have them; relative paths start in it."""
    names = ["img10.jpg", "img2.jpg", "IMG1.JPG", "notes.txt", "._img2.jpg", ".hidden.png"]
    deeper = ["day10/b.png", "day2/a.webp", "day2/deep/c.HEIC", ".cache/d.jpg", "texts/readme.txt"]
    for name in names + deeper:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*arguments: str, recursive: bool = False) -> list[str]:
    return [Path(photo).as_posix() for photo in find_photos(arguments, recursive=recursive)]


TOP = ["IMG1.JPG", "img2.jpg", "img10.jpg"]
DEEP = ["day2/a.webp", "day2/deep/c.HEIC", "day10/b.png"]


@pytest.mark.usefixtures("album")
def test_folders() -> None:
    assert found(".") == TOP
    assert found(".", recursive=True) == [*DEEP[:2], DEEP[2], *TOP]
    assert found("day2", "day10") == ["day2/a.webp", "day10/b.png"]


@pytest.mark.usefixtures("album")
def test_globs() -> None:
    assert found("*.jpg") == ["img2.jpg", "img10.jpg"]
    assert found("img[0-9].*") == ["img2.jpg"]
    assert found("*") == TOP
    assert found("*", recursive=True) == [*DEEP, *TOP]
    assert found("**/*.webp") == ["day2/a.webp"]
    assert found("*.txt") == ["notes.txt"]


@pytest.mark.usefixtures("album")
def test_order_duplicates_and_standard_input() -> None:
    assert found("img10.jpg", "-", "img2.jpg", "./img10.jpg", "day2/../img2.jpg", "-") == ["img10.jpg", "-", "img2.jpg"]
    assert found("img10.jpg", ".") == ["img10.jpg", "IMG1.JPG", "img2.jpg"]
    assert find_photos(["-"]) == ["-"]
    assert find_photos([]) == []


def test_a_file_may_have_magic_letters_in_its_name(album: Path) -> None:
    (album / "a[1].jpg").touch()
    assert found("a[1].jpg") == ["a[1].jpg"]


@pytest.mark.usefixtures("album")
def test_a_named_file_is_passed_on_unseen() -> None:
    assert found("missing.jpg", "notes.txt") == ["missing.jpg", "notes.txt"]


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("argument", "expected"),
    [("*.bmp", r"^\*\.bmp: matches no file"), ("texts", r"^texts: no photo in this folder; give")],
)
def test_nothing_found(argument: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        find_photos([argument])


def test_photos_in_subfolders_only(album: Path) -> None:
    for photo in album.glob("*.[jJ]*"):
        photo.unlink()
    with pytest.raises(InputError, match=r"but in its subfolders; add --recursive"):
        find_photos([str(album)])


@given(st.permutations([f"p{n}{ending}" for n in (1, 2, 9, 10, 11, 100) for ending in ("", "a")]))
@settings(max_examples=20, deadline=None)
def test_natural_order_does_not_depend_on_the_folder(names: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            Path(folder, f"{name}.png").touch()
        listed = [Path(photo).stem for photo in find_photos([folder])]
    assert listed == [f"p{n}{ending}" for n in (1, 2, 9, 10, 11, 100) for ending in ("", "a")]


def test_suffixes_are_those_that_the_readme_promises() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".bmp", ".gif", ".heic"} <= SUFFIXES
