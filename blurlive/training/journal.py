"""What a run leaves to look at: ``metrics.jsonl``, loss curves and sample sheets, all in its folder.

Nothing in a run depends on these files. A full disk is still an error: a run that goes on without its record cannot
be judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from ..errors import OutputError
from ..files import replaced_whole
from .checkpoint import on_disk
from .curves import draw_curves

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Report:
    """State of a run after ``step`` steps: mean loss terms since the last report, ``images`` seen, images a second, and
    validation figures where this step was validated (PSNR in dB)."""

    step: int
    steps: int
    images: int
    images_per_second: float
    losses: dict[str, float]
    validation: dict[str, float] | None = None


class Journal:
    """The record in ``folder``. Rows after ``step`` are dropped: a run that was killed writes them again."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        with on_disk(folder):
            self.rows = [row for row in _rows(folder / METRICS) if row["step"] <= step]
            with replaced_whole(folder / METRICS) as part:
                part.write_text("".join(json.dumps(row) + "\n" for row in self.rows))

    def add(self, report: Report) -> None:
        row = asdict(report)
        self.rows.append(row)
        with on_disk(self.folder), (self.folder / METRICS).open("a") as out:
            out.write(json.dumps(row) + "\n")

    def draw(self, sheet: Pillow.Image | None) -> None:
        """Replace ``curves.png`` and, if there is one, ``samples.png``."""
        for name, picture in (("curves.png", draw_curves(self.rows)), ("samples.png", sheet)):
            if picture is not None:
                with on_disk(self.folder), replaced_whole(self.folder / name) as part:
                    picture.save(part)


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """Rows of a metrics file up to the first that a kill cut short."""
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            yield json.loads(line)
        except ValueError:
            return


def make_folder_of(file: Path) -> None:
    """The folder that a result will need, before hours of work. Raises :class:`OutputError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror}); choose another folder") from error
