"""The frames of one photo: walked through, looked at, saved to any number of files, each written whole or not at all.

    clip = model.extract("photo.jpg")
    clip.frames                                      # (7, H, W, 3) uint8
    clip.save("clip.mp4", "clip.gif", "frames/")
    clip                                             # plays in a notebook

A `Stream` makes its frames while they are asked for, and once; a `Clip` has them all in memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import writers
from .encoders.animation import Apng
from .errors import UsageError
from .image import Photo, load_photo
from .playback import Reel, order, repeats

if TYPE_CHECKING:
    from PIL import Image

Frame = NDArray[np.uint8]
Target = str | Path | tuple[Path, str]
"""Where a result goes: a path whose suffix tells the format, or a path and one of :data:`blurlive.writers.FORMATS`."""

SHOWN = 480
"""Longest side in pixels of a clip in a notebook, which stores what it shows."""


class Stream:
    """``count`` frames ``(H, W, 3)`` uint8 RGB of ``photo`` in time order, from any iterable; memory holds a few.

    Iterate over it or save it, once: frames that were taken are gone (:class:`UsageError`).
    """

    fps = 24.0
    """Frames a second that a file shows unless told otherwise."""

    def __init__(self, frames: Iterable[Frame], photo: Photo, count: int) -> None:
        self.photo = photo
        self._frames, self._count, self._taken = frames, count, False

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        height, width = self.photo.pixels.shape[:2]
        return f"<{type(self).__name__} of {self.photo.source}: {len(self)} frames of {width}x{height}>"

    def __iter__(self) -> Iterator[Frame]:
        if self._taken:
            raise UsageError(f"{self.photo.source}: the frames of this stream have been taken; ask the model again")
        self._taken = True
        return iter(self._frames)

    def save(
        self,
        target: Target,
        *more: Target,
        fps: float | None = None,
        boomerang: bool = False,
        loop: int | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write every target: ``x.mp4``, ``.webm``, ``.gif``, ``.webp``, ``.png`` (animated), ``x.sheet.png``,
        ``x.side.mp4``, or a folder of PNG frames.

        ``loop`` is how often the clip plays, 0 for ever (animations only); None lets a video repeat until it lasts
        three seconds and an animation play for ever. Targets are opened before the first frame is asked for, so an
        existing file costs no computing. Raises :class:`OutputError`.
        """
        playing = order(len(self), boomerang=boomerang)
        clip = self._announced(len(playing), fps, loop)
        with ExitStack() as stack:
            opened = [writers.open_writer(*_named(one), clip, overwrite=overwrite) for one in (target, *more)]
            files = [stack.enter_context(writer) for writer in opened]
            for frame in _played(self, playing):
                for file in files:
                    file.add(frame)

    def check(
        self,
        *targets: Target,
        fps: float | None = None,
        boomerang: bool = False,
        loop: int | None = None,
        overwrite: bool = False,
    ) -> None:
        """Raise the :class:`OutputError` that `save` with the same arguments would begin with. Takes no frame."""
        clip = self._announced(len(order(len(self), boomerang=boomerang)), fps, loop)
        for target in targets:
            writers.check_target(*_named(target), clip, overwrite=overwrite)

    def _announced(self, frames: int, fps: float | None, loop: int | None) -> writers.Clip:
        rate = self.fps if fps is None else fps
        repeat = loop or repeats(frames, rate)  # for ever is of animations: a video plays as if nothing was said
        return writers.Clip(self.photo.pixels, frames, rate, repeat, loop or 0)


class Clip(Stream):
    """``frames (n, H, W, 3)`` uint8 RGB of ``photo`` in time order, in memory: as often as you like."""

    fps = 10.0

    def __init__(self, frames: Frame, photo: Photo) -> None:
        super().__init__(frames, photo, len(frames))
        self.frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def pillow(self) -> list[Image.Image]:
        """The frames as Pillow images."""
        from PIL import Image

        return [Image.fromarray(frame) for frame in self.frames]

    def _repr_png_(self) -> bytes:
        """What a notebook shows: an animated PNG of :data:`SHOWN` pixels a side at most."""
        frames = [load_photo(frame, max_side=SHOWN).pixels for frame in self.frames]
        file = io.BytesIO()
        picture = Apng(file, writers.Clip(frames[0], len(frames), self.fps))
        for frame in frames:
            picture.add(frame)
        picture.finish()
        return file.getvalue()


def _named(target: Target) -> tuple[Path, str]:
    return target if isinstance(target, tuple) else (Path(target), writers.format_of(target))


def _played(frames: Stream, playing: list[int]) -> Iterator[Frame]:
    """The frames in playing order; they are kept only if that is not the order they come in."""
    if playing == list(range(len(frames))):
        yield from frames
        return
    with Reel() as reel:
        for frame in frames:
            reel.append(frame)
            yield frame
        yield from reel.play(playing[len(frames) :])
