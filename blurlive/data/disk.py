"""Synthesised clips as a set on disk: ``0001/blurred.png``, ``0001/sharp/01.png`` to ``07.png``,
``0001/motion.npy``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from ..errors import OutputError, UsageError
from ..files import replaced_whole
from .camera import Camera
from .source import open_source
from .synthesis import SceneSpec, Sequence

SILENT = Camera(linear=0.0, lights=0.0, tone=0.0, grey=0.0, noise=0.0, strong_noise=0.0, jpeg=0.0, sharpened=0.0)
"""A camera that adds nothing of its own: the blurred photo is the average of light, rounded."""


def scene_spec(gamma: str | None = None, *, plain: bool = False) -> SceneSpec:
    """What may happen in a clip. ``gamma`` is ``2.2``, ``1`` or None (both occur; 2.2 where ``plain``); ``plain``
    averages seven frames and adds no noise, JPEG or tone. Raises :class:`UsageError` for another gamma."""
    if gamma not in {None, "1", "1.0", "2.2"}:
        raise UsageError(f"--gamma {gamma}: use 2.2, the convention of the GoPro benchmark, or 1, the plain average")
    spec = SceneSpec()
    camera = SILENT if plain else spec.camera
    if gamma is not None:
        camera = replace(camera, linear=0.0 if gamma == "2.2" else 1.0)
    shutter = {"exposures": (1.0, 0.0, 0.0), "plain": 1.0, "half": 0.0} if plain else {}
    return replace(spec, camera=camera, **shutter)  # type: ignore[arg-type]  # a dict of fields


def write_clips(data: Path, folder: Path, count: int, size: int, seed: int, spec: SceneSpec) -> Iterator[Path]:
    """Write ``count`` clips of ``size`` pixels a side; yields the folder of each when it is there.

    Clip n depends on the seed, n and the files in ``data`` alone. ``motion.npy`` is ``(2, size, size)`` float32: pixels
    travelled from first frame to last (x, y) by what the middle frame shows; estimated where the frames are real.

    Raises :class:`OutputError` if a clip exists already or cannot be written, :class:`DataError` if ``data`` is of no
    use.
    """
    source = open_source(data, spec, size=size)
    for number in range(1, count + 1):
        place = folder / f"{number:04d}"
        if place.exists():
            raise OutputError(f"{place}: exists already; give another folder with -o, or remove it")
        _write(place, source.sequences((seed, number), 1, size)[0])
        yield place


def _write(place: Path, clip: Sequence) -> None:
    """The blurred photo goes last: a folder that has one is complete."""
    try:
        (place / "sharp").mkdir(parents=True)
        for i, frame in enumerate(clip.sharp, 1):
            Pillow.fromarray(frame).save(place / "sharp" / f"{i:02d}.png")
        np.save(place / "motion.npy", clip.motion)
        with replaced_whole(place / "blurred.png") as part:
            Pillow.fromarray(clip.blurred).save(part)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{place}: cannot be written ({reason}); choose another folder or free some space") from error
