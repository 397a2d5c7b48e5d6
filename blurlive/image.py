"""All decoding: a photo of any common kind comes in, upright 8-bit sRGB pixels come out.

    photo = load_photo("IMG_0042.jpg")
    photo.pixels.shape  # (3024, 4032, 3)

What a program holds in memory, as bytes, as a Pillow image or as an array, comes in by the same door.
Whatever is wrong with a file ends in an `InputError` of one line that names it. `sources` says where photos come from,
`colour` turns every pixel format into sRGB.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from .cicp import CodePoints, code_points
from .colour import plain, to_srgb
from .errors import InputError, UsageError
from .moments import CHOOSE, Moment
from .sniff import RAW, is_heif, is_raw, is_video, looks_like
from .sources import SUFFIXES, Named, find_photos, opened, shown
from .videos import video_frame

__all__ = ["MAX_PIXELS", "SUFFIXES", "Photo", "PhotoLike", "find_photos", "load_photo"]

MAX_PIXELS = 200_000_000
"""Largest photo that is read unless told otherwise: 600 MB of pixels."""

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "GIF", "PPM")  # and no other: EPS would start Ghostscript
_ANIMATED = frozenset(["GIF", "PNG", "WEBP", "AVIF"])  # TIFF and MPO hold pages, of which the first is the photo
_BAND = 256  # rows
_CHANNELS = frozenset("RGBACMYKX")
_TAG_BITS, _TAG_PLANES = 258, 284  # TIFF 6.0, section 8
_DAMAGED = "is damaged or cut short; copy it again or export it anew"
_pillow_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo: ``pixels (H, W, 3)`` uint8 sRGB, upright; ``name`` for outputs (the file's stem; "stdin" for
    standard input) and ``source`` for messages (the path as given; "-")."""

    pixels: NDArray[np.uint8]
    name: str
    source: str


PhotoLike = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8] | Photo
"""What `load_photo` takes: a path, an encoded file as bytes or stream, a Pillow image, an array, or its own result."""


def load_photo(
    source: PhotoLike, *, max_side: int | None = None, max_pixels: int = MAX_PIXELS, at: Moment | None = None
) -> Photo:
    """Decode the photo in a file, in bytes, in a binary stream or, for "-", on standard input; or take one that is
    decoded: a Pillow image, an array of uint8, ``(H, W, 3)`` RGB or ``(H, W)`` grey, or a `Photo`.

    Reads JPEG, PNG, WebP, TIFF, AVIF, BMP, GIF, PPM and, with the ``heic`` extra, HEIC; of an animation, or a video in
    a file, the frame ``at`` a moment, which must be given for them and means nothing for a still photo.
    EXIF orientation and colour profile (or what stands for one: `cicp`, `profiles`) are applied, transparent parts laid
    on white; `colour.plain` says how deep grey is scaled. With ``max_side`` a photo whose longer side has more pixels
    than that is shrunk to it (Lanczos).
    Threads take turns: Pillow's limit and Python's warnings, both set here, belong to the whole process.

    Raises `InputError` for anything wrong with the photo, a file of more than ``max_pixels`` pixels included, and
    `UsageError` for a ``max_side`` below 1.
    """
    if max_side is not None and max_side < 1:
        raise UsageError(f"max_side is {max_side}; give the longer side in pixels, 1 or more")
    if isinstance(source, Image.Image | np.ndarray | Photo):
        return _decoded(source, max_side)
    source = _readable(source)
    name = shown(source)
    with opened(source) as stream, _memory_for(name):
        stream = _unfilmed(stream, source, name, at)
        with _pillow(max_pixels):
            # Nested, so that no name here keeps a picture alive that the next step has replaced.
            pixels = _pixels(to_srgb(_fitted(_chosen(_identified(stream, name, max_pixels), name, at), name, max_side)))
    return Photo(pixels, "stdin" if name == "-" else Path(name).stem, name)


