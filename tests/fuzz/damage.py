"""Damage: bits, numbers that lie, cuts, repeats, parts of other files. A function of the random numbers alone."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from random import Random

NUMBERS = (0, 1, 2, 7, 8, 255, 256, 0x7FFF, 0xFFFF, 100_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    "-1",
    "0",
    "1e999",
    "NaN",
    "null",
    "true",
    '\\"x\\"',
    "[]",
    "{}",
    "9" * 30,
    "[8,8]",
    "1000000000",
    "2.5",
    "[[1]]",
)


def damaged(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """``data`` with one to four kinds of damage. Checksums and lengths that a reader checks before all else are mended,
    mostly: it would see nothing of the rest."""
    broken = bytearray(data)
    for _ in range(random.randint(1, 4)):
        if broken:
            random.choice(KINDS)(broken, others, random)
    return mended(bytes(broken)) if random.random() < 0.8 else bytes(broken)


def _flip(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    for _ in range(random.choice((1, 1, 2, 8))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _lie(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    """Dimensions, lengths, offsets, counts: most of them lie near the start."""
    size, order = random.choice((1, 2, 4)), random.choice(("big", "little"))
    at = random.randrange(min(len(data), random.choice((64, 400, 1 << 30))))
    data[at : at + size] = (random.choice(NUMBERS) % 256**size).to_bytes(size, order)


def _cut(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    del data[random.randrange(len(data)) :]


def _remove(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.choice((1, 4, 12, 100))]


def _repeat(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(data))
    data[at:at] = data[at : at + random.choice((1, 4, 12, 100))] * random.choice((1, 2, 20))


def _splice(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    """Other formats' headers, other pictures' chunks."""
    other, at = random.choice(others), random.randrange(len(data))
    start = random.randrange(len(other))
    data[at : at + random.choice((0, 0, 16, 64))] = other[start : start + random.choice((4, 16, 64, 500))]


def _noise(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(data))
    data[at : at + random.choice((1, 4, 16))] = random.randbytes(random.choice((1, 4, 16)))


def _word(data: bytearray, _: Sequence[bytes], random: Random) -> None:
    """A number in text, as in JSON or the header of a PPM, becomes another, or none."""
    if places := list(re.finditer(rb"\d+", data[:4000])):
        place = random.choice(places)
        data[slice(*place.span())] = random.choice(WORDS).encode()


KINDS = (_flip, _lie, _lie, _cut, _remove, _repeat, _splice, _noise, _word)


def mended(data: bytes) -> bytes:
    """A PNG with its checksums, or a safetensors file with the length of its header, right again."""
    if data.startswith(b"\x89PNG"):
        return _mended_png(data)
    if data[8:9] == b"{" and (end := data.rfind(b"}}", 0, 20_000)) > 0:
        return struct.pack("<Q", end + 2 - 8) + data[8:]
    return data


def _mended_png(data: bytes) -> bytes:
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + size]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + size
    return b"".join(parts) + data[at:]
