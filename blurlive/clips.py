"""Frames to files: one stream of frames, any number of results, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .playback import Reel, order, repeats
from .writers import Clip, check_target, format_of, open_writer

Frame = NDArray[np.uint8]


def save_clip(
    frames: Iterable[Frame],
    targets: Sequence[str | Path | tuple[Path, str]],
    *,
    photo: Frame,
    count: int = 7,
    fps: float = 10.0,
    boomerang: bool = False,
    loop: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write ``count`` frames ``(H, W, 3)`` uint8, in the order they come, to every target.

    ``targets`` are paths, their format told by the suffix, or pairs of path and format; ``photo`` is the blurred photo,
    for the formats that show it. ``loop`` is how often the clip plays, 0 for ever (animations only); None lets a video
    repeat until it lasts three seconds and an animation play for ever. Targets are opened before the first frame is
    asked for, so an existing file costs no computing. Raises :class:`OutputError`.
    """
    playing = order(count, boomerang=boomerang)
    clip = _clip(photo, len(playing), fps, loop)
    with ExitStack() as stack:
        writers = [stack.enter_context(open_writer(*_named(target), clip, overwrite=overwrite)) for target in targets]
        for frame in _played(frames, playing, count):
            for writer in writers:
                writer.add(frame)


def check_targets(
    targets: Sequence[tuple[Path, str]],
    *,
    photo: Frame,
    count: int = 7,
    fps: float = 10.0,
    boomerang: bool = False,
    loop: int | None = None,
    overwrite: bool = False,
) -> None:
    """Raise the :class:`OutputError` that `save_clip` with the same arguments would begin with, before any frame is
    computed."""
    clip = _clip(photo, len(order(count, boomerang=boomerang)), fps, loop)
    for target, format in targets:
        check_target(target, format, clip, overwrite=overwrite)


def _clip(photo: Frame, frames: int, fps: float, loop: int | None) -> Clip:
    repeat = max(1, loop) if loop is not None else repeats(frames, fps)
    return Clip(photo, frames=frames, fps=fps, repeat=repeat, loop=loop or 0)


def _named(target: str | Path | tuple[Path, str]) -> tuple[Path, str]:
    return target if isinstance(target, tuple) else (Path(target), format_of(Path(target)))


def _played(frames: Iterable[Frame], playing: list[int], count: int) -> Iterable[Frame]:
    """The frames in playing order; they are kept only if that is not the order they come in."""
    if playing == list(range(count)):
        yield from frames
        return
    with Reel() as reel:
        for frame in frames:
            reel.append(frame)
            yield frame
        yield from reel.play(playing[count:])
