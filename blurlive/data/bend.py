"""How a thing bends while it moves: relief, which a moving camera sees shift by more where it is near, and bodies that
turn in themselves.

A plane that moves as a whole is rare in real scenes, and a director that learnt from planes alone said lengths that
were too short on them (docs/recipe.md). A bend is a smooth displacement of what a layer shows, on top of the layer's
own motion. It is defined backwards, by where a picture's pixel looks, so that a frame is one look-up; the exact motion
comes out by iteration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .photos import Image

Float = NDArray[np.float32]
GRID = 64
"""Nodes of a bend's displacements along a side."""
STRENGTH = 0.8
"""Standard deviation of a bend's displacement as a share of how far the layer moves."""
STEEPEST = 0.9
"""Most that a displacement may change over a pixel (Frobenius norm); from 2 on, things would fold over themselves."""
RELIEF, ALIKE = 0.6, 0.5
"""Odds that a bend runs along the layer's shift, as relief does, and that its heights then follow the photo's tones."""
ITERATIONS = 8


@dataclass(frozen=True)
class Bend:
    """Displacement ``(GRID, GRID, 2)`` in pixels from first to last instant, over a square of ``half`` pixels to each
    side of a layer's centre; beyond it, as at its border."""

    displacement: Float
    half: float

    def at(self, places: Float) -> Float:
        """The displacement at ``places (H, W, 2)`` in pixels from the layer's centre."""
        nodes = (places / self.half + 1) * ((GRID - 1) / 2)
        found = cv2.remap(self.displacement, nodes, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32)

    def seen(self, places: Float, share: float) -> Float:
        """What is seen at ``places (H, W, 2)`` when a ``share`` of the bend is done (-0.5 to 0.5; none in the
        middle)."""
        return places - share * self.at(places)

    def moved(self, rest: Float, share: float) -> Float:
        """Undo :meth:`seen`: where the things that rest at ``rest (H, W, 2)`` are then."""
        places = rest
        for _ in range(ITERATIONS):
            places = rest + share * self.at(places)
        return places


def draw_bend(rng: np.random.Generator, texture: Image, half: float, shift: NDArray[np.float64]) -> Bend:
    """A bend of a layer that shows ``texture (S, S, 3)`` over ``half`` pixels to each side of its centre and moves by
    ``shift (2)`` pixels: of its heights along the shift, or every way."""
    far = float(np.hypot(*shift))
    if rng.random() < RELIEF:
        heights = _tones(texture) if rng.random() < ALIKE else _waves(rng)
        field = heights[..., None] * (shift / max(far, 1e-6)).astype(np.float32)
    else:
        field = np.stack([_waves(rng), _waves(rng)], -1)
    field = field * np.float32(far * rng.normal(0, STRENGTH))
    down, right = (np.diff(field, axis=axis) * np.float32((GRID - 1) / (2 * half)) for axis in (0, 1))
    steepest = float(np.sqrt(np.square(down[:, 1:]).sum(-1) + np.square(right[1:]).sum(-1)).max())
    return Bend(np.ascontiguousarray(field * min(1.0, STEEPEST / max(steepest, 1e-6)), np.float32), half)


def _waves(rng: np.random.Generator) -> Float:
    """Smooth noise ``(GRID, GRID)`` of mean 0 and deviation 1, of 2 to 10 hills along a side."""
    coarse = round(float(np.exp(rng.uniform(np.log(3), np.log(12)))))
    noise = rng.normal(0, 1, (coarse, coarse)).astype(np.float32)
    return _normal(cv2.resize(noise, (GRID, GRID), interpolation=cv2.INTER_CUBIC))


def _tones(texture: Image) -> Float:
    """Heights ``(GRID, GRID)`` of mean 0 and deviation 1 that follow a texture's lightness: borders of things are
    where tones change."""
    small = cv2.resize(texture, (GRID, GRID), interpolation=cv2.INTER_AREA).mean(-1, dtype=np.float32)
    return _normal(cv2.GaussianBlur(small, (0, 0), 1.5))


def _normal(field: NDArray[Any]) -> Float:
    flat = np.asarray(field, np.float32)
    return np.asarray((flat - flat.mean()) / max(float(flat.std()), 1e-3), np.float32)
