"""One motion-blurred photo in, the short sharp video that the shutter saw out.

    import blurlive

    photo = blurlive.load_photo("photo.jpg")
    frames = blurlive.Extractor().extract(photo.pixels)        # (7, H, W, 3) uint8, in time order
    blurlive.save_clip(frames, ["clip.mp4"], photo=photo.pixels)

Names are imported when they are first used, so that ``import blurlive`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .clips import save_clip
    from .errors import (
        BlurliveError,
        ConfigError,
        DataError,
        DeviceError,
        InputError,
        OutputError,
        UsageError,
        WeightsError,
    )
    from .extractor import Extractor
    from .image import Photo, load_photo
    from .slowmo import slowmo

_HOME = {
    "Extractor": "extractor",
    "Photo": "image",
    "load_photo": "image",
    "save_clip": "clips",
    "slowmo": "slowmo",
    "BlurliveError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "DeviceError": "errors",
    "InputError": "errors",
    "OutputError": "errors",
    "UsageError": "errors",
    "WeightsError": "errors",
}

__all__ = [
    "BlurliveError",
    "ConfigError",
    "DataError",
    "DeviceError",
    "Extractor",
    "InputError",
    "OutputError",
    "Photo",
    "UsageError",
    "WeightsError",
    "__version__",
    "load_photo",
    "save_clip",
    "slowmo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'blurlive' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