def _readable(source: str | os.PathLike[str] | bytes | BinaryIO) -> str | Path | BinaryIO:
    """A path or a stream; anything else is told what would do."""
    if isinstance(source, str | os.PathLike):
        return source if isinstance(source, str) else Path(source)
    if isinstance(source, bytes):
        return Named(source, "bytes")
    if isinstance(source, io.TextIOBase):
        raise InputError(f"{shown(source)}: is open as text; open it in binary mode, 'rb'")
    if not hasattr(source, "read"):
        raise InputError(f"{type(source).__name__}: is no photo; give a path, bytes, a file, a Pillow image, an array")
    return source


def _decoded(picture: Image.Image | NDArray[np.uint8] | Photo, max_side: int | None) -> Photo:
    """A photo of pixels in memory, which stay as they are."""
    if isinstance(picture, Photo):
        fits = max_side is None or max(picture.pixels.shape[:2]) <= max_side
        return picture if fits else replace(picture, pixels=_decoded(picture.pixels, max_side).pixels)
    name = "array" if isinstance(picture, np.ndarray) else str(getattr(picture, "filename", "") or "image")
    with _memory_for(name), _pillow(MAX_PIXELS):
        pixels = _pixels(to_srgb(_fitted(_own(picture, name), name, max_side)))
    return Photo(pixels, Path(name).stem, name)


def _own(picture: Image.Image | NDArray[np.uint8], name: str) -> Image.Image:
    """A Pillow image that may be changed."""
    if isinstance(picture, np.ndarray):
        return Image.fromarray(_checked(picture)).copy()
    if 0 in picture.size:
        raise InputError(f"{name}: has no pixels")
    _load(picture, name)
    shallow = plain(picture)
    return shallow.copy() if shallow is picture else shallow


