"""When the shutter is open: the instants that a blurred photo averages, and which of them are the seven sharp frames.

Time runs from 0, the first sharp frame, to 1, the last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import motion as mo
from .layers import Layer

FRAMES = 7


@dataclass(frozen=True)
class Shutter:
    """Open from the first sharp frame to the last, or, with ``sevenths``, for seven equal parts, each with a sharp
    frame in its middle.

    Seven instants alone are the same for both. Of more, those of the second kind smear as far as the seven alone (the
    width of seven even steps is that of a line 1.155 times as long, and seven sevenths are 7/6 of the way from first
    frame to last), those of the first kind less far.
    """

    sevenths: bool = False

    @property
    def finest(self) -> int:
        """Instants from one sharp frame to the next at which motions are drawn."""
        return 15 if self.sevenths else 6

    @property
    def times(self) -> mo.Array:
        """The finest instants ``(T,)``, evenly spaced and even around 0.5."""
        if not self.sevenths:
            return np.linspace(0, 1, (FRAMES - 1) * self.finest + 1)
        return ((np.arange(FRAMES * self.finest) + 0.5) / self.finest - 0.5) / (FRAMES - 1)

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of rendered instants per sharp frame that there may be, few to many: a seventh has a middle if it is
        odd."""
        return (1, 3, 5) if self.sevenths else (1, 2, 3, 6)

    def instants(self, subframes: int) -> slice:
        """Which of the finest instants are rendered."""
        step = self.finest // subframes
        return slice(step // 2 if self.sevenths else 0, None, step)

    def frames(self, subframes: int) -> range:
        """Which of the rendered instants are the seven sharp frames."""
        first = subframes // 2 if self.sevenths else 0
        return range(first, first + (FRAMES - 1) * subframes + 1, subframes)

    def during(self, layer: Layer, subframes: int) -> Layer:
        """The layer, whose motion has the finest instants, at those that are rendered. Its bend is done by as much as
        its motion."""
        times, part = self.times, self.instants(subframes)
        share = np.float32(np.ptp(times[part]) / np.ptp(times))
        bend = layer.bend and replace(layer.bend, displacement=layer.bend.displacement * share)
        return replace(layer, motion=layer.motion[part], bend=bend)


def open_at(instants: int, count: int) -> set[int]:
    """Which of ``instants`` the blurred photo holds: all for an average of 7, else ``count`` of them from end to
    end."""
    return set(range(instants)) if count == FRAMES else set(np.linspace(0, instants - 1, count).astype(int).tolist())
