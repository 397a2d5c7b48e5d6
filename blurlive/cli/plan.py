"""Where the clips of each photo go: decided for the whole batch before any work, so that mistakes cost nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..writers import SUFFIXES, format_of
from . import names

STDOUT = "-"
"""Standard output, as ``-o`` names it."""
Namer = Callable[[str], str]
"""The name of a photo's result in a given format, without its suffix."""


@dataclass(frozen=True)
class Places:
    """What the user asked for: ``-o`` as written, ``--format`` names, a ``--name`` template, and what to do with what
    exists. ``frames`` of a clip and the ``moment`` of a video may be part of names."""

    outputs: list[str] | None
    formats: list[str] | None
    overwrite: bool
    skip_existing: bool
    name: str | None = None
    frames: int = 7
    moment: str = ""

    def __post_init__(self) -> None:
        if self.overwrite and self.skip_existing:
            raise UsageError("--overwrite and --skip-existing contradict each other; give one of them")
        for name in self.formats or ():
            if name not in SUFFIXES:
                raise UsageError(f"--format {name}: unknown; use {', '.join(SUFFIXES)}")
        if self.name is not None:
            names.check(self.name)


@dataclass(frozen=True)
class Target:
    """One result: a path and its format; ``inside`` is the folder named with ``-o``, made if it is missing."""

    path: Path
    format: str
    inside: Path | None = None

    @property
    def piped(self) -> bool:
        """Whether it is standard output; frames cannot be, so that they may have a folder called "-"."""
        return self.path == Path(STDOUT) and self.format != "frames"


def plan(sources: list[str], places: Places) -> list[list[Target]]:
    """Targets of each photo. Raises :class:`UsageError` if several photos were to go to one file."""
    if STDOUT in (places.outputs or ()):
        return _to_stdout(sources, places)
    files, folders = _sorted_outputs(places.outputs or [])
    if files and len(sources) > 1:
        raise UsageError(
            f"{files[0].path}: one file for {len(sources)} photos; give a folder with -o, or --format alone"
        )
    if files and places.name is not None:
        raise UsageError(f"--name: {files[0].path} has a name already; use --name with folders, or without -o")
    several = len(sources) > 1
    planned = []
    for source, name in zip(sources, _namers(sources, bool(folders), places), strict=True):
        targets = files + _in_folders(folders, name, several, places) + _beside(source, name, files, folders, places)
        planned.append(_unique(targets))
    _keep_photos(sources, planned, overwrite=places.overwrite)
    _check_shared(sources, planned, places)
    return planned


def _to_stdout(sources: list[str], places: Places) -> list[list[Target]]:
    """``-o -``: one clip of one photo, and nothing else that could mix with it."""
    if len(sources) > 1 or len(places.outputs or ()) > 1 or len(places.formats or ()) > 1:
        raise UsageError("-o -: standard output takes one clip of one photo; give a folder with -o")
    format = (places.formats or ["mp4"])[0]
    if format == "frames":
        raise UsageError("-o -: frames are many files; give a --format that is one, as mp4")
    return [[Target(Path(STDOUT), format)] for _ in sources]


def _namers(sources: list[str], together: bool, places: Places) -> list[Namer]:
    """How the results of each photo are named: by the template, or after the photo."""
    stems = [_stem(source, places.moment) for source in sources]
    template = places.name
    if template is None:
        homes = [Path() if together else _home(source) for source in sources]
        return [_always(name) for name in _distinct(list(zip(homes, stems, strict=True)))]
    return [
        lambda format, source=source, stem=stem, index=index: names.name_of(  # type: ignore[misc]
            template, source, stem, index, format, places.frames
        )
        for index, (source, stem) in enumerate(zip(sources, stems, strict=True), 1)
    ]


def _always(name: str) -> Namer:
    return lambda _: name


def _keep_photos(sources: list[str], planned: list[list[Target]], *, overwrite: bool) -> None:
    """No result may take the place of the photo that it is made of, nor ``--overwrite`` that of any photo of the batch;
    frames of an earlier clip, which go from a folder that gets new ones, may be such photos too."""
    photos = {source: Path(os.path.realpath(source)) for source in sources if source != "-"}
    files = set(photos.values())
    folders = {photo.parent for photo in files}
    for source, targets in zip(sources, planned, strict=True):
        for target in targets:
            place = Path(os.path.realpath(target.path))
            if place == photos.get(source):
                raise UsageError(f"{target.path}: is the photo itself; give the result another name with -o")
            if overwrite and place in files:
                raise UsageError(f"{target.path}: is another photo of this batch; give results a place of their own")
            if overwrite and target.format == "frames" and place in folders:
                raise UsageError(f"{target.path}: holds a photo of this batch; give its frames another folder with -o")


def _check_shared(sources: list[str], planned: list[list[Target]], places: Places) -> None:
    """Two photos must not get one result; names differ in more than case, which some disks do not tell apart."""
    taken: dict[str, str] = {}
    for source, targets in zip(sources, planned, strict=True):
        for target in targets:
            other = taken.setdefault(str(target.path).casefold(), source)
            if other != source:
                advice = "add {stem} or {index} to --name" if places.name else "give each a place of its own"
                raise UsageError(f"{target.path}: would be the result of both {other} and {source}; {advice}")


def _home(source: str) -> Path:
    return Path() if source == "-" else Path(source).parent


def _sorted_outputs(outputs: list[str]) -> tuple[list[Target], list[Path]]:
    targets = [Target(Path(output), format_of(output)) for output in outputs]
    return [t for t in targets if t.format != "frames"], [t.path for t in targets if t.format == "frames"]


def _in_folders(folders: list[Path], name: Namer, several: bool, places: Places) -> list[Target]:
    """In a folder: frames of one photo directly, of several in a folder each; other formats as files named after the
    photo."""
    formats = places.formats or ["frames"]
    made = []
    for folder in folders:
        for format in formats:
            deeper = several or len(formats) > 1 or places.name is not None
            if format == "frames" and not deeper:
                made.append(Target(folder, format))
            else:
                made.append(Target(folder / f"{name(format)}{SUFFIXES[format]}", format, folder))
    return made


def _beside(source: str, name: Namer, files: list[Target], folders: list[Path], places: Places) -> list[Target]:
    """Formats without a folder go beside the first file that was named, or beside the photo; without anything, an
    mp4."""
    if folders:
        return []
    wanted = places.formats or ([] if files else ["mp4"])
    first = files[0].path if files else None
    bases = [first.parent / _stem(str(first)) if first else _home(source) / name(format) for format in wanted]
    return [Target(base.with_name(base.name + SUFFIXES[f]), f) for base, f in zip(bases, wanted, strict=True)]


def _stem(source: str, moment: str = "") -> str:
    stem = "stdin" if source == "-" else Path(source).stem.removesuffix(".sheet").removesuffix(".side")
    return "-".join(filter(None, [stem or "photo", moment]))


def _distinct(names: list[tuple[Path, str]]) -> list[str]:
    """Two photos of one name must not share a result in one folder: the second becomes ``name-2``."""
    taken: set[tuple[Path, str]] = set()
    distinct = []
    for folder, name in names:
        number, free = 2, name
        while (folder, free.lower()) in taken:
            free, number = f"{name}-{number}", number + 1
        taken.add((folder, free.lower()))
        distinct.append(free)
    return distinct


def _unique(targets: list[Target]) -> list[Target]:
    return list({target.path: target for target in targets}.values())
