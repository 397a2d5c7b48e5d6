"""Colours told by code points (ITU-T H.273), not by a profile: a PNG's cICP chunk, an AVIF's or a HEIC's colour box."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from .profiles import BT_709, D65, Chromaticities, rgb_profile

_PRIMARIES: dict[int, Chromaticities] = {  # H.273, table 2; what is not here is BT.709, or as good as never seen
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),  # BT.601, 625 lines
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), D65),  # BT.601, 525 lines
    9: ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), D65),  # BT.2020
    12: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65),  # Display P3
}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # table 3; BT.709's curve and its kin count as sRGB's, as which they are shown
_HDR = {16: "PQ", 18: "HLG"}

_PNG = b"\x89PNG\r\n\x1a\n"
_LARGEST = 1 << 20  # bytes of a meta box: one tells of pictures, and holds none


@dataclass(frozen=True)
class CodePoints:
    """``primaries`` and ``transfer`` of H.273, and whether they go ``before_profile``: they do in a PNG."""

    primaries: int
    transfer: int
    before_profile: bool

    @property
    def hdr(self) -> str | None:
        """The name of the curve if it is one of high dynamic range, which no ICC profile can tell."""
        return _HDR.get(self.transfer)

    def profile(self) -> bytes | None:
        """An ICC profile that says the same; None for sRGB, and for what is not known."""
        if self.primaries not in _PRIMARIES and self.transfer not in _GAMMAS:
            return None
        return rgb_profile(_PRIMARIES.get(self.primaries, BT_709), _GAMMAS.get(self.transfer))


def code_points(stream: BinaryIO) -> CodePoints | None:
    """What a PNG, an AVIF or a HEIC says of its colours by code points; None where it says nothing by them, is damaged,
    or is another kind of file. The stream is left anywhere."""
    stream.seek(0)
    head = stream.read(8)
    try:
        if head == _PNG:
            return _of_png(stream)
        return _of_boxes(stream) if head.endswith(b"ftyp") else None
    except (struct.error, LookupError):  # it ends too early, or lacks a box
        return None


def _of_png(stream: BinaryIO) -> CodePoints | None:
    """PNG (third edition), 11.3.2.6; it stands before the pixels."""
    while True:
        length, kind = _read(">I4s", stream)
        if kind == b"cICP":
            primaries, transfer = _read(">BB", stream)
            return CodePoints(primaries, transfer, before_profile=True)
        if kind in {b"IDAT", b"IEND"}:
            return None
        stream.seek(length + 4, 1)


def _of_boxes(stream: BinaryIO) -> CodePoints | None:
    """ISO/IEC 23008-12: of the primary item, since others, as gain maps, may have colours of their own."""
    meta = dict(_boxes(_meta(stream)[4:]))
    primary = struct.unpack_from(">I" if meta[b"pitm"][0] else ">H", meta[b"pitm"], 4)[0]
    boxes = dict(_boxes(meta[b"iprp"]))
    properties = list(_boxes(boxes[b"ipco"]))
    for item, indices in _associations(boxes[b"ipma"]):
        for kind, content in [properties[index - 1] for index in indices if index and item == primary]:
            if kind == b"colr" and content.startswith(b"nclx"):
                primaries, transfer = struct.unpack_from(">HH", content, 4)
                return CodePoints(primaries, transfer, before_profile=False)
    return None


def _meta(stream: BinaryIO) -> bytes:
    """The content of the file's meta box; empty if there is none."""
    end, at = stream.seek(0, io.SEEK_END), 0
    while at < end:
        stream.seek(at)
        size, kind = _read(">I4s", stream)
        head = 8
        if size == 1:  # more than 32 bits
            (size,), head = _read(">Q", stream), 16
        size = size or end - at  # 0: it reaches to the end of the file
        if kind == b"meta":
            return stream.read(max(0, min(size - head, _LARGEST)))
        if size < head:
            break
        at += size
    return b""


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kinds and contents of the boxes in a box."""
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8:
            return
        yield kind, content[at + 8 : at + size]
        at += size


def _associations(ipma: bytes) -> Iterator[tuple[int, list[int]]]:
    """Items and the numbers, from 1, of their properties."""
    number = struct.Struct(">I" if ipma[0] else ">H")
    wide = ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(count):
        (item,) = number.unpack_from(ipma, at)
        at += number.size + 1
        indices = struct.unpack_from(f">{ipma[at - 1]}{'H' if wide else 'B'}", ipma, at)
        at += len(indices) << wide
        yield item, [index & (0x7FFF if wide else 0x7F) for index in indices]  # the highest bit: essential or not


def _read(form: str, stream: BinaryIO) -> tuple[Any, ...]:
    return struct.unpack(form, stream.read(struct.calcsize(form)))
