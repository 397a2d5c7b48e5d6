"""A file is replaced, never half written; and known by its sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .workshop import workshop


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


def sha256(file: Path) -> str:
    """Hex digest of a file, as ``sha256sum`` prints it."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
