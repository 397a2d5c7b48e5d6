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


@dataclass(frozen=True)
class Patch:
    """What a layer shows at an instant: ``picture (h, w, 3)`` and, for a cut-out, its opacity ``alpha (h, w, 1)``, in
    the rows and columns ``where`` of the frame: all of them, or those that the cut-out may reach."""

    picture: Image
    alpha: Float | None
    where: tuple[slice, slice]


def travel(layers: list[Layer], size: int, at: int | None = None) -> mo.Array:
    """Exact travel of what is seen at instant ``at`` (the middle): the top-most layer that is more than half opaque."""
    at = len(layers[0].motion) // 2 if at is None else at
    places = mo.pixels(size)
    seen = _own_travel(layers[0], places, at)
    for layer in layers[1:]:
        patch = warped(layer, at, size)
        assert patch.alpha is not None
        own = _own_travel(layer, places[patch.where], at)
        part = seen[:, *patch.where]
        part[...] = np.where(patch.alpha[..., 0] > 0.5, own, part)
    return seen


def _own_travel(layer: Layer, places: mo.Array, at: int) -> mo.Array:
    """Travel ``(2, H, W)`` of the layer's things that are at ``places (H, W, 2)`` at an instant."""
    if layer.bend is None:
        return mo.travel(layer.motion, places, at)
    place = layer.place.astype(np.float32)
    rest = layer.bend.seen(_scene_places(layer.motion[at], places) - place, layer.share(at))
    first, last = (
        mo.apply(layer.motion[k], layer.bend.moved(rest, share) + place) for k, share in ((0, -0.5), (-1, 0.5))
    )
    return np.moveaxis(last - first, -1, 0)


def _scene_places(pose: mo.Array, places: mo.Array) -> Float:
    """What places of the scene, in pixels from its centre, are at ``places (H, W, 2)`` of the picture."""
    return np.asarray(mo.apply(np.linalg.inv(pose), places.astype(np.float32)), np.float32)


def warped(layer: Layer, instant: int, size: int) -> Patch:
    """What the layer shows at one instant of a picture of ``size`` pixels a side."""
    where = _reach(layer, instant, size)
    look = _bent_look if layer.bend is not None else _plane_look
    return look(layer, instant, size, where)


def _reach(layer: Layer, instant: int, size: int) -> tuple[slice, slice]:
    """Rows and columns that the layer may show in; at least one of each, so that nothing has to be left out."""
    if layer.mask is None:
        return slice(0, size), slice(0, size)
    half = layer.texture.shape[0] / layer.scale / 2
    if layer.bend is not None:
        half += float(np.abs(layer.bend.displacement).max()) / 2
    corners = layer.place + half * np.array([[[-1, -1], [1, -1]], [[-1, 1], [1, 1]]])
    there = mo.apply(layer.motion[instant], corners).reshape(4, 2) + size / 2
    low = np.clip(np.floor(there.min(0)) - 2, 0, size - 1).astype(int)
    high = np.clip(np.ceil(there.max(0)) + 2, low + 1, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _plane_look(layer: Layer, instant: int, size: int, where: tuple[slice, slice]) -> Patch:
    rows, columns = where
    shape = (columns.stop - columns.start, rows.stop - rows.start)
    side = layer.texture.shape[0]
    x, y = side / 2 - 0.5 - layer.scale * layer.place
    to_texture = np.array([[layer.scale, 0, x], [0, layer.scale, y], [0, 0, 1.0]])
    to_centre = np.array([[1, 0, 0.5 - size / 2 + columns.start], [0, 1, 0.5 - size / 2 + rows.start], [0, 0, 1.0]])
    matrix = (to_texture @ np.linalg.inv(layer.motion[instant]) @ to_centre)[:2]
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if layer.scale > 1.25 else cv2.INTER_CUBIC)
    picture = cv2.warpAffine(layer.texture, matrix, shape, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    if layer.mask is None:
        return Patch(np.asarray(picture, np.uint8), None, where)
    linear = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    alpha = cv2.warpAffine(layer.mask, matrix, shape, flags=linear, borderMode=cv2.BORDER_CONSTANT)
    return Patch(np.asarray(picture, np.uint8), np.asarray(alpha, np.float32)[..., None], where)


def _bent_look(layer: Layer, instant: int, size: int, where: tuple[slice, slice]) -> Patch:
    assert layer.bend is not None
    places = _scene_places(layer.motion[instant], mo.pixels(size)[where]) - layer.place.astype(np.float32)
    look = layer.bend.seen(places, layer.share(instant)) * np.float32(layer.scale) + (layer.texture.shape[0] / 2 - 0.5)
    sampling = cv2.INTER_LINEAR if layer.scale > 1.25 else cv2.INTER_CUBIC
    picture = cv2.remap(layer.texture, look, None, sampling, borderMode=cv2.BORDER_REFLECT_101)
    if layer.mask is None:
        return Patch(np.asarray(picture, np.uint8), None, where)
    alpha = cv2.remap(layer.mask, look, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return Patch(np.asarray(picture, np.uint8), np.asarray(alpha, np.float32)[..., None], where)


def overlaid(patches: Iterable[Patch]) -> Image:
    """A background with cut-outs, each over those before it; a picture of its own."""
    below: Image | None = None
    for patch in patches:
        if below is None or patch.alpha is None:
            below = patch.picture.copy()
            continue
        part = below[patch.where]
        mixed = part + (patch.picture.astype(np.float32) - part) * patch.alpha + 0.5
        part[...] = mixed.astype(np.uint8)
    assert below is not None, "a scene has a background"
    return below
