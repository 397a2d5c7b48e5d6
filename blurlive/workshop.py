"""A hidden folder beside the file or folder that is made in it; gone afterwards, and swept up later if the process is
killed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing swept
    fcntl = None  # type: ignore[assignment]

HIDDEN = ".blurlive-"
"""Names of temporary folders start with this; eight hexadecimal digits follow."""


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """A hidden folder in ``folder``, hence on the same disk, that is gone afterwards with all that is in it."""
    _sweep(folder)
    hidden, lock = _made(folder)
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        _unlock(lock)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process of ours works in ``folder``."""
    lock = _lock(folder, wait=True)
    try:
        yield
    finally:
        _unlock(lock)


def _made(folder: Path) -> tuple[Path, int | None]:
    while True:
        hidden = folder / f"{HIDDEN}{secrets.token_hex(4)}"
        hidden.mkdir()
        with suppress(FileNotFoundError):  # another process swept it up before it was locked
            lock = _lock(hidden, wait=True)
            if hidden.exists():
                return hidden, lock
            _unlock(lock)


@cache
def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind, once a run: a lock ends with its process, however that ends."""
    with suppress(OSError):
        for left in [path for path in folder.iterdir() if _is_ours(path.name)]:
            lock = _lock(left, wait=False)
            if lock is not None:
                shutil.rmtree(left, ignore_errors=True)
                _unlock(lock)


def _is_ours(name: str) -> bool:
    """Whether a folder is one that `_made` has made: another's may begin alike."""
    return re.fullmatch(re.escape(HIDDEN) + "[0-9a-f]{8}", name) is not None


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder against other processes; None where it is locked already (unless ``wait``) or cannot be."""
    if fcntl is None:
        return None
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held by another, or a network disk without locks
        os.close(lock)
        return None
    return lock


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
