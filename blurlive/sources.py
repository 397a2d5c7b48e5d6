"""Where photos come from: files, globs, folders, standard input; and what is wrong with each before any decoding."""

from __future__ import annotations

import contextlib
import difflib
import glob
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from .errors import InputError, reason

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_HEIC = (".heic", ".heif", ".hif")
_PNM = (".ppm", ".pgm", ".pbm", ".pnm")
SUFFIXES = frozenset([*_JPEG, *_HEIC, *_PNM, ".png", ".webp", ".tif", ".tiff", ".avif", ".bmp", ".gif"])
"""What counts as a photo in a folder, in lower case; a file named outright may have any suffix."""
SHEET = ".sheet.png"
"""What contact sheets, which are no photos, are called."""

_MAX_STREAM = 2 << 30  # bytes taken from a pipe: an endless one must end


def find_photos(arguments: Sequence[str], *, recursive: bool = False) -> list[str | Path]:
    """The photos that command line ``arguments`` mean, each once: paths, and "-" for standard input.

    Arguments keep their order; what a folder or a glob stands for is sorted naturally (2 before 10). Both give files
    with one of `SUFFIXES` (a glob that meets no such file: all it meets), hidden ones and contact sheets (`SHEET`) left
    out; ``recursive`` goes into subfolders. A file's name is passed on unseen: one wrong name must not spoil a batch.

    Raises `InputError` for an empty name, which to a path is the current folder, for a glob that matches nothing, and
    for a folder that has no photo or cannot be read.
    """
    found: dict[str, str | Path] = {}
    for argument in arguments:
        for photo in _expanded(argument, recursive):
            found.setdefault("-" if photo == "-" else os.path.realpath(photo), photo)
    return list(found.values())


@contextlib.contextmanager
def opened(source: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """A stream that can seek and is not empty, of a file, of standard input ("-") or of another stream.

    What was opened here is closed in the end. Raises `InputError` where there is nothing to read.
    """
    with contextlib.ExitStack() as stack:
        if source == "-":
            stream = _standard_input()
        elif isinstance(source, str | Path):
            stream = stack.enter_context(_file(Path(source), shown(source)))
        else:
            stream = source
        yield _filled(stream, shown(source))


class Named(io.BytesIO):
    """Bytes in memory with a name for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def shown(source: str | Path | BinaryIO) -> str:
    """How messages name a source: its path as given, or "-" for a stream that has none."""
    name = source if isinstance(source, str | Path) else getattr(source, "name", None)
    return str(name) if isinstance(name, Path) or (isinstance(name, str) and not name.startswith("<")) else "-"


def _expanded(argument: str, recursive: bool) -> Sequence[str | Path]:
    if not argument:
        raise InputError("'': an empty name; give a photo, a folder, or - for standard input")
    path = Path(argument)
    if argument == "-":
        return ["-"]
    if _is_folder(path):
        return _in_folder(path, recursive)
    if glob.has_magic(argument) and not os.path.lexists(path):
        return _in_glob(argument, recursive)
    return [path]


def _in_folder(folder: Path, recursive: bool) -> list[Path]:
    photos = _photos(_files(folder, recursive))
    if photos:
        return sorted(photos, key=_natural)
    if not recursive and _photos(_files(folder, recursive=True)):
        raise InputError(f"{folder}: no photo in this folder, but in its subfolders; add --recursive")
    raise InputError(f"{folder}: no photo in this folder; give one with JPEG, PNG, WebP, TIFF, AVIF or HEIC files")


def _in_glob(pattern: str, recursive: bool) -> list[Path]:
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - Path.glob takes no absolute one
    files = [path for path in matches if not _is_folder(path)]
    if recursive:
        files += [file for path in matches if _is_folder(path) for file in _photos(_files(path, recursive))]
    if not files:
        raise InputError(f"{pattern}: matches no file; check the pattern and the folder it starts from")
    return sorted(_photos(files) or files, key=_natural)


def _is_folder(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):  # too long a name, a zero byte in it, a locked folder above
        return path.is_dir()
    return False


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        yield from (Path(parent, name) for name in names)


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: the folder cannot be read ({reason(error)})") from error


def _photos(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if file.suffix.lower() in SUFFIXES and not _left_out(file.name.lower())]


def _left_out(name: str) -> bool:
    return name.startswith(".") or name.endswith(SHEET)


def _natural(path: Path) -> list[list[str | int]]:
    """Sort key, part by part: text (at even places) regardless of case, runs of digits (at odd places) as numbers."""
    split = [re.split(r"([0-9]+)", part.casefold()) for part in path.parts]
    return [[int(piece) if place % 2 else piece for place, piece in enumerate(part)] for part in split] + [[str(path)]]


def _file(path: Path, name: str) -> BinaryIO:
    if _is_folder(path):  # Windows would call it a lack of permission
        raise InputError(f"{name}: is a folder where a photo is needed; give one of its files")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; {_advice(path)}") from None
    except PermissionError:
        raise InputError(f"{name}: permission denied; make the file readable first") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise InputError(f"{name}: cannot be opened ({reason(error)}); check its name") from error


def _advice(path: Path) -> str:
    """What to do about a missing file: take its neighbour of nearly the same name, if there is one."""
    if not _is_folder(path.parent):
        return f"there is no folder {path.parent} either"
    with contextlib.suppress(OSError):
        names = {file.name.casefold(): file.name for file in path.parent.iterdir()}
        if close := difflib.get_close_matches(path.name.casefold(), names, 1):
            return f"did you mean {path.with_name(names[close[0]])}?"
    return "check its name"


def _standard_input() -> BinaryIO:
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise InputError("-: there is no standard input; give a file name")
    return stream


def _filled(stream: BinaryIO, name: str) -> BinaryIO:
    try:
        if name == "-" and stream.isatty():
            raise InputError("-: standard input is the keyboard; pipe a photo into it or give a file name")
        stream = stream if stream.seekable() else _copied(stream, name)
        size = stream.seek(0, io.SEEK_END)
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be read ({reason(error)}); give a file name") from error
    if size == 0:
        empty = "no data came; pipe a photo into standard input" if name == "-" else "is empty (0 bytes); copy it again"
        raise InputError(f"{name}: {empty}")
    return stream


def _copied(stream: BinaryIO, name: str) -> BinaryIO:
    """What a pipe sends, in memory, where one can seek."""
    copy = io.BytesIO()
    while chunk := stream.read(1 << 20):
        copy.write(chunk)
        if copy.tell() > _MAX_STREAM:
            raise InputError(f"{name}: sends more than {_MAX_STREAM >> 30} GiB, too much for a photo")
    return copy
