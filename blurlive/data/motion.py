"""Random motions of a camera and of objects, as plain matrices.

A motion is a stack of 3x3 matrices ``(T, 3, 3)``, one per instant, that take scene coordinates to picture
coordinates, both in pixels from the centre of the picture. Plain NumPy; every draw comes from the given generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TURNING = 1.2
"""Rotation and zoom of a motion that mostly turns, as shares of a length over the picture's side."""
SWING = (2.5, 8.0)
"""How much more the shift becomes over a picture's side where a camera swings round something, in shifts."""
FLAT = 0.6
"""Most that a ground on which a camera swings turns, as a share of what it would turn seen from above: it is seen from
aside, so circles are ellipses."""


@dataclass(frozen=True)
class MotionRange:
    """How far and how oddly things move during the exposure.

    Lengths are in pixels from first frame to last; ``still`` is the share of exposures with no camera motion, and
    ``turning`` that of motions that turn or zoom far more than they shift, and ``swinging`` that of cameras that swing
    round something within the picture: what is beyond it moves one way, what is before it the other.
    Lengths are drawn log-uniformly: faint blur is as frequent as long blur. ``curvature`` (bend, change of speed) and
    ``jitter`` are shares of a path's length; bend and jitter are those of the most restless one. Most paths are far
    steadier, as those of real clips are (``benchmarks/paths.py``), and a share ``even`` is straight and of one speed:
    seven frames then average to a comb of even gaps, which shows other spectra than the least uneven one.
    """

    shortest: float = 1.5
    longest: float = 40.0
    still: float = 0.1
    even: float = 0.3
    curvature: float = 0.35
    jitter: float = 0.06
    rotation: float = 0.35
    zoom: float = 0.3
    tilt: float = 0.5
    turning: float = 0.12
    swinging: float = 0.15


def path(rng: np.random.Generator, times: Array, length: float, spec: MotionRange) -> Array:
    """A smooth curve ``(T, 2)`` whose ends are ``length`` pixels apart, its middle near the origin.

    Straight motion in a random direction, a change of speed, and, the more restless it is, a bend sideways and hand
    tremor.
    """
    s = times - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    if rng.random() < spec.even:
        return np.outer(s * length, along)
    restless = rng.random() ** 2
    across = np.array([-along[1], along[0]])
    bend = rng.normal(0, spec.curvature * restless) * length
    speed = rng.normal(0, spec.curvature) * length
    curve = np.outer(s * length + speed * (s**2 - 0.25), along) + np.outer(bend * (s**2 - 0.25), across)
    return curve + _tremor(rng, times, spec.jitter * restless * length)


def _tremor(rng: np.random.Generator, times: Array, size: float) -> Array:
    """A band-limited wobble that is zero at both ends, so that the net motion stays what it was."""
    waves = np.stack([np.sin(np.pi * k * times) for k in (2, 3, 4)], 1)  # (T, 3)
    return waves @ rng.normal(0, size, (3, 2))


def camera(rng: np.random.Generator, times: Array, size: int, length: float, spec: MotionRange) -> Array:
    """Camera shake ``(T, 3, 3)``: shift, rotation, zoom, and the shear that a tilted ground plane shows (parallax).

    ``length`` is the shift in pixels; rotation and zoom move the corners of a ``size`` square by a share of it.
    """
    s = times - 0.5
    turns = rng.random() < spec.turning
    rotation, zoom = (TURNING, TURNING) if turns else (spec.rotation, spec.zoom)
    plane, flat = rng.normal(0, spec.tilt, 2) / size * (rng.random() < 0.5), 0.0
    if rng.random() < spec.swinging and not turns:
        plane, length = _swing(rng, size, length)
        flat = rng.uniform(0, FLAT)
    turn = rng.normal(0, rotation) * length / size
    grow = rng.normal(0, zoom) * length / size
    length *= rng.uniform(0, 0.3) if turns else 1.0
    shift = path(rng, times, length, spec)
    return np.stack([_pose(turn * a, 1 + grow * a, d, plane, flat) for a, d in zip(s, shift, strict=True)])


def _swing(rng: np.random.Generator, size: int, length: float) -> tuple[Array, float]:
    """The plane of a ground on which a camera keeps its eye on one line (above and below it, things move in opposite
    ways), and the shift in the middle with which nothing moves by more than ``length``."""
    slope, angle = float(np.exp(rng.uniform(*np.log(SWING)))), rng.normal(np.pi / 2, 0.4)
    steep = slope * rng.choice([-1, 1]) * np.array([np.cos(angle), np.sin(angle)])
    return steep / size, length / (1 + slope / 2)


def _pose(turn: float, grow: float, shift: Array, plane: Array, flat: float) -> Array:
    c, n = grow * np.cos(turn), grow * np.sin(turn)
    pose = np.array([[c, -n, shift[0]], [n, c, shift[1]], [0.0, 0.0, 1.0]])
    # A plane seen by a camera that shifts parallel to the picture moves by shift * (1 + plane . p): an affine map. One
    # round which it swings turns as well: what is at its sides comes nearer or goes farther.
    pose[:2, :2] += np.outer(shift, plane)
    if flat > 0:
        away = plane / np.hypot(*plane)
        pose[:2, :2] -= flat * np.outer(plane, shift - away * (shift @ away))
    return pose


def scaled(motion: Array, factor: float) -> Array:
    """The same motion ``factor`` times as far: what a nearer (>1) or farther (<1) object shows (parallax)."""
    eye = np.eye(3)
    return eye + (motion - eye) * factor


def draw_length(rng: np.random.Generator, spec: MotionRange) -> float:
    """A length in pixels, log-uniform between the shortest and the longest."""
    return float(np.exp(rng.uniform(np.log(spec.shortest), np.log(spec.longest))))


def travel(motion: Array, places: Array, at: int) -> Array:
    """Exact motion ``(2, H, W)`` in pixels, first instant to last, of what is at ``places (H, W, 2)`` at instant
    ``at``."""
    moved = apply((motion[-1] - motion[0]) @ np.linalg.inv(motion[at]), places)
    return np.moveaxis(moved, -1, 0)


def pixels(size: int) -> Array:
    """Places ``(size, size, 2)`` of a square picture's pixels, x and y from its centre."""
    axis = np.arange(size) + 0.5 - size / 2
    return np.stack(np.meshgrid(axis, axis), -1)


def apply(pose: NDArray[Any], places: NDArray[Any]) -> NDArray[Any]:
    """Where a matrix ``(3, 3)`` takes places ``(H, W, 2)``, in their number format."""
    moved: NDArray[Any] = cv2.transform(places, pose[:2])
    return moved


def extent(motion: Array, size: int) -> float:
    """The farthest that any corner of a ``size`` square is displaced at any instant, in pixels."""
    h = size / 2
    corners = np.array([[-h, -h, 1], [h, -h, 1], [-h, h, 1], [h, h, 1]]).T
    there = np.linalg.inv(motion) @ corners
    return float(np.abs(there[:, :2] - corners[:2]).max())
