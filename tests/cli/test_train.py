"""Data made and a stage trained from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from blurlive.training import checkpoint

from .conftest import ENV, blurlive, one_line, save_photo

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


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no groups of processes")
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_and_its_workers_are_stopped_together(photos: Path, sign: signal.Signals, code: int) -> None:
    asked = ["train", "--config", TINY, "--data", "photos", "--out", "run", "--steps", "9999", "--set", "log_every=1"]
    settings = ["--set", "data.workers=2", "--set", "save_minutes=60"]
    command = [sys.executable, "-m", "blurlive", *map(str, asked), *settings]
    process = subprocess.Popen(command, cwd=photos, env=ENV, stderr=subprocess.PIPE, start_new_session=True)
    assert process.stderr is not None
    seen = next((line for line in process.stderr if line.startswith(b"2/9999")), b"")
    assert seen, "it trains"
    os.killpg(process.pid, sign)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert not re.search(rb"Traceback|DataLoader worker", errors), errors  # of this process, or of one of its workers
    kept = re.search(
        r"^run: stopped; step (\d+) is kept, go on with: blurlive train --resume --out run$", errors.decode(), re.M
    )
    assert kept, errors
    reports = [json.loads(line)["step"] for line in (photos / "run/metrics.jsonl").read_text().splitlines()]
    assert reports == list(range(1, int(kept[1]) + 1))  # of the last step too
    assert int(kept[1]) == checkpoint.step_of(checkpoint.read_about(photos / "run")) >= 2
    gone_on = blurlive("train", "--resume", "--out", "run", "--steps", int(kept[1]) + 1, cwd=photos)
    assert (gone_on.returncode, gone_on.stdout) == (0, "run/weights.safetensors\n"), gone_on.stderr


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
