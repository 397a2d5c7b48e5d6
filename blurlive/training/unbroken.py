"""What must not be left half done when somebody stops a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def unbroken(say: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of the block, whichever way it ends, and then do what they would have done;
    ``say`` is told so. The same a second time does it at once.

    Only signals that Python code handles can wait. Elsewhere than in the main thread, where none is handled, this does
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    stops = (signal.SIGINT, signal.SIGTERM)
    before = {number: handler for number in stops if callable(handler := signal.getsignal(number))}

    def hold(number: int, frame: FrameType | None) -> None:
        if number in came:
            before[signal.Signals(number)](number, frame)
        came.append(number)
        say("stopping at the end of this step; a second time stops at once")

    try:
        for number in before:
            signal.signal(number, hold)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for arrived in came:
            before[signal.Signals(arrived)](arrived, None)
