"""Colours that a photo tells without an ICC profile: code points (ITU-T H.273), gAMA and cHRM."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from blurlive.cicp import CodePoints, code_points
from blurlive.errors import InputError
from blurlive.moments import Moment

from .conftest import COLOURS, DISPLAY_P3, RGB, as_light, as_srgb, icc, pixels, saved

FLAT = COLOURS.repeat(16, 0).repeat(16, 1)
P3, BT_2020, SRGB, LINEAR, PQ, HLG = 12, 9, 13, 8, 16, 18


def from_p3(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Display P3 in sRGB, by the matrix of CSS Color 4, section 18."""
    to_srgb = [[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]]
    return as_srgb(as_light(rgb / 255) @ np.array(to_srgb).T)


def avif(primaries: int, transfer: int, **options: Any) -> io.BytesIO:
    data = saved(Image.fromarray(FLAT), "AVIF", quality=100, subsampling="4:4:4", **options).getvalue()
    before = data.index(b"colrnclx") + 8
    return io.BytesIO(data[:before] + struct.pack(">HH", primaries, transfer) + data[before + 4 :])


def png(*chunks: tuple[bytes, bytes], image: NDArray[np.uint8] = COLOURS, **options: Any) -> io.BytesIO:
    info = PngImagePlugin.PngInfo()
    for kind, data in chunks:
        info.add(kind, data)
    return saved(Image.fromarray(image), "PNG", pnginfo=info, **options)


def cicp(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, 1])


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 1e5))


def test_display_p3_told_by_code_points() -> None:
    expected = from_p3(COLOURS)
    assert np.abs(expected - COLOURS).max() > 10  # else they could be ignored
    assert np.abs(pixels(png(cicp(P3, SRGB))) - expected).max() <= 1.5
    assert np.abs(pixels(avif(P3, SRGB))[8::16, 8::16] - expected).max() <= 4


def test_grey_stays_grey_whatever_its_primaries() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.abs(pixels(png(cicp(BT_2020, 14), image=ramp)).astype(int) - ramp[..., None]).max() <= 1


def test_bt_2020_is_wider_than_srgb() -> None:
    pure = np.array([[[120, 60, 60], [60, 120, 60], [60, 60, 120]]], np.uint8)
    frame = pixels(png(cicp(BT_2020, 14), image=pure)).astype(int)
    assert (np.ptp(frame, axis=-1) > np.ptp(pure, axis=-1) + 10).all()


@pytest.mark.parametrize("primaries", [1, 2, 77])
def test_srgb_and_what_nobody_knows_stay_exact(primaries: int) -> None:
    assert (pixels(png(cicp(primaries, SRGB))) == COLOURS).all()
    plain = saved(Image.fromarray(FLAT), "AVIF", quality=100, subsampling="4:4:4")
    assert (pixels(avif(primaries, 1)) == pixels(plain)).all()


def test_linear_light() -> None:
    for file in (png(cicp(1, LINEAR)), png(gamma(1.0))):
        assert np.abs(pixels(file) - as_srgb(COLOURS / 255)).max() <= 1.5


@pytest.mark.parametrize(("transfer", "name"), [(PQ, "PQ"), (HLG, "HLG")])
def test_hdr_is_told_so(transfer: int, name: str) -> None:
    """As for videos: taken for sRGB, it would come out in other colours."""
    for file in (avif(BT_2020, transfer), png(cicp(BT_2020, transfer)), png(cicp(P3, transfer), icc_profile=b"x")):
        with pytest.raises(InputError, match=rf"is an HDR photo \({name}\); export it in SDR"):
            pixels(file)


def test_which_goes_first() -> None:
    profile = icc(b"RGB ", DISPLAY_P3, gamma=None)
    assert (pixels(png(cicp(1, SRGB), gamma(1.0), icc_profile=profile)) == COLOURS).all(), "in a PNG, code points"
    assert np.abs(pixels(png(gamma(1.0), icc_profile=profile)) - from_p3(COLOURS)).max() <= 1.5
    colours = pixels(avif(BT_2020, PQ, icc_profile=profile))[8::16, 8::16]
    assert np.abs(colours - from_p3(COLOURS)).max() <= 4, "elsewhere, the profile"


