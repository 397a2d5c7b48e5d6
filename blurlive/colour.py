"""Any Pillow image to opaque 8-bit sRGB: bit depth, palettes, transparency, colour profiles.

Two steps, and a photo can be shrunk between them: `plain` gives 8-bit values that can be averaged, `to_srgb` colours.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from .profiles import profile_of

_TAG_BITS, _TAG_PHOTOMETRIC, _TAG_SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0, sections 8 and 19
_WHITE_IS_ZERO = 0
_UNSIGNED = 1
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def plain(image: Image.Image) -> Image.Image:
    """``image`` as 8-bit L, LA, RGB, RGBA, CMYK or LAB, still in its own colour space; its ``info`` is kept.

    Deeper grey is scaled by what its data type implies, never by the values that happen to occur: integers from 0 to
    the greatest that their bits (12, 16 or 32, signed or not) can hold, floats from 0 to 1. What lies outside is
    clipped, NaN is black. Deeper colour never gets here: Pillow keeps the upper 8 of 16 bits, and refuses floats.
    """
    if image.mode.startswith("I") or image.mode == "F":
        image = _shallow(image)
    mode = _plain_mode(image)
    return image if image.mode == mode else image.convert(mode)


def to_srgb(image: Image.Image) -> Image.Image:
    """The RGB image of what `plain` returned, in sRGB, transparent parts laid on white; ``image`` may be changed.

    The profile that is embedded, or that says what the file tells otherwise (`profiles`), is applied by relative
    colorimetric intent with black point compensation, as image editors do by default; one that is broken or made for
    other channels is ignored.
    """
    if image.mode in ("LA", "RGBA"):
        image = _on_white(image)
    try:
        managed = _through_profile(image)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # what littlecms says of a broken profile
        managed = None
    return managed or (image if image.mode == "RGB" else image.convert("RGB"))


def _on_white(image: Image.Image) -> Image.Image:
    """Laid on white in the photo's own colour space, as an editor does it; every profile has white at the top."""
    clear = ImageChops.invert(image.getchannel("A"))
    image.paste("white", mask=clear)  # in place, which saves a photo's worth of memory
    return image.convert(image.mode[:-1])


def _plain_mode(image: Image.Image) -> str:
    if image.has_transparency_data:
        return "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image.mode
    return "L" if image.mode == "1" else "RGB"


def _shallow(image: Image.Image) -> Image.Image:
    """An L image of 12, 16 or 32-bit integers or of floats."""
    tags: Any = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    grey = _of_words(values, tags) if image.mode.startswith("I;16") else _of_numbers(values, tags)
    if image.mode != "I" and tags.get(_TAG_PHOTOMETRIC) == _WHITE_IS_ZERO:
        np.subtract(255, grey, out=grey)  # Pillow does it for 8 bits only
    shallow = Image.fromarray(grey)
    shallow.info = dict(image.info)
    if (clear := shallow.info.pop("transparency", None)) is not None:  # one grey, as deep as the photo
        shallow.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return shallow


def _of_words(values: NDArray[Any], tags: Any) -> NDArray[np.uint8]:
    """By table: no copy of the photo in floats."""
    greatest = 2 ** int(tags.get(_TAG_BITS, (16,))[0]) - 1
    table = np.rint(np.arange(65536) * (255 / greatest)).clip(0, 255).astype(np.uint8)
    grey: NDArray[np.uint8] = table[values]
    return grey


def _of_numbers(values: NDArray[Any], tags: Any) -> NDArray[np.uint8]:
    scale = 255 / _greatest(values, tags)
    if values.dtype.kind == "i" and _is_unsigned_32(tags):
        values = values.view(np.uint32)  # Pillow hands the same bits over as signed
    scaled = values.astype(np.float32)
    scaled *= scale
    np.nan_to_num(scaled, copy=False, nan=0, posinf=255, neginf=0)
    return np.rint(scaled, out=scaled).clip(0, 255).astype(np.uint8)


def _greatest(values: NDArray[Any], tags: Any) -> float:
    if values.dtype.kind == "f":
        return 1.0
    if not tags:
        return 65535.0  # PGM and PNG: Pillow stretches their 16 bits to this, whatever the maximum in the header
    bits = int(tags.get(_TAG_BITS, (32,))[0])
    return float(2**bits - 1 if _is_unsigned_32(tags) else 2 ** (bits - 1) - 1)


def _is_unsigned_32(tags: Any) -> bool:
    return bool(tags) and tags.get(_TAG_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED


def _through_profile(image: Image.Image) -> Image.Image | None:
    """``image`` in sRGB; None where no profile says how, or where it would change nothing."""
    profile = _profile(image)
    if profile is None:
        return None
    mode = "LAB" if image.mode == "LAB" else _PROFILE_MODES.get(profile.profile.xcolor_space.strip())
    if mode == "RGB" and image.mode == "L":
        image = image.convert("RGB")  # grey under a colour profile
    if mode != image.mode:
        return None
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode == "RGB" and _changes_nothing(transform):
        return image
    return ImageCms.applyTransform(image, transform, inPlace=mode == "RGB") or image


def _profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    if image.mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))  # D50, as in TIFF and ICC
    profile = profile_of(image)
    return ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else None


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform is sRGB to sRGB but for rounding, as for most photos: their values then stay exact."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(16, -1, 3)
    mapped = np.asarray(ImageCms.applyTransform(Image.fromarray(lattice), transform))
    return bool(np.abs(mapped.astype(int) - lattice).max() <= 1)
