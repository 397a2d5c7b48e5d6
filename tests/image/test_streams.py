"""Names, standard input, pipes and threads."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from blurlive.errors import InputError
from blurlive.image import Photo, load_photo

from .conftest import RGB, saved


def test_name_and_source_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "Ferien am Meer.v2.png"
    Image.fromarray(RGB).save(file)
    for source in (file, str(file)):
        photo = load_photo(source)
        assert isinstance(photo, Photo)
        assert (photo.name, photo.source) == ("Ferien am Meer.v2", str(file))
        assert (photo.pixels == RGB).all()
    with file.open("rb") as stream:
        assert load_photo(stream).name == "Ferien am Meer.v2"
        assert not stream.closed


def run_with_input(data: bytes) -> str:
    code = "from blurlive.image import load_photo as l; p = l('-'); print(p.name, p.source, p.pixels.shape)"
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=False)
    return (done.stdout or done.stderr.splitlines()[-1]).decode().strip()


def test_standard_input() -> None:
    assert run_with_input(saved(Image.fromarray(RGB), "PNG").getvalue()) == "stdin - (2, 3, 3)"
    assert run_with_input(b"").startswith("blurlive.errors.InputError: -: no data")


def test_no_standard_input_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match=r"^-: there is no standard input"):
        load_photo("-")


def test_a_stream_that_cannot_seek() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    assert (load_photo(Pipe(saved(Image.fromarray(RGB), "PNG").getvalue())).pixels == RGB).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of Unix")
def test_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    data = saved(Image.fromarray(RGB), "PNG").getvalue()
    writer = threading.Thread(target=pipe.write_bytes, args=[data])
    writer.start()
    assert load_photo(pipe).name == "pipe"
    writer.join()


def test_threads_may_load_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (50, 50), "red").save(file)
    before = Image.MAX_IMAGE_PIXELS
    shapes: list[tuple[int, ...]] = []
    threads = [threading.Thread(target=lambda: shapes.append(load_photo(file).pixels.shape)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(50, 50, 3)] * 8
    assert before == Image.MAX_IMAGE_PIXELS
