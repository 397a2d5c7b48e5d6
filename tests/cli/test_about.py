"""What the program says of itself and of weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from blurlive import weights

from ..conftest import random_net
from .conftest import ENV, blurlive


def test_info_says_what_a_bug_report_needs(tmp_path: Path) -> None:
    done = blurlive("info", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert {"blurlive", "python", "torch", "device", "dtype", "ffmpeg", "hub cache", "default weights"} <= set(facts)


def test_weights_commands(tmp_path: Path, tiny_weights: Path) -> None:
    listed = blurlive("weights", "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "* blurlive-base" in listed.stdout
    assert blurlive("weights", "path", cwd=tmp_path).stdout.strip().endswith("blurlive-base.safetensors")
    verified = blurlive("weights", "verify", tiny_weights, cwd=tmp_path)
    assert verified.stdout.split()[1] == str(tiny_weights)
    about = json.loads(blurlive("weights", "info", tiny_weights, "--json", cwd=tmp_path).stdout)
    assert about["stage"] == "none"


def test_info_and_a_wrong_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENV, "IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    done = blurlive("info", cwd=tmp_path)
    assert (done.returncode, "does not run" in done.stdout) == (0, True), done.stderr


def test_a_strangers_weights_cannot_write_to_the_terminal_and_may_be_called_anything(tmp_path: Path) -> None:
    plain = tmp_path / "plain.safetensors"
    weights.save(random_net(), plain, {"title": "\x1b[31mred"})
    file = plain.rename(tmp_path / os.fsdecode(b"\xff.safetensors"))
    strict = {**ENV, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(
        [sys.executable, "-m", "blurlive", "weights", "path", file], capture_output=True, env=strict, check=True
    )
    assert done.stdout == os.fsencode(file) + b"\n"
    about = blurlive("weights", "info", file.rename(plain), cwd=tmp_path)
    assert "\\x1b[31mred" in about.stdout
