"""Blur synthesis: a moving scene made of photos, its seven sharp frames, and the blurred photo that they average to.

A scene is a background and a few cut-outs with soft edges, each a photo on a plane with a motion of its own.
Every n-th instant that is rendered is one of the seven sharp frames (:mod:`blurlive.data.shutter`), and the mean of
all, in linear light, is the blurred photo (Sec. 3: F is the average). ``n`` > 1 is a continuous exposure, ``n`` = 1 the
plain average of seven.
Averages of two or three frames are double exposures: what slow motion feeds back to G (Sec. 4.3), what stage 2 trains
on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from . import motion as mo
from .bend import draw_bend
from .camera import Camera, Exposure
from .layers import Layer, Patch, backwards, overlaid, travel, warped
from .photos import Image, PhotoBank
from .shutter import Shutter, open_at

OUT_OF_FOCUS = (0.4, 2.0)
"""Standard deviation, in pixels, of the blur of a layer that is out of focus."""
FAINT = (0.05, 0.5)
"""Contrast that is left of a layer that shows little texture."""
CUT_OUT = (0.12, 1.1)
"""Least and greatest side of a cut-out, as shares of the picture's."""
NEARNESS = (-0.2, 2.0)
"""How far a cut-out moves that shows parallax, in motions of the background: not at all where the camera follows it, a
little backwards where the camera swings round something."""
AT_ONCE, APART = 0.7, 0.6
"""Odds that what moves by itself in a moving picture moves about as far as the camera, and the deviation of the natural
logarithm of how much farther or less far."""
Float = NDArray[np.float32]


@dataclass(frozen=True)
class SceneSpec:
    """What may happen in a synthesised scene; probabilities unless told otherwise.

    ``objects`` are the odds of 0, 1, 2, ... cut-outs; ``parallax`` that a cut-out moves as the camera shows it, only
    nearer or farther, ``outlined`` that it follows the outlines of what its photo shows; ``bending`` that what a layer
    shows bends while it moves; ``exposures`` the odds of averages of 7, 3 and 2 frames; ``soft`` that a layer is a
    little out of focus, which is no motion; ``faint`` that it shows little texture, as ice, skies and dark halls do;
    ``plain`` that an average of 7 has no instants in between and ``half`` that it has one, or two with ``sevenths``:
    that the exposure is seven equal parts, each with a sharp frame in its middle, and does not end with the outer two;
    ``sharp`` that nothing moves at all, a photo as it is (``motion.still`` alone leaves the cut-outs theirs);
    ``backwards`` draws both orders, its absence plays every scene to the right.
    """

    motion: mo.MotionRange = field(default_factory=mo.MotionRange)
    camera: Camera = field(default_factory=Camera)
    objects: tuple[float, ...] = (0.1,) * 10
    parallax: float = 0.5
    exposures: tuple[float, float, float] = (0.86, 0.05, 0.09)
    soft: float = 0.35
    faint: float = 0.12
    bending: float = 0.9
    outlined: float = 0.5
    plain: float = 0.35
    half: float = 0.2
    sharp: float = 0.0
    sevenths: float = 0.0
    backwards: bool = True


@dataclass(frozen=True)
class Sequence:
    """One training example: ``blurred (S, S, 3)`` and ``sharp (7, S, S, 3)`` uint8 RGB in time order, and
    ``motion (2, S, S)``, float32: exact travel in pixels from first frame to last of what the middle frame shows."""

    blurred: Image
    sharp: Image
    motion: Float


def synthesize(rng: np.random.Generator, bank: PhotoBank, size: int, spec: SceneSpec) -> Sequence:
    """Draw one scene and expose it. The same generator state gives the same bytes."""
    if spec.sharp > 0 and rng.spawn(1)[0].random() < spec.sharp:  # drawn aside, as Camera draws what it sharpens
        spec = replace(spec, motion=replace(spec.motion, still=1.0), objects=(1.0,))
    shutter = Shutter(spec.sevenths > 0 and rng.spawn(1)[0].random() < spec.sevenths)
    averaged = int(rng.choice([7, 3, 2], p=spec.exposures))
    length = 0.0 if rng.random() < spec.motion.still else mo.draw_length(rng, spec.motion)
    layers = _scene(rng, bank, size, length if averaged == 7 else length / 3, spec, shutter.times)
    reach = max(mo.extent(layer.motion, size) for layer in layers)
    subframes = _subframes(rng, reach, spec, shutter) if averaged == 7 else 1
    moved = travel([shutter.during(layer, 1) for layer in layers], size)
    if not spec.backwards and moved[0].mean() < 0:
        layers = [backwards(layer) for layer in layers]
        moved = -moved
    exposure = Exposure(rng, spec.camera)
    layers = [shutter.during(layer, subframes) for layer in layers]
    frames = _render(layers, size, averaged, shutter.frames(subframes), exposure)
    return Sequence(exposure.finish(), frames, moved.astype(np.float32))


