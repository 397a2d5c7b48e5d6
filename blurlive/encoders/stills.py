"""Folders of PNG frames, and contact sheets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from .clip import Clip, Frame, Sink

MAKER = "blurlive"
"""In the "Software" field of every frame, so that --overwrite knows our frames from a stranger's."""

SHEET_WIDTH = 2400
SHEET_AREA = 40_000_000
TALLEST = 1200
"""Limits of a contact sheet in pixels: its width, its area, and the height of one picture on it."""
FEW = 12
"""Up to so many frames share the first row with the blurred photo; more stand in rows of ``ROW`` below it."""
ROW = 7
GAP = 12
PAPER, INK = (255, 255, 255), (60, 60, 60)


@contextmanager
def frames(path: Path, clip: Clip) -> Iterator[Sink]:
    """A folder of ``0001.png``, ``0002.png``... with more digits for more frames; lossless, quickly compressed."""
    path.mkdir()
    names = (frame_name(number, clip.frames) for number in range(1, clip.frames + 1))
    made_by = PngImagePlugin.PngInfo()
    made_by.add_text("Software", MAKER)
    yield lambda frame: Image.fromarray(frame).save(path / next(names), "PNG", compress_level=1, pnginfo=made_by)


def frame_name(number: int, count: int) -> str:
    """File name of frame ``number``, from 1, of ``count``."""
    return f"{number:0{max(4, len(str(count)))}d}.png"


def is_ours(path: Path) -> bool:
    """Whether a file is a PNG frame that ``frames`` has written."""
    with path.open("rb") as file:
        return f"tEXtSoftware\0{MAKER}".encode() in file.read(256)


@contextmanager
def sheet(path: Path, clip: Clip) -> Iterator[Sink]:
    """One PNG with the blurred photo and all frames, numbered, each shrunk so that the sheet is at most 2400 wide."""
    grid = Grid.of(clip)
    page = Image.new("RGB", grid.page, PAPER)
    labels = iter(["blurred", *map(str, range(1, clip.frames + 1))])
    cells = iter(range(clip.frames + 1))

    def add(frame: Frame) -> None:
        _paste(page, grid, next(cells), next(labels), frame)

    add(clip.blurred)
    yield add
    page.save(path, "PNG")


@dataclass(frozen=True)
class Grid:
    """Where the pictures of a contact sheet stand: the photo is picture 0, in the upper left corner."""

    columns: int
    rows: int
    tile: tuple[int, int]
    first: int
    """Cell of the first frame."""

    @classmethod
    def of(cls, clip: Clip) -> Grid:
        """The grid for a clip."""
        width, height = clip.size
        few = clip.frames <= FEW
        columns = _columns(clip.frames + 1, width / height) if few else ROW
        first = 1 if few else columns
        rows = math.ceil((first + clip.frames) / columns)
        room = (SHEET_WIDTH - GAP) / columns - GAP
        area = math.sqrt(SHEET_AREA / (columns * rows * width * height))
        scale = min(1.0, room / width, TALLEST / height, area)
        return cls(columns, rows, (max(1, int(width * scale)), max(1, int(height * scale))), first)

    @property
    def text(self) -> int:
        """Height of the labels."""
        return min(20, max(10, self.tile[0] // 16))

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height that each picture takes with its label and gaps; tiny pictures leave room for the label."""
        return max(self.tile[0], 4 * self.text) + GAP, self.tile[1] + self.text + 6 + GAP

    @property
    def page(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        return self.columns * self.cell[0] + GAP, self.rows * self.cell[1] + GAP

    def corner(self, picture: int) -> tuple[int, int]:
        """Upper left corner of a picture's cell."""
        row, column = divmod(0 if picture == 0 else self.first + picture - 1, self.columns)
        return GAP + column * self.cell[0], GAP + row * self.cell[1]


def _columns(pictures: int, aspect: float) -> int:
    """The number of columns that gives a page about as wide as a screen, with few empty cells."""

    def badness(columns: int) -> float:
        rows = math.ceil(pictures / columns)
        return abs(math.log(aspect * columns / rows / 1.6)) + (columns * rows - pictures)

    return min(range(1, pictures + 1), key=badness)


def _paste(page: Image.Image, grid: Grid, picture: int, label: str, frame: Frame) -> None:
    left, top = grid.corner(picture)
    ImageDraw.Draw(page).text((left, top), label, INK, ImageFont.load_default(grid.text))
    small = Image.fromarray(frame)
    if small.size != grid.tile:
        small = small.resize(grid.tile, Image.Resampling.LANCZOS, reducing_gap=3)
    page.paste(small, (left, top + grid.text + 6))
