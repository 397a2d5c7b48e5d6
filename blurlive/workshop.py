"""A hidden folder beside the file or folder that is made in it; gone afterwards, and swept up later if the process is
killed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing swept
    fcntl = None  # type: ignore[assignment]

HIDDEN = ".blurlive-"
"""Names of temporary folders start with this; eight hexadecimal digits follow."""
_held: set[int] = set()
"""Locks of this process."""


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """A hidden folder in ``folder``, hence on the same disk, that is gone afterwards with all that is in it."""
    _sweep(folder)
    with ExitStack() as last, ExitStack() as leaving:
        yield _made(folder, leaving, last)


@contextmanager
def alone(place: Path, *, wait: bool = True) -> Iterator[None]:
    """Wait until no other process of ours works in ``place``, a folder or a file. Raises :class:`BlockingIOError` if
    one does and this is not to ``wait``. Where nothing can be locked, there is nothing to wait for."""
    lock = _lock(place, wait=wait)
    try:
        yield
    finally:
        _unlock(lock)


def _made(folder: Path, leaving: ExitStack, last: ExitStack) -> Path:
    """Make the folder, lock it, and see to its end: ``last`` knows of it before it is made, since Ctrl-C may come right
    after, or while ``leaving`` removes it."""
    while True:
        hidden = folder / f"{HIDDEN}{secrets.token_hex(4)}"
        last.callback(shutil.rmtree, hidden, ignore_errors=True)
        hidden.mkdir()
        with suppress(FileNotFoundError):  # another process swept it up before it was locked
            leaving.callback(_unlock, _lock(hidden, wait=True))
            leaving.callback(shutil.rmtree, hidden, ignore_errors=True)
            if hidden.exists():
                return hidden


@cache
def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind, once a run: a lock ends with its process, however that ends."""
    with suppress(OSError):
        for left in [path for path in folder.iterdir() if _is_ours(path.name)]:
            with suppress(OSError):  # its process lives
                lock = _lock(left, wait=False)
                if lock is not None:
                    shutil.rmtree(left, ignore_errors=True)
                    _unlock(lock)


def _is_ours(name: str) -> bool:
    """Whether a folder is one that `_made` has made: another's may begin alike."""
    return re.fullmatch(re.escape(HIDDEN) + "[0-9a-f]{8}", name) is not None


def _lock(place: Path, *, wait: bool) -> int | None:
    """Lock a folder or a file against other processes; None where that cannot be done. Raises
    :class:`BlockingIOError` where another has locked it, unless it is to ``wait``."""
    if fcntl is None:
        return None
    lock = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:  # a network disk without locks
        os.close(lock)
        return None
    _held.add(lock)
    return lock


def _unlock(lock: int | None) -> None:
    if lock in _held:  # not so in a forked child, for which another file may have the number by now
        _held.remove(lock)
        fcntl.flock(lock, fcntl.LOCK_UN)  # a child forked just now may not have closed its copy yet
        os.close(lock)


def _let_go() -> None:
    """Close what a fork has inherited: a lock is its parent's, and would outlive it in a child."""
    while _held:
        os.close(_held.pop())


if fcntl is not None:
    os.register_at_fork(after_in_child=_let_go)
