"""A target is written whole or not at all: everything is made in a hidden folder beside it, and moved when it is ready.

All errors of the file system become OutputError here, with the target's name and what to do.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError
from ..workshop import alone, workshop
from .stills import frame_name, is_ours


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError about ``target``."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {target}: {_reason(error, target)}") from error


def _reason(error: OSError, target: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write in {target.parent}; choose another folder"
    return error.strerror or str(error)


@contextmanager
def replaced_file(target: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary path; what is there at the end becomes ``target``, which stays as it was after any exception."""
    check_file(target, overwrite)
    with workshop(target.parent) as folder:
        yield folder / "clip"
        check_file(target, overwrite)  # it may have come into being meanwhile
        (folder / "clip").replace(target)


@contextmanager
def replaced_folder(target: Path, count: int, overwrite: bool) -> Iterator[Path]:
    """A temporary path; the folder that is there at the end becomes ``target``, or its ``count`` frames move there.

    Frames of an earlier clip go. Files that are not ours stay, and one that is in the way is an error.
    """
    check_folder(target, count, overwrite)
    with workshop(target if target.exists() else target.parent) as folder:
        yield folder / "frames"
        check_folder(target, count, overwrite)
        if not _placed(folder / "frames", target):
            with alone(target):
                _check_files(target, count, overwrite)
                _move_frames(folder / "frames", target, folder)


def check_file(target: Path, overwrite: bool) -> None:
    _check_parent(target)
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder; give the name of a file")
    if target.exists() and not target.is_file():
        raise OutputError(f"cannot write {target}: it is a device, not a file; give the name of a file")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; use --overwrite to replace it or --skip-existing to keep it")


def check_folder(target: Path, count: int, overwrite: bool) -> None:
    _check_parent(target)
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"cannot write frames to {target}: it is not a folder; give another name")
    with alone(target):  # frames that another writer moves away meanwhile would be there and gone
        _check_files(target, count, overwrite)


def _check_files(target: Path, count: int, overwrite: bool) -> None:
    if not overwrite and not _free(target):
        raise OutputError(f"{target} holds files already; use --overwrite to replace frames or --skip-existing")
    for name in (frame_name(number, count) for number in range(1, count + 1)):
        path = target / name
        if path.exists() and not (path.is_file() and is_ours(path)):
            raise OutputError(f"cannot write frames to {target}: {name} is not one of ours; give another folder")


def has_frames(target: Path) -> bool:
    """Whether there is a folder with a whole clip in it: the first frame is moved in last."""
    return target.is_dir() and any(re.fullmatch(r"0+1\.png", path.name) for path in target.iterdir())


def _free(target: Path) -> bool:
    """Whether a folder holds nothing but, at most, some frames of a clip that a killed process had begun to move in."""
    visible = [path for path in target.iterdir() if not path.name.startswith(".")]
    return not has_frames(target) and all(_is_frame(path) for path in visible)


def _is_frame(path: Path) -> bool:
    return re.fullmatch(r"\d{4,}\.png", path.name) is not None and path.is_file() and is_ours(path)


def _check_parent(target: Path) -> None:
    if not target.parent.exists():
        raise OutputError(f"cannot write {target}: the folder {target.parent} does not exist; create it first")
    if not target.parent.is_dir():
        raise OutputError(f"cannot write {target}: {target.parent} is not a folder")


def _placed(new: Path, target: Path) -> bool:
    """Rename ``new`` to ``target``; False if there is a folder already, perhaps only since another writer's was
    placed."""
    if target.exists():
        return False
    try:
        new.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        return False
    return True


def _move_frames(new: Path, target: Path, attic: Path) -> None:
    """Old frames to the attic, new ones in; everything back to where it was if that cannot be done.

    The first frame leaves first and arrives last: where it is, the clip is whole, even after a kill.
    """
    moves = [(path, attic / path.name) for path in sorted(target.iterdir()) if _is_frame(path)]
    moves += [(path, target / path.name) for path in sorted(new.iterdir(), reverse=True)]
    done: list[tuple[Path, Path]] = []
    try:
        for source, destination in moves:
            done.append((source, destination))
            source.rename(destination)
    except BaseException:
        for source, destination in reversed(done):
            if not source.exists():
                destination.rename(source)
        raise


def real(target: Path) -> Path:
    """Where a target that is a link leads: the link stays, the file behind it is replaced."""
    return Path(os.path.realpath(target)) if target.is_symlink() else target