@dataclass(frozen=True)
class Pair:
    """A training example of the flow network: two frames ``(S, S, 3)`` uint8 RGB, and ``flow (2, S, S)``, float32:
    where each pixel of ``first`` goes, in pixels."""

    first: Image
    last: Image
    flow: Float


def synthesize_pair(rng: np.random.Generator, bank: PhotoBank, size: int, spec: SceneSpec) -> Pair:
    """First and last frame of a random scene with the exact flow between them, hidden pixels included."""
    length = 0.0 if rng.random() < spec.motion.still else mo.draw_length(rng, spec.motion)
    layers = _scene(rng, bank, size, length, spec, Shutter().times)
    exposure = Exposure(rng, spec.camera)
    ends = (0, len(layers[0].motion) - 1)
    first, last = (exposure.develop(overlaid([warped(layer, k, size) for layer in layers])) for k in ends)
    return Pair(first, last, travel(layers, size, at=0).astype(np.float32))


def _subframes(rng: np.random.Generator, reach: float, spec: SceneSpec, shutter: Shutter) -> int:
    """Instants from one sharp frame to the next; without ghosts (steps under 1.5 pixels) where the odds ask for it."""
    draw, (one, few, *more) = rng.random(), shutter.counts
    if draw < spec.plain:
        return one
    if draw < spec.plain + spec.half:
        return few
    return next((n for n in (few, *more[:-1]) if 2 * reach / 6 / n < 1.5), more[-1])


def _scene(
    rng: np.random.Generator, bank: PhotoBank, size: int, length: float, spec: SceneSpec, times: mo.Array
) -> list[Layer]:
    """Background and cut-outs with their motions at ``times``."""
    shake = mo.camera(rng, times, size, length, spec.motion)
    layers = [_background(rng, bank, size, shake, spec)]
    objects = range(int(rng.choice(len(spec.objects), p=spec.objects)))
    motions = (_object_motion(rng, times, size, shake, length, spec) for _ in objects)
    layers += [_cut_out(rng, bank, size, motion, spec) for motion in motions]
    return [_bending(rng, layer) if rng.random() < spec.bending else layer for layer in layers]


def _bending(rng: np.random.Generator, layer: Layer) -> Layer:
    """The layer with a bend; what is still, or only turns, does not bend."""
    shift = layer.motion[-1, :2, 2] - layer.motion[0, :2, 2]
    if np.hypot(*shift) < 1e-6:
        return layer
    return replace(layer, bend=draw_bend(rng, layer.texture, layer.texture.shape[0] / layer.scale / 2, shift))


def _object_motion(
    rng: np.random.Generator, times: mo.Array, size: int, shake: mo.Array, length: float, spec: SceneSpec
) -> mo.Array:
    if length > 0 and rng.random() < spec.parallax:
        return mo.scaled(shake, rng.uniform(*NEARNESS))
    related = length > 0 and rng.random() < AT_ONCE
    own = length * float(np.exp(rng.normal(0, APART))) if related else mo.draw_length(rng, spec.motion)
    return mo.camera(rng, times, size, own, spec.motion) @ shake


def _background(rng: np.random.Generator, bank: PhotoBank, size: int, motion: mo.Array, spec: SceneSpec) -> Layer:
    margin = min(int(np.ceil(mo.extent(motion, size))), size) + 2
    texture, scale = bank.texture(rng, size + 2 * margin)
    return Layer(_shown(rng, texture, scale, spec), scale, None, motion)


