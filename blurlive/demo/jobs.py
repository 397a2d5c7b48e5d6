"""Clips in the making: one at a time, the last few kept for looking and downloading."""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from PIL import Image

from ..clips import Frame, Stream
from ..errors import BlurliveError
from ..image import Photo, load_photo
from ..model import Model
from ..playback import Reel, order
from ..regions import Box
from ..sources import Named
from ..writers import SUFFIXES

MAX_BYTES = 64 * 2**20
"""Largest upload."""
MAX_PIXELS = 50_000_000
"""Largest photo; it is shrunk after decoding."""
KEPT = 3
"""Clips that are kept; their frames lie in nameless temporary files once they are many."""
QUALITY = 95
"""Of the WebP pictures that the page shows, in percent. Downloads are made from the frames themselves."""
Event = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Kept:
    """A photo and its frames, as far as they are made. Threads may look while another adds."""

    photo: Photo
    count: int
    _reel: Reel = field(default_factory=Reel)
    _lock: Lock = field(default_factory=Lock)

    def add(self, frame: Frame) -> int:
        """Keep a frame; returns how many there are."""
        with self._lock:
            self._reel.append(frame)
            return len(self._reel)

    def picture(self, number: int) -> bytes:
        """A WebP file of frame ``number`` from 1, or of the photo itself for 0. IndexError if it is not there yet."""
        file = io.BytesIO()
        Image.fromarray(self._frame(number - 1) if number else self.photo.pixels).save(file, "WEBP", quality=QUALITY)
        return file.getvalue()

    def clip(self, *, reverse: bool) -> Stream:
        """The whole clip, to be saved. IndexError if frames are missing."""
        return Stream((self._frame(index) for index in order(self.count, reverse=reverse)), self.photo, self.count)

    def _frame(self, index: int) -> Frame:
        with self._lock:
            return self._reel[index]


class Jobs:
    """What the page can ask for. ``max_side`` is what photos are shrunk to."""

    def __init__(self, model: Model, max_side: int) -> None:
        self.max_side = max_side
        self._model = model
        self._turn = Lock()
        self._kept: dict[str, Kept] = {}

    def run(self, name: str, data: bytes, iters: int, flips: Sequence[Box] = ()) -> Generator[Event]:
        """Make a clip of an uploaded file, and tell how it goes: ``waiting``; ``id``, ``width``, ``height``, ``count``;
        ``frame`` for each that is there; ``error`` in the end if it cannot be."""
        if self._turn.locked():
            yield {"waiting": True}
        with self._turn:
            try:
                photo = load_photo(Named(data, name), max_side=self.max_side, max_pixels=MAX_PIXELS)
                frames = self._model.slowmo(photo, iters, flip=flips)
                token, kept = self._keep(Kept(photo, len(frames)))
                height, width = photo.pixels.shape[:2]
                yield {"id": token, "width": width, "height": height, "count": kept.count}
                for frame in frames:
                    yield {"frame": kept.add(frame)}
            except BlurliveError as error:
                yield {"error": str(error)}

    def find(self, token: str) -> Kept | None:
        """A clip that is still kept."""
        return self._kept.get(token)

    @contextmanager
    def saved(self, kept: Kept, format: str, *, reverse: bool, boomerang: bool, fps: float) -> Iterator[Path]:
        """A file of the clip in one of ``FORMATS`` ("frames": a ZIP archive), there until the context is left."""
        with TemporaryDirectory(prefix="blurlive-") as folder:
            target = Path(folder) / f"clip{SUFFIXES[format]}"
            with self._turn:
                kept.clip(reverse=reverse).save((target, format), fps=fps, boomerang=boomerang)
                if format == "frames":
                    target = Path(shutil.make_archive(str(target), "zip", target))
            yield target

    def _keep(self, kept: Kept) -> tuple[str, Kept]:
        token = secrets.token_urlsafe(12)
        self._kept[token] = kept
        for oldest in list(self._kept)[:-KEPT]:
            del self._kept[oldest]
        return token, kept
