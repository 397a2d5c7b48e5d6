"""What is no photo, or a damaged one, is refused in one line."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from blurlive.errors import InputError
from blurlive.image import load_photo

from .conftest import DISPLAY_P3, RGB, icc, saved, tiff


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


def test_our_limit_holds_whatever_pillows_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert load_photo(saved(Image.new("RGB", (300, 200)), "PNG")).pixels.shape == (200, 300, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", refuse)
    assert "more memory than there is" in complaint(tiff(RGB, 2))


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
    assert [str(warning.message) for warning in warned] == []


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
