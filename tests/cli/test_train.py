"""Data made and a stage trained from the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from .conftest import blurlive, one_line, save_photo

TINY = Path(__file__).parents[2] / "examples/tiny.toml"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for i in range(6):
        save_photo(tmp_path / "photos" / f"{i}.png", 160, 200, i)
    return tmp_path


def test_clips_are_synthesised(photos: Path) -> None:
    made = blurlive("synthesize", "photos", "-o", "clips", "--count", 2, "--size", 32, "--plain", cwd=photos)
    assert (made.returncode, made.stdout.split()) == (0, ["clips/0001", "clips/0002"]), made.stderr
    assert len(list((photos / "clips/0002/sharp").iterdir())) == 7


def test_a_run_is_asked_for_trained_and_gone_on_with(photos: Path) -> None:
    asked = ["train", "--config", TINY, "--data", "photos", "--out", "run", "--set", "log_every=1"]
    sizes = ["--set", "data.validation=8", "--set", "data.context=16"]
    shown = tomllib.loads(blurlive(*asked, *sizes, "--steps", 2, "--dry-run", cwd=photos).stdout)
    assert (shown["log_every"], shown["steps"], shown["data"]["context"]) == (1, 2, 16)
    done = blurlive(*asked, *sizes, "--steps", 2, cwd=photos)
    assert (done.returncode, done.stdout) == (0, "run/weights.safetensors\n"), done.stderr
    assert "1/2  frames " in done.stderr
    assert "psnr " in done.stderr
    gone_on = ["train", "--out", "run", "--resume", *sizes]
    other = blurlive(*gone_on, "--set", "seed=5", cwd=photos)
    assert (other.returncode, "seed: cannot change" in one_line(other)) == (7, True)
    again = blurlive(*gone_on, "--steps", 3, cwd=photos)
    assert (again.returncode, "3/3  frames " in again.stderr) == (0, True), again.stderr
    refused = blurlive(*asked, "--set", "data.context=10", cwd=photos)
    assert (refused.returncode, "data.context: is 10" in one_line(refused)) == (7, True)
