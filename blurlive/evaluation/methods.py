"""What is scored: anything that gives seven frames for a clip."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

from ..data.trees import VIDEOS
from ..errors import DataError, UsageError
from ..files import sha256
from .clips import Clip
from .frames import FRAMES, Image, read_seven

BLURRED = "blurred photo repeated"
CENTRE = "sharp centre repeated"


class Method(Protocol):
    """``name`` in tables, ``source`` of its frames (part of what ``--resume`` compares), and its frames for a clip."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str: ...

    def predict(self, clip: Clip) -> Image:
        """Seven frames ``(7, H, W, 3)`` uint8 in time order. Only ``clip.blurred`` and ``clip.name`` are for honest
        methods.

        Raises DataError if there are none for this clip.
        """
        ...


class BlurredRepeated:
    """The input itself, seven times: what a method must beat to be of any use."""

    name = BLURRED
    source = "built in"

    def predict(self, clip: Clip) -> Image:
        """``clip.blurred`` seven times."""
        return np.repeat(clip.blurred[None], FRAMES, 0)


class CentreRepeated:
    """The true centre frame, seven times: what a perfect deblurring without any motion would get."""

    name = CENTRE
    source = "built in"

    def predict(self, clip: Clip) -> Image:
        """The true middle frame seven times."""
        return np.repeat(clip.sharp[FRAMES // 2][None], FRAMES, 0)


class Network:
    """Our network. Raises WeightsError or DeviceError at once, not on the first clip."""

    def __init__(
        self,
        name: str,
        weights: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        *,
        offline: bool = False,
    ) -> None:
        from ..extractor import Extractor

        self.name = name
        self.extractor = Extractor(weights, device, dtype, offline=offline)
        digest = sha256(self.extractor.card.file)[:12]  # the file may be another when an evaluation goes on
        dtype = str(self.extractor.dtype).removeprefix("torch.")
        self.source = f"{weights or 'default weights'} sha256 {digest} ({dtype})"
        self._one_at_a_time = Lock()  # memory for activations of one clip, not of one per worker

    def predict(self, clip: Clip) -> Image:
        """Frames that the network extracts from the blurred photo."""
        with self._one_at_a_time:
            return self.extractor.extract(clip.blurred)


class Folder:
    """Another method's frames on disk: ``folder/clip/01.png ...`` (seven pictures in natural order) or
    ``folder/clip.mp4``."""

    def __init__(self, name: str, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"--pred {name}={folder}: no such folder")
        self.name = name
        self.folder = folder
        self.source = f"{folder}, newest file of {_newest(folder)}"  # frames may be others when an evaluation goes on

    def predict(self, clip: Clip) -> Image:
        """Frames read from disk."""
        places = [self.folder / clip.name, *(self.folder / f"{clip.name}{suffix}" for suffix in sorted(VIDEOS))]
        for place in places:
            if place.exists():
                return read_seven(place)
        raise DataError(
            f"{places[0]}: {self.name} has no frames for this clip; put seven pictures or {places[0].name}.mp4 there"
        )


def _newest(folder: Path) -> str:
    """When the newest of the files under ``folder`` was written."""
    times = (path.stat().st_mtime for path in folder.rglob("*") if path.is_file())
    return datetime.fromtimestamp(max(times, default=0), UTC).isoformat()


def trivial() -> list[Method]:
    """The two rows that are always there."""
    return [BlurredRepeated(), CentreRepeated()]


def must_differ(methods: list[Method]) -> None:
    """Raise UsageError if two methods have one name."""
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two methods are called {name!r}; name them with --weights NAME=FILE or --pred NAME=DIR")
