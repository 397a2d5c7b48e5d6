"""The library as a program uses it: any kind of photo in, clips and streams out, threads, and the README's examples."""

from __future__ import annotations

import io
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import blurlive
from blurlive.errors import InputError, OutputError, UsageError
from blurlive.extractor import Extractor
from blurlive.models.bands import Area, Place

from .conftest import random_photo

ROOT = Path(__file__).parents[1]
PIXELS = random_photo(40, 56)
EXAMPLES = sorted(file for file in (ROOT / "examples").glob("*.py") if file.read_text().startswith("import"))


@pytest.fixture(scope="module")
def model(tiny_weights: Path) -> blurlive.Model:
    return blurlive.load(tiny_weights, "cpu", "fp32")


def png() -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


PHOTOS: dict[str, Callable[[Path], Any]] = {
    "path": lambda file: file,
    "name": str,
    "bytes": lambda file: file.read_bytes(),
    "stream": lambda file: io.BytesIO(file.read_bytes()),
    "file": lambda file: file.open("rb"),
    "pillow": lambda _: Pillow.fromarray(PIXELS),
    "opened": Pillow.open,
    "array": lambda _: PIXELS,
    "view": lambda _: np.flip(np.flip(PIXELS, 1).copy(), 1),
    "photo": blurlive.load_photo,
}


@pytest.mark.parametrize("kind", PHOTOS)
def test_a_photo_may_come_in_any_form(model: blurlive.Model, photo_file: Path, kind: str) -> None:
    expected = model.extract(photo_file).frames
    assert expected.shape == (7, 40, 56, 3)
    assert expected.dtype == np.uint8
    np.testing.assert_array_equal(model.extract(PHOTOS[kind](photo_file)).frames, expected)


def test_a_grey_array_is_a_grey_photo() -> None:
    photo = blurlive.load_photo(PIXELS[..., 0])
    np.testing.assert_array_equal(photo.pixels, PIXELS[..., :1].repeat(3, 2))


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (PIXELS / 255, "float64"),
        (PIXELS.transpose(2, 0, 1), "(3, 40, 56)"),
        (np.zeros((0, 4, 3), np.uint8), "(0, 4, 3)"),
        (np.zeros((4, 4, 4), np.uint8), "(4, 4, 4)"),
        (Pillow.new("RGB", (0, 3)), "no pixels"),
        (b"", "empty"),
        (b"hello", "not a photo"),
        (io.StringIO("hello"), "binary mode"),
        (None, "NoneType"),
        (torch.zeros(3, 8, 8), "Tensor"),
        ("nowhere.jpg", "nowhere.jpg"),
    ],
)
def test_what_is_no_photo_is_told_in_one_line(photo: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        blurlive.load_photo(photo)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16", "CMYK", "1"])
def test_a_pillow_image_is_read_as_its_file_and_stays_as_it_was(tmp_path: Path, mode: str) -> None:
    deep = PIXELS[..., 0].astype(np.uint16) * 257
    image = Pillow.fromarray(deep) if mode == "I;16" else Pillow.fromarray(PIXELS).convert(mode)
    if mode == "RGBA":
        image.putalpha(Pillow.fromarray(PIXELS[..., 0]))
    exif = Pillow.Exif()
    exif[0x0112] = 6  # lies on its side
    image.save(tmp_path / "a.tif", exif=exif, compression="tiff_lzw")  # Pillow turns a bare mapped one wrongly
    expected = blurlive.load_photo(tmp_path / "a.tif").pixels
    with Pillow.open(tmp_path / "a.tif") as opened:
        before = opened.copy().tobytes()
        np.testing.assert_array_equal(blurlive.load_photo(opened).pixels, expected)
        assert opened.tobytes() == before


def test_an_opened_jpeg_is_turned_upright_and_not_itself_shrunk(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(random_photo(64, 96)).save(tmp_path / "a.jpg", exif=exif)
    with Pillow.open(tmp_path / "a.jpg") as opened:
        photo = blurlive.load_photo(opened, max_side=24)
        assert (photo.pixels.shape, photo.name, opened.size) == ((24, 16, 3), "a", (96, 64))


def test_a_photo_shrinks_and_keeps_its_name(photo_file: Path) -> None:
    photo = blurlive.load_photo(photo_file)
    small = blurlive.load_photo(photo, max_side=28)
    assert (small.pixels.shape, small.name, small.source) == ((20, 28, 3), "photo", str(photo_file))
    assert blurlive.load_photo(photo, max_side=56) is photo


def test_a_clip_is_looked_at_and_saved_as_often_as_one_likes(model: blurlive.Model, tmp_path: Path) -> None:
    clip = model.extract(PIXELS)
    assert len(clip) == 7
    assert [np.asarray(image).tolist() for image in clip.pillow()] == clip.frames.tolist()
    clip.save(tmp_path / "a.gif", str(tmp_path / "frames/"))
    clip.save(tmp_path / "b.png", fps=5)
    assert Pillow.open(tmp_path / "a.gif").info["duration"] == 100
    assert Pillow.open(tmp_path / "b.png").info["duration"] == 200
    for frame, file in zip(clip, sorted((tmp_path / "frames").iterdir()), strict=True):
        np.testing.assert_array_equal(np.asarray(Pillow.open(file)), frame)


def test_models_clips_and_streams_say_what_they_are(model: blurlive.Model, photo_file: Path) -> None:
    assert "tiny.safetensors on cpu in torch.float32" in repr(model)
    assert repr(model.extract(PIXELS)) == "<Clip of array: 7 frames of 56x40>"
    stream = model.slowmo(photo_file)
    assert repr(stream) == f"<Stream of {photo_file}: 42 frames of 56x40>"
    assert len(list(stream)) == 42


@pytest.mark.parametrize(("size", "shown"), [((40, 56), (56, 40)), ((600, 1200), (480, 240)), ((1, 2000), (480, 1))])
def test_a_clip_plays_in_a_notebook(size: tuple[int, int], shown: tuple[int, int]) -> None:
    photo = blurlive.load_photo(random_photo(*size))
    frames = np.random.default_rng(0).integers(0, 256, (7, *photo.pixels.shape), np.uint8)
    clip = blurlive.Clip(frames, photo)
    shows = clip._repr_png_()
    assert shows.endswith(b"IEND\xaeB`\x82")
    with Pillow.open(io.BytesIO(shows)) as image:
        assert (image.format, image.size, image.n_frames, image.info["loop"]) == ("PNG", shown, 7, 0)
        assert image.info["duration"] == 100
        if shown == size[::-1]:
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), frames[0])


