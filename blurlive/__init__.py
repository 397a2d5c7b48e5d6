"""One motion-blurred photo in, the short sharp video that the shutter saw out.

    import blurlive

    model = blurlive.load()
    model.extract("photo.jpg").save("clip.mp4")

Names are imported when they are first used, so that ``import blurlive`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .clips import Clip, Stream
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
    from .image import Photo, PhotoLike, load_photo
    from .model import Model, load

_HOME = {
    "Clip": "clips",
    "Model": "model",
    "Photo": "image",
    "PhotoLike": "image",
    "Stream": "clips",
    "load": "model",
    "load_photo": "image",
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
    "Clip",
    "ConfigError",
    "DataError",
    "DeviceError",
    "InputError",
    "Model",
    "OutputError",
    "Photo",
    "PhotoLike",
    "Stream",
    "UsageError",
    "WeightsError",
    "__version__",
    "load",
    "load_photo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'blurlive' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
