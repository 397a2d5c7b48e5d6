"""What is there before a clip is written, and what is left after one that failed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from blurlive.errors import OutputError
from blurlive.writers import FORMATS, SUFFIXES, Frame, format_of, open_writer

from .conftest import FILES, clip_of, moving, names, write


class SomeError(Exception):
    pass


def write_half(target: Path, frames: list[Frame], error: BaseException, overwrite: bool = False) -> None:
    with open_writer(target, format_of(target), clip_of(frames), overwrite=overwrite) as writer:
        for frame in frames[:3]:
            writer.add(frame)
        raise error


@pytest.mark.parametrize("error", [SomeError(), KeyboardInterrupt(), OSError("the caller's own")])
@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_left_of_a_clip_that_was_not_finished(format: str, error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught:
        write_half(tmp_path / f"clip{SUFFIXES[format]}", moving(33, 21), error)
    assert caught.value is error
    assert names(tmp_path) == []


@pytest.mark.parametrize("format", FILES)
def test_an_old_file_survives_a_clip_that_was_not_finished(format: str, tmp_path: Path) -> None:
    target = tmp_path / f"clip{SUFFIXES[format]}"
    target.write_bytes(b"old")
    with pytest.raises(SomeError):
        write_half(target, moving(33, 21), SomeError(), overwrite=True)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == [target.name]


def test_old_frames_survive_a_clip_that_was_not_finished(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", moving(4, 4, 9))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SomeError):
        write_half(folder, moving(6, 6), SomeError(), overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("format", FILES)
def test_an_existing_file_is_replaced_only_when_asked(format: str, tmp_path: Path) -> None:
    target = tmp_path / f"clip{SUFFIXES[format]}"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"clip.*exists already.*--overwrite.*--skip-existing"):
        write(target, moving(8, 8))
    assert target.read_bytes() == b"old"
    assert len(write(target, moving(8, 8), overwrite=True).read_bytes()) > 100
    assert names(tmp_path) == [target.name]


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_in_the_way_is_told_before_anything_is_made(format: str, tmp_path: Path) -> None:
    target = write(tmp_path / f"clip{SUFFIXES[format]}", moving(8, 8))
    frames = moving(8, 8)
    with pytest.raises(OutputError, match="exist"), open_writer(target, format, clip_of(frames)):
        pytest.fail("it was opened")


@pytest.mark.parametrize("format", FORMATS)
def test_what_came_into_being_meanwhile_is_not_replaced(format: str, tmp_path: Path) -> None:
    target, frames = tmp_path / f"clip{SUFFIXES[format]}", moving(8, 8)
    theirs = write(tmp_path / f"theirs{SUFFIXES[format]}", frames)
    number = theirs.stat().st_ino

    def overtaken() -> None:
        with open_writer(target, format, clip_of(frames)) as writer:
            for frame in frames:
                writer.add(frame)
            theirs.rename(target)

    with pytest.raises(OutputError, match="exist"):
        overtaken()
    assert names(tmp_path) == [target.name]
    assert target.stat().st_ino == number


def test_files_get_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    usual = (tmp_path / "usual").stat().st_mode
    for format in FILES:
        assert write(tmp_path / f"clip{SUFFIXES[format]}", moving(8, 8)).stat().st_mode == usual


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.gif"
    link.symlink_to(tmp_path / "there" / "clip.gif")
    write(link, moving(8, 8))
    assert link.is_symlink()
    assert (tmp_path / "there" / "clip.gif").is_file()


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_folder_is_not_made(format: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist; create it"):
        write(tmp_path / "none" / "clip", moving(8, 8), format=format)
    assert names(tmp_path) == []


def test_targets_of_the_wrong_kind(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    frames = moving(8, 8)
    with pytest.raises(OutputError, match="it is a folder"):
        write(tmp_path / "folder.mp4", frames, format="mp4", overwrite=True)
    with pytest.raises(OutputError, match="not a folder"):
        write(tmp_path / "file", frames, format="frames", overwrite=True)
    with pytest.raises(OutputError, match="not a folder"):
        write(tmp_path / "file" / "clip.mp4", frames, overwrite=True)
    if os.path.exists(os.devnull):  # noqa: PTH110 (it is not a path on every system)
        with pytest.raises(OutputError, match="device"):
            write(Path(os.devnull), frames, format="mp4", overwrite=True)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "error"),
    ],
)
@pytest.mark.parametrize("format", ["gif", "webp", "apng", "frames", "sheet"])
def test_an_error_of_the_disk_is_told(
    format: str, number: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    target = tmp_path / f"clip{SUFFIXES[format]}"
    monkeypatch.setattr(Image.Image, "save", fails)
    with pytest.raises(OutputError, match=f"cannot write .*clip.*{message}"):
        write(target, moving(8, 8))
    assert names(tmp_path) == []


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OutputError, match="no permission"):
        write(tmp_path / "clip.gif", moving(8, 8))
    tmp_path.chmod(0o700)
