"""A file is replaced, never half written; and known by its sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import OutputError, reason
from .workshop import workshop

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def replaced_whole(file: Path) -> Iterator[Path]:
    """A temporary path to write to, in a hidden folder beside ``file``; moved to ``file`` at the end, removed if
    anything goes wrong. What a killed process left there, the next one sweeps up.

    The temporary keeps the name, since encoders choose their container by its suffix.
    """
    with workshop(file.parent) as folder:
        part = folder / file.name
        part.touch()
        mode = part.stat().st_mode  # what the user's umask gives a new file; safetensors would leave 0600
        yield part
        part.chmod(mode)
        part.replace(file)


def save_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all. Raises :class:`OutputError`."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        with replaced_whole(file) as part:
            save_file(dict(tensors), part, metadata)
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"{file}: cannot be written ({reason(error)}); choose another folder or free some space"
        ) from error


def check_place(file: Path) -> None:
    """Raise :class:`OutputError` where no file can be written: told before hours of work, not after."""
    if not file.name or file.is_dir():
        raise OutputError(f"{file}: is a folder; give the name of a file")
    if not file.parent.is_dir():
        raise OutputError(f"{file}: the folder {file.parent} does not exist; create it first")


def sha256(file: Path) -> str:
    """Hex digest of a file, as ``sha256sum`` prints it."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
