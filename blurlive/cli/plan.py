"""Where the clips of each photo go: decided for the whole batch before any work, so that mistakes cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..writers import SUFFIXES, format_of


@dataclass(frozen=True)
class Places:
    """What the user asked for: ``-o`` paths, ``--format`` names, and what to do with what exists."""

    outputs: list[Path] | None
    formats: list[str] | None
    overwrite: bool
    skip_existing: bool

    def __post_init__(self) -> None:
        if self.overwrite and self.skip_existing:
            raise UsageError("--overwrite and --skip-existing contradict each other; give one of them")
        for name in self.formats or ():
            if name not in SUFFIXES:
                raise UsageError(f"--format {name}: unknown; use {', '.join(SUFFIXES)}")


@dataclass(frozen=True)
class Target:
    """One result: a path and its format; ``inside`` is the folder named with ``-o``, made if it is missing."""

    path: Path
    format: str
    inside: Path | None = None


def plan(sources: list[str], places: Places) -> list[list[Target]]:
    """Targets of each photo. Raises :class:`UsageError` if several photos were to go to one file."""
    files, folders = _sorted_outputs(places.outputs or [])
    if files and len(sources) > 1:
        raise UsageError(
            f"{files[0].path}: one file for {len(sources)} photos; give a folder with -o, or --format alone"
        )
    names = _distinct([(Path() if folders else _home(source), _stem(source)) for source in sources])
    several = len(sources) > 1
    planned = []
    for source, name in zip(sources, names, strict=True):
        targets = files + _in_folders(folders, name, several, places) + _beside(source, name, files, folders, places)
        _keep_photo(source, targets)
        planned.append(_unique(targets))
    return planned


def _keep_photo(source: str, targets: list[Target]) -> None:
    """No result may take the place of the photo that it is made of, not even with ``--overwrite``."""
    for target in targets:
        if source != "-" and target.path.resolve() == Path(source).resolve():
            raise UsageError(f"{target.path}: is the photo itself; give the result another name with -o")


def _home(source: str) -> Path:
    return Path() if source == "-" else Path(source).parent


def _sorted_outputs(outputs: list[Path]) -> tuple[list[Target], list[Path]]:
    targets = [Target(path, format_of(path)) for path in outputs]
    return [t for t in targets if t.format != "frames"], [t.path for t in targets if t.format == "frames"]


def _in_folders(folders: list[Path], name: str, several: bool, places: Places) -> list[Target]:
    """In a folder: frames of one photo directly, of several in a folder each; other formats as files named after the
    photo."""
    formats = places.formats or ["frames"]
    made = []
    for folder in folders:
        for format in formats:
            if format == "frames":
                deeper = several or len(formats) > 1
                made.append(Target(folder / name, format, folder) if deeper else Target(folder, format))
            else:
                made.append(Target(folder / f"{name}{SUFFIXES[format]}", format, folder))
    return made


def _beside(source: str, name: str, files: list[Target], folders: list[Path], places: Places) -> list[Target]:
    """Formats without a folder go beside the first file that was named, or beside the photo; without anything, an
    mp4."""
    if folders:
        return []
    base = files[0].path.parent / _stem(str(files[0].path)) if files else _home(source) / name
    wanted = places.formats or ([] if files else ["mp4"])
    return [Target(base.with_name(base.name + SUFFIXES[format]), format) for format in wanted]


def _stem(source: str) -> str:
    if source == "-":
        return "stdin"
    stem = Path(source).stem
    return stem.removesuffix(".sheet").removesuffix(".side") or "photo"


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
