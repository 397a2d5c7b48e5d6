"""A file is replaced, never half written; and known by its sha256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_whole(file: Path) -> Iterator[Path]:
    """A temporary path beside ``file`` to write to; renamed to ``file`` at the end, removed if anything goes wrong.

    The temporary keeps the suffix, since encoders choose their container by it.
    """
    part = file.with_name(f".{file.stem}.{os.getpid()}.part{file.suffix}")
    part.touch()
    mode = part.stat().st_mode  # what the user's umask gives a new file; safetensors would leave 0600
    try:
        yield part
        part.chmod(mode)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def sha256(file: Path) -> str:
    """Hex digest of a file, as ``sha256sum`` prints it."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
