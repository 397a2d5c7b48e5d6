"""What a file looks like when it is not, or not quite, a photo: by its first bytes, then by its suffix."""

from __future__ import annotations

import re
from collections.abc import Container

from .moments import CHOOSE

RAW = "is a camera RAW file; export it as JPEG or TIFF first"
_VIDEO = f"is a video; {CHOOSE}"
_DAMAGED = "is damaged, cut short or of a kind that cannot be read; export it anew as JPEG or PNG"
_JPEG_XL = "is a JPEG XL picture; export it as JPEG or PNG first"

_MAGIC = (  # where, which bytes, what it is and what to do about it; the first that fits counts
    (8, b"CR\x02", RAW),
    (4, b"ftypcrx", RAW),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"IIRO", RAW),
    (0, b"IIU\0", RAW),
    (0, b"\xff\xd8\xff", _DAMAGED),
    (0, b"\x89PNG", _DAMAGED),
    (8, b"WEBP", _DAMAGED),
    (0, b"II*\0", _DAMAGED),
    (0, b"MM\0*", _DAMAGED),
    (0, b"GIF8", _DAMAGED),
    (4, b"ftypavi", _DAMAGED),
    (4, b"ftypmif1", _DAMAGED),
    (4, b"ftyphe", _DAMAGED),
    (4, b"ftyp", _VIDEO),
    (8, b"AVI ", _VIDEO),
    (0, b"\x1aE\xdf\xa3", _VIDEO),
    (0, b"FLV", _VIDEO),
    (0, b"\0\0\1\xba", _VIDEO),
    (0, b"%PDF", "is a PDF; export its page as PNG first"),
    (0, b"%!PS", "is a PostScript drawing; export it as PNG first"),
    (0, b"8BPS", "is a Photoshop document; export it as TIFF or PNG first"),
    (4, b"jP  ", "is a JPEG 2000 picture; export it as JPEG or PNG first"),
    (4, b"JXL ", _JPEG_XL),
    (0, b"\xff\x0a", _JPEG_XL),
    (0, b"<svg", "is a drawing (SVG); export it as PNG first"),
    (0, b"<", "is a web page or other text; download the photo itself"),
    (0, b"PK\3\4", "is a ZIP archive; unpack it first"),
)
_RAW_SUFFIX = re.compile(r"\.(3fr|arw|cr2|cr3|dng|iiq|nef|nrw|orf|pef|raf|raw|rw2|srw)$", re.IGNORECASE)
_VIDEO_SUFFIX = re.compile(r"\.(3gp|avi|flv|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|ts|webm|wmv)$", re.IGNORECASE)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_TAG_DNG_VERSION = 50706


def looks_like(head: bytes, name: str) -> str:
    """What the file ``name`` that starts with ``head`` seems to be and what to do about it, as the end of a message."""
    for start, magic, verdict in _MAGIC:
        if head.startswith(magic, start):
            return RAW if verdict == _DAMAGED and is_raw(head, name, ()) else verdict
    if _VIDEO_SUFFIX.search(name):
        return _VIDEO
    return RAW if _RAW_SUFFIX.search(name) else "is not a photo; give a JPEG, PNG, WebP, TIFF, AVIF or HEIC file"


def is_video(head: bytes, name: str) -> bool:
    """Whether it is a video that ffmpeg may know."""
    return looks_like(head, name) == _VIDEO


def is_raw(head: bytes, name: str, tags: Container[int]) -> bool:
    """Whether a TIFF is a camera's RAW: most of them are TIFFs in form, with a thumbnail for their first picture."""
    return head.startswith(b"CR", 8) or _TAG_DNG_VERSION in tags or _RAW_SUFFIX.search(name) is not None


def is_heif(head: bytes) -> bool:
    """Whether any of the brands in the file type box that opens the file says HEVC-coded picture."""
    box = head[8 : int.from_bytes(head[:4], "big")]
    return head.startswith(b"ftyp", 4) and any(box[at : at + 4] in _HEIF_BRANDS for at in range(0, len(box), 4))
