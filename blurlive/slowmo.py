"""Slow motion: the generator applied again to averages of its own neighbouring frames (Sec. 4.3).

``iters`` 1 is the seven frames, 2 is 6 groups of 7 = 42, k is 7 * 6^(k-1). What the paper leaves unsaid, decided here:

* *Orientation.* Every group is restored with the direction field of the photo, a sixth as far a round, so that it runs
  the way the clip runs, and is checked against the two frames it came from; a group that ran backwards is turned round.
* *Anchoring.* A group must begin at its first source frame and end at its second, or time would jump at the seams. What
  the first and last frame of a group lack is added along the group, linearly in time.
* *Even time.* Seven frames from one source frame to the next would show each source frame twice. In the last round
  they are therefore placed in the middles of seven equal parts of the interval, by mixing the two nearest.
* Frames are averaged in linear light (gamma 2.2), as the blur in training was.

Everything is a generator of frames: memory holds seven frames a round, whatever the length of the clip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .errors import UsageError
from .extractor import Extractor, Image
from .models.director import stretched
from .models.generator import FRAMES
from .orient import flipped
from .regions import Box

ROWS = 256
"""Rows of a picture that are worked on at once in floating point."""
Float = NDArray[np.float32]
_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)


def frame_count(iters: int) -> int:
    """Frames that ``iters`` rounds give: 7, 42, 252, ... Raises :class:`UsageError` for less than one round."""
    if iters < 1:
        raise UsageError(f"iters is {iters}; at least 1")
    return int(FRAMES * (FRAMES - 1) ** (iters - 1))


def extract(
    extractor: Extractor, photo: Image, *, reverse: bool = False, flip: Sequence[Box] = ()
) -> tuple[Image, Tensor | None]:
    """Seven frames ``(7, H, W, 3)`` uint8 of ``photo (H, W, 3)`` in time order, and the field that they follow.

    Raises :class:`UsageError` for a ``flip`` where the network is told no field.
    """
    field = extractor.direction(photo)
    if field is None:
        if flip:
            raise UsageError("--flip: these weights read no direction from the photo; leave it out, or --reverse")
        frames = extractor.extract(photo)
        return (frames[::-1] if reverse else frames), None
    field = flipped(field, flip, *photo.shape[:2])
    field = -field if reverse else field
    return extractor.extract(photo, field), field


def slowmo(
    extractor: Extractor, photo: Image, iters: int = 2, *, reverse: bool = False, flip: Sequence[Box] = ()
) -> Iterator[Image]:
    """Frames ``(H, W, 3)`` uint8 of ``photo (H, W, 3)`` in time order, `frame_count` of them, one at a time."""
    frames, field = extract(extractor, photo, reverse=reverse, flip=flip)
    yield from _rounds(extractor, frames, field, iters - 1)


def _rounds(extractor: Extractor, frames: Image, field: Tensor | None, left: int) -> Iterator[Image]:
    if left == 0:
        yield from frames
        return
    if field is not None:
        field = stretched(field, 1 / (FRAMES - 1), math.inf)  # from one frame to the next
    for first, second in pairwise(frames):
        group = between(extractor, first, second, field)
        yield from evenly(group) if left == 1 else _rounds(extractor, group, field, left - 1)


def between(extractor: Extractor, first: Image, second: Image, field: Tensor | None) -> Image:
    """Seven frames ``(7, H, W, 3)`` that run from ``first`` to ``second``, which are its ends."""
    group = extractor.extract(average(first, second), field)
    if runs_backwards(group, first, second):
        group = np.ascontiguousarray(group[::-1])
    return anchor(group, first, second)


def average(first: Image, second: Image) -> Image:
    """The double exposure of two frames: mean in linear light, 8 bits."""
    mean = np.empty_like(first)
    for rows in _strips(first):
        light = (_LINEAR[first[rows]] + _LINEAR[second[rows]]) / 2
        mean[rows] = np.round(light ** (1 / 2.2) * 255)
    return mean


def runs_backwards(group: Image, first: Image, second: Image) -> bool:
    """Whether a group begins nearer to its second source frame and ends nearer to its first."""
    along = _distance(group[0], first) + _distance(group[-1], second)
    against = _distance(group[0], second) + _distance(group[-1], first)
    return against < along


def anchor(group: Image, first: Image, second: Image) -> Image:
    """Shift the ends of a group ``(7, H, W, 3)`` to ``first`` and ``second``, and all between by their share. In
    place."""
    for rows in _strips(first):
        begin = first[rows].astype(np.float32) - group[0][rows]
        end = second[rows].astype(np.float32) - group[-1][rows]
        for i, share in enumerate(np.linspace(0, 1, FRAMES, dtype=np.float32)):
            moved = group[i][rows] + begin * (1 - share) + end * share
            group[i][rows] = np.clip(np.round(moved), 0, 255)
    return group


def evenly(group: Image) -> Iterator[Image]:
    """Seven frames at the middles of seven equal parts of the interval that a group spans from end to end."""
    for time in (np.arange(FRAMES) + 0.5) / FRAMES * (FRAMES - 1):
        left = int(time)
        yield mix(group[left], group[left + 1], time - left) if time > left else group[left].copy()


def mix(first: Image, second: Image, share: float) -> Image:
    """``first`` and ``second`` in the proportion ``1 - share`` to ``share``, rounded."""
    mixed = np.empty_like(first)
    for rows in _strips(first):
        mixed[rows] = np.round(first[rows] + (second[rows].astype(np.float32) - first[rows]) * np.float32(share))
    return mixed


def _distance(a: Image, b: Image) -> float:
    squares = (np.square(a[rows].astype(np.float32) - b[rows]).sum(dtype=np.float64) for rows in _strips(a))
    return float(sum(squares)) / a.size


def _strips(picture: Image) -> Iterator[slice]:
    return (slice(top, top + ROWS) for top in range(0, len(picture), ROWS))
