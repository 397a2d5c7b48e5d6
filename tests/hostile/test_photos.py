"""Damaged and hostile photos: only our errors, in one line; no memory for what a header merely claims."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import PIL
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ..fuzz import valid
from ..fuzz.__main__ import finding, read_photo
from ..fuzz.damage import damaged, mended
from ..image.conftest import tiff_directory, tiff_header
from .conftest import NUMBERS, some

PHOTOS = valid.photos()


@pytest.mark.parametrize("data", PHOTOS)
def test_what_is_damaged_was_a_photo(data: bytes) -> None:
    assert finding(read_photo, data) is None
    read_photo(data)


@some
@given(photo=st.sampled_from(PHOTOS), random=NUMBERS)
def test_a_damaged_photo_is_read_or_refused(photo: bytes, random: Random) -> None:
    assert finding(read_photo, damaged(photo, PHOTOS, random)) is None


SIDE = 100_000


def written(format: str, **options: Any) -> bytearray:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, format, **options)
    return bytearray(file.getvalue())


def claiming(format: str) -> bytes:
    """A small file whose header claims the most pixels that its format and ``SIDE`` allow. libavif itself
    refuses more than 2^28, and says no more than that it cannot read them."""
    if format == "PPM":
        return b"P6 %d %d 255 " % (SIDE, SIDE) + bytes(100)
    if format == "TIFF":
        fields = [
            (256, SIDE),
            (257, SIDE),
            (258, 8, 8, 8),
            (259, 1),
            (262, 2),
            (273, 8),
            (277, 3),
            (278, SIDE),
            (279, 9),
        ]
        return tiff_header("<", 20) + bytes(12) + tiff_directory("<", fields, 20)
    if format == "WEBP":
        data = written("WEBP", icc_profile=b"any")  # with an extended header
        side = (SIDE - 1).to_bytes(3, "little")
        data[24:30] = side + side
        return bytes(data)
    data = written(format)
    at, numbers = {
        "PNG": (16, struct.pack(">II", SIDE, SIDE)),
        "GIF": (6, struct.pack("<HH", 65535, 65535)),
        "BMP": (18, struct.pack("<ii", SIDE, SIDE)),
        "JPEG": (data.find(b"\xff\xc0") + 5, struct.pack(">HH", 65535, 65535)),
        "AVIF": (data.find(b"ispe") + 8, struct.pack(">II", 16_000, 16_000)),
    }[format]
    data[at : at + len(numbers)] = numbers
    return mended(bytes(data))


def refusal(format: str) -> str:
    """What is said of a file that is `claiming`. Before Pillow 13, libwebp itself refuses more than WebP allows."""
    if format == "WEBP" and int(PIL.__version__.split(".")[0]) < 13:
        return "is damaged, cut short or of a kind that cannot be read; export it anew as JPEG or PNG"
    return "has more than 200 million pixels; make the photo smaller first"


@cache
def zeros() -> bytes:
    """100 MB of them, in half a megabyte."""
    squeezed = zlib.compressobj(1)
    return b"".join([*(squeezed.compress(bytes(1 << 20)) for _ in range(100)), squeezed.flush()])


def text_bomb(kind: bytes, before: bytes) -> bytes:
    """A PNG with one compressed chunk that swells."""
    body = kind + before + zeros()
    data = bytes(written("PNG"))
    return data[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


LIMITED = """
import resource, sys
from blurlive.errors import InputError
from blurlive.image import load_photo
from blurlive.moments import Moment
load_photo(sys.argv[1])
here = next(int(row.split()[1]) for row in open("/proc/self/status") if row.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (here + (50 << 20),) * 2)
for file in sys.argv[2:]:
    try:
        print(load_photo(file, at=Moment(frame=1)).pixels.shape)
    except InputError as error:
        print(str(error).removeprefix(file + ": "))
"""


def in_little_memory(folder: Path, files: dict[str, bytes]) -> dict[str, str]:
    """What loading each file ends in, in a process that may take 50 MB beyond what it has after a first photo."""
    (folder / "first.png").write_bytes(written("PNG"))
    for name, data in files.items():
        (folder / name).write_bytes(data)
    command = [sys.executable, "-c", LIMITED, "first.png", *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(files, done.stdout.splitlines(), strict=True))


linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the size of a process")


@linux
def test_claims_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    files = {format: claiming(format) for format in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "AVIF")}
    said = in_little_memory(tmp_path, files)
    assert said == {format: refusal(format) for format in files}


COMMAND = """
import sys
from blurlive.cli.app import main
try:
    main()
finally:
    print(next(int(row.split()[1]) // 1024 for row in open("/proc/self/status") if row.startswith("VmPeak")))
"""


@linux
def test_the_command_line_refuses_claims_in_a_line_each_and_takes_no_memory(tmp_path: Path, tiny_weights: Path) -> None:
    files = {format: claiming(format) for format in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "AVIF")}
    for name, data in {"fine": bytes(written("PNG")), **files}.items():
        (tmp_path / name).write_bytes(data)

    def extract(*arguments: str) -> subprocess.CompletedProcess[str]:
        options = ["-q", "--weights", str(tiny_weights), "--device", "cpu", "--at", "frame:1"]
        command = [sys.executable, "-c", COMMAND, "extract", *arguments, *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)

    fine, refused = extract("fine"), extract(*files)
    assert (fine.returncode, refused.returncode) == (0, 3), fine.stderr + refused.stderr
    assert refused.stderr.splitlines() == [f"blurlive: {name}: {refusal(name)}" for name in files]
    assert int(refused.stdout) < int(fine.stdout) + 50, "megabytes of address space, the network's included"


@linux
def test_texts_and_profiles_are_not_unpacked_without_bound(tmp_path: Path) -> None:
    bombs = {
        "zTXt": text_bomb(b"zTXt", b"Comment\0\0"),
        "iTXt": text_bomb(b"iTXt", b"Comment\0\1\0\0\0"),
        "iCCP": text_bomb(b"iCCP", b"profile\0\0"),
    }
    said = in_little_memory(tmp_path, bombs)
    assert all("is damaged, cut short or of a kind that cannot be read" in verdict for verdict in said.values()), said


@linux
def test_of_many_frames_only_the_first_is_decoded(tmp_path: Path) -> None:
    frames = [Image.new("L", (500, 500), number) for number in range(100)]  # 75 MB in colour
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert in_little_memory(tmp_path, {"GIF": file.getvalue()}) == {"GIF": "(500, 500, 3)"}
