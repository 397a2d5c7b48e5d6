"""What a camera does to the light of a moving scene: tone curve, exposure, clipping, noise, JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Float = NDArray[np.float32]


MASK = (0.2, 1.5)
"""Least and most of the difference to a softened picture that an unsharp mask adds."""
SOFTENED = (0.5, 1.2)
"""Standard deviation, in pixels, of that softening."""


@dataclass(frozen=True)
class Camera:
    """Odds of what a camera adds.

    ``linear`` is the share of exposures summed without a tone curve (gamma 1); the rest uses gamma 2.2, the convention
    of the GoPro benchmark code. ``lights`` make highlights brighter than white before the sum, so that they smear as
    lamps at night do. ``sharpened`` is the share of cameras that sharpen what they show (an unsharp mask), blurred
    photo and sharp frames alike: many real ones do (docs/recipe.md).
    """

    linear: float = 0.2
    lights: float = 0.08
    tone: float = 0.5
    grey: float = 0.03
    noise: float = 0.35
    strong_noise: float = 0.04
    jpeg: float = 0.12
    sharpened: float = 0.35


class Exposure:
    """One exposure: ``add`` every instant the shutter is open, ``finish`` to read the blurred photo.

    All pictures are ``(H, W, 3)`` uint8 RGB. ``develop`` is the sharp frame that the same camera shows of one instant.
    """

    def __init__(self, rng: np.random.Generator, camera: Camera) -> None:
        self.rng, self.camera = rng, camera
        self.gamma = 1.0 if rng.random() < camera.linear else 2.2
        self.curve = self._curve()
        self.identity = bool(np.all(np.round(self.curve * 255) == np.arange(256)))
        self.boost = float(rng.uniform(1.5, 8.0)) if rng.random() < camera.lights else 1.0
        self.light = self._light()
        self.grey = rng.random() < camera.grey
        self.mask, self.softened = self._unsharp()
        self.sum: Float | None = None
        self.count = 0

    def _curve(self) -> Float:
        """Brightness and contrast of the whole scene, as a table from 8-bit levels to [0, 1]."""
        levels = np.arange(256) / 255
        if self.rng.random() < self.camera.tone:
            levels = self.rng.uniform(0.5, 1.1) * levels ** np.exp(self.rng.normal(0, 0.2))
        return np.clip(levels, 0, 1).astype(np.float32)

    def _unsharp(self) -> tuple[float, float]:
        """How much an unsharp mask adds, 0 for none, and how soft it is. Drawn aside: scenes that are not sharpened are
        what they were before there was such a thing."""
        (aside,) = self.rng.spawn(1)
        if aside.random() >= self.camera.sharpened:
            return 0.0, 1.0
        return float(aside.uniform(*MASK)), float(aside.uniform(*SOFTENED))

    def _crisp(self, picture: Float) -> Float:
        """``picture``, 0 to 255, as the camera sharpens it."""
        if not self.mask:
            return picture
        sharper = picture + self.mask * (picture - cv2.GaussianBlur(picture, (0, 0), self.softened))
        return np.asarray(np.clip(sharper, 0, 255), np.float32)

    def _light(self) -> Float:
        """Linear light of each 8-bit level; above white for the brightest levels of a scene with lamps."""
        rise = np.clip((self.curve / self.curve.max() - 0.9) / 0.1, 0, 1)
        return np.asarray(self.curve**self.gamma * (1 + (self.boost - 1) * rise), np.float32)

    def add(self, picture: Image) -> None:
        light = cv2.LUT(self._colour(picture), self.light)
        self.sum = light if self.sum is None else cv2.add(self.sum, light)
        self.count += 1

    def develop(self, picture: Image) -> Image:
        picture = self._colour(picture)
        if self.boost == 1.0 and self.identity and not self.mask:
            return picture
        levels = np.asarray(np.clip(self.light, 0, 1) ** (1 / self.gamma) * 255, np.float32)
        if self.mask:
            return np.asarray(np.round(self._crisp(cv2.LUT(picture, levels))), np.uint8)
        return np.asarray(cv2.LUT(picture, np.round(levels).astype(np.uint8)), np.uint8)

    def _colour(self, picture: Image) -> Image:
        if not self.grey:
            return picture
        return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)

    def finish(self) -> Image:
        """The blurred photo: mean light, clipped at white, tone curve, noise, 8 bits, JPEG."""
        assert self.sum is not None, "nothing was exposed"
        mean = np.asarray(np.clip(self.sum / self.count, 0, 1) ** (1 / self.gamma) * 255, np.float32)
        photo: Image = np.clip(np.round(self._noisy(self._crisp(mean))), 0, 255).astype(np.uint8)
        if self.rng.random() < self.camera.jpeg:
            return _jpeg(photo, int(self.rng.integers(60, 98)))
        return photo

    def _noisy(self, picture: Float) -> Float:
        draw = self.rng.random()
        if draw >= self.camera.noise:
            return picture
        top = 10.0 if draw < self.camera.strong_noise else 3.0
        read, shot = self.rng.uniform(0, top), self.rng.uniform(0, top)
        deviation = np.sqrt(read**2 + shot**2 * picture / 255).astype(np.float32)
        return picture + self.rng.standard_normal(picture.shape, np.float32) * deviation


def _jpeg(picture: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
