"""In which order frames are shown, how often, and the reel that keeps them when that is not the order they come in.

with Reel() as reel:
    for frame in frames:
        reel.append(frame)
    for frame in reel.play(order(len(reel), boomerang=True)):
        writer.add(frame)
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError

Frame = NDArray[np.uint8]
MEMORY = 256 * 2**20
"""Bytes of frames that a reel keeps in memory; with more it moves to a file in the temporary folder."""


def order(count: int, *, reverse: bool = False, boomerang: bool = False) -> list[int]:
    """Indices of ``count`` frames in the order they are shown.

    ``reverse`` plays the last frame first. ``boomerang`` plays there and back again; neither turning frame is doubled,
    within the clip or where it starts over: 0 1 2 3 2 1.
    """
    forth = list(range(count))[:: -1 if reverse else 1]
    return forth + forth[-2:0:-1] if boomerang else forth


def repeats(frames: int, fps: float, seconds: float = 3.0) -> int:
    """How often a video must play its ``frames`` to last at least ``seconds``."""
    return max(1, math.ceil(seconds * fps / frames - 1e-9))


class Reel:
    """Frames ``(H, W, 3)`` uint8, all of one size, kept outside memory once they are many.

    The file has no name and vanishes with the reel, even when the process is killed.
    """

    def __init__(self, memory: int = MEMORY) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=memory, prefix="blurlive-")  # noqa: SIM115 (closed by close)
        self._shape: tuple[int, ...] = ()
        self._count = 0

    def append(self, frame: Frame) -> None:
        """Keep a copy of ``frame``. Raises OutputError on a full disk, ValueError for a frame of another size."""
        if self._count and frame.shape != self._shape:
            raise ValueError(f"a reel of {self._shape} cannot keep a frame of {frame.shape}")
        if frame.dtype != np.uint8:
            raise ValueError(f"a reel keeps uint8, not {frame.dtype}")
        with _told():
            self._file.seek(self._count * frame.nbytes)
            self._file.write(np.ascontiguousarray(frame).data)
            self._file.flush()  # a full disk shows here, with the frame that did not fit, and not at some later seek
        self._shape = frame.shape
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Frame:
        if not -self._count <= index < self._count:
            raise IndexError(f"frame {index} of {self._count}")
        frame = np.empty(self._shape, np.uint8)
        self._file.seek(index % self._count * frame.nbytes)
        self._file.readinto(frame.reshape(-1).data)
        return frame

    def play(self, order: Iterable[int]) -> Iterator[Frame]:
        """The frames with these indices, read one by one."""
        return (self[index] for index in order)

    def close(self) -> None:
        """Forget all frames."""
        with suppress(OSError):  # what a full disk left in the buffer is flushed again, in vain
            self._file.close()

    def __enter__(self) -> Reel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot keep frames in the temporary folder {tempfile.gettempdir()} ({error.strerror}): "
            "free some space there or set TMPDIR to a folder with more"
        ) from error
