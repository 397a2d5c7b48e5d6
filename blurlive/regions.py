"""Regions of a photo that shall play the other way round: ``10,20,60,90``, a box in percent of its sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from .errors import UsageError


@dataclass(frozen=True)
class Box:
    """Left, top, right and bottom in percent of the photo's width and height, from its left and top. Raises
    :class:`UsageError` for what is no box within a photo."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 100 and 0 <= self.top < self.bottom <= 100):
            raise UsageError(f"--flip {','.join(f'{edge:g}' for edge in astuple(self))}: {HOW}")


BoxLike = Box | Sequence[float]
"""A :class:`Box` or its four numbers."""
HOW = "not a region; give left,top,right,bottom in percent of the photo: 0,0,50,100 is its left half"
HOW_MANY = "not a list of regions; give (left, top, right, bottom) in percent: [(0, 0, 50, 100)] is the left half"


def box_of(text: str) -> Box:
    """Raises :class:`UsageError` for anything but four percentages that make a box."""
    try:
        left, top, right, bottom = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--flip {text}: {HOW}") from None
    return Box(left, top, right, bottom)


def boxes_of(flip: Sequence[BoxLike]) -> list[Box]:
    """Every region as a box. Raises :class:`UsageError` for what is no list of boxes, such as one box by itself."""
    try:
        return [region if isinstance(region, Box) else Box(*map(float, region)) for region in flip]
    except (TypeError, ValueError):
        raise UsageError(f"flip={flip!r}: {HOW_MANY}") from None