def test_every_frame_of_an_animation() -> None:
    info = PngImagePlugin.PngInfo()
    info.add(*cicp(P3, SRGB))
    second = Image.fromarray(COLOURS)
    file = saved(Image.new("RGB", second.size), "PNG", pnginfo=info, save_all=True, append_images=[second])
    assert np.abs(pixels(file, at=Moment(frame=2)) - from_p3(COLOURS)).max() <= 1.5


@pytest.mark.parametrize(
    "chunks", [[gamma(0.45455)], [gamma(1.0), (b"sRGB", b"\0")], [gamma(0)], [gamma(4e4)], [(b"cHRM", bytes(32))]]
)
def test_png_chunks_that_mean_srgb_or_nothing(chunks: list[tuple[bytes, bytes]]) -> None:
    assert (pixels(png(*chunks)) == COLOURS).all()


def test_primaries_of_a_png() -> None:
    corners = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    chunk = b"cHRM", struct.pack(">8I", *(round(value * 1e5) for value in corners))
    for chunks in ([chunk], [chunk, gamma(0.45455)]):
        assert np.abs(pixels(png(*chunks)) - from_p3(COLOURS)).max() <= 1.5


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def heif(numbers: dict[int, list[int]], primary: int, *, wide: bool, long: bool, large: bool, last: bool) -> bytes:
    """A file without pixels: which of three colour boxes, P3, PQ and a profile, belongs to which item. The ``last`` box
    may leave its size open."""
    index, number = "H" if wide else "B", "I" if long else "H"
    essential = 0x8000 if wide else 0x80
    colours = [box(b"colr", b"nclx", struct.pack(">HHHB", p, t, 1, 128)) for p, t in ((P3, SRGB), (BT_2020, PQ))]
    entries = [
        struct.pack(f">{number}B{len(some)}{index}", item, len(some), *(n | essential for n in some))
        for item, some in numbers.items()
    ]
    associations = struct.pack(">BBBBI", long, 0, 0, wide, len(numbers)) + b"".join(entries)
    properties = box(b"iprp", box(b"ipco", *colours, box(b"colr", b"prof")), box(b"ipma", associations))
    meta = box(b"meta", bytes(4), box(b"pitm", struct.pack(f">B3x{number}", long, primary)), properties)
    pixels = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + b"12345" if large else box(b"mdat", b"12345")
    return box(b"ftyp", b"heix") + pixels + (bytes(4) + meta[4:] if last else meta)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({name: st.booleans() for name in ("wide", "long", "large", "last")}))
def test_the_primary_item_counts(layout: dict[str, bool]) -> None:
    def said(numbers: dict[int, list[int]], primary: int) -> CodePoints | None:
        return code_points(io.BytesIO(heif(numbers, primary, **layout)))

    both = {7: [0, 3, 1], 9: [2]}
    assert said(both, 7) == CodePoints(P3, SRGB, before_profile=False)
    assert said(both, 9) == CodePoints(BT_2020, PQ, before_profile=False)
    assert said({7: [3], 9: [2]}, 7) is None
    assert said(both, 8) is None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_never_an_error_here(data: st.DataObject) -> None:
    whole = [png(cicp(P3, SRGB)).getvalue(), heif({7: [1], 9: [2]}, 9, wide=True, long=False, large=True, last=False)]
    file = bytearray(data.draw(st.sampled_from(whole)))
    for _ in range(data.draw(st.integers(0, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    del file[data.draw(st.integers(0, len(file))) :]
    code_points(io.BytesIO(bytes(file)))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_box_of_any_size_is_no_error(size: int, tmp_path: Path) -> None:
    """No file is so long, but a damaged one may say so."""
    path = tmp_path / "damaged.avif"
    path.write_bytes(box(b"ftyp", b"heix") + struct.pack(">I4sQ", 1, b"mdat", size) + bytes(100))
    with path.open("rb") as file:
        assert code_points(file) is None
    assert code_points(io.BytesIO(path.read_bytes())) is None


def test_other_files_say_nothing() -> None:
    for format in ("JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"):
        assert code_points(saved(Image.fromarray(RGB), format)) is None
