"""The one way out: a clip's frames go in one by one, a file (or a folder of frames) appears at the end, or nothing.

    clip = Clip(blurred=photo, frames=7, fps=10, repeat=5)
    with open_writer(Path("clip.mp4"), "mp4", clip) as writer:
        for frame in frames:
            writer.add(frame)

Frames go straight to the encoder, so that a clip may be longer than memory is large.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .encoders import animation, stills, video
from .encoders import target as targets
from .encoders.clip import Clip, Encoder, Frame, Sink, check_frame
from .errors import OutputError
from .sources import SHEET

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Clip",
    "Frame",
    "Writer",
    "check_place",
    "check_target",
    "format_of",
    "is_written",
    "open_writer",
]


@dataclass(frozen=True)
class _Format:
    encoder: Encoder
    suffixes: tuple[str, ...]
    longest: int | None = None
    """Longest side in pixels that the format can hold."""
    size: Callable[[Clip], tuple[int, int]] = lambda clip: clip.size


_FORMATS = {
    "mp4": _Format(video.mp4, (".mp4",), 16384),
    "webm": _Format(video.webm, (".webm",), 16384),
    "gif": _Format(animation.gif, (".gif",), 65535),
    "webp": _Format(animation.webp, (".webp",), 16383),
    "apng": _Format(animation.apng, (".apng", ".png")),
    "frames": _Format(stills.frames, ("",)),
    "sheet": _Format(stills.sheet, (SHEET,)),
    "side": _Format(video.side, (".side.mp4",), 16384, video.side_size),
}

FORMATS = tuple(_FORMATS)
"""Names of the formats."""
SUFFIXES = {name: format.suffixes[0] for name, format in _FORMATS.items()}
"""How to name a file of each format; nothing for the folder of frames."""


class Writer:
    """Takes the frames of one clip in playing order. ``open_writer`` makes it."""

    def __init__(self, target: Path, clip: Clip, sink: Sink) -> None:
        self._target, self._clip, self._sink = target, clip, sink
        self._added = 0

    def add(self, frame: Frame) -> None:
        """Write one frame ``(H, W, 3)`` uint8 of the photo's size.

        Raises ValueError for another size or dtype, OutputError for a frame too many or when it cannot be written.
        """
        check_frame(frame, self._clip.blurred.shape)
        if self._added == self._clip.frames:
            raise OutputError(f"cannot write {self._target}: more than the {self._clip.frames} frames announced")
        with targets.explained(self._target):
            self._sink(frame)
        self._added += 1

    def check_complete(self) -> None:
        """Raise OutputError unless all frames announced have come."""
        if self._added < self._clip.frames:
            announced = f"{self._added} of the {self._clip.frames} frames announced"
            raise OutputError(f"cannot write {self._target}: only {announced} came")


def format_of(target: Path | str) -> str:
    """The format that a target's name asks for.

    A folder that exists, a trailing slash or no suffix mean ``frames``. Raises OutputError for any other suffix and for
    an empty name, which to a path is the current folder.
    """
    if not str(target):
        raise OutputError("'': an empty name; say where the result is to go")
    name = str(target).lower()
    if name.endswith(("/", os.sep)) or Path(target).is_dir() or not Path(name).suffix:
        return "frames"
    known = [(suffix, format) for format, entry in _FORMATS.items() for suffix in entry.suffixes if suffix]
    matches = [(len(suffix), format) for suffix, format in known if name.endswith(suffix)]
    if not matches:
        listed = ", ".join(suffix for suffix, _ in known)
        raise OutputError(
            f"{target}: unknown suffix; use one of {listed}, or a name ending in / for a folder of frames"
        )
    return max(matches)[1]


def is_written(target: Path, format: str) -> bool:
    """Whether there is a result already; of a folder of frames, a whole one."""
    with targets.explained(target):  # a folder that may not be looked into
        return targets.has_frames(target) if format == "frames" else target.exists()


def check_target(target: Path, format: str, clip: Clip, *, overwrite: bool = False) -> None:
    """Raise the OutputError that `open_writer` would begin with."""
    _check_size(target, format, clip)
    check_place(target, format, clip.frames, overwrite=overwrite)


def check_place(target: Path, format: str, frames: int, *, overwrite: bool = False) -> None:
    """Raise the OutputError that a clip of so many frames would begin with, whatever their size."""
    with targets.explained(target):
        if format == "frames":
            targets.check_folder(targets.real(target), frames, overwrite)
        else:
            targets.check_file(targets.real(target), overwrite)


@contextmanager
def open_writer(target: Path, format: str, clip: Clip, *, overwrite: bool = False) -> Iterator[Writer]:
    """Open ``target`` for the frames of ``clip``, in one of ``FORMATS``.

    The target appears when the context is left, complete; after an exception (Ctrl-C too) nothing is left and a file
    that was there before is as it was. Raises OutputError for everything that keeps it from being written: a file that
    exists (unless ``overwrite``), a missing folder, a full disk, a photo too large for the format, no ffmpeg.
    """
    _check_size(target, format, clip)
    with ExitStack() as stack:  # undoes everything if the body raises, whose own OSErrors pass unchanged
        with targets.explained(target):
            path = stack.enter_context(_replaced(targets.real(target), format, clip, overwrite))
            sink = stack.enter_context(_FORMATS[format].encoder(path, clip))
        writer = Writer(target, clip, sink)
        yield writer
        writer.check_complete()
        with targets.explained(target):
            stack.close()


def _replaced(target: Path, format: str, clip: Clip, overwrite: bool) -> AbstractContextManager[Path]:
    if format == "frames":
        return targets.replaced_folder(target, clip.frames, overwrite)
    return targets.replaced_file(target, overwrite)


def _check_size(target: Path, format: str, clip: Clip) -> None:
    """A KeyError for a format that does not exist is a bug of the caller, an OutputError tells of a photo too large."""
    longest = _FORMATS[format].longest
    width, height = _FORMATS[format].size(clip)
    if longest and max(width, height) > longest:
        pixels = f"{width}x{height} pixels are too many for {format}, which holds {longest} on a side"
        raise OutputError(f"cannot write {target}: {pixels}; use --max-side to shrink the photo")
