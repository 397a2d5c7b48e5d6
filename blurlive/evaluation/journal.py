"""Finished rows on disk, one JSON line each, appended as they come: what ``--resume`` goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import OutputError, UsageError
from ..files import replaced_whole
from .methods import Method
from .protocol import Row

Key = tuple[str, str, str]
END = "end"
"""Last line where a report has been made of all rows, which may then be thrown away."""


def key(row: Row) -> Key:
    """What makes a row the same row: clip, method and the method's source."""
    return row.clip, row.method, row.source


class Journal:
    """Rows of one evaluation in ``file``, whose first line says under which ``settings`` they were scored; None: in
    memory only.

    ``resume`` keeps the rows that are there; without it they are thrown away, unless the run that scored them stopped
    before its report. Raises UsageError then, and if they are to be kept and were scored under other settings.
    """

    def __init__(self, file: Path | None, settings: dict[str, Any], *, resume: bool) -> None:
        self.file = file
        self.rows: dict[Key, Row] = {}
        if resume and file is not None and file.exists():
            self.rows = {key(row): row for row in _read(file, settings)}
        if not resume and file is not None and _stopped(file):
            raise UsageError(
                f"{file}: holds rows of a run that stopped; go on with --resume, or remove it to start anew"
            )
        if file is not None:
            lines = [settings, *(row.as_dict() for row in self.rows.values())]
            with _on_disk(file), replaced_whole(file) as part:  # hours of rows must outlive a kill
                part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def add(self, row: Row) -> None:
        """Append a row; it is on disk when this returns."""
        self.rows[key(row)] = row
        self._append(row.as_dict())

    def end(self) -> None:
        """Say that the report is made."""
        self._append(END)

    def _append(self, line: Any) -> None:
        if self.file is not None:
            with _on_disk(self.file), self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")

    def of(self, clips: list[str], methods: list[Method]) -> list[Row]:
        """Rows of these clips and methods, in this order, as far as there are any."""
        keys = [(clip, method.name, method.source) for clip in clips for method in methods]
        return [self.rows[place] for place in keys if place in self.rows]


@contextmanager
def _on_disk(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror}); choose another place for --json") from error


def _stopped(file: Path) -> bool:
    """Whether a file holds rows and not their end."""
    with _on_disk(file):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    return len(lines) > 1 and _parsed(lines[-1]) != END


def _read(file: Path, settings: dict[str, Any]) -> list[Row]:
    """Rows of an earlier run. A line that a kill cut short is left out: its row is scored again."""
    try:
        lines = [_parsed(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read ({error}); remove it to start anew") from error
    if lines and lines[0] != settings:
        raise UsageError(f"{file}: scored under other settings ({lines[0]}); remove it to start anew")
    return [row for row in map(_row, lines[1:]) if row is not None]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _row(values: Any) -> Row | None:
    try:
        return Row.from_dict(values)
    except (TypeError, KeyError):
        return None
