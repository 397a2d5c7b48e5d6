"""`find_photos`: files, folders and globs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.errors import InputError
from blurlive.image import SUFFIXES, find_photos

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as users have them; relative paths start in it."""
    names = ["img10.jpg", "img2.jpg", "IMG1.JPG", "img2.sheet.png", "notes.txt", "._img2.jpg", ".hidden.png"]
    deeper = ["day10/b.png", "day2/a.webp", "day2/deep/c.HEIC", ".cache/d.jpg", "texts/readme.txt"]
    for name in names + deeper:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*arguments: str, recursive: bool = False) -> list[str]:
    return [Path(photo).as_posix() for photo in find_photos(arguments, recursive=recursive)]


TOP = ["IMG1.JPG", "img2.jpg", "img10.jpg"]
DEEP = ["day2/a.webp", "day2/deep/c.HEIC", "day10/b.png"]


@pytest.mark.usefixtures("album")
def test_folders() -> None:
    assert found(".") == TOP
    assert found(".", recursive=True) == [*DEEP[:2], DEEP[2], *TOP]
    assert found("day2", "day10") == ["day2/a.webp", "day10/b.png"]


@pytest.mark.usefixtures("album")
def test_globs() -> None:
    assert found("*.jpg") == ["img2.jpg", "img10.jpg"]
    assert found("img[0-9].*") == ["img2.jpg"]
    assert found("*") == TOP
    assert found("*", recursive=True) == [*DEEP, *TOP]
    assert found("**/*.webp") == ["day2/a.webp"]
    assert found("*.txt") == ["notes.txt"]


@pytest.mark.usefixtures("album")
def test_order_duplicates_and_standard_input() -> None:
    assert found("img10.jpg", "-", "img2.jpg", "./img10.jpg", "day2/../img2.jpg", "-") == ["img10.jpg", "-", "img2.jpg"]
    assert found("img10.jpg", ".") == ["img10.jpg", "IMG1.JPG", "img2.jpg"]
    assert find_photos(["-"]) == ["-"]
    assert find_photos([]) == []


def test_a_file_may_have_magic_letters_in_its_name(album: Path) -> None:
    (album / "a[1].jpg").touch()
    assert found("a[1].jpg") == ["a[1].jpg"]


@pytest.mark.usefixtures("album")
def test_a_named_file_is_passed_on_unseen() -> None:
    assert found("missing.jpg", "notes.txt") == ["missing.jpg", "notes.txt"]
    assert found("img2.sheet.png", "*.sheet.png") == ["img2.sheet.png"]


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("*.bmp", r"^\*\.bmp: matches no file"),
        ("texts", r"^texts: no photo in this folder; give"),
        ("", "an empty name"),
    ],
)
def test_nothing_found(argument: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        find_photos([argument])


def test_photos_in_subfolders_only(album: Path) -> None:
    for photo in album.glob("*.[jJ]*"):
        photo.unlink()
    with pytest.raises(InputError, match=r"but in its subfolders; add --recursive"):
        find_photos([str(album)])


@given(st.permutations([f"p{n}{ending}" for n in (1, 2, 9, 10, 11, 100) for ending in ("", "a")]))
@settings(max_examples=20, deadline=None)
def test_natural_order_does_not_depend_on_the_folder(names: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            Path(folder, f"{name}.png").touch()
        listed = [Path(photo).stem for photo in find_photos([folder])]
    assert listed == [f"p{n}{ending}" for n in (1, 2, 9, 10, 11, 100) for ending in ("", "a")]


def test_suffixes_are_those_that_the_readme_promises() -> None:
    named = re.search(r"JPEG, PNG, .*?HEIC", README.read_text())
    assert named
    assert {f".{name.lower()}" for name in named[0].split(", ")} <= SUFFIXES
