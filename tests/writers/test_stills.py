"""Folders of frames, and contact sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blurlive.encoders import stills
from blurlive.errors import OutputError
from blurlive.writers import Clip

from .conftest import clip_of, moving, names, write


def test_frames_are_numbered_and_exact(tmp_path: Path) -> None:
    frames = moving(31, 17, 12)
    folder = write(tmp_path / "out", frames)
    assert names(folder) == [f"{number:04d}.png" for number in range(1, 13)]
    for path, frame in zip(sorted(folder.iterdir()), frames, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), frame)
    assert stills.frame_name(3, 12345) == "00003.png"


def test_frames_go_into_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").touch()
    assert len(names(write(tmp_path / "out", moving(4, 4)))) == 8


def test_a_shorter_clip_replaces_a_longer_one_and_leaves_strangers_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", moving(4, 4, 9))
    Image.new("RGB", (4, 4)).save(folder / "0815.png")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"--overwrite .*--skip-existing"):
        write(folder, moving(4, 4, 3))
    write(folder, moving(6, 4, 3), overwrite=True)
    assert names(folder) == ["0001.png", "0002.png", "0003.png", "0815.png", "notes.txt"]
    assert Image.open(folder / "0001.png").size == (6, 4)


def test_a_stranger_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "0002.png")
    before = (tmp_path / "0002.png").read_bytes()
    with pytest.raises(OutputError, match=r"0002\.png is not one of ours"):
        write(tmp_path, moving(4, 4), overwrite=True)
    assert names(tmp_path) == ["0002.png"]
    assert (tmp_path / "0002.png").read_bytes() == before


def test_frames_that_cannot_all_be_moved_are_moved_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "out", moving(4, 4, 5))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rename, calls = Path.rename, []

    def fails_late(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_late)
    with pytest.raises(KeyboardInterrupt):
        write(folder, moving(6, 4, 5), overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("count", [1, 2, 7, 12, 13, 42])
@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (900, 60), (5, 3000), (1, 1)])
def test_a_sheet_shows_every_picture_once(count: int, width: int, height: int, tmp_path: Path) -> None:
    frame = np.full((height, width, 3), (200, 0, 0), np.uint8)
    clip = Clip(np.full_like(frame, 0), count, 10)
    page = np.asarray(Image.open(write(tmp_path / "clip.sheet.png", [frame] * count, clip)))
    grid = stills.Grid.of(clip)
    assert page.shape[1] <= 2400
    assert page.size // 3 <= 45_000_000
    tile = grid.tile[0] * grid.tile[1]
    assert tile >= 1
    assert (page == (200, 0, 0)).all(-1).sum() == count * tile
    assert (page == 0).all(-1).sum() == tile


def test_42_frames_stand_in_rows_of_seven(tmp_path: Path) -> None:
    frames = moving(70, 40, 42)[::-1]
    frames = [np.full_like(frame, 4 * number) for number, frame in enumerate(frames)]
    clip = clip_of(frames)
    page = np.asarray(Image.open(write(tmp_path / "clip.sheet.png", frames, clip)))
    grid = stills.Grid.of(clip)
    assert (grid.columns, grid.rows) == (7, 7)
    for picture in range(43):
        left, top = grid.corner(picture)
        label = page[top : top + grid.text, left : left + grid.cell[0] - stills.GAP]
        assert (label.min(-1) < 128).any(), picture
    left, top = grid.corner(1)
    inside = page[top + grid.text + 20 :: grid.cell[1], left + 5 :: grid.cell[0], 0]
    assert inside[:6, :7].ravel().tolist() == [4 * number for number in range(42)]