def _checked(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Refuse what only its owner knows how to turn into colours: floats of any range, channels in any order."""
    if array.dtype != np.uint8:
        raise InputError(f"array: is {array.dtype}; scale it to 0...255, round it and make it uint8")
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or 0 in array.shape:
        raise InputError(f"array: has shape {array.shape}; give (H, W, 3) in RGB order, or (H, W) for grey")
    return array


def _unfilmed(stream: BinaryIO, source: str | Path | BinaryIO, name: str, at: Moment | None) -> BinaryIO:
    """The stream, or, of a video, one with its frame ``at`` a moment."""
    stream.seek(0)
    if at is None or not is_video(stream.read(64), name):
        return stream
    if source == "-" or not isinstance(source, str | Path):
        raise InputError(f"{name}: is a video, which cannot come through a pipe; give it as a file")
    return io.BytesIO(video_frame(Path(source), name, at))


def _chosen(image: ImageFile.ImageFile, name: str, at: Moment | None) -> ImageFile.ImageFile:
    """The picture, an animation wound to its frame ``at`` a moment."""
    try:
        count = getattr(image, "n_frames", 1) if image.format in _ANIMATED else 1
        if count > 1 and at is not None and _wound(image, at, count):
            return image
    except Exception as error:  # as for `_identified`
        raise InputError(f"{name}: {_DAMAGED}") from error
    if count > 1:
        problem = f"is an animation of {count} frames; {CHOOSE}"
        raise InputError(f"{name}: {problem if at is None else f'has only {count} frames; choose an earlier one'}")
    return image


def _wound(image: ImageFile.ImageFile, at: Moment, count: int) -> bool:
    """Wind an animation to a moment; False if it ends before."""
    end = 0.0
    for index in range(count):
        if at.seconds is None:
            if index + 1 != at.frame:
                continue
            image.seek(index)
            return True
        image.seek(index)
        image.load()  # some formats tell a frame's duration only now
        end += (image.info.get("duration") or 100) / 1000  # none is shown as a tenth of a second
        if end > at.seconds:
            return True
    return False


@contextlib.contextmanager
def _memory_for(name: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise InputError(f"{name}: decoding it needs more memory than there is; make the photo smaller first") from None


@contextlib.contextmanager
def _pillow(max_pixels: int) -> Iterator[None]:
    """Pillow with our limit in place of its own, and without warnings.

    Half of ours: Pillow warns beyond its own and refuses beyond twice that, in some formats before memory is taken.
    """
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, (max_pixels + 1) // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _identified(stream: BinaryIO, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """The photo with its header read and its pixels not."""
    stream.seek(0)
    head = stream.read(64)
    formats = (*_FORMATS, _heif(name)) if is_heif(head) else _FORMATS
    points = code_points(stream)
    try:
        image = Image.open(stream, formats=formats)
    except MemoryError:
        raise
    except Image.DecompressionBombError:
        raise InputError(_too_large(name, max_pixels)) from None
    except Exception as error:  # hostile files draw struct, zlib, Value, Key and more errors from Pillow
        raise InputError(f"{name}: {looks_like(head, name)}") from error
    if image.width * image.height > max_pixels:
        raise InputError(_too_large(name, max_pixels))
    if image.format == "TIFF" and is_raw(head, name, getattr(image, "tag_v2", {})):
        raise InputError(f"{name}: {RAW}")  # Pillow would give its thumbnail
    _profile_from(points, image, name)
    return image


def _profile_from(points: CodePoints | None, image: Image.Image, name: str) -> None:
    """Give the image the profile that its file tells by code points, of which Pillow knows nothing."""
    if points is None or ("icc_profile" in image.info and not points.before_profile):
        return
    if points.hdr:
        raise InputError(f"{name}: is an HDR photo ({points.hdr}); export it in SDR, as JPEG say")
    for said in ("icc_profile", "gamma", "chromaticity"):
        image.info.pop(said, None)
    if profile := points.profile():
        image.info["icc_profile"] = profile


def _too_large(name: str, max_pixels: int) -> str:
    return f"{name}: has more than {max_pixels / 1e6:g} million pixels; make the photo smaller first"


def _heif(name: str) -> str:
    """Teach Pillow to read HEIC."""
    try:
        import pillow_heif
    except ImportError:
        raise InputError(f'{name}: is a HEIC photo; to read it: pip install "blurlive[heic]"') from None
    pillow_heif.register_heif_opener()
    return "HEIF"


def _fitted(image: Image.Image, name: str, max_side: int | None) -> Image.Image:
    """The photo decoded, `plain`, upright, and no larger than ``max_side``.

    A JPEG is decoded at a half, a quarter or an eighth where that leaves twice the size that is wanted, or more.
    """
    factor = min(1.0, (max_side or max(image.size)) / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    drafted = image.draft(None, (2 * size[0], 2 * size[1])) if factor < 1 else None
    _load(image, name)
    fitted = plain(image)
    del image  # free it, unless it is the same
    if factor < 1:
        fitted = fitted.resize(size, Image.Resampling.LANCZOS, box=drafted[1] if drafted else None)
    with contextlib.suppress(Exception):  # broken EXIF: the photo stays as it lies
        ImageOps.exif_transpose(fitted, in_place=True)
    return fitted


def _load(image: Image.Image, name: str) -> None:
    try:
        _mend_planar(image)
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # as for `_identified`
        raise InputError(f"{name}: {_DAMAGED}") from error


def _mend_planar(image: Any) -> None:
    """Pillow (13.0) reads each channel of an uncompressed planar 16-bit TIFF as if it had 8 bits."""
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(_TAG_BITS, ())[:1] == (16,) and tags.get(_TAG_PLANES) == 2:
        word = ";16B" if tags.prefix == b"MM" else ";16L"
        image.tile = [_widened(tile, word) for tile in image.tile]


def _widened(tile: Any, word: str) -> Any:
    channel, *rest = tile.args
    return tile._replace(args=(channel + word, *rest)) if channel in _CHANNELS else tile


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """``(H, W, 3)`` of an RGB image, copied in bands: NumPy's own way holds the photo three times."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _BAND):
        bottom = min(top + _BAND, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels
