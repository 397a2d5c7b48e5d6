"""Formats and pixel types."""

from __future__ import annotations

import io
import struct
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blurlive.errors import InputError
from blurlive.image import load_photo

from .conftest import QUALITY, RGB, pixels, png, saved, tiff


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
    samples = RGB.astype(dtype)
    if dtype == "u2":  # the lower bytes, which are dropped, are not those that the upper ones would be
        samples = samples * 256 + np.arange(100, 118, dtype=dtype).reshape(RGB.shape)
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
