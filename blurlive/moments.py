"""Which frame of a video or an animation is the photo: ``2.5`` (seconds) or ``frame:12`` (counted from 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import UsageError

CHOOSE = "choose a frame with --at 2.5 (seconds) or --at frame:12"
"""The end of a message about something that moves."""


@dataclass(frozen=True)
class Moment:
    """A time in ``seconds``, or a ``frame`` counted from 1; the other is None."""

    seconds: float | None = None
    frame: int | None = None

    @property
    def label(self) -> str:
        """As part of a file's name."""
        return f"frame{self.frame}" if self.frame is not None else f"{self.seconds:g}s"


def moment_of(text: str) -> Moment:
    """Raises :class:`UsageError` for anything but a time in seconds or ``frame:N``."""
    kind, mark, number = text.rpartition(":")
    if (kind, mark) == ("frame", ":") and number.isdecimal() and len(number) < 10 and int(number) > 0:
        return Moment(frame=int(number))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < 1e6:
        raise UsageError(f"--at {text}: not a moment; give seconds as 2.5, or a frame as frame:12, counted from 1")
    return Moment(seconds=seconds)
