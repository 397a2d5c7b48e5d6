"""All figures of an evaluation as one JSON document: settings, summaries, wins, and every clip and frame."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import DataError, OutputError
from ..files import replaced_whole
from .flow import available
from .methods import Method
from .protocol import VERSION, Row, Settings
from .summary import Summary, Table, still, summarise, tabulate, wins


@dataclass(frozen=True)
class Report:
    """Rows of all methods and what they come to. ``table`` holds the clips that every method has; those in ``still``,
    where nothing moves, are left out."""

    data: str
    settings: dict[str, Any]
    rows: list[Row]
    broken: list[str]
    still: list[str]
    table: Table
    summaries: list[Summary]
    wins: dict[str, dict[str, int]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "blurlive": __version__,
            "data": self.data,
            "settings": self.settings,
            "clips": self.summaries[0].clips,
            "broken": self.broken,
            "still": self.still,
            "methods": [summary.as_dict() for summary in self.summaries],
            "wins": self.wins,
            "rows": [row.as_dict() for row in self.rows],
        }

    def write(self, file: Path) -> None:
        """Write as JSON, whole or not at all. Raises OutputError."""
        write_text(file, json.dumps(self.as_dict(), indent=1) + "\n")


def make_report(data: Path, settings: Settings, methods: list[Method], rows: list[Row], broken: list[str]) -> Report:
    """Sum up ``rows``. Raises DataError if there is no clip that all ``methods`` have frames for."""
    names = [method.name for method in methods]
    table = tabulate(rows, names)
    if not table[names[0]]:
        empty = "nothing moves in any" if rows else "it holds no clip folder, no seven numbered frames, no video"
        raise DataError(f"{data}: no clip that every method could be scored on ({broken[0] if broken else empty})")
    return Report(str(data), describe(settings), rows, broken, still(rows), table, summarise(table), wins(table))


def describe(settings: Settings) -> dict[str, Any]:
    """Settings that figures depend on; rows scored under different ones must not be mixed."""
    return {
        "protocol": VERSION,
        "gamma": settings.gamma,
        "lpips": None if settings.lpips is None else settings.lpips.name,
        "flow": "DIS" if available() else None,
    }


def write_text(file: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises OutputError."""
    try:
        with replaced_whole(file) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror}); choose another place") from error
