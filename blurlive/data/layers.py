"""Layers of a synthesised scene: photos on planes, or bent, each with a motion of its own; what they show at an
instant, and exactly how far what is seen there travels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from . import motion as mo
from .bend import Bend
from .photos import Image

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A texture ``(S, S, 3)`` of ``scale`` texture pixels per picture pixel, with its ``motion (T, 3, 3)``. A cut-out
    has a ``mask (S, S)``, its opacity in [0, 1], and a ``place``; a background covers everything."""

    texture: Image
    scale: float
    mask: Float | None
    motion: mo.Array
    place: mo.Array = field(default_factory=lambda: np.zeros(2))  # where the texture's centre rests in the scene
    bend: Bend | None = None

    def share(self, instant: int) -> float:
        """How much of the bend is done, -0.5 to 0.5."""
        return instant / (len(self.motion) - 1) - 0.5


def backwards(layer: Layer) -> Layer:
    """The layer with its motion played the other way."""
    bend = layer.bend and replace(layer.bend, displacement=-layer.bend.displacement)
    return replace(layer, motion=layer.motion[::-1], bend=bend)


def travel(layers: list[Layer], size: int, at: int | None = None) -> mo.Array:
    """Exact travel of what is seen at instant ``at`` (the middle): the top-most layer that is more than half opaque."""
    at = len(layers[0].motion) // 2 if at is None else at
    seen = _own_travel(layers[0], size, at)
    for layer in layers[1:]:
        _, alpha = warped(layer, at, size)
        assert alpha is not None
        seen = np.where(alpha[..., 0] > 0.5, _own_travel(layer, size, at), seen)
    return seen


def _own_travel(layer: Layer, size: int, at: int) -> mo.Array:
    if layer.bend is None:
        return mo.travel(layer.motion, size, at)
    place = layer.place.astype(np.float32)
    rest = layer.bend.seen(_scene_places(layer.motion[at], size) - place, layer.share(at))
    first, last = (
        mo.apply(layer.motion[k], layer.bend.moved(rest, share) + place) for k, share in ((0, -0.5), (-1, 0.5))
    )
    return np.moveaxis(last - first, -1, 0)


def _scene_places(pose: mo.Array, size: int) -> Float:
    """What places ``(size, size, 2)`` of the scene, in pixels from its centre, the picture's pixels show."""
    return np.asarray(mo.apply(np.linalg.inv(pose), mo.pixels(size).astype(np.float32)), np.float32)


def warped(layer: Layer, instant: int, size: int) -> tuple[Image, Float | None]:
    """The layer's picture ``(S, S, 3)`` and, for a cut-out, its opacity ``(S, S, 1)`` at one instant."""
    if layer.bend is not None:
        return _warp_bent(layer, layer.bend, instant, size)
    side = layer.texture.shape[0]
    x, y = side / 2 - 0.5 - layer.scale * layer.place
    to_texture = np.array([[layer.scale, 0, x], [0, layer.scale, y], [0, 0, 1.0]])
    to_centre = np.array([[1, 0, 0.5 - size / 2], [0, 1, 0.5 - size / 2], [0, 0, 1.0]])
    matrix = to_texture @ np.linalg.inv(layer.motion[instant]) @ to_centre
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if layer.scale > 1.25 else cv2.INTER_CUBIC)
    picture = cv2.warpAffine(layer.texture, matrix[:2], (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    if layer.mask is None:
        return np.asarray(picture, np.uint8), None
    linear = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    alpha = cv2.warpAffine(layer.mask, matrix[:2], (size, size), flags=linear, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(picture, np.uint8), np.asarray(alpha, np.float32)[..., None]


def _warp_bent(layer: Layer, bend: Bend, instant: int, size: int) -> tuple[Image, Float | None]:
    places = _scene_places(layer.motion[instant], size) - layer.place.astype(np.float32)
    look = bend.seen(places, layer.share(instant)) * np.float32(layer.scale) + (layer.texture.shape[0] / 2 - 0.5)
    sampling = cv2.INTER_LINEAR if layer.scale > 1.25 else cv2.INTER_CUBIC
    picture = cv2.remap(layer.texture, look, None, sampling, borderMode=cv2.BORDER_REFLECT_101)
    if layer.mask is None:
        return np.asarray(picture, np.uint8), None
    alpha = cv2.remap(layer.mask, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(picture, np.uint8), np.asarray(alpha, np.float32)[..., None]


def overlaid(layers: Iterable[tuple[Image, Float | None]]) -> Image:
    """Layers with their opacities, each over those before it."""
    below: Image | None = None
    for picture, alpha in layers:
        below = picture if below is None or alpha is None else _over(below, picture, alpha)
    assert below is not None, "a scene has a background"
    return below


def _over(below: Image, picture: Image, alpha: Float) -> Image:
    mixed = below + (picture.astype(np.float32) - below) * alpha + 0.5
    return mixed.astype(np.uint8)
