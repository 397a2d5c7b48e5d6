"""Names of results, made from a template: ``--name "{stem}-{frames}f"``."""

from __future__ import annotations

import os
from pathlib import Path
from string import Formatter

from ..errors import UsageError

FIELDS = {"stem": "IMG_1", "parent": "holiday", "index": 1, "format": "mp4", "frames": 7}
"""What a template may hold, with an example of each; ``index`` counts the photos of a batch from 1."""


def check(template: str) -> None:
    """Raises :class:`UsageError` unless the template is a name of files made from `FIELDS`."""
    try:
        asked = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise UsageError(f"--name {template}: {error}; write a brace that is meant as such twice") from None
    for field in asked:
        if field not in FIELDS:
            listed = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise UsageError(f"--name {template}: there is no {{{field}}}; use {listed}")
    _filled(template, FIELDS)


def name_of(template: str, source: str, stem: str, index: int, format: str, frames: int) -> str:
    """The template filled for one photo and one format; the suffix comes later.

    Raises :class:`UsageError` if that gives no file name.
    """
    parent = "" if source == "-" else Path(source).absolute().parent.name
    return _filled(template, {"stem": stem, "parent": parent, "index": index, "format": format, "frames": frames})


def _filled(template: str, values: dict[str, object]) -> str:
    try:
        name = template.format_map(values)
    except (ValueError, KeyError, IndexError, AttributeError, MemoryError, OverflowError) as error:
        raise UsageError(f"--name {template}: cannot be filled in ({error}); use fields like {{index:04}}") from None
    if name in {"", ".", ".."} or "\0" in name or any(mark and mark in name for mark in (os.sep, os.altsep)):
        raise UsageError(f"--name {template}: gives {name!r}, which is no file name; name folders with -o")
    return name