def _cut_out(rng: np.random.Generator, bank: PhotoBank, size: int, motion: mo.Array, spec: SceneSpec) -> Layer:
    side = max(8, int(size * float(np.exp(rng.uniform(*np.log(CUT_OUT))))))  # of fewer pixels there is no shape
    texture, scale = bank.texture(rng, side)
    like = _likeness(texture) * rng.uniform(0.3, 1.0) if rng.random() < spec.outlined else None
    mask, place = _blob(rng, texture.shape[0], like), rng.uniform(-size / 2, size / 2, 2)
    return Layer(_shown(rng, texture, scale, spec), scale, mask, motion, place)


def _shown(rng: np.random.Generator, texture: Image, scale: float, spec: SceneSpec) -> Image:
    """The texture as the scene shows it: perhaps with little contrast, perhaps out of focus."""
    return _focused(rng, _faint(rng, texture, spec.faint), scale, spec.soft)


def _faint(rng: np.random.Generator, texture: Image, share: float) -> Image:
    """The texture, with probability ``share`` with 5 to 50 % of its contrast around its mean colour."""
    if share == 0 or rng.random() >= share:
        return texture
    contrast, mean = float(np.exp(rng.uniform(*np.log(FAINT)))), texture.mean((0, 1))
    return np.asarray(np.round(mean + (texture - mean) * contrast), np.uint8)


def _focused(rng: np.random.Generator, texture: Image, scale: float, soft: float) -> Image:
    """The texture, with probability ``soft`` out of focus by a Gaussian of 0.4 to 2 picture pixels."""
    if soft == 0 or rng.random() >= soft:
        return texture
    deviation = scale * float(np.exp(rng.uniform(*np.log(OUT_OF_FOCUS))))
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), deviation), np.uint8)


def _likeness(texture: Image) -> Float:
    """How like the middle of a texture ``(S, S, 3)`` each of its places is in colour, -1 to 1, ``(S, S)``: things have
    their borders where colours change, and little texture within."""
    side = texture.shape[0]
    colours = cv2.GaussianBlur(texture, (0, 0), max(1.0, side / 60)).astype(np.float32)
    inner = colours[side * 3 // 8 : side * 5 // 8 + 1, side * 3 // 8 : side * 5 // 8 + 1]
    far = np.linalg.norm(colours - inner.mean((0, 1)), axis=2)
    return np.asarray(1 - np.clip(far / max(1.0, float(far.mean())), 0, 2), np.float32)


def _blob(rng: np.random.Generator, side: int, like: Float | None = None) -> Float:
    """A random round-edged shape ``(side, side)`` in [0, 1], wide or tall, that fades to 0 before the border; it
    reaches out to where ``like (side, side)`` is high and keeps away from where it is low."""
    coarse = int(rng.integers(3, 7))
    noise = cv2.resize(rng.random((coarse, coarse)), (side, side), interpolation=cv2.INTER_CUBIC)
    axis = np.linspace(-1, 1, side)
    tall = float(np.exp(rng.normal(0, 0.4)))
    radius = np.hypot(axis[None] * max(1, tall), axis[:, None] * max(1, 1 / tall))
    shape = (0.85 - radius) + rng.uniform(0.2, 0.9) * (noise - 0.5) + (0 if like is None else like)
    softness = rng.uniform(0.6, 3.0) / (side / 2)
    mask = np.clip(shape / softness, 0, 1) * (radius < 0.97)
    return np.asarray(mask, np.float32)


def _render(layers: list[Layer], size: int, averaged: int, shown: range, exposure: Exposure) -> Image:
    """The sharp frames ``(7, S, S, 3)`` at the instants ``shown``; every instant that the shutter saw goes into
    ``exposure``."""
    instants = len(layers[0].motion)
    in_blur = open_at(instants, averaged)
    frames: list[Image] = []
    still = [bool(np.ptp(layer.motion, 0).max() < 1e-9) for layer in layers]
    cache: dict[int, Patch] = {}
    for k in range(instants):
        for i, layer in enumerate(layers):
            if i not in cache or not still[i]:
                cache[i] = warped(layer, k, size)
        picture = overlaid(cache[i] for i in range(len(layers)))
        if k in in_blur:
            exposure.add(picture)
        if k in shown:
            frames.append(exposure.develop(picture))
    return np.stack(frames)