def test_a_clip_in_which_nothing_moves_is_as_long_in_a_notebook() -> None:
    clip = blurlive.Clip(np.stack([PIXELS] * 7), blurlive.load_photo(PIXELS))
    with Pillow.open(io.BytesIO(clip._repr_png_())) as image:
        assert image.n_frames == 7


def test_reverse_is_another_reading_of_the_same_photo(model: blurlive.Model) -> None:
    forth, back = model.extract(PIXELS).frames, model.extract(PIXELS, reverse=True).frames
    assert not np.array_equal(forth, back)
    np.testing.assert_array_equal(next(iter(model.slowmo(PIXELS, 1, reverse=True))), back[0])


def test_slow_motion_streams_and_a_target_in_the_way_costs_no_frame(model: blurlive.Model, tmp_path: Path) -> None:
    slow = model.slowmo(PIXELS[:16, :16])
    (tmp_path / "a.gif").write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a\.gif"):
        slow.save(tmp_path / "b.gif", tmp_path / "a.gif")
    with pytest.raises(OutputError, match=r"a\.gif"):
        slow.check(tmp_path / "b.gif", tmp_path / "a.gif")
    slow.check(tmp_path / "b.gif", tmp_path / "a.gif", overwrite=True)
    slow.save(tmp_path / "b.gif")
    assert len(slow) == 42 == Pillow.open(tmp_path / "b.gif").n_frames
    with pytest.raises(UsageError, match="taken"):
        list(slow)


def test_slow_motion_makes_no_frame_before_it_is_asked(model: blurlive.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = Extractor.extract
    monkeypatch.setattr(Extractor, "extract", lambda *arguments: calls.append(1) or real(*arguments))
    slow = model.slowmo(PIXELS[:16, :16])
    assert not calls
    next(iter(slow))
    assert len(calls) == 2  # the seven, and the first group


def test_bad_photos_and_rounds_are_told_before_the_first_frame(model: blurlive.Model) -> None:
    with pytest.raises(InputError):
        model.slowmo("nowhere.jpg")
    with pytest.raises(UsageError, match="iters"):
        model.slowmo(PIXELS, 0)


def test_threads_on_one_model_give_the_frames_of_one_after_the_other(model: blurlive.Model) -> None:
    photos = [random_photo(32, 48 + 16 * seed, seed) for seed in range(2)]
    expected = [[*model.extract(photo), *model.slowmo(photo[:16, :16])] for photo in photos]
    together = Barrier(len(photos))

    def work(photo: np.ndarray) -> list[np.ndarray]:
        together.wait()
        return [*model.extract(photo), *model.slowmo(photo[:16, :16])]

    with ThreadPoolExecutor(len(photos)) as threads:
        for found, wanted in zip(threads.map(work, photos), expected, strict=True):
            np.testing.assert_array_equal(np.stack(found[:7]), np.stack(wanted[:7]))
            np.testing.assert_array_equal(np.stack(found[7:]), np.stack(wanted[7:]))


def test_threads_that_run_out_of_memory_together_shrink_tiles_once(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce = Extractor(tiny_weights, "cpu", "fp32", tile=256)
    real, together = scarce.net.bands, Barrier(2)

    def bands(blurred: torch.Tensor, field: torch.Tensor | None, inside: Area) -> Iterator[tuple[Place, torch.Tensor]]:
        if scarce.tile > 128:
            together.wait()
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(blurred, field, inside)

    monkeypatch.setattr(scarce.net, "bands", bands)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(blurlive.Model(scarce).extract, [PIXELS, PIXELS])
    np.testing.assert_array_equal(first.frames, second.frames)
    assert scarce.tile == 128


def test_import_is_light_and_every_public_name_is_there() -> None:
    script = (
        "import sys, blurlive\n"
        "print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)), set(blurlive.__all__) - set(dir(blurlive)))\n"
        "for name in blurlive.__all__: getattr(blurlive, name)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[] set()\n"), done.stderr


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_of_the_readme_runs(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Pillow.fromarray(PIXELS).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(file))
    made = {name for name in re.findall(r'"(\w+(?:\.\w+|/))"', file.read_text()) if name != "photo.jpg"}
    assert made
    assert all(Path(name).exists() for name in made)


def test_python_in_the_readme_is_what_the_examples_hold() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert sorted(blocks) == sorted(file.read_text() for file in EXAMPLES)
