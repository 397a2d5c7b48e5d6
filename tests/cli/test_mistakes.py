"""Every mistake is one line and an exit code; Control-C leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ENV, blurlive, one_line, save_photo


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.png"], 3, "missing.png"),
        (["empty.png"], 3, "empty"),
        (["text.txt"], 3, "text.txt"),
        (["cut.png"], 3, "cut.png"),
        (["folder"], 3, "folder"),
        (["a.png", "-o", "no/such/folder/x.mp4"], 5, "no/such/folder"),
        (["a.png", "-o", "x.docx"], 5, "x.docx"),
        (["a.png", "--device", "cuda:99"], 6, "cuda:99"),
        (["a.png", "--device", "abacus"], 6, "abacus"),
        (["a.png", "--dtype", "int4"], 6, "int4"),
        (["a.png", "--format", "docx"], 2, "docx"),
        (["a.png", "--flip", "0,0,50"], 2, "--flip 0,0,50"),
        (["a.png", "a.png", "b.png", "-o", "x.mp4"], 2, "x.mp4"),
        (["a.png", "--overwrite", "--skip-existing"], 2, "--skip-existing"),
    ],
)
def test_every_mistake_is_one_line_and_its_exit_code(
    run, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    whole = save_photo(tmp_path / "a.png").read_bytes()
    save_photo(tmp_path / "b.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder").mkdir()
    before = sorted(p.name for p in tmp_path.rglob("*"))
    done = run("extract", *arguments)
    assert done.returncode == code, done.stderr
    assert words in one_line(done)
    assert done.stdout == ""
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "content"), [("none.safetensors", None), ("bad.safetensors", b"junk"), ("old.pth", b"junk")]
)
def test_bad_weights_are_one_line_and_code_four(tmp_path: Path, name: str, content: bytes | None) -> None:
    save_photo(tmp_path / "a.png")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = blurlive("extract", "a.png", "--weights", name, cwd=tmp_path)
    assert done.returncode == 4
    assert name in one_line(done)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["extract", "--help"], ["extract", "a.png", "--dry-run"]])
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    save_photo(tmp_path / "a.png")
    command = [sys.executable, "-m", "blurlive", *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=tmp_path, env=ENV, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, "No space left on device" in one_line(done)) == (5, True)


def test_control_c_leaves_nothing_behind(tmp_path: Path, tiny_weights: Path) -> None:
    save_photo(tmp_path / "a.png", 64, 64)
    command = [
        sys.executable,
        "-m",
        "blurlive",
        "slowmo",
        "a.png",
        "--iters",
        "4",
        "-o",
        "x.mp4",
        "--weights",
        str(tiny_weights),
    ]
    process = subprocess.Popen(command, cwd=tmp_path, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 90
    while len(list(tmp_path.iterdir())) == 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(list(tmp_path.iterdir())) > 1, "writing has begun"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
